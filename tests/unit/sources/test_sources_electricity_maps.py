"""The client of the Electricity Maps interface believes nothing that it can check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Absent, Measurement, Quality
from sunward.domain.reasons import Reason
from sunward.sources.intensity.providers.electricity_maps import ElectricityMaps
from support.sources import FakeServer, reading, serving

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATEST = {
    "zone": "US-SCL",
    "carbonIntensity": 24,
    "datetime": "2026-06-01T12:00:00.000Z",
    "updatedAt": "2026-06-01T12:07:00.000Z",
    "emissionFactorType": "lifecycle",
    "isEstimated": False,
}


@asynccontextmanager
async def maps(
    body: Any, status: int = 200, token_file: Path | None = None
) -> AsyncIterator[tuple[ElectricityMaps, FakeServer]]:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    async with serving(answer) as server, reading() as reader:
        url = f"{server.url}/v3"
        yield ElectricityMaps(reader=reader, url=url, basis=Basis(), token_file=token_file), server


async def test_the_zone_and_the_factors_are_always_named(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")

    async with maps(LATEST, token_file=token) as (provider, server):
        await provider.now("US-SCL", NOON)

    request = server.asked[0]
    assert request.path == "/v3/carbon-intensity/latest"
    assert dict(request.query) == {"zone": "US-SCL", "emissionFactorType": "lifecycle"}
    assert request.headers["auth-token"] == "s3cret"


@pytest.mark.parametrize(("path", "asked"), [("", "/v3"), ("/v3", "/v3"), ("/free-tier", "/free-tier")])
async def test_a_server_without_a_path_means_its_third_version(path: str, asked: str) -> None:
    async with maps(LATEST) as (provider, server):
        await replace(provider, url=f"{server.url}{path}").now("US-SCL", NOON)

    assert server.asked[0].path == f"{asked}/carbon-intensity/latest"


async def test_a_datum_keeps_its_own_time() -> None:
    async with maps(LATEST) as (provider, _):
        found = await provider.now("US-SCL", NOON + timedelta(minutes=50))

    assert found == Measurement(value=24.0, time=NOON, quality=Quality.MEASURED, source="test-source")


@pytest.mark.parametrize("flag", [True, None, "no"])
async def test_only_a_clear_no_makes_a_datum_measured(flag: object) -> None:
    async with maps({**LATEST, "isEstimated": flag}) as (provider, _):
        found = await provider.now("US-SCL", NOON)

    assert isinstance(found, Measurement)
    assert found.quality is Quality.ESTIMATED


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2500, Reason.IMPLAUSIBLE_UNIT),
        (-3, Reason.IMPLAUSIBLE_UNIT),
        (None, Reason.NOT_A_NUMBER),
        ("24", Reason.NOT_A_NUMBER),
        (True, Reason.NOT_A_NUMBER),
    ],
)
async def test_a_value_that_is_no_intensity_is_refused(value: object, reason: Reason) -> None:
    async with maps({**LATEST, "carbonIntensity": value}) as (provider, _):
        found = await provider.now("US-SCL", NOON)

    assert isinstance(found, Absent)
    assert found.cause.reason is reason


@pytest.mark.parametrize("time", [None, "noon", "2026-06-01T12:00:00", 1780315200])
async def test_a_datum_without_a_time_is_refused(time: object) -> None:
    async with maps({**LATEST, "datetime": time}) as (provider, _):
        found = await provider.now("US-SCL", NOON)

    assert isinstance(found, Absent)
    assert found.cause.reason is Reason.DATA_MISSING


async def test_a_zone_without_recent_data_is_not_unknown() -> None:
    async with maps({"error": "No recent data for zone US-SCL"}, status=404) as (provider, _):
        with pytest.raises(SourceUnavailable, match="No recent data for zone US-SCL"):
            await provider.now("US-SCL", NOON)


async def test_an_unknown_zone_is_said_to_be_unknown() -> None:
    async with maps({"status": "error"}, status=404) as (provider, _):
        found = await provider.now("ATLANTIS", NOON)
        expected = await provider.forecast("ATLANTIS", NOON)

    assert isinstance(found, Absent)
    assert found.cause.reason is Reason.UNKNOWN_ZONE
    assert expected is None


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"error": "Invalid auth-token"}, "HTTP 401: .* is missing or wrong; it says: 'Invalid auth-token'"),
        (403, {"message": "Your plan does not include it"}, "HTTP 403: .*; it says: 'Your plan does not include it'"),
        (400, {"error": {"code": "X", "message": "zone is malformed"}}, "HTTP 400; it says: 'zone is malformed'"),
        (400, {"error": 3}, "HTTP 400$"),
        (200, {"error": "No data"}, "returned no data for zone US-SCL; it says: 'No data'"),
        (200, {"status": "error", "message": "busy"}, "returned no data for zone US-SCL; it says: 'busy'"),
    ],
)
async def test_an_error_is_told_in_the_servers_own_words(status: int, body: object, words: str) -> None:
    async with maps(body, status=status) as (provider, _):
        with pytest.raises(SourceUnavailable, match=words):
            await provider.now("US-SCL", NOON)


@pytest.mark.parametrize("body", [{**LATEST, "zone": "DE"}, [], {"carbonIntensity": 24}])
async def test_an_answer_for_another_zone_is_no_answer(body: object) -> None:
    async with maps(body) as (provider, _):
        with pytest.raises(SourceUnavailable, match="not US-SCL"):
            await provider.now("US-SCL", NOON)


def rows(*values: object, first: datetime = NOON, step: timedelta = timedelta(hours=1)) -> list[dict[str, object]]:
    times = ((first + k * step).isoformat() for k in range(len(values)))
    return [{"carbonIntensity": value, "datetime": time} for value, time in zip(values, times, strict=True)]


async def test_a_forecast_begins_with_the_period_that_holds_now() -> None:
    body = {
        "zone": "US-SCL",
        "forecast": rows(20, 21, 22, first=NOON - timedelta(hours=1)),
        "updatedAt": NOON.isoformat(),
    }
    async with maps(body) as (provider, _):
        series = await provider.forecast("US-SCL", NOON + timedelta(minutes=59))

    assert series is not None
    assert (series.start, series.step, series.values) == (NOON, timedelta(hours=1), (21.0, 22.0))
    assert (series.issued_at, series.quality) == (NOON, Quality.FORECAST)


async def test_a_forecast_ends_at_its_first_hole() -> None:
    body = {"zone": "US-SCL", "forecast": rows(20, 21, None, 23), "updatedAt": NOON.isoformat()}
    async with maps(body) as (provider, _):
        series = await provider.forecast("US-SCL", NOON)

    assert series is not None
    assert series.values == (20.0, 21.0)


@pytest.mark.parametrize(
    "forecast",
    [[], rows(20), rows(20, 21, first=NOON - timedelta(days=1)), rows(20, 21, first=NOON + timedelta(hours=2))],
    ids=["empty", "one row has no length", "all past", "begins later"],
)
async def test_a_forecast_that_does_not_hold_now_is_none(forecast: list[dict[str, object]]) -> None:
    async with maps({"zone": "US-SCL", "forecast": forecast}) as (provider, _):
        assert await provider.forecast("US-SCL", NOON) is None


async def test_one_value_in_another_unit_refuses_the_whole_forecast() -> None:
    async with maps({"zone": "US-SCL", "forecast": rows(20, 5000)}) as (provider, _):
        with pytest.raises(SourceUnavailable, match="g/kWh"):
            await provider.forecast("US-SCL", NOON)


async def test_history_is_in_order() -> None:
    body = {"zone": "US-SCL", "history": list(reversed(rows(20, 21, 22)))}
    async with maps(body) as (provider, _):
        found = await provider.history("US-SCL", NOON)

    assert [datum.grams_per_kilowatt_hour for datum in found] == [20.0, 21.0, 22.0]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"two\nlines", b"x" * 5000])
async def test_a_token_file_without_a_token_is_named_but_never_shown(tmp_path: Path, content: bytes | None) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)

    async with maps(LATEST, token_file=token) as (provider, server):
        with pytest.raises(SourceUnavailable, match="token file") as refused:
            await provider.now("US-SCL", NOON)

    assert "lines" not in str(refused.value)
    assert server.asked == []
