"""Every provider of grid intensity that is asked over HTTP, with answers in the shape of its real service.

The shapes are those that the services document and that public clients record; the numbers are made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from sunward.domain.measurement import Quality
from support.tree.registries import PROVIDERS

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIME = "2026-06-01T12:00:00Z"
Answer = Callable[[Any, Any], Any]
"""From a value and a time, as they stand in an answer, to the body about the present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One kind of provider: its settings, a zone, how its API answers, and what a good value of it means."""

    zone: str
    answer: Answer
    good: Any
    grams: float
    time: Any = TIME
    quality: Quality = Quality.ESTIMATED
    section: Mapping[str, Any] = field(default_factory=dict)
    other_unit: Any = 1_000_000
    questions: Mapping[str, str] = field(default_factory=dict)

    def settings(self, name: str, url: str, secret: Path) -> Any:
        """Its section of the settings file."""
        files = {key: str(secret) if value == "SECRET" else value for key, value in self.section.items()}
        return PROVIDERS.validate_python({"provider": name, "url": url, **files})


def maps(value: Any, time: Any) -> Any:
    return {"zone": "DE", "carbonIntensity": value, "datetime": time, "isEstimated": True}


def neso(value: Any, time: Any) -> Any:
    row = {"from": time, "to": "2026-06-01T12:30Z", "intensity": {"forecast": value, "index": "moderate"}}
    region = {"regionid": 13, "dnoregion": "UKPN London", "shortname": "London", "data": [row]}
    return {"data": [region]}


def neso_national(value: Any, time: Any) -> Any:
    intensity = {"forecast": 150, "actual": value, "index": "moderate"}
    return {"data": [{"from": time, "to": "2026-06-01T12:30Z", "intensity": intensity}]}


def watttime(value: Any, time: Any) -> Any:
    meta = {"region": "CAISO_NORTH", "signal_type": "co2_moer", "units": "lbs_co2_per_mwh", "warnings": []}
    return {"data": [{"point_time": time, "value": value}], "meta": meta, "token": "abc"}


def percentile(value: Any, time: Any) -> Any:
    meta = {"region": "PJM_DC", "signal_type": "co2_moer", "units": "percentile"}
    return {"data": [{"point_time": time, "value": value}], "meta": meta, "token": "abc"}


def energy_charts(value: Any, time: Any) -> Any:
    types = [
        {"name": "Hydro pumped storage consumption", "data": [-500.0]},
        {"name": "Cross border electricity trading", "data": [-1000.0]},
        {"name": "Fossil hard coal", "data": [value]},
        {"name": "Wind onshore", "data": [1000.0]},
        {"name": "Nuclear", "data": [None]},
        {"name": "Load", "data": [50_000.0]},
        {"name": "Renewable share of load", "data": [40.0]},
    ]
    return {"unix_seconds": [time], "production_types": types, "deprecated": False}


def eia(value: Any, time: Any) -> Any:
    def row(fuel: str, amount: Any) -> Any:
        return {"period": time, "respondent": "CISO", "fueltype": fuel, "value": amount, "value-units": "megawatthours"}

    return {"response": {"total": "3", "data": [row("NG", value), row("SUN", "1000"), row("BAT", "500")]}}


def carbon_aware(value: Any, time: Any) -> Any:
    return [{"location": "eastus", "time": time, "rating": value, "duration": "01:00:00"}]


def series(value: Any, time: Any) -> Any:
    """Both questions, the value and its time, are told apart by `Server`."""
    labels = {"location": "DE", "provider": "Ember", "units": "gCO2e per kWh", "is_estimated": "true"}
    result = [{"metric": labels, "value": [time, value]}]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


SERVICES: Mapping[str, Service] = {
    "electricity-maps": Service(zone="DE", answer=maps, good=300, grams=300.0),
    "neso": Service(
        zone="GB-13", answer=neso, good=120, grams=120.0, time="2026-06-01T12:00Z", quality=Quality.FORECAST
    ),
    "neso of the whole": Service(
        zone="GB", answer=neso_national, good=140, grams=140.0, time="2026-06-01T12:00Z", quality=Quality.MEASURED
    ),
    "watttime": Service(
        zone="CAISO_NORTH",
        answer=watttime,
        good=1000.0,
        grams=453.59237,
        time="2026-06-01T12:00:00+00:00",
        quality=Quality.FORECAST,
        section={"username": "me", "passwordFile": "SECRET"},
    ),
    "watttime of a free account": Service(
        zone="PJM_DC",
        answer=percentile,
        good=50,
        grams=450.0,
        time="2026-06-01T12:00:00+00:00",
        section={"username": "me", "passwordFile": "SECRET", "gramsAtPercentile": {"PJM_DC": [300.0, 600.0]}},
    ),
    "energy-charts": Service(
        zone="DE",
        answer=energy_charts,
        good=1000.0,
        grams=(820.0 + 11.0) / 2,
        time=int(NOON.timestamp()),
        quality=Quality.MEASURED,
        other_unit=1e9,
    ),
    "eia": Service(
        zone="US-CAL-CISO",
        answer=eia,
        good="1000",
        grams=(490.0 + 48.0) / 2,
        time="2026-06-01T13",
        quality=Quality.MEASURED,
        section={"tokenFile": "SECRET"},
        other_unit="100000000",
    ),
    "carbon-aware-sdk": Service(zone="eastus", answer=carbon_aware, good=210.5, grams=210.5),
    "prometheus": Service(
        zone="DE", answer=series, good="67.781", grams=67.781, time=NOON.timestamp(), other_unit="100000"
    ),
}
"""By the provider's name, with a word behind it where one provider has several ways to answer."""


@dataclass(slots=True, kw_only=True)
class Server:
    """The service of one kind: answers every question about the present with one value and its time."""

    service: Service
    value: Any
    time: Any
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of `support.sources.serving`."""
        if self.body is not None or self.status != 200:
            return web.json_response(self.body, status=self.status, headers=self.headers)
        asked = await request.post()
        if str(asked.get("query", "")).startswith("timestamp("):
            return web.json_response(series(str(self.time), NOON.timestamp()))
        return web.json_response(self.service.answer(self.value, self.time))


def later(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)
