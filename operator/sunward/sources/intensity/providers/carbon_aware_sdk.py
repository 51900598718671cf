"""Grid intensity from the WebAPI of the Green Software Foundation's Carbon Aware SDK, which users run themselves.

It does not say whether a value was measured, so all its values of the present are estimates. It must not know what
happens when it fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import aiohttp

from sunward.domain.intensity import Basis
from sunward.domain.measurement import Quality, Reading, Series
from sunward.settings.address import Url
from sunward.sources.http import JsonReader
from sunward.sources.intensity.provider import Datum, IntensityProvider, parse_time, regular_series
from sunward.sources.intensity.rows import data_of, present, rows_under
from sunward.sources.intensity.section import HttpSection


class CarbonAwareSdkSettings(HttpSection):
    """The address of a WebAPI; what its numbers mean depends on the source behind it, so `basis` says it."""

    provider: Literal["carbon-aware-sdk"]
    url: Url

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider that asks this WebAPI."""
        return CarbonAwareSdk(reader=self.reader(name, session), url=self.url, basis=self.basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonAwareSdk:
    """One WebAPI; a zone is one of its locations."""

    reader: JsonReader
    url: str
    basis: Basis

    async def now(self, zone: str, at: datetime) -> Reading:
        """The last value that has begun, `Estimated`."""
        return present(await self.history(zone, at), at, Quality.ESTIMATED, self.reader.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        """What its source forecasts; None where the source has none."""
        body = await self.reader.get(f"{self.url}/emissions/forecasts/current", {"location": zone})
        rows = rows_under(body, self.reader.name, 0, "forecastData")
        name = self.reader.name
        data = data_of(rows, name, lambda row: parse_time(row.get("timestamp")), lambda row: row.get("value"))
        issued = parse_time(body[0].get("generatedAt"))
        return regular_series(data, at, issued or at, name)

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """The day before `at`."""
        end = at.astimezone(UTC)
        start = end - timedelta(days=1)
        span = {"time": f"{start:%Y-%m-%dT%H:%M:%SZ}", "toTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        body = await self.reader.get(f"{self.url}/emissions/bylocation", {"location": zone, **span})
        rows, name = rows_under(body, self.reader.name), self.reader.name
        return data_of(rows, name, lambda row: parse_time(row.get("time")), lambda row: row.get("rating"))
