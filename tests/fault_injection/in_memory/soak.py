"""Suite R15: one operator lives through many disturbed days and keeps nothing of them.

The real loop in the cluster in memory, in virtual time, with every disturbance of the stateful model but the end of the
process itself. Every evening all is mended and comes to rest; what the operator then holds may not grow from day to
day, nor may its files and threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from support.faults.outcome import Options, Outcome
from support.loop.soak import Kept, lived

TITLE = "R15 soak"
DAYS, LONG_DAYS = 4, 200
PASSES_PER_DAY, LONG_PASSES_PER_DAY = 192, 480
WARM_DAYS = 2
"""Evenings after which everything that is kept once has been kept."""
GROWTH, SLACK_OBJECTS = 1.25, 250
"""What comes and goes with the jobs and failures of a day."""
MOST_THREADS = 12
"""The default pool of asyncio has four threads more than the machine has cores, and at most this many in use here."""


def run(options: Options) -> Outcome:
    """A few short days, or two hundred longer ones."""
    days, passes = (LONG_DAYS, LONG_PASSES_PER_DAY) if options.long else (DAYS, PASSES_PER_DAY)
    soak = lived(options.seed, days, passes)
    return Outcome(
        suite="soak",
        title=TITLE,
        seed=options.seed,
        counts={
            "evenings": len(soak.evenings),
            "simulated_hours": round(soak.machine.world.seconds / 3600, 1),
            "writes": len(soak.machine.world.writes),
            "failures_in_between": len(soak.first.failures),
            "objects_at_the_end": soak.evenings[-1].objects,
        },
        violations=[*soak.violations, *growth(soak.evenings)],
        figures={"objects": [one.objects for one in soak.evenings]},
    )


def growth(evenings: Sequence[Kept]) -> list[str]:
    """Evenings on which more was held than after the warm days."""
    warm = evenings[:WARM_DAYS]
    objects, files = max(one.objects for one in warm), max(one.files for one in warm)
    found = []
    for day, one in enumerate(evenings[WARM_DAYS:], WARM_DAYS + 1):
        if one.objects > GROWTH * objects + SLACK_OBJECTS:
            found.append(f"evening {day}: {one.objects} objects are held; {objects} after the warm days")
        if one.files > files or one.threads > MOST_THREADS:
            found.append(f"evening {day}: {one.files} files and {one.threads} threads; {files} files before")
    return found
