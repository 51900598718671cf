"""Harvest from forecast.solar's estimate of a panel's power, which needs no account.

It must not know what happens when it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, Literal

import aiohttp

from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Series
from sunward.domain.nodes import Panel
from sunward.settings.address import Url
from sunward.sources.http import JsonReader, said
from sunward.sources.sun.hours import HOUR, checked_ratio, hourly
from sunward.sources.sun.section import MOST_HOURS, NAME, SunSection, SunService

ADDRESS: Final = "https://api.forecast.solar"
ASKED_WATTS: Final = 1000.0
"""A panel of a kilowatt is asked about: what it gives is a share that holds for a smaller one too."""
LONGEST_STEP = timedelta(hours=2)
"""Between two estimates of a day; a longer time without any is a night, in which nothing is generated."""


class ForecastSolarSettings(SunSection):
    """The public API: twelve questions an hour."""

    provider: Literal["forecast-solar"]
    url: Url = ADDRESS

    def build(self, session: aiohttp.ClientSession) -> SunService:
        """The service that asks this API."""
        return ForecastSolar(reader=self.reader(session), url=self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSolar:
    """The API at one address."""

    reader: JsonReader
    url: str

    async def ratio(self, panel: Panel, at: datetime) -> Series | None:
        """Today and tomorrow: the power between two estimates lies on a straight line."""
        place = f"{panel.latitude_degrees:.4f}/{panel.longitude_degrees:.4f}"
        position = f"{panel.tilt_degrees:g}/{panel.azimuth_degrees:g}"
        url = f"{self.url}/estimate/watts/{place}/{position}/{ASKED_WATTS / 1000.0:g}"
        body = await self.reader.get(url, {"time": "utc"})
        return hourly(_means(_points(body)), at, "forecast-solar")


def _points(body: Any) -> list[tuple[datetime, float]]:
    """Estimates in order of time."""
    result = body.get("result") if isinstance(body, Mapping) else None
    if not isinstance(result, Mapping):
        words = said(body)
        raise SourceUnavailable(NAME, "returned no result" + (f"; it says: {words!r}" if words else ""))
    points = []
    for text, value in list(result.items())[: 4 * MOST_HOURS]:
        time, ratio = _time(text), checked_ratio(value, ASKED_WATTS)
        if time is not None and ratio is not None:
            points.append((time, ratio))
    return sorted(points)


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.utcoffset() is not None and 1900 < moment.year < 9000 else None


def _means(points: list[tuple[datetime, float]]) -> dict[datetime, float]:
    """The mean of each hour between the first estimate and the last."""
    if len(points) < 2:
        return {}
    first = points[0][0].replace(minute=0, second=0, microsecond=0)
    count = min(MOST_HOURS, int((points[-1][0] - first) / HOUR) + 1)
    means = {first + k * HOUR: 0.0 for k in range(count)}
    for (begins, before), (ends, after) in pairwise(points):
        if ends - begins <= LONGEST_STEP:
            _add(means, begins, before, ends, after)
    return means


def _add(means: dict[datetime, float], begins: datetime, before: float, ends: datetime, after: float) -> None:
    """Add a straight line between two estimates to the hours that it touches."""
    start = begins
    while start < ends:
        hour = start.replace(minute=0, second=0, microsecond=0)
        stop = min(ends, hour + HOUR)
        middle = (start + (stop - start) / 2 - begins) / (ends - begins)
        if hour in means:
            means[hour] += (before + (after - before) * middle) * ((stop - start) / HOUR)
        start = stop
