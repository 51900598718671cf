"""How much a node will harvest: what it harvests now, and what the same hours brought yesterday.

Persistence is hard to beat for an hour, yesterday for half a day; between them the weight moves over with a time
constant. Once a day is known, persistence follows yesterday's shape: today's share of yesterday's value stays (the
clear-sky index of the literature, with yesterday in place of a clear sky). Pure; it must not know a place or a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sunward.forecasting.history import Observation, mean_of
from sunward.forecasting.periods import grid

DAY = timedelta(days=1)
MEMORY_HOURS = 3.0
"""After this long the weight of what is seen now has fallen to 1/e."""
LEAST_SHAPE_WATTS_RATIO = 0.05
"""Below this share of the day's highest value yesterday's shape is too small to divide by."""
LARGEST_SHARE = 2.0
"""Today is never expected to bring more than this many times yesterday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Mean value and standard deviation per period."""

    values: tuple[float, ...]
    spreads: tuple[float, ...]


def expect_watts(
    now_watts: float,
    now: datetime,
    observations: Sequence[Observation],
    start: datetime,
    period: timedelta,
    count: int,
    *,
    most_watts: float | None,
) -> Expectation:
    """Watts per period; never negative, never above `most_watts`.

    The spread is the root mean square error that the same rule had in the history at the same distance; without a day
    of history nothing is known, and the spread is as large as the value.
    """
    values, spreads = [], []
    for begins, ends in grid(start, period, count):
        value = _limited(_blend(now_watts, now, observations, begins, ends), most_watts)
        values.append(value)
        spreads.append(_spread(observations, now, begins + (ends - begins) / 2 - now, value))
    return Expectation(values=tuple(values), spreads=tuple(spreads))


def _limited(watts: float, most: float | None) -> float:
    return max(0.0, watts if most is None else min(watts, most))


def _blend(
    now_watts: float, now: datetime, observations: Sequence[Observation], begins: datetime, ends: datetime
) -> float:
    yesterday = mean_of(observations, begins - DAY, ends - DAY)
    if yesterday is None:
        return now_watts
    hours = max(0.0, (begins + (ends - begins) / 2 - now).total_seconds() / 3600.0)
    weight = math.exp(-hours / MEMORY_HOURS)
    return weight * _shaped(now_watts, now, observations, yesterday) + (1.0 - weight) * yesterday


def _shaped(now_watts: float, now: datetime, observations: Sequence[Observation], yesterday: float) -> float:
    """Persistence along yesterday's shape where yesterday says something about now, plain persistence elsewhere."""
    half = timedelta(minutes=7, seconds=30)
    then = mean_of(observations, now - DAY - half, now - DAY + half)
    highest = max((one.value for one in observations), default=0.0)
    if then is None or then <= LEAST_SHAPE_WATTS_RATIO * highest:
        return now_watts
    return min(LARGEST_SHARE, now_watts / then) * yesterday


def _spread(observations: Sequence[Observation], now: datetime, lead: timedelta, value: float) -> float:
    """Root mean square change over `lead` in the last day; it bounds what persistence missed. `value` if unknown."""
    recent = [one for one in observations if one.time >= now - DAY]
    if not recent or recent[0].time > now - DAY + timedelta(hours=1):
        return value
    pairs = (
        (one.value, mean_of(observations, one.time + lead, one.time + lead + timedelta(minutes=5)))
        for one in recent[:: max(1, len(recent) // 48)]
        if one.time + lead < now
    )
    errors = [(later - value_then) ** 2 for value_then, later in pairs if later is not None]
    return math.sqrt(sum(errors) / len(errors)) if errors else value
