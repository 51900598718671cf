"""Recorded series that repeat: how strong the sun is and how clean the grid.

A trace is read by its own time in hours from its first value; callers map their clock onto it, which is
how an hour of weather can last a minute. It knows nothing of nodes or zones.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sunward.domain.units import SECONDS_PER_HOUR

LARGEST_VALUE = 1e12
"""Of a trace: seconds, fractions and grams are far below, and sums of such numbers stay finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Evenly spaced values; value k holds from k to k + 1 steps, and the series repeats for ever."""

    name: str
    step_hours: float
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse an empty series, a step that is not positive and values that are not numbers."""
        if not self.values or not self.step_hours > 0.0:
            raise ValueError(f"trace {self.name[:80]!r}: needs a positive step and at least one value")
        if not all(math.isfinite(value) for value in self.values):
            raise ValueError(f"trace {self.name[:80]!r}: every value must be finite")

    @property
    def hours(self) -> float:
        """The length of one repetition."""
        return self.step_hours * len(self.values)

    @property
    def mean(self) -> float:
        """The average over one repetition."""
        return math.fsum(self.values) / len(self.values)

    def at(self, hours: float) -> float:
        """The value that holds at this time; times before 0 count back from the end."""
        return self.values[math.floor(hours / self.step_hours) % len(self.values)]

    def smooth(self, hours: float) -> float:
        """The value between the middles of two steps, on a straight line: weather has no stairs."""
        position = hours / self.step_hours - 0.5
        left = math.floor(position)
        weight = position - left
        size = len(self.values)
        return (1.0 - weight) * self.values[left % size] + weight * self.values[(left + 1) % size]

    def average(self, start_hours: float, end_hours: float) -> float:
        """The time average of `at` over [start, end).

        Raises ValueError when the interval is empty.
        """
        if not end_hours > start_hours:
            raise ValueError(f"trace {self.name[:80]!r}: an average needs an end after its start")
        mean = (self._integral(end_hours) - self._integral(start_hours)) / (end_hours - start_hours)
        return min(max(self.values), max(min(self.values), mean))  # a difference of sums may miss the range by rounding

    def scaled(self, *, mean: float, swing: float = 1.0) -> Trace:
        """The same shape around another mean; `swing` 0 is flat, 1 keeps the relative variation.

        Values never fall below zero, so a large swing may raise the mean a little.
        Raises ValueError when the trace's own mean is not positive.
        """
        own = self.mean
        if not own > 0.0:
            raise ValueError(f"trace {self.name[:80]!r}: a series whose mean is zero cannot be scaled")
        values = tuple(max(0.0, mean * (1.0 + swing * (value / own - 1.0))) for value in self.values)
        return Trace(name=self.name, step_hours=self.step_hours, values=values)

    def _integral(self, hours: float) -> float:
        """Value hours from 0 to a time, across repetitions."""
        turns, rest = divmod(hours / self.step_hours, len(self.values))
        whole = math.floor(rest)
        partial = math.fsum(self.values[:whole])
        if whole < len(self.values):
            partial += (rest - whole) * self.values[whole]
        return self.step_hours * (turns * math.fsum(self.values) + partial)


@cache
def solar_traces() -> dict[str, Trace]:
    """Bundled solar output by city, as a fraction of rated output (see `data/README.md`)."""
    return _bundled("solar-ten-cities-5-minutes.csv")


@cache
def intensity_traces() -> dict[str, Trace]:
    """Bundled grid intensity by region, grams per kilowatt-hour, average and direct (`data/README.md`)."""
    return _bundled("intensity-four-regions-hourly.csv")


def read_traces(lines: Iterable[str]) -> dict[str, Trace]:
    """Traces from CSV text whose first column is `seconds` and whose others are series.

    Raises ValueError when there are no rows, the steps are uneven or a value is not a number; the message names the
    column.
    """
    header, rows = _table(lines)
    seconds = [_number(row[0], "seconds", line) for line, row in enumerate(rows, start=2)]
    step = seconds[1] - seconds[0]
    if any(abs(seconds[k] - seconds[0] - k * step) > 1e-6 for k in range(len(seconds))):
        raise ValueError("column seconds: the steps are uneven")
    return {
        name: Trace(
            name=name,
            step_hours=step / SECONDS_PER_HOUR,
            values=tuple(_number(row[c], name, line) for line, row in enumerate(rows, start=2)),
        )
        for c, name in enumerate(header)
        if c > 0
    }


def _table(lines: Iterable[str]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of equal length, at least two; raises ValueError that names the line otherwise."""
    try:
        found = list(csv.reader(lines))
    except csv.Error as error:
        raise ValueError(f"is no CSV: {error}") from None
    if len(found) < 3:
        raise ValueError("a trace file needs a header and at least two rows")
    header, *rows = found
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(f"line {line}: has {len(row)} values, the header {len(header)}")
    return header, rows


def _number(text: str, column: str, line: int) -> float:
    """A finite number; raises ValueError that names the place otherwise."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= LARGEST_VALUE:
        raise ValueError(f"line {line}, column {column[:80]!r}: {text[:40]!r} is no finite number")
    return number


def _bundled(name: str) -> dict[str, Trace]:
    """A file of the package's data folder."""
    text = files("sunward.simulation").joinpath("data", name).read_text(encoding="utf-8")
    return read_traces(text.splitlines())
