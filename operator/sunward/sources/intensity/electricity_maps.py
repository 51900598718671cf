"""Grid intensity from an API that speaks version 3 of Electricity Maps.

The zone is always named: without one the API answers for the place of the caller's address. It must not know what
happens when it fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Absent, Quality, Reading, Series
from sunward.domain.reasons import Reason
from sunward.sources.http import JsonReader, NotFound
from sunward.sources.intensity.provider import Datum, checked_intensity, reading, regular_series, unknown_zone

_LONGEST_TOKEN = 4096


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
        except NotFound:
            return unknown_zone(zone, self.reader.name)
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
        return tuple(sorted(self._data(body, "history"), key=lambda datum: datum.time))

    async def _ask(self, question: str, zone: str) -> Mapping[str, Any]:
        parameters = {"zone": zone, "emissionFactorType": self.basis.scope.value}
        folder = self.url if urlsplit(self.url).path else f"{self.url}/v3"
        url = f"{folder}/carbon-intensity/{question}"
        body = await self.reader.get(url, parameters, self._headers())
        if not isinstance(body, Mapping) or body.get("zone") != zone:
            raise SourceUnavailable(self.reader.name, f"answered for another zone than {zone}")
        return body

    def _headers(self) -> dict[str, str]:
        if self.token_file is None:
            return {}
        try:
            token = self.token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceUnavailable(self.reader.name, f"token file: {type(error).__name__}") from None
        if not token or len(token) > _LONGEST_TOKEN or not token.isprintable():
            raise SourceUnavailable(self.reader.name, "token file: holds no token")
        return {"auth-token": token}

    def _latest(self, body: Mapping[str, Any]) -> Reading:
        time = parse_time(body.get("datetime"))
        if time is None:
            return Absent(reason=Reason.DATA_MISSING, source=self.reader.name, detail="the datum has no time")
        quality = Quality.ESTIMATED if body.get("isEstimated") is not False else Quality.MEASURED
        return reading(body.get("carbonIntensity"), time, quality, self.reader.name)

    def _data(self, body: Mapping[str, Any], key: str) -> list[Datum]:
        """The rows under `key` that have a time and a possible value; one row out of range refuses them all."""
        rows = body.get(key)
        if not isinstance(rows, Sequence) or isinstance(rows, str):
            raise SourceUnavailable(self.reader.name, f"answered without {key}")
        data = []
        for row in rows:
            time = parse_time(row.get("datetime")) if isinstance(row, Mapping) else None
            if time is None or row.get("carbonIntensity") is None:
                continue
            value = checked_intensity(row["carbonIntensity"])
            if value is None:
                raise SourceUnavailable(self.reader.name, f"{key} holds a value that is no intensity in g/kWh")
            data.append(Datum(time=time, grams_per_kilowatt_hour=value))
        return data


def parse_time(text: object) -> datetime | None:
    """An aware time from ISO 8601 text, or None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.utcoffset() is not None else None
