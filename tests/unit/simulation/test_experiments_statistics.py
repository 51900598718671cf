"""Intervals contain what they should, and runs are compared in pairs."""

from __future__ import annotations

import numpy as np
import pytest

from sunward.simulation.experiments.statistics import mean, reduction_percent


def test_a_reduction_is_a_ratio_of_sums_and_not_a_mean_of_ratios() -> None:
    assert reduction_percent([1.0, 100.0], [0.0, 100.0]).value == pytest.approx(100.0 / 101.0)


def test_runs_that_all_shrink_alike_leave_no_doubt() -> None:
    baseline = np.linspace(1.0, 50.0, 40)
    found = reduction_percent(baseline, 0.4 * baseline)
    assert (found.low, found.value, found.high) == pytest.approx((60.0, 60.0, 60.0))


def test_an_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        found = mean(generator.normal(10.0, 3.0, 40))
        covered += found.low <= 10.0 <= found.high
    assert 0.88 * 200 <= covered <= 200


@pytest.mark.parametrize(
    ("baseline", "actual"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [0.0]), ([float("nan")], [1.0])]
)
def test_runs_that_cannot_be_compared_are_refused(baseline: list[float], actual: list[float]) -> None:
    with pytest.raises(ValueError, match=r"pair|baseline|finite"):
        reduction_percent(baseline, actual)
