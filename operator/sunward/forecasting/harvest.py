"""How much a node will harvest: what it harvests now, and what the same hours brought yesterday.

Persistence is hard to beat for an hour, yesterday for half a day; between them the weight moves over with a time
constant. Once a day is known, persistence follows yesterday's shape: today's share of yesterday's value stays. That is
the persistence of the clear-sky index (Marquez and Coimbra 2013) with yesterday in place of a clear
sky, because a clear sky needs the panel's place and tilt. Where a service that knows both is asked (`sources.sun`), its
forecast is the shape instead. Pure; it must not know a place or a clock.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from sunward.domain.measurement import Series
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.forecasting.history import Observation, mean_of
from sunward.forecasting.periods import grid, mean_between

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
    forecast: Series | None = None,
) -> Expectation:
    """Mean watts in each of `count` periods from `start` on; never negative, never above `most_watts`.

    `now_watts` is what the node harvests at `now`, `observations` its past in watts, oldest first. A `forecast` in
    watts takes the place of yesterday in the periods that it covers.
    The spread is the root mean square change over the same distance in the last day, which bounds what persistence
    would have missed; without a day of history nothing is known, and the spread is as large as the value.
    """
    periods = list(grid(start, period, count))
    yesterday = _Shape(observations=observations)
    shapes = [_Shape(observations=observations, forecast=forecast), yesterday] if forecast else [yesterday]
    values = [_limited(_blend(now_watts, now, shapes, *one), most_watts) for one in periods]
    leads = [(begins + (ends - begins) / 2 - now).total_seconds() for begins, ends in periods]
    changes = _changes(observations, now, leads)
    spreads = [value if change is None else change for value, change in zip(values, changes, strict=True)]
    return Expectation(values=tuple(values), spreads=tuple(spreads))


def _limited(watts: float, most: float | None) -> float:
    return max(0.0, watts if most is None else min(watts, most))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What a day should look like: a service's forecast, or what yesterday brought."""

    observations: Sequence[Observation]
    forecast: Series | None = None

    def mean(self, begins: datetime, ends: datetime) -> float | None:
        """Mean watts in [begins, ends); None where it is not known."""
        if self.forecast is not None:
            return mean_between(self.forecast, begins, ends)
        return mean_of(self.observations, begins - DAY, ends - DAY)

    def present(self, now_watts: float, now: datetime) -> float | None:
        """Which multiple of the shape the present is; None where the shape says nothing about now."""
        half = timedelta(minutes=7, seconds=30)  # a quarter of an hour in all: one cloud must not stand for the shape
        begins = now - half if self.forecast is None else max(now - half, self.forecast.start)
        then = self.mean(begins, now + half)
        highest = max(self._values(), default=0.0)
        if then is None or then <= LEAST_SHAPE_WATTS_RATIO * highest:
            return None
        return min(LARGEST_SHARE, now_watts / then)

    def _values(self) -> Iterable[float]:
        return (one.value for one in self.observations) if self.forecast is None else self.forecast.values


def _blend(now_watts: float, now: datetime, shapes: Sequence[_Shape], begins: datetime, ends: datetime) -> float:
    """Persistence, along the first shape that is known, giving way to that shape with the distance."""
    for shape in shapes:
        expected = shape.mean(begins, ends)
        if expected is not None:
            hours = max(0.0, (begins + (ends - begins) / 2 - now).total_seconds() / SECONDS_PER_HOUR)
            weight = math.exp(-hours / MEMORY_HOURS)
            share = shape.present(now_watts, now)
            persistent = now_watts if share is None else share * expected
            return weight * persistent + (1.0 - weight) * expected
    return now_watts


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
