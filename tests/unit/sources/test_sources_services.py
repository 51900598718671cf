"""What is particular to one service: logins, forecasts, last days, intervals that are not complete yet, credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis, FactorScope
from sunward.domain.measurement import Measurement, Quality
from sunward.sources.intensity.mix import Fuel, mix_intensity
from sunward.sources.intensity.provider import IntensityProvider
from support.grid.providers import NOON, SERVICES, later
from support.sources import FakeServer, reading, serving

HALF = timedelta(minutes=30)
POUND = 0.45359237


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("open sesame")
    return tmp_path / "secret"


@asynccontextmanager
async def asking(
    kind: str, bodies: Mapping[str, Any], secret: Path, **section: Any
) -> AsyncIterator[tuple[IntensityProvider, FakeServer]]:
    """A provider and its server, which answers by the end of the path; a body may be a status instead."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = next((body for end, body in bodies.items() if request.path.endswith(end)), 404)
        if isinstance(body, list) and body and isinstance(body[0], int):
            body = body.pop(0)
        return web.json_response({}, status=body) if isinstance(body, int) else web.json_response(body)

    async with serving(answer) as server, reading() as reader:
        service = SERVICES[kind]
        given = replace(service, section={**service.section, **section})
        settings = given.settings(kind.split(" of ")[0], server.url, secret)
        yield settings.build("source", reader.session, {}), server


def half_hour(number: int, **intensity: Any) -> dict[str, Any]:
    begins = NOON + number * HALF
    return {"from": f"{begins:%Y-%m-%dT%H:%MZ}", "to": f"{begins + HALF:%Y-%m-%dT%H:%MZ}", "intensity": intensity}


async def test_a_region_of_great_britain_has_a_forecast_of_half_hours(secret: Path) -> None:
    rows = [half_hour(number, forecast=100 + number, index="low") for number in range(-1, 4)]
    body = {"data": {"regionid": 13, "shortname": "London", "data": rows}}
    async with asking("neso", {"/fw48h/regionid/13": body}, secret) as (provider, server):
        found = await provider.forecast("GB-13", later(10))

    assert found is not None
    assert (found.start, found.step, found.values) == (NOON, HALF, (100.0, 101.0, 102.0, 103.0))
    assert server.asked[0].path == "/regional/intensity/2026-06-01T12:10Z/fw48h/regionid/13"


async def test_the_last_day_of_great_britain_is_what_was_metered_where_it_was(secret: Path) -> None:
    rows = [half_hour(-2, forecast=100, actual=90), half_hour(-1, forecast=110, actual=None)]
    async with asking("neso", {"/pt24h": {"data": rows}}, secret) as (provider, server):
        found = await provider.history("GB", NOON)

    assert [datum.grams_per_kilowatt_hour for datum in found] == [90.0, 110.0]
    assert server.asked[0].path == "/intensity/2026-06-01T12:00Z/pt24h"


def moer(*values: float) -> dict[str, Any]:
    step = timedelta(minutes=5)
    data = [{"point_time": (NOON + k * step).isoformat(), "value": value} for k, value in enumerate(values)]
    return {"data": data, "meta": {"region": "CAISO_NORTH", "units": "lbs_co2_per_mwh"}}


async def test_watttime_is_asked_with_a_token_that_one_login_brought(secret: Path) -> None:
    bodies = {"/login": {"token": "abc"}, "/forecast": moer(1000.0, 800.0), "/historical": moer(900.0)}
    async with asking("watttime", bodies, secret) as (provider, server):
        await provider.now("CAISO_NORTH", NOON)
        expected = await provider.forecast("CAISO_NORTH", NOON)
        past = await provider.history("CAISO_NORTH", NOON)

    assert [request.path for request in server.asked] == ["/login", "/v3/forecast", "/v3/forecast", "/v3/historical"]
    assert server.asked[0].headers["Authorization"].startswith("Basic ")
    assert {request.headers["Authorization"] for request in server.asked[1:]} == {"Bearer abc"}
    assert dict(server.asked[1].query) == {"region": "CAISO_NORTH", "signal_type": "co2_moer", "horizon_hours": "0"}
    assert expected is not None
    assert expected.values == pytest.approx((1000.0 * POUND, 800.0 * POUND))
    assert past[0].grams_per_kilowatt_hour == pytest.approx(900.0 * POUND)
    assert dict(server.asked[3].query)["start"] == "2026-05-31T12:00+00:00"


async def test_a_token_that_ended_is_renewed_once(secret: Path) -> None:
    bodies = {"/login": {"token": "abc"}, "/forecast": [401, 401, 401]}
    async with asking("watttime", bodies, secret) as (provider, server):
        with pytest.raises(SourceUnavailable, match="HTTP 401"):
            await provider.now("CAISO_NORTH", NOON)

    assert [request.path for request in server.asked] == ["/login", "/v3/forecast", "/login", "/v3/forecast"]


