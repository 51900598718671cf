"""Readings over time, as the operator sees them from pass to pass, and what can be said of an interval from them.

A gap that is too long stays a gap: a guess would not be a meter.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sunward.domain.measurement import Window
from sunward.domain.policy import PolicySpec
from sunward.domain.units import JOULES_PER_WATT_HOUR

LOG_LENGTH = 4096
"""Most entries of a log, whatever their age."""
RELAY_STEP_LIMIT_SECONDS = 30.0
"""Readings further apart say nothing about the power in between."""
RELAY_REACH = timedelta(seconds=RELAY_STEP_LIMIT_SECONDS)
BATTERY_REACH = timedelta(seconds=30)
GIVE_UP_AFTER = timedelta(hours=2)
"""A period that could not be settled for so long after its end stays unsettled."""


def kept_for(policy: PolicySpec) -> timedelta:
    """How long after a reading a settlement may still ask for it."""
    return timedelta(seconds=policy.planning_period_seconds) + GIVE_UP_AFTER + RELAY_REACH


class Log:
    """The readings of one meter in order of time, at most `LOG_LENGTH`, 16 bytes each: every node has three logs."""

    def __init__(self) -> None:
        self._seconds = array("d")
        self._values = array("d")

    def __len__(self) -> int:
        return len(self._seconds)

    def append(self, moment: datetime, value: float) -> None:
        """Keep a reading, unless it is no younger than the last one."""
        if self._seconds and moment.timestamp() <= self._seconds[-1]:
            return
        self._seconds.append(moment.timestamp())
        self._values.append(value)
        self._drop(len(self) - LOG_LENGTH)

    def forget(self, before: datetime) -> None:
        """Drop what is older, but for the reading that still holds at that time."""
        self._drop(bisect_left(self._seconds, before.timestamp()) - 1)

    @property
    def newest(self) -> datetime:
        """The time of the last reading. Raises IndexError for an empty log."""
        return self._time(len(self) - 1)

    def last_before(self, moment: datetime) -> datetime | None:
        """The time of the last reading before a moment."""
        place = bisect_left(self._seconds, moment.timestamp())
        return self._time(place - 1) if place else None

    def within(self, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """The readings in [start, end), and the one before them."""
        first = max(0, bisect_left(self._seconds, start.timestamp()) - 1)
        return [(self._time(i), self._values[i]) for i in range(first, bisect_left(self._seconds, end.timestamp()))]

    def _time(self, place: int) -> datetime:
        return datetime.fromtimestamp(self._seconds[place], UTC)

    def _drop(self, count: int) -> None:
        if count > 0:
            del self._seconds[:count], self._values[:count]


def integral_watt_hours(log: Sequence[tuple[datetime, float]], start: datetime, end: datetime) -> float | None:
    """Watt-hours under the readings of a relay in [start, end), linear in between.

    None when readings are further apart than the limit or do not reach both ends: a guess would not be a meter.
    """
    reach = RELAY_REACH
    near = [(t, w) for t, w in log if start - reach <= t <= end + reach]
    if len(near) < 2 or near[0][0] > start + reach / 2 or near[-1][0] < end - reach / 2:
        return None
    total = 0.0
    for (t0, w0), (t1, w1) in pairwise(near):
        if (t1 - t0) > reach:
            return None
        a, b = max(t0, start), min(t1, end)
        if a < b:
            span = (t1 - t0).total_seconds()
            at = [w0 + (w1 - w0) * (t - t0).total_seconds() / span for t in (a, b)]
            total += sum(at) / 2 * (b - a).total_seconds() / JOULES_PER_WATT_HOUR
    edges = _held(near, start, end)
    return total + edges


def _held(near: Sequence[tuple[datetime, float]], start: datetime, end: datetime) -> float:
    """The first and last reading hold towards the ends of the interval."""
    (first, first_watts), (last, last_watts) = near[0], near[-1]
    before = max(0.0, (min(first, end) - start).total_seconds()) * first_watts
    after = max(0.0, (end - max(last, start)).total_seconds()) * last_watts
    return (before + after) / JOULES_PER_WATT_HOUR


def filled(
    window: Window | None, log: Sequence[tuple[datetime, float]], start: datetime, end: datetime
) -> float | None:
    """A node's load in a period (Wh): its own meter, and the relay's where that has gaps. None when both were blind."""
    gaps = ((start, end),) if window is None else window.gaps
    total = 0.0 if window is None else window.watt_hours
    for gap_start, gap_end in gaps:
        part = integral_watt_hours(log, gap_start, gap_end)
        if part is None:
            return None
        total += part
    return total


def mean_of(log: Sequence[tuple[datetime, float]], start: datetime, end: datetime) -> float | None:
    """Time-weighted mean of a signal that holds its value until the next reading; None when nothing is known."""
    known = [(t, v) for t, v in log if t < end]
    if not known:
        return None
    marks = [(max(t, start), v) for t, v in known]
    marks.append((end, known[-1][1]))
    weights = [(b[0] - a[0]).total_seconds() for a, b in pairwise(marks)]
    if sum(weights) <= 0:
        return known[-1][1]
    return sum(w * v for w, (_, v) in zip(weights, marks, strict=False)) / sum(weights)


def nearest(log: Sequence[tuple[datetime, float]], moment: datetime) -> float | None:
    """The reading next to a moment, if one is near enough."""
    near = min(log, key=lambda entry: abs(entry[0] - moment), default=None)
    return near[1] if near is not None and abs(near[0] - moment) <= BATTERY_REACH else None
