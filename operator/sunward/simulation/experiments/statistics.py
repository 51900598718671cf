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

RESAMPLES: Final = 2000
_STREAM: Final = 20_240_101


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval; `count` runs stand behind it."""

    value: float
    low: float
    high: float
    count: int


def reduction_percent(baseline: Values, actual: Values) -> Estimate:
    """How much less `actual` is than `baseline`, in percent of the baseline: 1 - sum / sum.

    Raises:
        ValueError: the runs are not paired, are none, or the baseline sums to zero.
    """
    before, after = _paired(baseline, actual)
    if not before.sum() > 0.0:
        raise ValueError("a reduction needs a baseline above zero")
    rows = _resamples(len(before))
    ratios = 100.0 * (1.0 - after[rows].sum(axis=1) / before[rows].sum(axis=1))
    low, high = np.percentile(ratios, [2.5, 97.5])
    value = 100.0 * (1.0 - after.sum() / before.sum())
    return Estimate(value=float(value), low=float(low), high=float(high), count=len(before))


def mean(values: Values) -> Estimate:
    """The mean over runs.

    Raises:
        ValueError: there are no runs.
    """
    sample, _ = _paired(values, values)
    means = sample[_resamples(len(sample))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(value=float(sample.mean()), low=float(low), high=float(high), count=len(sample))


def _paired(first: Values, second: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1 or len(one) == 0:
        raise ValueError("paired runs must be as many on both sides, and at least one")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError("every run must be finite")
    return one, other


def _resamples(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(_STREAM).integers(0, count, size=(RESAMPLES, count))
