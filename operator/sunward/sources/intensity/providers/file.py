"""Grid intensity from a file of times and zones. It must not know what happens when a zone is missing."""

from __future__ import annotations

import asyncio
import csv
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import aiohttp
from pydantic import Field

from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.foreign_json import parse_foreign_json
from sunward.domain.intensity import Basis, FactorScope
from sunward.domain.measurement import Absent, Measurement, Quality, Reading, Series
from sunward.domain.reasons import Reason
from sunward.sources.intensity.provider import (
    Datum,
    IntensityProvider,
    checked_intensity,
    parse_time,
    regular_series,
    unknown_zone,
)
from sunward.sources.intensity.section import IntensitySection
from sunward.sources.intensity.tables import Cell, csv_cells

HOUR = timedelta(hours=1)
LARGEST_FILE_BYTES = 16 << 20


class FileSettings(IntensitySection):
    """A file in a folder that the chart mounts."""

    provider: Literal["file"]
    path: Path = Field(strict=False)

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,  # noqa: ARG002  needs no connection
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider that reads this file."""
        return FileIntensity(name=name, path=self.path, basis=self.basis)


@dataclass(slots=True, kw_only=True)
class FileIntensity:
    """A CSV file (`tables`) or a JSON list of {time, zone, gramsPerKilowattHour}.

    Rows hold from their time to the next; a file that has changed on disk is read again.
    """

    name: str
    path: Path
    basis: Basis
    _stamp: tuple[int, int] | None = None
    _zones: Mapping[str, tuple[Datum, ...]] | None = None

    async def now(self, zone: str, at: datetime) -> Reading:
        """The row that holds at `at`, with its own time, so that the end of the file grows old like any datum.

        A row that holds for longer than an hour, such as one of a day, counts as read at each full hour of it.
        """
        data = (await self._read()).get(zone)
        if data is None:
            return unknown_zone(zone, self.name)
        index = bisect_right(data, at, key=lambda datum: datum.time) - 1
        if index < 0:
            return Absent(cause=Cause(Reason.DATA_MISSING, f"begins after {at.isoformat()}"), source=self.name)
        row, end = data[index], _end(data, index)
        time = row.time + (at - row.time) // HOUR * HOUR if end is not None and at < end else row.time
        quality = Quality.ESTIMATED if row.is_estimated else Quality.MEASURED
        return Measurement(value=row.grams_per_kilowatt_hour, time=time, quality=quality, source=self.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        """The rows that follow, taken as what is expected."""
        data = (await self._read()).get(zone, ())
        first = max(0, bisect_right(data, at, key=lambda datum: datum.time) - 1)
        return regular_series(data[first : first + 24 * 12 * 4], at, at, self.name)

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """The rows of the day before `at`."""
        data = (await self._read()).get(zone, ())
        first, last = (bisect_right(data, edge, key=lambda datum: datum.time) for edge in (at - timedelta(days=1), at))
        return data[max(0, first - 1) : last]

    async def _read(self) -> Mapping[str, tuple[Datum, ...]]:
        try:
            stat = await asyncio.to_thread(self.path.stat)
            stamp = (stat.st_mtime_ns, stat.st_size)
            if self._zones is None or stamp != self._stamp:
                self._zones = await asyncio.to_thread(_load, self.path, stat.st_size, self.basis.scope)
                self._stamp = stamp
        except (OSError, ValueError, csv.Error) as error:
            raise SourceUnavailable(self.name, f"{self.path.name}: {error}") from None
        return self._zones


def _end(data: Sequence[Datum], index: int) -> datetime | None:
    """Until when a row holds: until the next; the last as long as the one before it. None for a single row."""
    if index + 1 < len(data):
        return data[index + 1].time
    return data[index].time + (data[index].time - data[index - 1].time) if index > 0 else None


def _load(path: Path, size: int, scope: FactorScope) -> Mapping[str, tuple[Datum, ...]]:
    """All zones of a file in order of time; raises ValueError that names the row."""
    if size > LARGEST_FILE_BYTES:
        raise ValueError(f"is larger than {LARGEST_FILE_BYTES} bytes")
    text = path.read_text(encoding="utf-8-sig")  # spreadsheets begin a file with a byte order mark
    zones: defaultdict[str, list[Datum]] = defaultdict(list)
    for cell in _json_cells(text) if path.suffix == ".json" else csv_cells(text, scope):
        time, number = _time(cell), checked_intensity(cell.value)
        if time is None:
            why = "is not a time with a zone, such as 2026-06-01T12:00:00Z"
            raise ValueError(f"{cell.where}: {_short(cell.time)} {why}")
        if number is None:
            raise ValueError(f"{cell.where}: {_short(cell.value)} is not an intensity between 0 and 1500 g/kWh")
        datum = Datum(time=time, grams_per_kilowatt_hour=number, is_estimated=cell.is_estimated)
        zones[cell.zone].append(datum)
    return {zone: tuple(sorted(data, key=lambda datum: datum.time)) for zone, data in zones.items()}


def _time(cell: Cell) -> datetime | None:
    """A cell's time; one without a time zone counts only where its column says that it is UTC."""
    found = parse_time(cell.time)
    return parse_time(f"{cell.time}+00:00") if found is None and cell.is_utc else found


def _short(value: object) -> str:
    """A wrong value in an error message."""
    return repr(value)[:80]


def _json_cells(text: str) -> Iterator[Cell]:
    rows: Any = parse_foreign_json(text)
    if not isinstance(rows, list):
        raise ValueError("is not a JSON list")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping) or not isinstance(row.get("zone"), str):
            raise ValueError(f"[{number}]: is not an object with time, zone and gramsPerKilowattHour")
        yield Cell(where=f"[{number}]", time=row.get("time"), zone=row["zone"], value=row.get("gramsPerKilowattHour"))
