"""Intervals contain what they should, and runs are compared in pairs."""

from __future__ import annotations

import numpy as np
import pytest

from sunward.simulation.experiments.statistics import mean, points_gained, reduction_percent, root_estimate, scatter


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


def test_a_paired_gain_is_in_points_of_the_baseline() -> None:
    found = points_gained([10.0, 10.0], [8.0, 6.0], [3.0, 1.0])
    assert (found.low, found.value, found.high) == pytest.approx((50.0, 50.0, 50.0))


def test_intervals_that_must_hold_together_are_wider() -> None:
    generator = np.random.default_rng(3)
    before, after = np.full(40, 10.0), generator.uniform(2.0, 8.0, 40)
    alone, together = reduction_percent(before, after), reduction_percent(before, after, comparisons=17)
    assert together.low < alone.low < alone.value == together.value < alone.high < together.high


def test_the_scatter_of_runs_does_not_shrink_with_their_number() -> None:
    few, many = (np.random.default_rng(5).normal(0.0, 1.0, count) for count in (50, 5000))
    assert scatter(many).high - scatter(many).low == pytest.approx(2 * 1.96, abs=0.15)
    assert mean(many).high - mean(many).low < 0.2 * (mean(few).high - mean(few).low)


def test_the_level_that_reaches_a_target_lies_between_those_that_miss_and_pass_it() -> None:
    noise = np.random.default_rng(11).normal(0.0, 0.5, 60)
    levels = [0.1, 0.2, 0.3]
    before = np.full((3, 60), 10.0)
    after = np.array([10.0 * (1.0 - 2.0 * level) + noise for level in levels])  # cuts 200 % of the level
    found = root_estimate(levels, before, after, 50.0)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(0.25, abs=0.02)
    assert found.low < 0.25 < found.high
