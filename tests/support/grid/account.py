"""Electricity Maps as a free account sees it, in virtual time: estimates first, measured hours later, limits.

`latest` is an estimate, and from a quarter of an hour before the full hour that of the next one; `history` holds the
last 24 hours, in which measured hours replace their estimates after three hours; `forecast` is not part of the
account; every so many requests the limit is reached for ten minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

EARLY = timedelta(minutes=12)
MEASURED_AFTER = timedelta(hours=3)
DAY_HOURS = 24
REQUESTS_UNTIL_THE_LIMIT = 40
LIMITED_FOR = timedelta(minutes=10)
HOUR = timedelta(hours=1)


@dataclass(slots=True, kw_only=True)
class FreeAccount:
    """One server: hourly `values` by zone from `start`, in g/kWh; `perfect` makes every hour measured at once."""

    values: Mapping[str, Sequence[float]]
    start: datetime
    now: datetime
    perfect: bool = False
    asked: int = 0
    refused: int = 0
    hammered: int = 0
    _closed_until: dict[str, datetime] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of `support.sources.serving`."""
        self.asked += 1
        zone, question = request.query["zone"], request.path.rsplit("/", 1)[1]
        if not self.perfect and (limited := self._limited(zone)) is not None:
            return limited
        if question == "forecast":
            return web.json_response({"error": "Your plan does not include this endpoint"}, status=403)
        if question == "latest":
            return web.json_response({"zone": zone, **self._row(zone, self._latest())})
        first = self._latest() - timedelta(hours=DAY_HOURS - 1)
        rows = [self._row(zone, first + number * HOUR) for number in range(DAY_HOURS)]
        return web.json_response({"zone": zone, "history": rows})

    def _limited(self, zone: str) -> web.Response | None:
        """HTTP 429 at every so many requests; whoever asks again in the minutes after that is counted."""
        closed = self._closed_until.get(zone, self.start)
        self.hammered += self.now < closed
        if self.asked % REQUESTS_UNTIL_THE_LIMIT and self.now >= closed:
            return None
        self.refused += 1
        self._closed_until[zone] = max(closed, self.now + LIMITED_FOR)
        headers = {"Retry-After": f"{LIMITED_FOR.total_seconds():.0f}"}
        return web.json_response({"message": "API rate limit exceeded"}, status=429, headers=headers)

    def _latest(self) -> datetime:
        moment = self.now if self.perfect else self.now + EARLY
        return moment.replace(minute=0, second=0, microsecond=0)

    def _row(self, zone: str, hour: datetime) -> dict[str, Any]:
        measured = self.perfect or hour + HOUR + MEASURED_AFTER <= self.now
        value = self._true(zone, hour) if measured else self._estimate(zone, hour)
        return {
            "carbonIntensity": round(value),
            "datetime": f"{hour:%Y-%m-%dT%H:00:00.000Z}",
            "updatedAt": f"{self.now:%Y-%m-%dT%H:%M:%S.000Z}",
            "emissionFactorType": "lifecycle",
            "isEstimated": not measured,
            "estimationMethod": None if measured else "TIME_SLICER_AVERAGE",
        }

    def _estimate(self, zone: str, hour: datetime) -> float:
        """The mean of the same hour of the three days before, as far as they are known."""
        days = [self._true(zone, hour - timedelta(days=back)) for back in (1, 2, 3)]
        return sum(days) / len(days)

    def _true(self, zone: str, hour: datetime) -> float:
        values = self.values[zone]
        return values[(hour - self.start) // HOUR % len(values)]
