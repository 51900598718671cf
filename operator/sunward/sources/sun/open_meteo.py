"""Harvest from Open-Meteo's forecast of the irradiance on a tilted plane, which needs no account.

A panel is taken to give its nameplate at 1000 W/m2. It must not know what happens when it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import aiohttp

from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Series
from sunward.domain.nodes import Panel
from sunward.settings.address import Url
from sunward.sources.http import JsonReader, said
from sunward.sources.sun.hours import HOUR, checked_ratio, hourly
from sunward.sources.sun.section import MOST_HOURS, NAME, SunSection, SunService

ADDRESS: Final = "https://api.open-meteo.com"
VARIABLE: Final = "global_tilted_irradiance"
STANDARD_WATTS_PER_SQUARE_METRE: Final = 1000.0
"""Irradiance of the standard test conditions, at which a panel gives its nameplate."""


class OpenMeteoSettings(SunSection):
    """The public API, or one of your own."""

    provider: Literal["open-meteo"]
    url: Url = ADDRESS

    def build(self, session: aiohttp.ClientSession) -> SunService:
        """The service that asks this API."""
        return OpenMeteo(reader=self.reader(session), url=self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMeteo:
    """The API at one address."""

    reader: JsonReader
    url: str

    async def ratio(self, panel: Panel, at: datetime) -> Series | None:
        """Two days of hours. A value at a full hour is the mean of the hour before it."""
        parameters = {
            "latitude": f"{panel.latitude_degrees:.4f}",
            "longitude": f"{panel.longitude_degrees:.4f}",
            "hourly": VARIABLE,
            "tilt": f"{panel.tilt_degrees:g}",
            "azimuth": f"{panel.azimuth_degrees:g}",
            "timezone": "GMT",
            "forecast_days": "3",
        }
        body = await self.reader.get(f"{self.url}/v1/forecast", parameters)
        return hourly(dict(_hours(body)), at, "open-meteo")


def _hours(body: Any) -> list[tuple[datetime, float]]:
    found = body.get("hourly") if isinstance(body, Mapping) else None
    times, values = (found.get("time"), found.get(VARIABLE)) if isinstance(found, Mapping) else (None, None)
    if not isinstance(times, list) or not isinstance(values, list):
        words = said(body)
        raise SourceUnavailable(NAME, f"returned no hours of {VARIABLE}" + (f"; it says: {words!r}" if words else ""))
    hours = []
    for text, value in zip(times[:MOST_HOURS], values, strict=False):
        end, ratio = _time(text), checked_ratio(value, STANDARD_WATTS_PER_SQUARE_METRE)
        if end is not None and ratio is not None:
            hours.append((end - HOUR, ratio))
    return hours


def _time(text: object) -> datetime | None:
    """A time such as 2026-06-01T12:00, in UTC because UTC was asked for."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and 1900 < moment.year < 9000 else None
