"""Grid intensity of Great Britain from the Carbon Intensity API of NESO, which needs no account.

Zone `GB` is the whole of it, `GB-1` to `GB-17` are the API's regions. It must not know what happens when it fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal

import aiohttp

from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis, FactorScope
from sunward.domain.measurement import Quality, Reading, Series
from sunward.settings.address import Url
from sunward.sources.http import JsonReader
from sunward.sources.intensity.provider import Datum, IntensityProvider, parse_time, regular_series, unknown_zone
from sunward.sources.intensity.rows import Row, data_of, present, rows_under
from sunward.sources.intensity.section import HttpSection, NamedBasis

ADDRESS: Final = "https://api.carbonintensity.org.uk"
_ZONE = re.compile(r"GB(?:-([1-9]|1[0-7]))?")


class NesoSettings(HttpSection):
    """The public API of the British system operator."""

    BASES: ClassVar[tuple[str, ...]] = ("average-direct",)

    provider: Literal["neso"]
    url: Url = ADDRESS
    basis: NamedBasis = Basis(scope=FactorScope.DIRECT)

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider that asks this API."""
        return Neso(reader=self.reader(name, session), url=self.url, basis=self.basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neso:
    """The API at one address. Half-hours; regions have forecasts only, the whole also what was metered."""

    reader: JsonReader
    url: str
    basis: Basis

    async def now(self, zone: str, at: datetime) -> Reading:
        """The half-hour that runs: `Measured` where the API has its actual intensity, else `Forecast`."""
        region = _ZONE.fullmatch(zone)
        if region is None:
            return unknown_zone(zone, self.reader.name, "zones are GB and GB-1 to GB-17")
        number = region.group(1)
        rows = await self._rows("intensity" if number is None else f"regional/regionid/{number}", number)
        metered = [row for row in rows if _actual(row) is not None]
        quality = Quality.MEASURED if metered else Quality.FORECAST
        return present(self._data(metered or rows), at, quality, self.reader.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        """Two days from the half-hour that runs; None for a zone that it does not have."""
        return regular_series(await self._span(zone, at, "fw48h"), at, at, self.reader.name)

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """The day before `at`: what was metered, and what was forecast where it was not."""
        return await self._span(zone, at, "pt24h")

    async def _span(self, zone: str, at: datetime, span: str) -> Sequence[Datum]:
        region = _ZONE.fullmatch(zone)
        if region is None:
            return ()
        number, path = region.group(1), f"intensity/{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}/{span}"
        return self._data(await self._rows(path if number is None else f"regional/{path}/regionid/{number}", number))

    async def _rows(self, path: str, region: str | None) -> list[Row]:
        """The half-hours of an answer. Those of a region lie one level deeper, in a list of one or in an object."""
        body = await self.reader.get(f"{self.url}/{path}", {})
        if region is None:
            return rows_under(body, self.reader.name, "data")
        found = body.get("data") if isinstance(body, Mapping) else None
        one = found[0] if isinstance(found, list) and found else found
        if not isinstance(one, Mapping) or str(one.get("regionid")) != region:
            rows_under(body, self.reader.name, "data", 0, "data")  # its own words, if it has any
            raise SourceUnavailable(self.reader.name, f"returned no data for region {region}")
        return rows_under(one, self.reader.name, "data")

    def _data(self, rows: Sequence[Row]) -> tuple[Datum, ...]:
        return data_of(rows, self.reader.name, lambda row: parse_time(row.get("from")), _value)


def _actual(row: Row) -> object:
    return _part(row, "actual")


def _value(row: Row) -> object:
    actual = _actual(row)
    return _part(row, "forecast") if actual is None else actual


def _part(row: Row, name: str) -> object:
    intensity = row.get("intensity")
    return intensity.get(name) if isinstance(intensity, Mapping) else None
