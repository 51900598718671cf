"""The server's time from the dates of its answers: never off by more than an answer leaves open."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.server_clock import ServerClock

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC).timestamp()
EXACT_SECONDS = 1e-4


class Host:
    """A machine whose wall clock is wrong, and a server whose clock is right."""

    def __init__(self, ahead_seconds: float = 0.0) -> None:
        self.ahead_seconds = ahead_seconds
        self.passed = 0.0
        self.said: list[float] = []
        self.clock = ServerClock(monotonic=lambda: 500.0 + self.passed, wall=self._wall, differs=self.said.append)

    def _wall(self) -> float:
        return NOON + self.passed + self.ahead_seconds

    def answer(self, *, there_seconds: float = 0.0, back_seconds: float = 0.0) -> None:
        """One question that takes so long to reach the server, and whose answer takes so long."""
        asked_at = self.clock.monotonic()
        self.passed += there_seconds
        date = datetime.fromtimestamp(floor(NOON + self.passed), tz=UTC)
        self.passed += back_seconds
        self.clock.heard(format_datetime(date, usegmt=True), asked_at)

    def error_seconds(self) -> float:
        """How far what the clock tells is ahead of the server."""
        return self.clock().timestamp() - (NOON + self.passed)


def test_until_the_server_answers_it_is_the_wall_clock() -> None:
    assert Host(ahead_seconds=60.0).error_seconds() == pytest.approx(60.0)


@pytest.mark.parametrize("ahead_seconds", [60.0, -60.0, 1e9, 0.4])
def test_one_answer_sets_it_to_within_a_second(ahead_seconds: float) -> None:
    host = Host(ahead_seconds)
    host.answer()
    assert abs(host.error_seconds()) <= 1.0 + EXACT_SECONDS


def test_answers_at_any_time_of_a_second_narrow_it_down() -> None:
    host = Host(ahead_seconds=60.0)
    for _ in range(40):
        host.passed += 0.975
        host.answer()
    assert abs(host.error_seconds()) <= 0.05


def test_a_right_clock_is_not_moved() -> None:
    host = Host()
    for step in range(50):
        host.passed += 0.37
        host.answer(there_seconds=0.01 * step, back_seconds=0.2)
    assert host.error_seconds() == pytest.approx(0.0, abs=EXACT_SECONDS)
    assert host.said == []


@given(
    ahead_seconds=st.floats(-1e6, 1e6),
    answers=st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 8.0), st.floats(0.0, 8.0)), min_size=1),
)
def test_the_error_never_exceeds_what_the_last_answer_leaves_open_and_never_grows(
    ahead_seconds: float, answers: list[tuple[float, float, float]]
) -> None:
    host = Host(ahead_seconds)
    for pause, there, back in answers:
        host.passed += pause
        before = abs(host.error_seconds())
        host.answer(there_seconds=there, back_seconds=back)
        assert abs(host.error_seconds()) <= min(before, there + back + 1.0) + EXACT_SECONDS


def test_a_wall_clock_that_is_set_meanwhile_moves_nothing() -> None:
    host = Host()
    host.answer()
    before = host.clock()
    host.ahead_seconds = -3600.0
    assert host.clock() == before


def test_a_moment_of_the_past_is_told_by_what_is_known_now() -> None:
    host = Host(ahead_seconds=60.0)
    started = host.clock.monotonic()
    host.passed += 10.0
    host.answer()
    assert host.clock.at(started).timestamp() == pytest.approx(NOON, abs=1.0)


@pytest.mark.parametrize("date", [None, "", "noon", "Sun, 99 Nov 2026 07:50:00 GMT", "Sun, 21 Jun 2026 12:00:00 -0000"])
def test_an_answer_without_a_sensible_date_moves_nothing(date: str | None) -> None:
    host = Host(ahead_seconds=60.0)
    host.clock.heard(date, host.clock.monotonic())
    assert host.error_seconds() == pytest.approx(60.0)


def test_a_wrong_clock_is_told_once_until_it_is_right_again() -> None:
    host = Host(ahead_seconds=60.0)
    host.answer()
    host.answer()
    host.ahead_seconds = 0.0
    host.answer()
    host.ahead_seconds = -20.0
    host.answer()
    assert host.said == [pytest.approx(60.0, abs=1.0), pytest.approx(-20.0, abs=1.0)]
