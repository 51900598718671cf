"""The emissions feed: answers like version 3 of the Electricity Maps API, from the scenario's grid.

Written from the public description of the API. Values are whole grams per kilowatt-hour as there;
timestamps are the present, spaced as the scenario says.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from .faults import Faults, FeedFault
from .scenario import Forecast
from .weather import Slot, Weather


class EmissionsFeed:
    """Answers for every zone of the scenario; any `auth-token` is accepted."""

    def __init__(self, weather: Weather, forecast: Forecast, faults: Faults) -> None:
        """Answer from this weather, with this many entries."""
        self._weather = weather
        self._forecast = forecast
        self._faults = faults
        self._frozen_at: float | None = None

    def application(self) -> web.Application:
        """The HTTP side."""
        application = web.Application()
        application.router.add_get("/v3/carbon-intensity/latest", self.latest)
        application.router.add_get("/v3/carbon-intensity/history", self.history)
        application.router.add_get("/v3/carbon-intensity/forecast", self.forecast)
        application.router.add_get("/v3/zones", self.zones)
        return application

    async def latest(self, request: web.Request) -> web.Response:
        """The slot that holds now."""
        zone, now = await self._admit(request)
        return web.json_response({"zone": zone, **self._row(self._weather.slot(zone, now), request)})

    async def history(self, request: web.Request) -> web.Response:
        """The last slots, oldest first, the present one included."""
        zone, now = await self._admit(request)
        slots = (self._weather.slot(zone, now, back) for back in range(1 - self._forecast.history_entries, 1))
        rows = [{"zone": zone, **self._row(slot, request)} for slot in slots]
        return web.json_response({"zone": zone, "history": rows, "temporalGranularity": "hourly"})

    async def forecast(self, request: web.Request) -> web.Response:
        """The present slot and those that follow."""
        zone, now = await self._admit(request)
        slots = (self._weather.slot(zone, now, ahead) for ahead in range(self._forecast.entries))
        rows = [{"carbonIntensity": slot.grams_per_kilowatt_hour, "datetime": _iso(slot.start)} for slot in slots]
        body = {"zone": zone, "forecast": rows, "updatedAt": _iso(datetime.fromtimestamp(now, UTC))}
        return web.json_response({**body, "temporalGranularity": "hourly"})

    async def zones(self, _: web.Request) -> web.Response:
        """Which zones exist."""
        await self._misbehave()
        return web.json_response({zone: {"zoneName": zone} for zone in sorted(self._weather.zones)})

    async def _admit(self, request: web.Request) -> tuple[str, float]:
        """The zone asked for and the time to answer for; raises the API's own errors."""
        await self._misbehave()
        zone = request.query.get("zone")
        if not zone:
            raise _refusal(web.HTTPBadRequest, "A zone parameter is required.")
        if zone not in self._weather.zones:
            raise _refusal(web.HTTPNotFound, f"Zone '{zone}' does not exist.")
        return zone, self._now()

    async def _misbehave(self) -> None:
        if self._faults.feed is FeedFault.TIMEOUT:
            await asyncio.Event().wait()
        if self._faults.feed is FeedFault.ERROR:
            raise _refusal(web.HTTPInternalServerError, "Internal server error")
        if self._faults.feed is FeedFault.REFUSED:
            raise _refusal(web.HTTPUnauthorized, "Invalid auth-token")

    def _now(self) -> float:
        now = time.time()
        if self._faults.feed is not FeedFault.FROZEN:
            self._frozen_at = None
            return now
        if self._frozen_at is None:
            self._frozen_at = now
        return self._frozen_at

    def _row(self, slot: Slot, request: web.Request) -> dict[str, Any]:
        value = None if self._faults.feed is FeedFault.EMPTY else slot.grams_per_kilowatt_hour
        return {
            "carbonIntensity": value,
            "datetime": _iso(slot.start),
            "updatedAt": _iso(slot.start),
            "createdAt": _iso(slot.start),
            "emissionFactorType": request.query.get("emissionFactorType", "lifecycle"),
            "isEstimated": False,
            "estimationMethod": None,
            "temporalGranularity": "hourly",
        }


def _refusal(kind: type[web.HTTPException], message: str) -> web.HTTPException:
    body = web.json_response({"status": "error", "message": message}).text
    return kind(text=body, content_type="application/json")


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
