"""Grid intensity of balancing authorities of the United States, computed from the generation mix of form EIA-930.

A zone ends with the authority's code, after a hyphen or alone: `CISO` and `US-CAL-CISO` are the same. Its key is free.
It must not know what happens when it fails.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Literal

import aiohttp

from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Quality, Reading, Series
from sunward.settings.address import Url
from sunward.settings.token import TokenFile, read_token
from sunward.sources.http import JsonReader
from sunward.sources.intensity.mix import Fuel, mix_intensity
from sunward.sources.intensity.provider import Datum, IntensityProvider, parse_time
from sunward.sources.intensity.rows import Row, number, present, rows_under
from sunward.sources.intensity.section import HttpSection

ADDRESS: Final = "https://api.eia.gov"
DAYS: Final = 2
"""How far back is asked: many authorities report a day late."""
FUELS: Final[Mapping[str, Fuel]] = {
    "COL": Fuel.COAL,
    "GEO": Fuel.GEOTHERMAL,
    "NG": Fuel.GAS,
    "NUC": Fuel.NUCLEAR,
    "OIL": Fuel.OIL,
    "SUN": Fuel.SOLAR,
    "WAT": Fuel.HYDRO,
    "WND": Fuel.WIND_ONSHORE,
    "OTH": Fuel.UNKNOWN,
    "UNK": Fuel.UNKNOWN,
    "SNB": Fuel.SOLAR,
    "WNB": Fuel.WIND_ONSHORE,
}
"""BAT, PS, OES and UES are storage: what it gives was generated before, and is counted there."""
_PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}")
LARGEST_MEGAWATT_HOURS: Final = 1e6
"""Of one fuel in one hour; the whole country generates about half of this."""


class EiaSettings(HttpSection):
    """A key of the Energy Information Administration."""

    BASES: ClassVar[tuple[str, ...]] = ("average-lifecycle", "average-direct")

    provider: Literal["eia"]
    url: Url = ADDRESS
    token_file: TokenFile

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider that asks this API."""
        return Eia(reader=self.reader(name, session), url=self.url, basis=self.basis, token_file=self.token_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Eia:
    """One key at one address. Hourly net generation; the key is part of the URL and never part of an error."""

    reader: JsonReader
    url: str
    basis: Basis
    token_file: Path

    async def now(self, zone: str, at: datetime) -> Reading:
        """The newest hour that is reported, `Measured`. It is often more than two hours old, and then too old."""
        return present(await self.history(zone, at), at, Quality.MEASURED, self.reader.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:  # noqa: ARG002  generation that was
        """None: it publishes what was generated."""
        return None

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """The hours of the last days."""
        end = at.astimezone(UTC)
        body = await self.reader.get(
            f"{self.url}/v2/electricity/rto/fuel-type-data/data/",
            {
                "api_key": read_token(self.token_file, self.reader.name, "ascii"),
                "frequency": "hourly",
                "data[0]": "value",
                "facets[respondent][]": zone.rsplit("-", 1)[-1],
                "start": f"{end - timedelta(days=DAYS):%Y-%m-%dT%H}",
                "end": f"{end + timedelta(hours=1):%Y-%m-%dT%H}",
                "sort[0][column]": "period",
                "sort[0][direction]": "desc",
                "length": "1500",
            },
        )
        return tuple(sorted(self._data(rows_under(body, self.reader.name, "response", "data")), key=lambda d: d.time))

    def _data(self, rows: Sequence[Row]) -> Iterator[Datum]:
        hours: defaultdict[datetime, dict[Fuel, float]] = defaultdict(dict)
        for row in rows:
            begins, fuel = _begins(row), FUELS.get(str(row.get("fueltype")))
            if begins is not None and fuel is not None and row.get("value") is not None:
                mix = hours[begins]
                mix[fuel] = mix.get(fuel, 0.0) + max(0.0, self._megawatt_hours(row["value"]))
        most = max((len(mix) for mix in hours.values()), default=0)
        for begins, mix in hours.items():
            grams = mix_intensity(mix, self.basis.scope)
            if grams is not None and len(mix) == most:
                yield Datum(time=begins, grams_per_kilowatt_hour=grams)

    def _megawatt_hours(self, value: object) -> float:
        found = number(value)
        if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= LARGEST_MEGAWATT_HOURS:
            raise SourceUnavailable(self.reader.name, f"{str(value)[:40]!r} is not a number of megawatt-hours")
        return float(found)


def _begins(row: Row) -> datetime | None:
    """When the hour of a row begins: `period` is its end, as in 2026-06-01T13, in UTC."""
    period = row.get("period")
    end = parse_time(f"{period}:00Z") if isinstance(period, str) and _PERIOD.fullmatch(period) else None
    return None if end is None else end - timedelta(hours=1)
