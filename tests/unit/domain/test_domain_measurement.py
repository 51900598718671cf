"""Numbers that were measured: what is no finite number, or has no time of its own, never becomes one."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Measurement, Quality, Series, is_fresh
from sunward.domain.reasons import Reason

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)
MISSING = Absent(cause=Cause(Reason.DATA_MISSING), source="test")


def measured(value: float = 2.7, time: datetime = NOON) -> Measurement:
    return Measurement(value=value, time=time, quality=Quality.MEASURED, source="test")


def a_series(*values: float, step: timedelta = timedelta(minutes=5), at: datetime = NOON) -> Series:
    return Series(start=at, step=step, values=values, issued_at=at, quality=Quality.FORECAST, source="test")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        measured(value)
    with pytest.raises(ValueError, match="finite"):
        a_series(1.0, value)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        measured(time=NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="aware"):
        a_series(1.0, at=NOON.replace(tzinfo=None))


def test_a_series_goes_forward_and_ends_before_its_end() -> None:
    assert a_series(1.0, 2.0).end == NOON + timedelta(minutes=10)
    with pytest.raises(ValueError, match="positive"):
        a_series(1.0, step=timedelta(0))


@pytest.mark.parametrize(("age_seconds", "fresh"), [(0, True), (30, True), (30.1, False), (-60, True), (-60.1, False)])
def test_freshness_has_a_limit_on_either_side(age_seconds: float, fresh: bool) -> None:
    assert is_fresh(measured(), NOON + timedelta(seconds=age_seconds), 30.0) is fresh


def test_nothing_is_never_fresh() -> None:
    assert not is_fresh(MISSING, NOON, 30.0)
