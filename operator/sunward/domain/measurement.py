"""One number that was measured, with its own time, quality and source; or its absence, with the reason.

A missing value is a state and never zero; NaN never gets in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sunward.domain.cause import Cause


class Quality(StrEnum):
    """How much a number may be trusted, best first."""

    MEASURED = "Measured"
    LAST_KNOWN_GOOD = "LastKnownGood"
    FORECAST = "Forecast"
    ESTIMATED = "Estimated"
    PROFILE = "Profile"
    SUSPECT = "Suspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A finite value whose unit stands in the name of the field that holds it.

    `time` is the sample's own time (aware UTC), not the time of asking.
    Raises ValueError for NaN, infinities and naive times.
    """

    value: float
    time: datetime
    quality: Quality
    source: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a measurement must be finite, got {self.value!r}")
        if self.time.tzinfo is None:
            raise ValueError("a measurement's time must be aware")

    def age(self, now: datetime) -> timedelta:
        """Time since the sample was taken; negative when its clock is ahead."""
        return now - self.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """No usable value, and why."""

    cause: Cause
    source: str


Reading = Measurement | Absent


def is_fresh(reading: Reading, now: datetime, limit_seconds: float, skew_seconds: float = 60.0) -> bool:
    """Whether *reading* is a value not older than the limit and not from the future beyond the skew."""
    if isinstance(reading, Absent):
        return False
    age_seconds = reading.age(now).total_seconds()
    return -skew_seconds <= age_seconds <= limit_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values on a regular grid of half-open periods [start + k*step, start + (k+1)*step); unit in the field's name."""

    start: datetime
    step: timedelta
    values: tuple[float, ...]
    issued_at: datetime
    quality: Quality
    source: str

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.issued_at.tzinfo is None:
            raise ValueError("a series' times must be aware")
        if self.step <= timedelta(0):
            raise ValueError("a series' step must be positive")
        if not all(math.isfinite(value) for value in self.values):
            raise ValueError("a series holds finite values only")

    @property
    def end(self) -> datetime:
        """First instant that the series does not cover."""
        return self.start + self.step * len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one counter added in a period: watt-hours of the metered part, and the gaps it did not see."""

    watt_hours: float
    gaps: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """The counters of one node; None where a counter gave nothing at all."""

    load: Window | None
    harvest: Window | None
