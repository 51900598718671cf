"""What was measured in the last two days, thinned, so that yesterday can speak about today.

A value, not a store: adding a snapshot makes another history. It must not know a clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sunward.domain.measurement import Measurement, Quality
from sunward.domain.snapshot import Snapshot

KEPT = timedelta(hours=49)
"""Two days and an hour: the same time yesterday, and how well that worked the day before."""
CLOSEST = timedelta(seconds=55)
"""Observations closer together than this say nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One measured value (watts, see `History`) at one aware time."""

    time: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Measured harvest and power in watts by node, oldest first."""

    harvest_watts: Mapping[str, tuple[Observation, ...]] = field(default_factory=dict)
    power_watts: Mapping[str, tuple[Observation, ...]] = field(default_factory=dict)

    def after(self, snapshot: Snapshot) -> History:
        """This history with what the snapshot measured; doubtful, repeated and older values change nothing."""
        harvest, power = dict(self.harvest_watts), dict(self.power_watts)
        for node in snapshot.nodes:
            harvest[node.name] = _with(harvest.get(node.name, ()), node.meters.harvest_watts)
            power[node.name] = _with(power.get(node.name, ()), node.meters.power_watts)
        return History(harvest_watts=harvest, power_watts=power)


def _with(known: tuple[Observation, ...], reading: object) -> tuple[Observation, ...]:
    if not isinstance(reading, Measurement) or reading.quality is not Quality.MEASURED:
        return known
    if known and reading.time < known[-1].time + CLOSEST:
        return known
    first = bisect_left(known, reading.time - KEPT, key=lambda observation: observation.time)
    return (*known[first:], Observation(time=reading.time, value=reading.value))


def mean_of(observations: Sequence[Observation], start: datetime, end: datetime) -> float | None:
    """Mean of the observations in [start, end), or of the nearest on each side within a quarter of an hour; else None.

    In the unit of the observations, which must be sorted by time. They come at an even pace, so that their plain mean
    is the mean over time.
    """
    first = bisect_left(observations, start, key=lambda observation: observation.time)
    last = bisect_left(observations, end, key=lambda observation: observation.time)
    inside = observations[first:last]
    if not inside:
        middle = start + (end - start) / 2
        around = observations[max(0, first - 1) : first + 1]
        inside = [one for one in around if abs(one.time - middle) <= timedelta(minutes=15)]
    return sum(one.value for one in inside) / len(inside) if inside else None
