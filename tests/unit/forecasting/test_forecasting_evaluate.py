"""Errors are what the textbooks say; and on real sun the rule earns its place against plain persistence."""

from __future__ import annotations

import csv
from datetime import timedelta
from importlib.resources import files

import pytest

from sunward.domain.errors import InvalidInput
from sunward.forecasting.evaluate import continuous_ranked_probability, evaluate
from sunward.forecasting.harvest import expect_watts
from sunward.forecasting.history import Observation
from support.planning import NOW


def test_errors_of_known_numbers() -> None:
    found = evaluate([1.0, 2.0, 3.0], [2.0, 2.0, 1.0], reference=[1.0, 2.0, 5.0])

    assert found.count == 3
    assert found.mean_absolute == pytest.approx(1.0)
    assert found.root_mean_square == pytest.approx((5.0 / 3.0) ** 0.5)
    assert found.bias == pytest.approx(-1.0 / 3.0)
    assert found.skill == pytest.approx(1.0 - (5.0 / 4.0) ** 0.5)


def test_against_a_perfect_reference_there_is_no_skill_to_tell() -> None:
    assert evaluate([1.0], [2.0], reference=[1.0]).skill is None


@pytest.mark.parametrize(
    ("actual", "expected"), [([], []), ([1.0], []), ([1.0], [1.0, 2.0]), ([float("nan")], [1.0]), ([1.0], [1e999])]
)
def test_what_cannot_be_compared_is_refused(actual: list[float], expected: list[float]) -> None:
    with pytest.raises(InvalidInput):
        evaluate(actual, expected)


def test_the_score_of_a_distribution_meets_its_known_values() -> None:
    """At the mean of a standard normal the score is (sqrt(2) - 1) / sqrt(pi) = 0.2337."""
    assert continuous_ranked_probability(0.0, 0.0, 1.0) == pytest.approx(0.233695, abs=1e-6)
    assert continuous_ranked_probability(5.0, 3.0, 0.0) == 2.0
    assert continuous_ranked_probability(100.0, 0.0, 1.0) == pytest.approx(100.0 - 0.564190, abs=1e-5)


@pytest.mark.parametrize("city", ["san-francisco", "berlin", "sydney"])
def test_on_recorded_sun_yesterdays_shape_beats_persistence_some_hours_ahead(city: str) -> None:
    trace = files("sunward.simulation") / "data" / "solar-ten-cities-5-minutes.csv"
    with trace.open(encoding="utf-8") as file:
        values = [float(row[city]) for row in csv.DictReader(file)]
    step, lead = timedelta(minutes=5), timedelta(hours=4)
    seen = [Observation(time=NOW + k * step, value=10.0 * value) for k, value in enumerate(values)]
    actual, expected, persistent = [], [], []
    for k in range(300, len(values) - 60, 6):
        start = seen[k].time + lead
        found = expect_watts(seen[k].value, seen[k].time, seen[k - 300 : k], start, step, 1, most_watts=10.0)
        actual.append(10.0 * values[k + 48])
        expected.append(found.values[0])
        persistent.append(seen[k].value)

    skill = evaluate(actual, expected, reference=persistent).skill
    assert skill is not None
    assert skill > 0.2
