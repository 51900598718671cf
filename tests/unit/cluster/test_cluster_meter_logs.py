"""Gaps of a node's meter are filled from its relay, and a guess is never taken for a meter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.settling.meter_logs import LOG_LENGTH, Log, filled, integral_watt_hours, mean_of
from sunward.domain.measurement import Window

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
END = START + timedelta(seconds=20)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@given(st.floats(0, 1000), st.floats(0.5, 10))
def test_a_constant_draw_integrates_to_watts_times_hours(watts: float, step: float) -> None:
    log = [(at(-step + k * step), watts) for k in range(int(40 / step) + 2)]
    assert integral_watt_hours(log, START, END) == pytest.approx(watts * 20 / 3600)


def test_a_ramp_integrates_as_a_trapezoid() -> None:
    log = [(at(0), 0.0), (at(10), 10.0), (at(20), 0.0)]
    assert integral_watt_hours(log, START, END) == pytest.approx(100 / 3600)


def test_readings_too_far_apart_are_no_meter() -> None:
    assert integral_watt_hours([(at(-1), 3.0), (at(40), 3.0)], START, END) is None


def test_readings_that_do_not_reach_the_ends_are_no_meter() -> None:
    assert integral_watt_hours([(at(16), 3.0), (at(19), 3.0)], START, END) is None


def test_the_relay_fills_what_the_node_did_not_see() -> None:
    window = Window(watt_hours=0.01, gaps=((at(10), at(20)),))
    log = [(at(k), 0.1) for k in range(8, 24, 2)]
    assert filled(window, log, START, END) == pytest.approx(0.01 + 0.1 * 10 / 3600)


def test_a_node_that_nobody_metered_is_missing_and_not_zero() -> None:
    assert filled(None, [], START, END) is None


def test_the_mean_of_a_signal_is_weighted_by_time() -> None:
    assert mean_of([(at(-5), 100.0), (at(15), 500.0)], START, END) == pytest.approx(0.75 * 100 + 0.25 * 500)


def test_the_mean_of_an_unknown_signal_is_unknown() -> None:
    assert mean_of([(at(25), 100.0)], START, END) is None


READINGS = st.lists(st.tuples(st.integers(0, 100), st.floats(-5, 5)), max_size=30)


@given(READINGS, st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_a_log_gives_what_lies_within_and_the_reading_before_and_forgets_only_what_is_older(
    readings: list[tuple[int, float]], start: int, length: int, forgotten: int
) -> None:
    log, rising = Log(), [pair for n, pair in enumerate(readings) if all(pair[0] > t for t, _ in readings[:n])]
    for seconds, value in readings:
        log.append(at(seconds), value)
    log.forget(at(min(start, forgotten)))
    within = [(at(t), v) for t, v in rising if start <= t < start + length]
    before = [(at(t), v) for t, v in rising if t < min(start, start + length)][-1:]
    assert log.within(at(start), at(start + length)) == [*before, *within]
    assert log.last_before(at(start)) == (at(max(t for t, _ in rising if t < start)) if before else None)


def test_a_log_is_bounded_by_age_and_by_length() -> None:
    log = Log()
    for seconds in range(3 * LOG_LENGTH):
        log.append(at(seconds), 1.0)
    assert len(log) == LOG_LENGTH
    log.forget(log.newest - timedelta(seconds=9))
    assert len(log) == 11  # nine seconds, the newest itself, and what holds at their beginning
