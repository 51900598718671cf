"""The API server's time, whatever the node's own clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_power_agent.clock import TRUSTED_SECONDS, ServerClock

TRUE = datetime(2026, 6, 21, 12, tzinfo=UTC)


class Bench:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.clock = ServerClock(monotonic=lambda: self.seconds)

    def answer(self, true_seconds: float, took_seconds: float) -> None:
        """An answer whose Date was current half way, in whole seconds; it arrives at a true time."""
        asked_at = self.seconds
        self.seconds += took_seconds
        stamped = TRUE + timedelta(seconds=int(true_seconds - took_seconds / 2))
        self.clock.heard(format_datetime(stamped, usegmt=True), asked_at)


def test_without_an_answer_the_time_is_not_known() -> None:
    assert Bench().clock.now() is None


@given(start=st.floats(0, 1000), took=st.floats(0, 2), waits=st.floats(0, TRUSTED_SECONDS - 1))
def test_the_time_is_right_to_a_second_and_the_time_of_a_request(start: float, took: float, waits: float) -> None:
    bench = Bench()
    bench.answer(start, took)
    bench.seconds += waits
    now = bench.clock.now()
    assert now is not None
    assert abs((now - TRUE).total_seconds() - (start + waits)) <= 1.0 + took + 1e-3


def test_more_answers_only_narrow_it() -> None:
    bench = Bench()
    for number in range(50):
        bench.answer(bench.seconds - 1000.0 + 0.013 * number, 0.01)
        bench.seconds += 0.317
    assert bench.clock.now() is not None


def test_a_time_that_was_heard_long_ago_is_not_known() -> None:
    bench = Bench()
    bench.answer(0.0, 0.1)
    bench.seconds += TRUSTED_SECONDS + 1.0
    assert bench.clock.now() is None


@pytest.mark.parametrize("date", [None, "", "soon", "Sun, 21 Jun 2026 12:00:00", "Sun, 99 Jun 2026 12:00:00 GMT"])
def test_a_date_that_cannot_be_read_tells_nothing(date: str | None) -> None:
    bench = Bench()
    bench.clock.heard(date, bench.seconds)
    assert bench.clock.now() is None
