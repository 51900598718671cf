"""Every provider of grid intensity, fed what its service answers on good days and on bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Absent, Measurement, Reading
from sunward.domain.reasons import Reason
from sunward.sources.intensity.provider import IntensityProvider
from support.grid.providers import NOON, SERVICES, Server, later
from support.sources import reading, serving
from support.tree.registries import PROVIDERS, sections

ALL = list(SERVICES)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("open sesame")
    return tmp_path / "secret"


async def asked(kind: str, secret: Path, *, zone: str = "", **answer: Any) -> Reading | str:
    """What the provider says of the present, ten minutes after noon; the words of the error when it does not."""
    service = SERVICES[kind]
    given = {"value": service.good, "time": service.time, **answer}
    async with serving(Server(service=service, **given).answer) as server, reading() as reader:
        provider = built(kind, server.url, secret, reader.session)
        provider.reader.sleep = reader.sleep  # type: ignore[attr-defined]
        try:
            return await provider.now(zone or service.zone, later(10))
        except SourceUnavailable as error:
            return error.why


def built(kind: str, url: str, secret: Path, session: aiohttp.ClientSession) -> IntensityProvider:
    section = SERVICES[kind].settings(kind.split(" of ")[0], url, secret)
    provider: IntensityProvider = section.build("source", session, {})
    return provider


def test_every_provider_that_is_asked_over_http_is_in_the_table() -> None:
    without = {"static", "file", "chain"}
    assert {kind.split(" of ")[0] for kind in ALL} == set(sections(PROVIDERS)) - without


@pytest.mark.parametrize("kind", ALL)
async def test_a_good_value_is_read_in_grams_with_its_own_time(kind: str, secret: Path) -> None:
    found = await asked(kind, secret)

    assert isinstance(found, Measurement), found
    assert found.value == pytest.approx(SERVICES[kind].grams)
    assert (found.time, found.quality, found.source) == (NOON, SERVICES[kind].quality, "source")


@pytest.mark.parametrize("value", [None, True, "many", [], {}, "NaN"], ids=str)
@pytest.mark.parametrize("kind", ALL)
async def test_a_value_that_is_no_number_is_none(kind: str, value: object, secret: Path) -> None:
    found = await asked(kind, secret, value=value)

    if kind == "neso of the whole" and value is None:
        assert isinstance(found, Measurement)
        assert found.value == 150.0  # what was forecast, where nothing was metered yet
    elif kind == "energy-charts" and value is None:
        assert isinstance(found, Measurement)
        assert found.value == pytest.approx(11.0)  # a fuel that is never reported is not one of this country
    elif kind == "eia" and value is None:
        assert isinstance(found, Measurement)
        assert found.value == pytest.approx(48.0)
    else:
        assert not isinstance(found, Measurement)


@pytest.mark.parametrize("kind", ALL)
async def test_a_value_in_another_unit_is_refused(kind: str, secret: Path) -> None:
    assert not isinstance(await asked(kind, secret, value=SERVICES[kind].other_unit), Measurement)


@pytest.mark.parametrize("kind", ["neso", "neso of the whole", "watttime", "carbon-aware-sdk"])
async def test_a_day_with_a_value_in_another_unit_is_refused_whole(kind: str, secret: Path) -> None:
    service = SERVICES[kind]
    answers = Server(service=service, value=service.other_unit, time=service.time)
    async with serving(answers.answer) as server, aiohttp.ClientSession() as session:
        with pytest.raises(SourceUnavailable, match="is not an intensity"):
            await built(kind, server.url, secret, session).history(service.zone, later(10))


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in ("energy-charts", "eia")])
async def test_a_negative_intensity_is_refused(kind: str, secret: Path) -> None:
    value = "-5" if kind == "prometheus" else -5
    assert not isinstance(await asked(kind, secret, value=value), Measurement)


@pytest.mark.parametrize("kind", ["energy-charts", "eia"])
async def test_what_a_plant_takes_for_itself_is_no_generation(kind: str, secret: Path) -> None:
    found = await asked(kind, secret, value="-300" if kind == "eia" else -300.0)

    assert isinstance(found, Measurement)
    assert found.value == pytest.approx({"eia": 48.0, "energy-charts": 11.0}[kind])


@pytest.mark.parametrize("time", [None, "noon", "2026-06-01 12:00", "9999-12-31T23:59:59Z", -5, 1e18], ids=str)
@pytest.mark.parametrize("kind", ALL)
async def test_a_value_without_a_time_is_none(kind: str, time: object, secret: Path) -> None:
    assert not isinstance(await asked(kind, secret, time=time), Measurement)


@pytest.mark.parametrize("body", [[], {}, "text", 3, [[]], {"data": None}, {"data": [[1]]}, {"data": {}}], ids=str)
@pytest.mark.parametrize("kind", ALL)
async def test_an_answer_of_another_shape_is_no_value(kind: str, body: object, secret: Path) -> None:
    assert not isinstance(await asked(kind, secret, body=body), Measurement)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"error": {"code": "400 Bad Request", "message": "Please enter a valid date"}}, "a valid date"),
        (401, {"error": "expired"}, "is missing or wrong; it says: 'expired'"),
        (403, {"error": "PERMISSION_DENIED", "message": "no access to this region"}, "no access to this region"),
        (500, {}, "HTTP 500"),
        (204, None, "HTTP 204"),
    ],
)
@pytest.mark.parametrize("kind", ALL)
async def test_a_refusal_is_told_in_the_services_words(
    kind: str, status: int, body: object, words: str, secret: Path
) -> None:
    found = await asked(kind, secret, status=status, body=body)

    assert isinstance(found, str)
    assert words in found
    assert "sesame" not in found


@pytest.mark.parametrize("kind", ALL)
async def test_what_a_service_says_about_waiting_reaches_the_ladder(kind: str, secret: Path) -> None:
    service = SERVICES[kind]
    wait = Server(service=service, value=None, time=None, status=429, headers={"Retry-After": "900"})
    async with serving(wait.answer) as server, aiohttp.ClientSession() as session:
        with pytest.raises(SourceUnavailable) as caught:
            await built(kind, server.url, secret, session).now(service.zone, NOON)

    assert caught.value.retry_after_seconds == 900.0
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("kind", "zone"), [("neso", "GB-18"), ("neso", "DE"), ("neso", "GB-01"), ("energy-charts", "US-CAL-CISO")]
)
async def test_a_zone_of_another_service_is_unknown(kind: str, zone: str, secret: Path) -> None:
    found = await asked(kind, secret, zone=zone)

    assert isinstance(found, Absent)
    assert found.cause.reason is Reason.UNKNOWN_ZONE


@pytest.mark.parametrize(("kind", "zone"), [("neso", "GB-12"), ("watttime", "PJM_DC"), ("electricity-maps", "FR")])
async def test_an_answer_for_another_zone_is_no_answer(kind: str, zone: str, secret: Path) -> None:
    assert isinstance(await asked(kind, secret, zone=zone), str)


async def test_a_percentile_is_not_taken_for_pounds(secret: Path) -> None:
    meta = {"region": "CAISO_NORTH", "units": "percentile"}
    data = [{"point_time": "2026-06-01T12:00:00+00:00", "value": 50}]
    found = await asked("watttime", secret, body={"token": "abc", "meta": meta, "data": data})

    assert found == "answers in 'percentile' for CAISO_NORTH, not in lbs_co2_per_mwh"
