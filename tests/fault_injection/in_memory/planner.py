"""Suite R1: what holds for every plan, on clusters of any content, by Hypothesis.

A failing example is shrunk and printed; the seed of its slice in the violation plays the same slice again.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, given, seed, settings

from support.faults.outcome import Options, Outcome
from support.planning_space import PROPERTIES, Situation, planned_under, situations

TITLE = "R1 planner properties"
EXAMPLES = 2_000
LONG_EXAMPLES = 50_000
SLICE = 1_000


def run(options: Options) -> Outcome:
    """Slices of examples, one seed each, so that a failure can be had again without those before it."""
    slices = (LONG_EXAMPLES if options.long else EXAMPLES) // SLICE
    seen: Counter[str] = Counter()
    violations = [why for index in range(slices) for why in examples(options.seed + index, seen)]
    return Outcome(
        suite="planner",
        title=TITLE,
        seed=options.seed,
        counts={"examples": seen["examples"], "properties": len(PROPERTIES), "held_plans": seen["held"]},
        violations=violations,
        figures={"of_the_examples": dict(seen), "slice": SLICE},
    )


def examples(first: int, seen: Counter[str]) -> list[str]:
    """Every property on the examples of one seed; what failed, shrunk."""

    @seed(first)
    @settings(
        max_examples=SLICE,
        database=None,
        deadline=timedelta(seconds=30),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(situations())
    def every_property_holds(situation: Situation) -> None:
        made = planned_under(situation.snapshot, situation.forecasts)
        seen["examples"] += 1
        seen["held"] += made.hold is not None
        seen["without nodes"] += not situation.snapshot.nodes
        seen["with a job that runs"] += any(directive.run for directive in made.jobs)
        seen["with a node that sleeps"] += not all(made.awake.values())
        for holds in PROPERTIES:
            holds(situation.snapshot, made)

    try:
        every_property_holds()
    except Exception as found:  # whatever it is: it ends this slice and is told
        return [f"seed {first}: {type(found).__name__}: {found} {' '.join(getattr(found, '__notes__', ()))}"]
    return []
