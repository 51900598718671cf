"""Intervals for paired runs: every mode meets the same seeds, and a reduction is a ratio of sums.

Percentile bootstrap over seeds (Efron and Tibshirani 1993, chapter 13), with a fixed stream of resamples so
that the same runs give the same interval. Knows nothing of emissions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[np.float64]
"""One value per run, (runs,), in the order of the seeds; paired values have the same runs in the same order."""

RESAMPLES: Final = 4000
"""Percentile intervals want a thousand resamples or more (Efron and Tibshirani 1993)."""
_CONFIDENCE: Final = 0.95
_STREAM: Final = 20_240_101


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval; `count` runs stand behind it."""

    value: float
    low: float
    high: float
    count: int


def reduction_percent(baseline: Values, actual: Values, *, comparisons: int = 1) -> Estimate:
    """How much less `actual` is than `baseline`, in percent of the baseline: 1 - sum / sum.

    Both (runs,), in one unit. With several `comparisons` the interval is widened so that all of them hold together
    (Bonferroni).
    Raises ValueError when the runs are not paired, are none, or the baseline sums to zero.
    """
    return points_gained(baseline, baseline, actual, comparisons=comparisons)


def points_gained(baseline: Values, before: Values, after: Values, *, comparisons: int = 1) -> Estimate:
    """How many percent of the baseline `after` is below `before`, all three from the same runs and in one unit.
    Raises ValueError when the runs are not paired, are none, or the baseline sums to zero.
    """
    scale, first = _paired(baseline, before)
    _, second = _paired(baseline, after)
    if not scale.sum() > 0.0:
        raise ValueError("a reduction needs a baseline above zero")
    rows = _resamples(len(scale))
    gained = 100.0 * (first - second)[rows].sum(axis=1) / scale[rows].sum(axis=1)
    return _estimate(100.0 * (first - second).sum() / scale.sum(), gained, len(scale), comparisons)


def mean(values: Values) -> Estimate:
    """The mean over runs, in the unit of the values.
    Raises ValueError when there are no runs.
    """
    sample, _ = _paired(values, values)
    means = sample[_resamples(len(sample))].mean(axis=1)
    return _estimate(sample.mean(), means, len(sample), 1)


def scatter(values: Values) -> Estimate:
    """The mean over runs with the range of the middle 95 % of the runs themselves: luck of one run, not doubt.

    Raises ValueError when there are no runs.
    """
    sample, _ = _paired(values, values)
    return _estimate(sample.mean(), sample, len(sample), 1)


def root_estimate(
    levels: Sequence[float], baselines: NDArray[np.float64], actual: NDArray[np.float64], target: float
) -> Estimate:
    """At which level the reduction, 1 - sum / sum in percent, reaches `target` percent, with the interval over runs.

    `baselines` and `actual` are (levels, runs) in one unit, a row per entry of `levels`; a run is the same seed at
    every level. The reduction must grow with the level and is linear between levels; a resample that does not reach
    the target counts as the nearer end.
    """

    def root(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
        return float(np.interp(target, 100.0 * (1.0 - after / before), levels))

    rows = _resamples(baselines.shape[1])
    before, after = baselines[:, rows].sum(axis=2), actual[:, rows].sum(axis=2)
    found = np.array([root(before[:, k], after[:, k]) for k in range(RESAMPLES)])
    return _estimate(root(baselines.sum(axis=1), actual.sum(axis=1)), found, baselines.shape[1], 1)


def _estimate(value: float, draws: NDArray[np.float64], count: int, comparisons: int) -> Estimate:
    tail = 100.0 * (1.0 - _CONFIDENCE) / 2.0 / comparisons
    low, high = np.percentile(draws, [tail, 100.0 - tail])
    return Estimate(value=float(value), low=float(low), high=float(high), count=count)


def _paired(first: Values, second: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1 or len(one) == 0:
        raise ValueError("paired runs must be as many on both sides, and at least one")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError("every run must be finite")
    return one, other


def _resamples(count: int) -> NDArray[np.int64]:
    """Indices of the runs of each resample, (draws, runs); the same for the same count, so that pairs stay paired."""
    return np.random.default_rng(_STREAM).integers(0, count, size=(RESAMPLES, count))
