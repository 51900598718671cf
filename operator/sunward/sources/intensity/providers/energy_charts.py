"""Grid intensity of European countries, computed from the generation mix that Energy-Charts publishes without a key.

A zone is a country, `DE` or `NO`; Energy-Charts names it in lower case. It must not know what happens when it fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal

import aiohttp

from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Quality, Reading, Series
from sunward.settings.address import Url
from sunward.sources.http import JsonReader, NotFound
from sunward.sources.intensity.mix import Fuel, mix_intensity
from sunward.sources.intensity.provider import Datum, IntensityProvider, unknown_zone
from sunward.sources.intensity.rows import present, rows_under
from sunward.sources.intensity.section import HttpSection

ADDRESS: Final = "https://api.energy-charts.info"
MOST_INTERVALS: Final = 300
"""A day and a bit, in steps of five minutes or longer."""
LARGEST_MEGAWATTS: Final = 1e6
"""Of one fuel; all of Europe generates less than half of this."""
FUELS: Final[Mapping[str, Fuel]] = {
    "Biomass": Fuel.BIOMASS,
    "Fossil brown coal / lignite": Fuel.COAL,
    "Fossil hard coal": Fuel.COAL,
    "Fossil coal-derived gas": Fuel.COAL,
    "Fossil peat": Fuel.COAL,
    "Fossil oil": Fuel.OIL,
    "Fossil oil shale": Fuel.OIL,
    "Fossil gas": Fuel.GAS,
    "Geothermal": Fuel.GEOTHERMAL,
    "Hydro Run-of-River": Fuel.HYDRO,
    "Hydro water reservoir": Fuel.HYDRO,
    "Nuclear": Fuel.NUCLEAR,
    "Solar": Fuel.SOLAR,
    "Wind onshore": Fuel.WIND_ONSHORE,
    "Wind offshore": Fuel.WIND_OFFSHORE,
    "Others": Fuel.UNKNOWN,
    "Other fossil": Fuel.UNKNOWN,
    "Other renewables": Fuel.UNKNOWN,
    "Waste": Fuel.UNKNOWN,
}
"""Everything else in an answer is storage, trade, load or a share of them."""
NAMES: Final[Mapping[str, str]] = {"GB": "uk"}
_COUNTRY = re.compile(r"[A-Z]{2}")


class EnergyChartsSettings(HttpSection):
    """The public API of Fraunhofer ISE."""

    BASES: ClassVar[tuple[str, ...]] = ("average-lifecycle", "average-direct")

    provider: Literal["energy-charts"]
    url: Url = ADDRESS

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider that asks this API."""
        return EnergyCharts(reader=self.reader(name, session), url=self.url, basis=self.basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCharts:
    """The API at one address. What is generated in a country, in intervals of 15 minutes or an hour."""

    reader: JsonReader
    url: str
    basis: Basis

    async def now(self, zone: str, at: datetime) -> Reading:
        """The newest interval for which every fuel has reported, `Measured`."""
        if _COUNTRY.fullmatch(zone) is None:
            return unknown_zone(zone, self.reader.name, "zones are countries, as in DE")
        try:
            data = await self.history(zone, at)
        except NotFound as error:
            return unknown_zone(zone, self.reader.name, error.said)
        return present(data, at, Quality.MEASURED, self.reader.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:  # noqa: ARG002  generation that was
        """None: it publishes what was generated."""
        return None

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """The day before `at`, without intervals for which a fuel is missing."""
        if _COUNTRY.fullmatch(zone) is None:
            return ()
        end = at.astimezone(UTC)
        span = {
            "start": f"{end - timedelta(hours=25):%Y-%m-%dT%H:%MZ}",
            "end": f"{end:%Y-%m-%dT%H:%MZ}",
        }
        body = await self.reader.get(f"{self.url}/public_power", {"country": NAMES.get(zone, zone.lower()), **span})
        return tuple(sorted(self._data(body), key=lambda datum: datum.time))

    def _data(self, body: Any) -> Iterator[Datum]:
        types = rows_under(body, self.reader.name, "production_types")
        seconds = body.get("unix_seconds")
        if not isinstance(seconds, list):
            raise SourceUnavailable(self.reader.name, "returned no unix_seconds")
        columns = [(FUELS[name], column) for name, column in _columns(types) if any(one is not None for one in column)]
        for place, moment in enumerate(seconds[-MOST_INTERVALS:], start=max(0, len(seconds) - MOST_INTERVALS)):
            time, grams = _time(moment), self._grams(columns, place)
            if time is not None and grams is not None:
                yield Datum(time=time, grams_per_kilowatt_hour=grams)

    def _grams(self, columns: Sequence[tuple[Fuel, Sequence[object]]], place: int) -> float | None:
        """The intensity of one interval; None while a fuel that is reported at other times is missing."""
        megawatts: dict[Fuel, float] = {}
        for fuel, column in columns:
            value = column[place] if place < len(column) else None
            if value is None:
                return None
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST_MEGAWATTS:
                raise SourceUnavailable(self.reader.name, f"{str(value)[:40]!r} is not a number of megawatts")
            megawatts[fuel] = megawatts.get(fuel, 0.0) + max(0.0, value)
        return mix_intensity(megawatts, self.basis.scope)


def _columns(types: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[object]]]:
    """Names of generation with their values."""
    for one in types:
        title, column = one.get("name"), one.get("data")
        name = title.get("en") if isinstance(title, Mapping) else title
        if isinstance(name, str) and name in FUELS and isinstance(column, list):
            yield name, column


def _time(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 4e9:
        return None
    return datetime.fromtimestamp(seconds, tz=UTC)
