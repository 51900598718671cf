"""What is learned one observation at a time is what all of them together say, until the old ones fade."""

from __future__ import annotations

from functools import reduce
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.estimate import MEMORY, Estimate, updated

VALUES = st.floats(0.0, 1e6)


def learned(values: list[float]) -> Estimate:
    found = reduce(updated, values, None)
    assert found is not None
    return found


@given(st.lists(VALUES, min_size=1, max_size=MEMORY))
def test_a_few_observations_give_their_mean_and_standard_deviation(values: list[float]) -> None:
    found = learned(values)
    assert found.observations == len(values)
    assert found.mean == pytest.approx(fmean(values), rel=1e-6, abs=1e-6)
    assert found.spread == pytest.approx(pstdev(values), rel=1e-4, abs=0.02)


@given(st.lists(VALUES, min_size=1, max_size=200))
def test_an_estimate_stays_within_what_was_observed(values: list[float]) -> None:
    found = learned(values)
    assert min(values) - 1e-6 <= found.mean <= max(values) + 1e-6
    assert 0.0 <= found.spread <= max(values) - min(values) + 1e-6


@given(st.lists(VALUES, min_size=1, max_size=50), VALUES)
def test_a_machine_that_changed_is_followed(before: list[float], now: float) -> None:
    found = learned([*before, *[now] * (10 * MEMORY)])
    assert found.mean == pytest.approx(now, abs=1e-3 * (1.0 + max(*before, now)))
