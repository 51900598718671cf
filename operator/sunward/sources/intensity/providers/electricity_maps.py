"""Grid intensity from an API that speaks version 3 of Electricity Maps.

The zone is always named: without one the API answers for the place of the caller's address. It must not know what
happens when it fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import aiohttp

from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Absent, Quality, Reading, Series
from sunward.domain.reasons import Reason
from sunward.settings.address import Url
from sunward.settings.token import TokenFile, read_token
from sunward.sources.http import JsonReader, NotFound, said
from sunward.sources.intensity.provider import (
    Datum,
    IntensityProvider,
    parse_time,
    reading,
    regular_series,
    unknown_zone,
)
from sunward.sources.intensity.rows import data_of, rows_under
from sunward.sources.intensity.section import HttpSection

NO_DATA: Final = "no recent data"
"""In the body of a 404: the zone exists, and its grid's data are late. Otherwise there is no such zone."""


class ElectricityMapsSettings(HttpSection):
    """An account at an API that speaks version 3 of Electricity Maps."""

    provider: Literal["electricity-maps"]
    url: Url
    token_file: TokenFile | None = None

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider that asks this API."""
        reader = self.reader(name, session)
        return ElectricityMaps(reader=reader, url=self.url, basis=self.basis, token_file=self.token_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricityMaps:
    """One account at one address: the folder that holds `carbon-intensity`, or the server alone, and then its /v3.

    The token file is read at every question, so that it may be rotated.
    """

    reader: JsonReader
    url: str
    basis: Basis
    token_file: Path | None = None

    async def now(self, zone: str, at: datetime) -> Reading:  # noqa: ARG002  the API knows only its own present
        """The latest datum; `Estimated` when the API says that it is a model's and not the grid's."""
        try:
            body = await self._ask("latest", zone)
        except NotFound as error:
            if NO_DATA in error.said.casefold():
                raise SourceUnavailable(self.reader.name, error.said) from None
            return unknown_zone(zone, self.reader.name, error.said)
        return self._latest(body)

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        """The API's forecast; None where the account has none (it is not part of the free tier) or it does not fit."""
        try:
            body = await self._ask("forecast", zone)
        except NotFound:
            return None
        data = self._data(body, "forecast")
        issued = parse_time(body.get("updatedAt")) or at
        return regular_series(data, at, issued, self.reader.name)

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:  # noqa: ARG002  the API's own last day
        """The last day, oldest first; values that cannot be are left out. Empty for a zone that it does not have."""
        try:
            body = await self._ask("history", zone)
        except NotFound:
            return ()
        return self._data(body, "history")

    async def _ask(self, question: str, zone: str) -> Mapping[str, Any]:
        parameters = {"zone": zone, "emissionFactorType": self.basis.scope.value}
        folder = self.url if urlsplit(self.url).path else f"{self.url}/v3"
        url = f"{folder}/carbon-intensity/{question}"
        body = await self.reader.get(url, parameters, self._headers())
        if not isinstance(body, Mapping) or body.get("zone") != zone:
            raise SourceUnavailable(self.reader.name, _another(body, zone))
        return body

    def _headers(self) -> dict[str, str]:
        if self.token_file is None:
            return {}
        return {"auth-token": read_token(self.token_file, self.reader.name, "ascii")}

    def _latest(self, body: Mapping[str, Any]) -> Reading:
        time = parse_time(body.get("datetime"))
        if time is None:
            return Absent(cause=Cause(Reason.DATA_MISSING, "the value has no time"), source=self.reader.name)
        quality = Quality.ESTIMATED if body.get("isEstimated") is not False else Quality.MEASURED
        return reading(body.get("carbonIntensity"), time, quality, self.reader.name)

    def _data(self, body: Mapping[str, Any], key: str) -> tuple[Datum, ...]:
        """The rows under `key` that have a time and a possible value; one row out of range refuses them all."""
        rows = rows_under(body, self.reader.name, key)
        return data_of(
            rows, self.reader.name, lambda row: parse_time(row.get("datetime")), lambda row: row.get("carbonIntensity")
        )


def _another(body: object, zone: str) -> str:
    """Why an answer is none about this zone."""
    words = said(body)
    if words:
        return f"returned no data for zone {zone}; it says: {words!r}"
    other = str(body.get("zone"))[:40] if isinstance(body, Mapping) else "none"
    return f"returned data for zone {other}, not {zone}: was it renamed?"