async def test_a_token_is_renewed_before_it_ends(secret: Path) -> None:
    async with asking("watttime", {"/login": {"token": "abc"}, "/forecast": moer(1000.0)}, secret) as (
        provider,
        server,
    ):
        for minutes in (0, 20, 40):
            await provider.now("CAISO_NORTH", later(minutes))

    assert [request.path for request in server.asked].count("/login") == 2


async def test_the_average_signal_is_asked_for_where_the_basis_says_average(secret: Path) -> None:
    bodies = {"/login": {"token": "abc"}, "/forecast": moer(1000.0)}
    async with asking("watttime", bodies, secret, basis="average-direct") as (provider, server):
        await provider.now("CAISO_NORTH", NOON)

    assert server.asked[1].query["signal_type"] == "co2_aoer"


def production(**columns: list[float | None]) -> dict[str, Any]:
    names = {"coal": "Fossil hard coal", "wind": "Wind onshore", "waste": "Waste"}
    types = [{"name": names[name], "data": column} for name, column in columns.items()]
    return {"unix_seconds": [int(later(-45 + 15 * k).timestamp()) for k in range(4)], "production_types": types}


async def test_an_interval_counts_when_every_fuel_has_reported(secret: Path) -> None:
    body = production(coal=[100.0, 100.0, None, None], wind=[100.0, 300.0, 500.0, None])
    async with asking("energy-charts", {"/public_power": body}, secret) as (provider, server):
        found = await provider.now("DE", later(1))

    assert isinstance(found, Measurement)
    assert (found.value, found.time) == (pytest.approx((820.0 + 3 * 11.0) / 4), later(-30))
    assert server.asked[0].query["country"] == "de"


async def test_a_mix_of_which_too_little_is_known_has_no_intensity(secret: Path) -> None:
    body = production(coal=[90.0, 90.0, 90.0, 90.0], waste=[5.0, 9.0, 11.0, 50.0])
    async with asking("energy-charts", {"/public_power": body}, secret) as (provider, _):
        found = await provider.history("DE", later(1))

    assert [datum.time for datum in found] == [later(-45), later(-30)]
    assert {datum.grams_per_kilowatt_hour for datum in found} == {820.0}


def hour(period: str, fuel: str, amount: str | None) -> dict[str, Any]:
    return {"period": period, "respondent": "CISO", "fueltype": fuel, "value": amount}


async def test_an_hour_is_named_by_its_end_and_counts_when_every_fuel_has_reported(secret: Path) -> None:
    rows = [
        hour("2026-06-01T13", "NG", "500"),
        hour("2026-06-01T12", "NG", "100"),
        hour("2026-06-01T12", "SUN", "100"),
        hour("2026-06-01T11", "NG", "300"),
        hour("2026-06-01T11", "SUN", "100"),
    ]
    body = {"response": {"data": rows}}
    async with asking("eia", {"/data/": body}, secret) as (provider, server):
        found = await provider.history("US-CAL-CISO", later(10))

    assert [(one.time, one.grams_per_kilowatt_hour) for one in found] == [
        (later(-120), pytest.approx((3 * 490.0 + 48.0) / 4)),
        (later(-60), pytest.approx((490.0 + 48.0) / 2)),
    ]
    query = server.asked[0].query
    assert (query["facets[respondent][]"], query["api_key"], query["data[0]"]) == ("CISO", "open sesame", "value")


async def test_the_key_of_eia_is_in_no_error(secret: Path) -> None:
    async with asking("eia", {"/data/": 500}, secret) as (provider, _):
        with pytest.raises(SourceUnavailable) as caught:
            await provider.now("CISO", NOON)
    assert "sesame" not in str(caught.value)


async def test_the_forecast_of_a_carbon_aware_webapi_is_a_series(secret: Path) -> None:
    data = [
        {"location": "eastus", "timestamp": later(5 * k).isoformat(), "duration": 5, "value": 100.0 + k}
        for k in range(3)
    ]
    body = [{"generatedAt": "2026-06-01T11:58:00Z", "location": "eastus", "windowSize": 5, "forecastData": data}]
    async with asking("carbon-aware-sdk", {"/forecasts/current": body}, secret) as (provider, _):
        found = await provider.forecast("eastus", NOON)

    assert found is not None
    assert (found.values, found.issued_at) == ((100.0, 101.0, 102.0), later(-2))


