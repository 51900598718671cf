"""The study as a result: exact optimum, learners beside it, strategies, unseen ranges, and what training took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from sunward.simulation.experiments.bench import Crew
from sunward.simulation.experiments.offloading import account, splits
from sunward.simulation.experiments.offloading.claims import claims
from sunward.simulation.experiments.offloading.figures import figures
from sunward.simulation.experiments.offloading.lessons import Budget, Tuning
from sunward.simulation.experiments.offloading.model import (
    DECLARED,
)
from sunward.simulation.experiments.offloading.study import (
    TEST_SEED,
    Effort,
    Trained,
    Yard,
    searched,
    trained,
)
from sunward.simulation.experiments.offloading.tables import tables
from sunward.simulation.experiments.result import Result

RECONSTRUCTED: Final = (
    "The paper prints no equation, parameter or reward of its case study; this is a reconstruction from its text."
)


SMALL: Final = Effort(
    seeds=2, trials=2, trial_share=0.5, test_states=150, budget=Budget(samples=3_200, updates=160, rows=64)
)


def offloading(effort: Effort, crew: Crew) -> Result:
    """Search for tunings, train every learner with every seed, and set them beside the optimum."""
    chosen = searched(effort, crew)
    return reported(effort, chosen, trained(effort, crew, chosen))


def reported(effort: Effort, chosen: dict[str, Tuning], runs: Sequence[Trained]) -> Result:
    """The result of trainings."""
    yard = Yard.drawn(effort.test_states, TEST_SEED)
    shared = splits.over_draws()
    return Result(
        name="offloading",
        title="Offloading of generated pictures: exact optimum and learners",
        settings={
            "note": RECONSTRUCTED,
            "effort": asdict(effort),
            "tunings": {name: asdict(tuning) for name, tuning in chosen.items()},
            "profile": asdict(DECLARED),
            "account": account.METHOD,
        },
        claims=claims(effort, yard, runs, shared),
        tables=tables(effort, yard, runs, shared),
        figures=figures(yard, runs),
    )
