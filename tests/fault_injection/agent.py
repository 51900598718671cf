"""Suite R26: a power agent that dies, lies or hangs, orders that are not its own, and machines that come back."""

from __future__ import annotations

import asyncio

from support.faults.agents import CASES, Seen, dies_at, play
from support.faults.outcome import Options, Outcome

TITLE = "R26 power agent"
SHORT_STRIDE = 7


def run(options: Options) -> Outcome:
    """Every case, and an operator that dies before and after its writes: at every one in the long form."""
    seen = {case.name: asyncio.run(play(case)) for case in CASES}
    points, died = asyncio.run(_deaths(1 if options.long else SHORT_STRIDE))
    recoveries = [one.recovery_seconds for one in seen.values() if one.recovery_seconds is not None]
    return Outcome(
        suite="agent",
        title=TITLE,
        seed=options.seed,
        counts={
            "cases": len(seen),
            "requests_to_the_host": sum(one.asked for one in seen.values()),
            "cuts_of_a_running_system": sum(one.hard_cuts for one in seen.values()),
            "points_of_death": points,
        },
        violations=[f"{name}: {why}" for name, one in seen.items() for why in one.violations] + died,
        worst_recovery_seconds=max(recoveries, default=None),
        figures={name: _told(one) for name, one in seen.items()},
    )


async def _deaths(stride: int) -> tuple[int, list[str]]:
    writes, found = await dies_at(0, "never")
    points = [(number, phase) for number in range(1, writes + 1, stride) for phase in ("before", "after")]
    for number, phase in points:
        found += (await dies_at(number, phase))[1]
    return len(points), found


def _told(one: Seen) -> dict[str, object]:
    return {"states": one.states, "asked": one.asked, "recovery_seconds": one.recovery_seconds}
