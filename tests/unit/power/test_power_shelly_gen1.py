"""A Shelly of the first generation on loopback: what it shows, how it is ordered, and its password."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from sunward.cluster.ports import PowerDriver
from sunward.domain.errors import SourceUnavailable
from sunward.power.finder import Drivers
from support.sources import serving
from support.tree.registries import relay

PLUG = {"type": "SHPLG-S", "num_meters": 1, "num_outputs": 1}
ROW = {"ison": True, "has_timer": False, "overpower": False, "is_valid": True}
METER = {"power": 2.7, "is_valid": True, "total": 1234}


class Device:
    """A device that answers as told; `obeys` is whether its answer to an order shows what was asked for."""

    def __init__(self, device: object = PLUG, **status: object) -> None:
        self.device = device
        self.status: dict[str, object] = {"relays": [ROW], "meters": [METER], "overtemperature": False, **status}
        self.obeys = True
        self.password = ""
        self.orders: list[tuple[str, str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Gen1: GET for what it shows, and either method for orders."""
        wanted = aiohttp.encode_basic_auth("attic", self.password)
        if self.password and request.headers.get("Authorization") != wanted:
            return web.Response(status=401, text="401 Unauthorized")
        if request.path == "/shelly":
            return web.json_response(self.device)
        if request.path == "/status":
            return web.json_response(self.status)
        turn = str((await request.post()).get("turn"))
        self.orders.append((request.method, request.path, turn))
        return web.json_response({"ison": (turn == "on") is self.obeys})


@asynccontextmanager
async def driver_of(device: Device, **more: object) -> AsyncIterator[PowerDriver]:
    """The driver in front of a device."""
    async with serving(device.answer) as server, aiohttp.ClientSession() as session:
        found = Drivers(session, {"relay-1": relay("ShellyGen1", server.url, **more)}).at("relay-1")
        assert found is not None
        yield found


async def told(device: Device, **more: object) -> tuple[bool, float | None, tuple[str, ...]] | None:
    """What is read of a device."""
    async with driver_of(device, **more) as driver:
        found = await driver.read()
    return None if found is None else (found.is_on, found.watts, found.faults)


async def test_a_plug_shows_its_output_and_draw() -> None:
    assert await told(Device()) == (True, 2.7, ())


@pytest.mark.parametrize(
    ("status", "faults"),
    [
        ({"relays": [{**ROW, "overpower": True}]}, ("overpower",)),
        ({"overtemperature": True}, ("overtemp",)),
        ({"relays": [{**ROW, "overpower": True}], "overtemperature": True}, ("overpower", "overtemp")),
        ({"overtemperature": "no"}, ()),
    ],
)
async def test_a_fault_of_its_own_is_read(status: Mapping[str, Any], faults: tuple[str, ...]) -> None:
    assert await told(Device(**status)) == (True, 2.7, faults)


@pytest.mark.parametrize(
    ("device", "meter"),
    [
        ({"type": "SHSW-1", "num_meters": 0}, METER),
        ({"type": "SHSW-1"}, METER),
        ([], METER),
        (PLUG, {**METER, "is_valid": False}),
        (PLUG, {"power": "2.7"}),
        (PLUG, {"power": float("inf")}),
        (PLUG, {}),
        (PLUG, None),
    ],
)
async def test_a_figure_that_no_meter_measured_is_no_draw(device: object, meter: object) -> None:
    found = await told(Device(device, meters=[meter]))
    assert found is None or found[:2] == (True, None)
    assert (found is None) == (device == [] or meter == {"power": float("inf")})


@pytest.mark.parametrize(
    "relays", [None, [], {}, [None], [{}], [{"ison": "true"}], [{"ison": 1}], [{"ison": None}], "on"]
)
async def test_anything_but_a_plain_yes_or_no_proves_nothing(relays: object) -> None:
    assert await told(Device(relays=relays)) is None


async def test_each_output_has_its_own_row_and_meter() -> None:
    device = {"type": "SHSW-25", "num_meters": 2}
    rows = [ROW, {**ROW, "ison": False}]
    found = await told(Device(device, relays=rows, meters=[METER, {**METER, "power": 0.4}]), switch_id=1)
    assert found == (False, 0.4, ())


async def test_two_outputs_with_one_meter_have_no_draw_of_their_own() -> None:
    device = {"type": "SHSW-21", "num_meters": 1}
    assert await told(Device(device, relays=[ROW, ROW]), switch_id=1) == (True, None, ())


@pytest.mark.parametrize(("on", "word"), [(True, "on"), (False, "off")])
async def test_an_order_is_one_post(on: bool, word: str) -> None:
    device = Device()
    async with driver_of(device, switch_id=2) as driver:
        await driver.switch(on, "op", 1)
    assert device.orders == [("POST", "/relay/2", word)]


async def test_an_order_that_the_answer_does_not_show_was_not_accepted() -> None:
    device = Device()
    device.obeys = False
    async with driver_of(device) as driver:
        with pytest.raises(SourceUnavailable, match="/relay/0 was not confirmed"):
            await driver.switch(True, "op", 1)
    assert len(device.orders) == 1


async def test_a_password_is_sent_by_its_user(tmp_path: Path) -> None:
    file, device = tmp_path / "token", Device()
    file.write_text("hunter ü 2\n", encoding="utf-8")
    device.password = "hunter ü 2"
    assert await told(device, token_file=file, username="attic") == (True, 2.7, ())
    assert await told(device, token_file=file) is None
    file.write_text("another\n", encoding="utf-8")
    async with driver_of(device, token_file=file, username="attic") as driver:
        with pytest.raises(SourceUnavailable, match="missing or wrong") as refused:
            await driver.switch(True, "op", 1)
    assert "another" not in str(refused.value)
    assert device.orders == []


@pytest.mark.parametrize("more", [{"username": "attic"}, {"username": "a:b", "token_file": "t"}])
def test_a_user_needs_a_password_and_a_name_without_a_colon(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="username"):
        relay("ShellyGen1", "http://relay", **more)
