"""Rows of an answer as data: every provider reads them with the same care.

A row without a time or a value is left out, because grids have gaps. A value that cannot be an intensity refuses the
whole answer, because then nothing is known about its unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Absent, Quality, Reading
from sunward.domain.reasons import Reason
from sunward.sources.http import said
from sunward.sources.intensity.provider import Datum, checked_intensity, reading

MOST_ROWS = 5000
"""Of one answer: a day has 288 intervals of five minutes, of up to 16 fuels each."""
EARLIEST_START = timedelta(hours=1)
"""Ahead of now: the value of an interval that begins soon may already be published."""
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")

Row = Mapping[str, Any]


def rows_under(body: object, source: str, *path: str | int) -> list[Row]:
    """The objects of the list at a path of keys and places.

    Raises SourceUnavailable, with the server's own words if it has any, when there is no list.
    """
    found = body
    for step in path:
        found = _step(found, step)
    if not isinstance(found, list):
        where = ".".join(str(step) for step in path) or "list"
        words = said(body)
        raise SourceUnavailable(source, f"returned no {where}" + (f"; it says: {words!r}" if words else ""))
    return [row for row in found[:MOST_ROWS] if isinstance(row, Mapping)]


def _step(found: object, step: str | int) -> object:
    if isinstance(step, str):
        return found.get(step) if isinstance(found, Mapping) else None
    return found[step] if isinstance(found, list) and len(found) > step else None


def number(value: object) -> object:
    """The number that a text spells in full, as some APIs send them; everything else as it is."""
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def data_of(
    rows: Iterable[Row], source: str, time: Callable[[Row], datetime | None], value: Callable[[Row], object]
) -> tuple[Datum, ...]:
    """The rows in order of time. `value` is in g/kWh, or None. Raises SourceUnavailable for an impossible value."""
    found = []
    for row in rows:
        moment, given = time(row), value(row)
        if moment is None or given is None:
            continue
        checked = checked_intensity(given)
        if checked is None:
            raise SourceUnavailable(source, f"{str(given)[:40]!r} is not an intensity between 0 and 1500 g/kWh")
        found.append(Datum(time=moment, grams_per_kilowatt_hour=checked))
    return tuple(sorted(found, key=lambda datum: datum.time))


def present(data: Sequence[Datum], at: datetime, quality: Quality, source: str) -> Reading:
    """The last datum that has begun or begins within the hour, or the reason why there is none."""
    begun = [datum for datum in data if datum.time <= at] or [
        datum for datum in data[:1] if datum.time <= at + EARLIEST_START
    ]
    if not begun:
        return Absent(cause=Cause(Reason.DATA_MISSING, "the answer holds no value of the present"), source=source)
    return reading(begun[-1].grams_per_kilowatt_hour, begun[-1].time, quality, source)