def vector(*results: tuple[dict[str, str], str]) -> dict[str, Any]:
    rows = [{"metric": labels, "value": [NOON.timestamp(), value]} for labels, value in results]
    return {"status": "success", "data": {"resultType": "vector", "result": rows}}


async def test_a_series_in_prometheus_is_asked_for_by_a_fixed_query_and_with_its_credentials(secret: Path) -> None:
    section = {
        "username": "me",
        "passwordFile": "SECRET",
        "tenant": "farm",
        "metric": "co2",
        "zoneLabel": "zone",
        "labels": {"job": 'a"b'},
        "unit": "lb/MWh",
    }
    body = vector(({"zone": "US"}, f"{NOON.timestamp():.0f}"))
    asked: list[tuple[str, str | None, str | None]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = request.headers
        query = str((await request.post())["query"])
        asked.append((query, headers.get("Authorization"), headers.get("X-Scope-OrgID")))
        return web.json_response(body if query.startswith("timestamp(") else vector(({"zone": "US"}, "1000")))

    async with serving(answer) as server, reading() as reader:
        settings = replace(SERVICES["prometheus"], section=section).settings("prometheus", server.url, secret)
        found = await settings.build("source", reader.session, {}).now("US", NOON)

    assert isinstance(found, Measurement)
    assert (found.value, found.quality) == (pytest.approx(453.59237), Quality.ESTIMATED)
    basic = "Basic bWU6b3BlbiBzZXNhbWU="
    select = 'co2{zone="US",job="a\\"b"}'
    assert asked == [(f"timestamp({select})", basic, "farm"), (select, basic, "farm")]


@pytest.mark.parametrize(
    ("results", "quality"),
    [
        ([({"is_estimated": "false"}, "100")], Quality.MEASURED),
        ([({"is_estimated": "true"}, "100")], Quality.ESTIMATED),
        ([({}, "100")], Quality.ESTIMATED),
        ([({"provider": "a"}, "100"), ({"provider": "b"}, "200")], None),
        ([({"exported_node": "pi-01"}, "100")], Quality.ESTIMATED),
        ([], None),
    ],
)
async def test_exactly_one_series_of_a_zone_counts(
    results: list[tuple[dict[str, str], str]], quality: Quality | None, secret: Path
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        query = str((await request.post())["query"])
        times = [(labels, f"{NOON.timestamp():.0f}") for labels, _ in results]
        return web.json_response(vector(*(times if query.startswith("timestamp(") else results)))

    async with serving(answer) as server, reading() as reader:
        settings = SERVICES["prometheus"].settings("prometheus", server.url, secret)
        found = await settings.build("source", reader.session, {}).now("DE", NOON)

    assert (found.quality if isinstance(found, Measurement) else None) is quality


async def test_the_last_day_of_a_series_is_one_value_an_hour(secret: Path) -> None:
    values = [[later(30 * k).timestamp(), str(100 + k)] for k in range(4)]
    body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}}
    async with asking("prometheus", {"/query": body}, secret) as (provider, _):
        found = await provider.history("DE", later(100))

    assert [(one.time, one.grams_per_kilowatt_hour) for one in found] == [(NOON, 100.0), (later(60), 102.0)]


@pytest.mark.parametrize(
    ("mix", "scope", "grams"),
    [
        ({Fuel.COAL: 100.0, Fuel.NUCLEAR: 100.0}, FactorScope.LIFECYCLE, 416.0),
        ({Fuel.COAL: 100.0, Fuel.NUCLEAR: 100.0}, FactorScope.DIRECT, 380.0),
        ({Fuel.GAS: 95.0, Fuel.UNKNOWN: 5.0}, FactorScope.LIFECYCLE, 490.0),
        ({Fuel.GAS: 85.0, Fuel.UNKNOWN: 15.0}, FactorScope.LIFECYCLE, None),
        ({Fuel.SOLAR: -3.0}, FactorScope.LIFECYCLE, None),
        ({}, FactorScope.LIFECYCLE, None),
    ],
)
def test_a_mix_is_weighed_by_what_each_fuel_generates(
    mix: dict[Fuel, float], scope: FactorScope, grams: float | None
) -> None:
    assert mix_intensity(mix, scope) == (None if grams is None else pytest.approx(grams))


@pytest.mark.parametrize(
    ("kind", "basis"), [("neso", "average-lifecycle"), ("watttime", "marginal-lifecycle"), ("eia", "marginal-direct")]
)
def test_a_basis_that_a_services_numbers_do_not_have_is_refused(kind: str, basis: str, secret: Path) -> None:
    service = SERVICES[kind]
    given = replace(service, section={**service.section, "basis": basis})
    with pytest.raises(ValueError, match="basis must be"):
        given.settings(kind, "https://example.com", secret)
    assert str(Basis.parse(basis)) == basis
