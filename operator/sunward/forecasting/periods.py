"""Values on one time grid brought to another, weighted by time. Pure; it must not know what the values are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sunward.domain.measurement import Series


def grid(start: datetime, period: timedelta, count: int) -> Iterator[tuple[datetime, datetime]]:
    """The half-open periods [start + k*period, start + (k+1)*period) for k < count."""
    for index in range(count):
        yield start + index * period, start + (index + 1) * period


def mean_between(series: Series, start: datetime, end: datetime) -> float | None:
    """Time-weighted mean of a series over [start, end), in its unit; None unless it covers all of it."""
    if start < series.start or end > series.end or end <= start:
        return None
    first = (start - series.start) // series.step
    weighted = 0.0
    for index in range(first, len(series.values)):
        begins = series.start + index * series.step
        overlap = (min(end, begins + series.step) - max(start, begins)).total_seconds()
        if overlap <= 0.0:
            break
        weighted += overlap * series.values[index]
    return weighted / (end - start).total_seconds()


def resample(series: Series, start: datetime, period: timedelta, count: int) -> tuple[float | None, ...]:
    """Mean of the series in each period, (periods,), in its unit; None for each period that it does not cover whole."""
    return tuple(mean_between(series, begins, ends) for begins, ends in grid(start, period, count))
