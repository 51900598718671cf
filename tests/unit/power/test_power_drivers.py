"""Drivers of relays against a relay on loopback that answers as told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from sunward.cluster.ports import PowerDriver
from sunward.domain.errors import SourceUnavailable
from sunward.domain.nodes import NodeRecord, PowerState, SleepSpec
from sunward.domain.reasons import Reason
from sunward.planning.guards import rules_power
from sunward.power.finder import Drivers
from sunward.power.registry import RelaySettings
from sunward.power.relay import BODY_LIMIT_BYTES
from support.guards.cases import a_cut_node, case_of, reason_of
from support.planning import NOW, a_node
from support.sources import FakeServer, serving
from support.tree.registries import relay

RELAYS = {"relay-pi-01": "Shelly", "plug-1": "Tasmota", "plug-2": "Tasmota"}


class Bench:
    """A relay that answers each command with what stands in `answers`, and the drivers in front of it."""

    drivers: Drivers

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.status = 200
        self.asked: list[tuple[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        command = request.query.get("cmnd") or (await request.json())["method"]
        self.asked.append((request.method, command))
        if self.status != 200:
            return web.Response(status=self.status)
        if isinstance(self.answers[command], bytes):
            return web.Response(body=self.answers[command])
        return web.json_response(self.answers[command])

    def driver(self, name: str) -> PowerDriver:
        found = self.drivers.at(name)
        assert found is not None
        return found


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    async with serving(made.answer) as fake, aiohttp.ClientSession() as session:
        made.drivers = Drivers(session, relays(fake))
        yield made


def relays(fake: FakeServer) -> dict[str, RelaySettings]:
    return {name: relay(kind, f"{fake.url}/{name}", switch_id=int(name == "plug-2")) for name, kind in RELAYS.items()}


def the_plug_says(bench: Bench, state: Any, watts: Any, channel: int = 1) -> None:
    bench.answers = {f"Power{channel}": state, "Status 8": {"StatusSNS": {"ENERGY": {"Power": watts}}}}


async def test_a_reading_is_dated_before_the_question(bench: Bench) -> None:
    bench.answers["Switch.GetStatus"] = {"result": {"id": 0, "output": True, "apower": 2.7}}
    before = datetime.now(UTC)
    found = await bench.driver("relay-pi-01").read()
    assert found is not None
    assert (found.is_on, found.watts) == (True, 2.7)
    assert before <= found.time <= before + timedelta(seconds=1)


@pytest.mark.parametrize("answer", [[1], "on", {"result": {"id": 1, "output": False}}, {"error": {"code": -1}}, {}])
async def test_another_answer_proves_nothing(bench: Bench, answer: object) -> None:
    bench.answers["Switch.GetStatus"] = answer
    assert await bench.driver("relay-pi-01").read() is None


@pytest.mark.parametrize("name", ["relay-pi-01", "plug-1"])
@pytest.mark.parametrize("status", [204, 302, 401, 500])
async def test_another_status_proves_nothing_and_takes_no_order(bench: Bench, name: str, status: int) -> None:
    bench.status = status
    assert await bench.driver(name).read() is None
    with pytest.raises(SourceUnavailable, match=str(status)):
        await bench.driver(name).switch(True, "op", 1)


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff\xfe", b"[" * 60_000])
async def test_what_is_no_json_proves_nothing(bench: Bench, body: bytes) -> None:
    bench.answers = {"Switch.GetStatus": body, "Power1": body}
    assert await bench.driver("relay-pi-01").read() is None
    assert await bench.driver("plug-1").read() is None


async def test_a_relay_that_the_settings_do_not_know_has_no_driver(bench: Bench) -> None:
    assert bench.drivers.at("unknown") is None


async def test_a_long_answer_is_not_read_to_its_end(bench: Bench) -> None:
    bench.answers["Switch.GetStatus"] = {"result": {"id": 0, "output": True, "filler": "x" * 2 * BODY_LIMIT_BYTES}}
    assert await bench.driver("relay-pi-01").read() is None


@pytest.mark.parametrize(
    ("state", "watts", "told"),
    [
        ({"POWER": "ON"}, 2, (True, 2.0)),
        ({"POWER1": "OFF"}, [0.5, 9.0], (False, 0.5)),
        ({"POWER": "OFF"}, [], (False, None)),
        ({"POWER": "OFF"}, "2", (False, None)),
        ({"POWER": "maybe"}, 2, None),
        ({"POWER2": "ON"}, 2, None),
        ({}, 2, None),
    ],
)
async def test_a_plug_of_one_channel(bench: Bench, state: object, watts: object, told: tuple[Any, ...] | None) -> None:
    the_plug_says(bench, state, watts)
    found = await bench.driver("plug-1").read()
    assert (None if found is None else (found.is_on, found.watts)) == told


async def test_the_second_channel_of_a_plug_has_its_own_draw(bench: Bench) -> None:
    the_plug_says(bench, {"POWER2": "ON"}, [0.5, 9.0], channel=2)
    found = await bench.driver("plug-2").read()
    assert found is not None
    assert (found.is_on, found.watts) == (True, 9.0)


@pytest.mark.parametrize("sensors", [{}, {"StatusSNS": None}, {"StatusSNS": {"ENERGY": 3}}])
async def test_a_plug_without_a_meter_has_an_output_all_the_same(bench: Bench, sensors: object) -> None:
    bench.answers = {"Power1": {"POWER": "OFF"}, "Status 8": sensors}
    found = await bench.driver("plug-1").read()
    assert found is not None
    assert (found.is_on, found.watts) == (False, None)


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        (None, ()),
        ([], ()),
        (["overpower"], ("overpower",)),
        (["overtemp", "overpower", "overtemp"], ("overtemp", "overpower")),
        ("overvoltage", ("overvoltage",)),
        ({"overpower": True}, ("unreadable",)),
        ([7, None, "X" * 4000, "overpower"], ("unreadable", "overpower")),
        (["overpower"] * 5000, ("overpower",)),
        (False, ("unreadable",)),
    ],
)
async def test_a_relay_tells_its_faults(bench: Bench, errors: object, told: tuple[str, ...]) -> None:
    said = {"id": 0, "output": False, "apower": 0.0} | ({} if errors is None else {"errors": errors})
    bench.answers["Switch.GetStatus"] = {"result": said}
    found = await bench.driver("relay-pi-01").read()
    assert found is not None
    assert (found.is_on, found.faults) == (False, told)


async def test_two_channels_behind_one_meter_prove_no_power_off(bench: Bench) -> None:
    the_plug_says(bench, {"POWER2": "OFF"}, 65, channel=2)
    found = await bench.driver("plug-2").read()
    assert found is not None
    assert reason_of(rules_power.draw_gone, case_of(a_cut_node(), power=found)) is Reason.SOURCES_DISAGREE


@pytest.mark.parametrize(
    "answer",
    [
        {"WARNING": "Need user=<username>&password=<password>"},
        {"Warning": "later"},
        {"Command": "Unknown"},
        {"Command": "Error", "POWER": "ON"},
        {"POWER": "OFF"},
        {"POWER1": "OFF", "POWER2": "ON"},
        {"POWER2": "ON"},
        {"POWER": "on"},
        {"POWER": True},
        {"POWER": ["ON"]},
        {},
    ],
)
async def test_a_plug_that_refuses_politely_refuses(bench: Bench, answer: object) -> None:
    bench.answers = {"Power1 On": answer}
    with pytest.raises(SourceUnavailable, match=r"Power1 On was (rejected|not confirmed)"):
        await bench.driver("plug-1").switch(True, "op", 1)


async def test_a_plug_of_one_channel_does_not_answer_for_a_second(bench: Bench) -> None:
    bench.answers = {"Power2 Off": {"POWER": "OFF"}}
    with pytest.raises(SourceUnavailable, match="not confirmed"):
        await bench.driver("plug-2").switch(False, "op", 1)


@pytest.mark.parametrize("result", [{}, {"was_on": None}, {"was_on": "true"}, {"output": True}])
async def test_a_relay_that_does_not_tell_what_it_did_did_not_accept(bench: Bench, result: object) -> None:
    bench.answers = {"Switch.Set": {"id": 1, "result": result}}
    with pytest.raises(SourceUnavailable, match="not confirmed"):
        await bench.driver("relay-pi-01").switch(True, "op", 1)


async def test_one_switch_under_two_names_is_read_and_never_switched(bench: Bench) -> None:
    bench.answers = {"Switch.GetStatus": {"result": {"id": 0, "output": True, "apower": 2.7}}}
    url = "http://127.0.0.1:1"
    async with serving(bench.answer) as fake, aiohttp.ClientSession() as session:
        here = {name: relay("Shelly", f"{fake.url}{end}") for name, end in (("a", ""), ("b", "/"))}
        drivers = Drivers(session, {**here, "c": relay("Shelly", url)})
        for name, other in (("a", "b"), ("b", "a")):
            driver = drivers.at(name)
            assert driver is not None
            found = await driver.read()
            assert found is not None
            assert found.shared_with == (other,)
            with pytest.raises(SourceUnavailable, match=f"same switch as {other}"):
                await driver.switch(True, "op", 1)
    assert {method for method, _ in bench.asked} == {"POST"}
    assert [command for _, command in bench.asked] == ["Switch.GetStatus"] * 2


async def test_a_plug_is_ordered_by_a_post(bench: Bench) -> None:
    bench.answers = {"Power1 On": {"POWER": "ON"}, "Power1 Off": {"POWER": "OFF"}}
    await bench.driver("plug-1").switch(True, "op", 1)
    await bench.driver("plug-1").switch(False, "op", 1)
    assert bench.asked == [("POST", "Power1 On"), ("POST", "Power1 Off")]


@pytest.mark.parametrize(
    ("sleep", "has_driver"),
    [
        (SleepSpec(driver="Shelly", driver_ref="relay-pi-01"), True),
        (SleepSpec(driver="Tasmota", driver_ref="relay-pi-01"), False),
        (SleepSpec(driver="Shelly", driver_ref="unknown"), False),
        (SleepSpec(driver="Shelly"), False),
        (SleepSpec(driver="None"), False),
        (SleepSpec(driver="shelly", driver_ref="relay-pi-01"), False),
    ],
)
async def test_a_node_has_the_relay_of_its_name_and_kind(bench: Bench, sleep: SleepSpec, has_driver: bool) -> None:
    assert (bench.drivers.of(a_node(sleep=sleep)) is not None) is has_driver


@pytest.mark.parametrize(
    ("state", "on"), [(PowerState.AWAKE, True), (PowerState.POWER_OFF_REQUESTED, False), (PowerState.ASLEEP, False)]
)
async def test_a_node_that_is_only_cordoned_is_as_its_record_says(bench: Bench, state: PowerState, on: bool) -> None:
    node = a_node(sleep=SleepSpec(driver="CordonOnly"), record=NodeRecord(power_state=state, asleep_since=NOW))
    driver = bench.drivers.of(node)
    assert driver is not None
    await driver.switch(not on, "op", 1)
    found = await driver.read()
    assert found is not None
    assert (found.is_on, found.watts) == (on, None)


WORDS = {"StateText1": {"StateText1": "Aus"}, "StateText2": {"StateText2": "Ein"}}


@pytest.mark.parametrize(
    ("word", "on"), [("Ein", True), ("Aus", False), ("Umschalten", None), ("", None), ("ein", None)]
)
async def test_a_plug_with_words_of_its_owner_is_asked_what_they_mean(bench: Bench, word: str, on: bool | None) -> None:
    the_plug_says(bench, {"POWER": word}, 2)
    bench.answers |= WORDS
    found = await bench.driver("plug-1").read()
    assert (None if found is None else found.is_on) is on


@pytest.mark.parametrize("texts", [{}, {"StateText1": 1}, {"StateText1": "Ein"}])
async def test_words_that_mean_nothing_or_both_prove_nothing(bench: Bench, texts: dict[str, Any]) -> None:
    the_plug_says(bench, {"POWER": "Ein"}, 2)
    bench.answers |= WORDS | {"StateText1": texts}
    found = await bench.driver("plug-1").read()
    assert found is None or texts != {"StateText1": "Ein"}
    assert found is None or found.is_on is True


async def test_an_order_is_confirmed_in_the_owners_words(bench: Bench) -> None:
    bench.answers = {"Power1 Off": {"POWER": "Aus"}, "Power1 On": {"POWER": "Aus"}, **WORDS}
    await bench.driver("plug-1").switch(False, "op", 1)
    with pytest.raises(SourceUnavailable, match="not confirmed"):
        await bench.driver("plug-1").switch(True, "op", 1)
    orders = [command for method, command in bench.asked if method == "POST"]
    assert orders == ["Power1 Off", "Power1 On"]
