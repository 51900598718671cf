"""Foreign numbers by time as an hourly series from the hour that runs, read totally and within bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Quality, Series
from sunward.sources.sun.section import HIGHEST_RATIO, MOST_HOURS, NAME

HOUR = timedelta(hours=1)


def checked_ratio(value: object, one: float) -> float | None:
    """A number as a share of `one`; None for none. Raises SourceUnavailable for a number that no panel can give."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SourceUnavailable(NAME, f"{str(value)[:40]!r} is not a number")
    ratio = value / one
    if not 0.0 <= ratio <= HIGHEST_RATIO:
        raise SourceUnavailable(NAME, f"{value:g} is not between 0 and {HIGHEST_RATIO * one:g}")
    return ratio


def hourly(ratios: Mapping[datetime, float], at: datetime, source: str) -> Series | None:
    """The hours from the one that holds `at` up to the first that is missing; keys are the hours' beginnings."""
    start = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    values: list[float] = []
    while len(values) < MOST_HOURS and (value := ratios.get(start + len(values) * HOUR)) is not None:
        values.append(value)
    if not values:
        return None
    return Series(start=start, step=HOUR, values=tuple(values), issued_at=at, quality=Quality.FORECAST, source=source)
