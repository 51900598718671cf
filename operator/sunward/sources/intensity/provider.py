"""What a provider of grid intensity must offer, and how its numbers are checked before they are used.

A provider answers for one zone at a time: what holds now, what it expects. It never falls back to anything: what to do
when it fails is decided in one place, by the ladder (`intensity`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, repeat
from typing import Protocol

from sunward.domain.cause import Cause
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Absent, Measurement, Quality, Reading, Series
from sunward.domain.reasons import Reason

FIRST_TIME, LAST_TIME = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Times outside are refused: a day before or after them may be beyond the calendar."""
MOST_SLOTS = 5000
"""Of a forecast, which cannot be longer than a few days in steps of five minutes."""
HIGHEST_GRAMS_PER_KILOWATT_HOUR = 1500.0
"""No grid emits more per kilowatt-hour; a larger number is in another unit (pounds per megawatt-hour, say)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One intensity at the start of the time for which it holds. `is_estimated` where its source says so."""

    time: datetime
    grams_per_kilowatt_hour: float
    is_estimated: bool = False


class IntensityProvider(Protocol):
    """One source of intensities in g CO2e per kWh. Both questions raise SourceUnavailable when it does not answer."""

    @property
    def basis(self) -> Basis:
        """What its numbers mean."""

    async def now(self, zone: str, at: datetime) -> Reading:
        """What holds at `at`, with the datum's own time; Absent with `UnknownZone` for a zone it does not have."""

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        """What it expects from the period that holds `at` onwards; None when it has no forecast."""

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """What held in the day before `at`, oldest first; empty when it does not know."""


def checked_intensity(value: object) -> float | None:
    """The number if it can be an intensity in g/kWh, else None (no number, NaN, negative, another unit)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0.0 <= value <= HIGHEST_GRAMS_PER_KILOWATT_HOUR else None


def reading(value: object, time: datetime, quality: Quality, source: str) -> Reading:
    """A checked measurement, or the reason why the value is refused."""
    checked = checked_intensity(value)
    if checked is not None:
        return Measurement(value=checked, time=time, quality=quality, source=source)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    reason = Reason.IMPLAUSIBLE_UNIT if is_number else Reason.NOT_A_NUMBER
    detail = f"{value!r} is not between 0 and {HIGHEST_GRAMS_PER_KILOWATT_HOUR:g} g/kWh"
    return Absent(cause=Cause(reason, detail[:200]), source=source)


def unknown_zone(zone: str, source: str, said: str = "") -> Absent:
    """The explicit answer for a zone that a source does not have; there is no default zone. `said`: its own words."""
    detail = f"has no grid zone {zone}" + (f": {said!r}" if said else "")
    return Absent(cause=Cause(Reason.UNKNOWN_ZONE, detail), source=source)


def yesterday(history: Sequence[Datum], at: datetime, source: str) -> Series | None:
    """What held yesterday as an estimate of today, from the period that holds `at`; None when yesterday had a hole."""
    day = timedelta(days=1)
    shifted = [Datum(time=one.time + day, grams_per_kilowatt_hour=one.grams_per_kilowatt_hour) for one in history]
    series = regular_series(shifted, at, at, f"{source}/yesterday")
    return None if series is None else replace(series, quality=Quality.ESTIMATED)


def regular_series(data: Sequence[Datum], at: datetime, issued_at: datetime, source: str) -> Series | None:
    """A forecast on a regular grid from the period that holds `at`, cut at the first hole; None when nothing is left.

    Every datum holds until the next one; the last as long as the one before it. A time with two values has none.
    """
    ordered = sorted(_undisputed(data), key=lambda datum: datum.time)
    gaps = [late.time - early.time for early, late in pairwise(ordered)]
    step = min(gaps, default=None)
    first = bisect_right(ordered, at, key=lambda datum: datum.time) - 1
    if step is None or first < 0:
        return None
    passed = (at - ordered[first].time) // step
    held = islice(_slots(ordered[first:], gaps, first, step), passed, passed + MOST_SLOTS)
    values = [datum.grams_per_kilowatt_hour for datum in held]
    if not values:
        return None
    return Series(
        start=ordered[first].time + passed * step,
        step=step,
        values=tuple(values),
        issued_at=issued_at,
        quality=Quality.FORECAST,
        source=source,
    )


def _slots(rows: Sequence[Datum], gaps: Sequence[timedelta], first: int, step: timedelta) -> Iterator[Datum]:
    """Each row once for every step that it holds, up to the first hole. `gaps` are those after all rows from `first`.

    Hours may be followed by quarters, and the other way round: a gap is as long as its neighbour on one side. One that
    is longer than both is a hole, and the row before it holds for one step.
    """
    for place, row in enumerate(rows, start=first):
        is_last = place == len(gaps)
        gap = place - 1 if is_last else place
        is_whole = gaps[gap] % step == timedelta(0) and _is_steady(gaps, gap)
        yield from repeat(row, gaps[gap] // step if is_whole else 1)
        if not is_whole:
            return


def _is_steady(gaps: Sequence[timedelta], place: int) -> bool:
    """Whether a gap is as long as one beside it, or the shortest there is."""
    return gaps[place] in (*gaps[max(0, place - 1) : place], *gaps[place + 1 : place + 2], min(gaps))


def _undisputed(data: Sequence[Datum]) -> Iterator[Datum]:
    """Each time once; clocks that are put back make an hour come twice."""
    values: dict[datetime, set[float]] = {}
    for datum in data:
        values.setdefault(datum.time, set()).add(datum.grams_per_kilowatt_hour)
    for time, found in values.items():
        if len(found) == 1:
            yield Datum(time=time, grams_per_kilowatt_hour=found.pop())


def parse_time(text: object) -> datetime | None:
    """An aware time from ISO 8601 text, or None for anything else and for a time in no reckonable year."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    is_usable = moment is not None and moment.utcoffset() is not None and FIRST_TIME <= moment < LAST_TIME
    return moment if is_usable else None
