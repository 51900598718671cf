"""Emissions per what was served, and never a figure where nothing was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.accounting.quality import grams_per, prompt_tasks, promptness


@pytest.mark.parametrize(
    ("taken", "window", "worth"), [(1, 4, 1.0), (2, 4, 0.75), (4, 4, 0.25), (5, 4, 0.0), (0, 4, 0.0)]
)
def test_a_task_is_worth_less_with_every_period(taken: int, window: int, worth: float) -> None:
    assert promptness(taken, window) == worth


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50))))
def test_prompt_tasks_are_never_more_than_those_in_time(taken: list[tuple[int, int]]) -> None:
    in_time = sum(periods <= window for periods, window in taken)
    assert 0.0 <= prompt_tasks(taken) <= in_time


def test_emissions_that_are_not_known_or_served_nothing_are_per_nothing() -> None:
    assert grams_per(3.0, 2.0) == 1.5
    assert grams_per(None, 2.0) is None
    assert grams_per(3.0, 0.0) is None
