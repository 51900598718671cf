"""How much a node will harvest: what it harvests now, and what the same hours brought yesterday.

Persistence is hard to beat for an hour, yesterday for half a day; between them the weight moves over with a time
constant. Once a day is known, persistence follows yesterday's shape: today's share of yesterday's value stays. That is
the persistence of the clear-sky index (Marquez and Coimbra 2013, see `evaluate`) with yesterday in place of a clear
sky, because a clear sky needs the panel's place and tilt. Pure; it must not know a place or a clock.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.forecasting.history import Observation, mean_of
from sunward.forecasting.periods import grid

Floats = np.ndarray[Any, np.dtype[np.float64]]  # (observations,)
Indices = np.ndarray[Any, np.dtype[np.intp]]  # (anchors,), positions in the observations

DAY = timedelta(days=1)
ANCHORS = 96
"""So many moments of the last day are asked how much changed after them."""
CLOSE_SECONDS = 300.0
"""An observation this near to a moment stands for it."""
MEMORY_HOURS = 3.0
"""After this long the weight of what is seen now has fallen to 1/e."""
LEAST_SHAPE_WATTS_RATIO = 0.05
"""Below this share of the day's highest value yesterday's shape is too small to divide by."""
LARGEST_SHARE = 2.0
"""Today is never expected to bring more than this many times yesterday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Mean value and standard deviation of each period, (periods,) each, in one unit (watts where it is harvest)."""

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
    """Mean watts in each of `count` periods from `start` on; never negative, never above `most_watts`.

    `now_watts` is what the node harvests at `now`, `observations` its past in watts, oldest first.
    The spread is the root mean square change over the same distance in the last day, which bounds what persistence
    would have missed; without a day of history nothing is known, and the spread is as large as the value.
    """
    periods = list(grid(start, period, count))
    today = _today_over_yesterday(now_watts, now, observations)
    values = [_limited(_blend(now_watts, today, now, observations, *one), most_watts) for one in periods]
    leads = [(begins + (ends - begins) / 2 - now).total_seconds() for begins, ends in periods]
    changes = _changes(observations, now, leads)
    spreads = [value if change is None else change for value, change in zip(values, changes, strict=True)]
    return Expectation(values=tuple(values), spreads=tuple(spreads))


def _limited(watts: float, most: float | None) -> float:
    return max(0.0, watts if most is None else min(watts, most))


def _today_over_yesterday(now_watts: float, now: datetime, observations: Sequence[Observation]) -> float | None:
    """Which multiple of yesterday today brings; None where yesterday says nothing about now."""
    half = timedelta(minutes=7, seconds=30)  # a quarter of an hour in all: one cloud must not stand for yesterday
    then = mean_of(observations, now - DAY - half, now - DAY + half)
    highest = max((one.value for one in observations), default=0.0)
    if then is None or then <= LEAST_SHAPE_WATTS_RATIO * highest:
        return None
    return min(LARGEST_SHARE, now_watts / then)


def _blend(
    now_watts: float,
    today: float | None,
    now: datetime,
    observations: Sequence[Observation],
    begins: datetime,
    ends: datetime,
) -> float:
    """Persistence, along yesterday's shape where that is known, giving way to yesterday with the distance."""
    yesterday = mean_of(observations, begins - DAY, ends - DAY)
    if yesterday is None:
        return now_watts
    hours = max(0.0, (begins + (ends - begins) / 2 - now).total_seconds() / SECONDS_PER_HOUR)
    weight = math.exp(-hours / MEMORY_HOURS)
    persistent = now_watts if today is None else today * yesterday
    return weight * persistent + (1.0 - weight) * yesterday


def _changes(observations: Sequence[Observation], now: datetime, leads: Sequence[float]) -> list[float | None]:
    """Root mean square change of the last day's values over each lead (seconds); None where a day is not known."""
    first = bisect_left(observations, now - DAY, key=lambda one: one.time)
    recent = observations[first:]
    if not recent or recent[0].time > now - DAY + timedelta(hours=1):
        return [None] * len(leads)
    seconds = np.array([one.time.timestamp() for one in recent])
    values = np.array([one.value for one in recent])
    anchors = np.arange(0, len(recent), max(1, len(recent) // ANCHORS))
    return [_change(seconds, values, anchors, lead) for lead in leads]


def _change(seconds: Floats, values: Floats, anchors: Indices, lead: float) -> float | None:
    later = np.searchsorted(seconds, seconds[anchors] + lead)
    anchors, later = anchors[later < len(seconds)], later[later < len(seconds)]
    near = seconds[later] - seconds[anchors] - lead <= CLOSE_SECONDS
    errors = values[later[near]] - values[anchors[near]]
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else None
