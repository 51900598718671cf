"""A management controller on loopback that speaks Redfish: its system, its chassis, its action."""

from __future__ import annotations

from collections.abc import AsyncIterator
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

SYSTEM, CHASSIS = "/redfish/v1/Systems/System.Embedded.1", "/redfish/v1/Chassis/System.Embedded.1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
POWER = {"PowerControl": [{"MemberId": "0", "PowerConsumedWatts": 143}]}
OWN = [{"@odata.id": CHASSIS}]


def a_system(**changes: object) -> dict[str, object]:
    """A system as a server shows it."""
    system = {
        "@odata.id": SYSTEM,
        "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
        "PowerState": "On",
        "Links": {"Chassis": OWN},
    }
    return {**system, **changes}


class Controller:
    """A controller that answers as told, and keeps what it was asked and ordered."""

    def __init__(self, system: object = None, power: object = POWER) -> None:
        self.answers: dict[str, object] = {SYSTEM: system or a_system(), f"{CHASSIS}/Power": power}
        self.reset = web.Response(status=204)
        self.password = ""
        self.asked: list[str] = []
        self.orders: list[object] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What DSP0266 says of paths and of refusals."""
        self.asked.append(request.path)
        if self.password and request.headers.get("Authorization") != aiohttp.encode_basic_auth("root", self.password):
            return web.json_response({"error": {"code": "Base.1.0.NoValidSession"}}, status=401)
        if request.method == "POST" and request.path == RESET:
            self.orders.append(await request.json())
            return self.reset
        if request.path not in self.answers:
            return web.json_response({"error": {"code": "Base.1.0.ResourceMissing"}}, status=404)
        return web.json_response(self.answers[request.path])


@asynccontextmanager
async def driver_of(controller: Controller, **more: object) -> AsyncIterator[PowerDriver]:
    """The driver in front of a controller."""
    async with serving(controller.answer) as server, aiohttp.ClientSession() as session:
        found = Drivers(session, {"bmc": relay("Redfish", f"{server.url}{SYSTEM}", **more)}).at("bmc")
        assert found is not None
        yield found


async def told(controller: Controller, **more: object) -> tuple[bool, float | None] | None:
    """What is read of a controller."""
    async with driver_of(controller, **more) as driver:
        found = await driver.read()
    return None if found is None else (found.is_on, found.watts)


@pytest.mark.parametrize(("state", "on"), [("On", True), ("Off", False)])
async def test_a_system_shows_its_state_and_its_chassis_the_draw(state: str, on: bool) -> None:
    assert await told(Controller(a_system(PowerState=state))) == (on, 143.0)


@pytest.mark.parametrize("state", ["PoweringOn", "PoweringOff", "Paused", "on", None, True, 1, [], {}])
async def test_any_other_state_proves_nothing(state: object) -> None:
    assert await told(Controller(a_system(PowerState=state))) is None


@pytest.mark.parametrize("name", ["/redfish/v1/Systems/2", 7, None])
async def test_another_systems_answer_proves_nothing(name: object) -> None:
    assert await told(Controller(a_system(**{"@odata.id": name}))) is None


@pytest.mark.parametrize(
    "links",
    [
        None,
        {},
        {"Chassis": []},
        {"Chassis": [*OWN, {"@odata.id": "/redfish/v1/Chassis/2"}]},
        {"Chassis": [{"@odata.id": "http://elsewhere/redfish/v1/Chassis/1"}]},
        {"Chassis": [{"@odata.id": "//elsewhere/redfish/v1/Chassis/1"}]},
        {"Chassis": [{"@odata.id": "/redfish/v1/Chassis/../Systems/1"}]},
        {"Chassis": [{"@odata.id": 7}]},
        {"Chassis": "1"},
    ],
)
async def test_a_draw_is_read_of_the_one_chassis_of_its_own_only(links: object) -> None:
    controller = Controller(a_system(Links=links))
    assert await told(controller) == (True, None)
    assert controller.asked == [SYSTEM]


@pytest.mark.parametrize(
    "power", [{}, {"PowerControl": []}, {"PowerControl": [{"PowerConsumedWatts": None}]}, {"PowerControl": "much"}]
)
async def test_a_chassis_without_a_meter_has_no_draw(power: object) -> None:
    assert await told(Controller(power=power)) == (True, None)


@pytest.mark.parametrize(("on", "reset"), [(True, "On"), (False, "ForceOff")])
@pytest.mark.parametrize("status", [200, 202, 204])
async def test_an_order_is_one_action(on: bool, reset: str, status: int) -> None:
    controller = Controller()
    controller.reset = web.Response(status=status)
    async with driver_of(controller) as driver:
        await driver.switch(on, "op", 1)
    assert controller.orders == [{"ResetType": reset}]


@pytest.mark.parametrize(
    ("status", "body"), [(400, "{}"), (503, "{}"), (200, '{"error": {"code": "x"}}'), (200, "<html>"), (200, "[1]")]
)
async def test_an_order_that_is_refused_was_not_accepted_and_is_not_repeated(status: int, body: str) -> None:
    controller = Controller()
    controller.reset = web.Response(status=status, text=body)
    async with driver_of(controller) as driver:
        with pytest.raises(SourceUnavailable):
            await driver.switch(True, "op", 1)
    assert len(controller.orders) == 1


async def test_a_password_is_sent_by_its_user(tmp_path: Path) -> None:
    file, controller = tmp_path / "token", Controller()
    file.write_text("calvin 2\n", encoding="utf-8")
    controller.password = "calvin 2"
    assert await told(controller, token_file=file, username="root") == (True, 143.0)
    assert await told(controller, token_file=file) is None
    async with driver_of(controller, token_file=file) as driver:
        with pytest.raises(SourceUnavailable, match="missing or wrong") as refused:
            await driver.switch(False, "op", 1)
    assert "calvin" not in str(refused.value)
    assert controller.orders == []


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://bmc/redfish/v1/Chassis/1"},
        {"url": "https://bmc/redfish/v1/Systems/"},
        {"url": "https://bmc/redfish/v1/Systems/1/Actions"},
        {"switch_id": 1},
    ],
)
def test_the_address_is_that_of_one_system(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"Systems/1|switch"):
        relay("Redfish", **{"url": f"https://bmc{SYSTEM}", **changes})
