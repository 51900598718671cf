"""What feeds show: the newest value of each meter while it is fresh, and why there is none otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from sunward_exporter.collector import Family
from sunward_exporter.readings import Limits, Reading, Refusal, check_power, check_ratio

MOST_METERS = 512
"""Meters that one process shows; a broker may name any number."""


class Kind(StrEnum):
    """What a value is."""

    POWER = "power"
    HARVEST = "harvest"
    BATTERY = "battery"


_LABELS: Final = ("meter",)
FAMILIES: Final = {
    Kind.POWER: Family(name="sunward_feed_power_watts", kind="gauge", help="Power drawn.", labels=_LABELS),
    Kind.HARVEST: Family(name="sunward_feed_harvest_watts", kind="gauge", help="Power harvested.", labels=_LABELS),
    Kind.BATTERY: Family(
        name="sunward_feed_battery_ratio", kind="gauge", help="Stored energy over capacity, 0 to 1.", labels=_LABELS
    ),
}
ERRORS: Final = Family(
    name="sunward_feed_errors", kind="counter", help="Rejected readings, by reason.", labels=("meter", "reason")
)
TIMES: Final = Family(
    name="sunward_feed_last_sample_timestamp_seconds",
    kind="gauge",
    help="Unix time of the last accepted value.",
    labels=("meter",),
)


@dataclass(slots=True)
class Board:
    """The newest values of all meters; written by a feed and read by scrapes. `wall` is Unix time in seconds.

    A value that is older than `fresh_seconds` is not shown, so that Prometheus marks its series as ended.
    """

    wall: Callable[[], float]
    fresh_seconds: float
    _values: dict[tuple[Kind, str], tuple[float, float]] = field(default_factory=dict)
    _errors: dict[tuple[str, Refusal], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def show(self, meter: str, kind: Kind, value: float | Refusal) -> None:
        """Take a value in watts or as a ratio, or count why there is none."""
        checked = check_ratio(value) if kind is Kind.BATTERY else _checked(value)
        with self._lock:
            if isinstance(checked, Refusal):
                self._refuse(meter, checked)
            elif (kind, meter) in self._values or len(self._values) < MOST_METERS:
                self._values[kind, meter] = (checked, self.wall())

    def refuse(self, meter: str, reason: Refusal) -> None:
        """Count an attempt that gave nothing."""
        with self._lock:
            self._refuse(meter, reason)

    def shown(self) -> Mapping[tuple[Kind, str], tuple[float, float]]:
        """Values that are fresh, with their times."""
        now = self.wall()
        with self._lock:
            return {key: one for key, one in self._values.items() if now - one[1] <= self.fresh_seconds}

    def errors(self) -> Mapping[tuple[str, Refusal], int]:
        """How often each reason was counted."""
        with self._lock:
            return dict(self._errors)

    def _refuse(self, meter: str, reason: Refusal) -> None:
        if (meter, reason) in self._errors or len(self._errors) < MOST_METERS:
            self._errors[meter, reason] = self._errors.get((meter, reason), 0) + 1


def _checked(value: float | Refusal) -> float | Refusal:
    reading = value if isinstance(value, Refusal) else Reading(watts=value)
    sample = check_power(reading, 0.0, None, Limits())
    return sample if isinstance(sample, Refusal) else sample.watts


class BoardCollector(Collector):
    """Answers a scrape from the board."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterable[Metric]:
        """All families."""
        shown = self._board.shown()
        for kind, family in FAMILIES.items():
            yield family.filled(((meter,), value) for (one, meter), (value, _) in shown.items() if one is kind)
        yield TIMES.filled(_times(shown))
        yield ERRORS.filled(((meter, reason.value), count) for (meter, reason), count in self._board.errors().items())

    def describe(self) -> Iterable[Metric]:
        """The families without values."""
        return [family.filled(()) for family in (*FAMILIES.values(), TIMES, ERRORS)]


def _times(shown: Mapping[tuple[Kind, str], tuple[float, float]]) -> Iterator[tuple[tuple[str, ...], float]]:
    """The time of each meter's oldest value."""
    meters = {meter for _, meter in shown}
    yield from (((meter,), min(time for (_, one), (_, time) in shown.items() if one == meter)) for meter in meters)
