"""Middles and intervals over seeds, and runs by learner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from sunward.simulation.experiments.offloading.study import (
    Trained,
    interquartile_mean,
    interquartile_means,
)
from sunward.simulation.experiments.statistics import Estimate

_DRAWS: Final = 4000


_STREAM: Final = 20_261_130


def of(runs: Sequence[Trained], name: str) -> list[Trained]:
    """The runs of a learner, in the order of seeds."""
    return [run for run in runs if run.piece.learner == name]


def estimated(values: Sequence[float]) -> Estimate:
    """The interquartile mean over seeds with its percentile bootstrap (Agarwal et al. 2021)."""
    generator = np.random.default_rng(_STREAM)
    drawn = generator.choice(np.asarray(values), size=(_DRAWS, len(values)))
    low, high = np.percentile(interquartile_means(drawn), [2.5, 97.5])
    return Estimate(value=interquartile_mean(values), low=float(low), high=float(high), count=len(values))


def gaps(runs: Sequence[Trained], name: str) -> list[float]:
    """Gaps of a learner, in the order of seeds."""
    return [run.inside.gap_percent for run in of(runs, name)]


def percent(value: Estimate) -> str:
    """`11.70 % [11.20, 12.30]`."""
    return f"{value.value:.2f} % [{value.low:.2f}, {value.high:.2f}]"


def middle(runs: Sequence[Trained], name: str) -> Trained:
    """The run whose gap is in the middle."""
    ordered = sorted(of(runs, name), key=lambda run: run.inside.gap_percent)
    return ordered[(len(ordered) - 1) // 2]
