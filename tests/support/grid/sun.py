"""Services of the sun as they answer, with the output of a panel that a test defines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

Ratio = Callable[[datetime, datetime], float]
"""Mean output of a panel between two times, as a share of its nameplate."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """Answers as Open-Meteo and as forecast.solar, for three days from `start`."""

    ratio: Ratio
    start: datetime

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of `support.sources.serving`."""
        body = self.open_meteo() if request.path == "/v1/forecast" else self.forecast_solar()
        return web.json_response(body)

    def open_meteo(self) -> Any:
        ends = [self.start + number * HOUR for number in range(72)]
        return {
            "latitude": 52.52,
            "longitude": 13.419,
            "utc_offset_seconds": 0,
            "timezone": "GMT",
            "hourly_units": {"time": "iso8601", "global_tilted_irradiance": "W/m²"},
            "hourly": {
                "time": [f"{end:%Y-%m-%dT%H:%M}" for end in ends],
                "global_tilted_irradiance": [round(1000.0 * self.ratio(end - HOUR, end), 1) for end in ends],
            },
        }

    def forecast_solar(self) -> Any:
        """Estimates of the power at full hours, none at night."""
        moments = [self.start + number * HOUR for number in range(48)]
        quarter = timedelta(minutes=15)
        watts = {moment: round(1000.0 * self.ratio(moment - quarter, moment + quarter)) for moment in moments}
        lit = [moment for moment in moments if any(watts.get(moment + k * HOUR) for k in (-1, 0, 1))]
        return {
            "result": {moment.isoformat(): watts[moment] for moment in lit},
            "message": {"code": 0, "type": "success", "info": {"timezone": "UTC"}, "ratelimit": {"limit": 12}},
        }
