"""The world process as the product meets it: files, relays and the feed of a run folder without a cluster."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sunward.power.finder import Drivers
from sunward_lab.spec import WorldNode, WorldSpec
from sunward_lab.world.__main__ import arguments, main, options_of
from sunward_lab.world.process import Options, run
from sunward_lab.world.scenario import load_scenario
from support.ports import free_port
from support.tree.registries import relay as a_relay


@dataclass(frozen=True, slots=True)
class Bench:
    """A running world, and how to reach it."""

    folder: Path
    http: aiohttp.ClientSession
    feed: str
    relay: str
    admin: str

    async def rpc(self, method: str, **query: str) -> tuple[int, Any]:
        async with self.http.get(f"{self.relay}/rpc/{method}", params=query) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(f"{self.feed}/v3/carbon-intensity/{path}") as answer:
            return answer.status, await answer.json()

    async def fault(self, path: str, fault: str) -> None:
        async with self.http.put(f"{self.admin}/faults/{path}", json={"fault": fault}) as answer:
            assert answer.status == 200, await answer.text()

    def sensor(self, path: str) -> str:
        return (self.folder / "sys/pi-02/class" / path).read_text(encoding="ascii").strip()

    async def watts(self) -> float:
        _, status = await self.rpc("Switch.GetStatus", id="0")
        return float(status["apower"])

    async def until(self, ready: Any, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not await ready():  # noqa: ASYNC110 - the world tells nobody; only looking helps
                await asyncio.sleep(0.02)


def world_node(folder: Path, name: str, index: int, relay_port: int | None) -> WorldNode:
    """A node whose power is a file and whose CPU time is a file, both ours to write."""
    power, cgroup = folder / f"{name}.power", folder / "cgroup" / name
    cgroup.mkdir(parents=True)
    (cgroup / "cpuacct.usage").write_text("0\n", encoding="ascii")
    power.write_text("on\n", encoding="ascii")
    write = "import pathlib,sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    return WorldNode(
        name=name,
        index=index,
        role="worker",
        address="127.0.0.1",
        cgroup=str(cgroup),
        sysfs=str(folder / "sys" / name),
        power_file=str(power),
        relay_name=None if relay_port is None else f"relay-{name}",
        relay_port=relay_port,
        power_on=(sys.executable, "-c", write, str(power), "on"),
        power_off=(sys.executable, "-c", write, str(power), "off"),
    )


@asynccontextmanager
async def running_world(folder: Path, scenario: str = "demo", password: str | None = None) -> AsyncIterator[Bench]:
    feed, relay, admin = free_port(), free_port(), free_port()
    nodes = (world_node(folder, "hub", 0, None), world_node(folder, "pi-02", 2, relay))
    spec = WorldSpec(run_folder=str(folder), emissions_port=feed, nodes=nodes)
    (folder / "world.json").write_text(spec.to_json(), encoding="utf-8")
    stop = asyncio.Event()
    options = Options(run_folder=folder, bind="127.0.0.1", admin_port=admin, relay_password=password)
    task = asyncio.create_task(run(options, load_scenario(scenario), stop))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        async with asyncio.timeout(10):
            while not (folder / "world-ready").exists():
                assert not task.done(), task.exception()
                await asyncio.sleep(0.02)
        local = "http://127.0.0.1"
        yield Bench(folder, http, f"{local}:{feed}", f"{local}:{relay}", f"{local}:{admin}")
    stop.set()
    await task


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running_world(tmp_path) as running:
        yield running


async def test_an_idle_node_shows_its_idle_draw_in_microwatts(bench: Bench) -> None:
    async def shown() -> bool:
        return bench.sensor("hwmon/hwmon0/power1_input") == "2700000"

    await bench.until(shown)
    assert bench.sensor("hwmon/hwmon0/name") == "sunward_node"
    assert bench.sensor("hwmon/hwmon1/power1_label") == "harvest"
    volts, amperes = int(bench.sensor("hwmon/hwmon0/in1_input")), int(bench.sensor("hwmon/hwmon0/curr1_input"))
    assert volts * amperes == pytest.approx(2_700_000, rel=0.005)


async def test_cpu_time_of_the_cgroup_raises_the_draw(bench: Bench) -> None:
    usage = bench.folder / "cgroup/pi-02/cpuacct.usage"
    nanoseconds = 0

    async def busy() -> bool:
        nonlocal nanoseconds
        nanoseconds += 1_000_000_000
        usage.write_text(f"{nanoseconds}\n", encoding="ascii")
        return bench.sensor("hwmon/hwmon0/power1_input") == "6400000"

    await bench.until(busy)


async def test_a_relay_with_a_password_demands_it_and_the_products_driver_gives_it(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hunter 2", encoding="utf-8")
    async with running_world(tmp_path, password="hunter 2") as bench:
        async with bench.http.post(f"{bench.relay}/rpc/Switch.Set", json={"id": 0, "on": False}) as answer:
            assert answer.status == 401
            assert "algorithm=SHA-256" in answer.headers["WWW-Authenticate"]
        _, device = await bench.rpc("Shelly.GetDeviceInfo")
        assert (device["auth_en"], device["auth_domain"]) == (True, device["id"])

        drivers = Drivers(bench.http, {"relay-pi-02": a_relay("Shelly", bench.relay, token_file=token)})
        driver = drivers.at("relay-pi-02")
        assert driver is not None
        before = await driver.read()
        await driver.switch(False, "op", 1)
        after = await driver.read()
    assert before is not None
    assert after is not None
    assert (before.is_on, after.is_on) == (True, False)


async def test_an_open_relay_says_so(bench: Bench) -> None:
    _, device = await bench.rpc("Shelly.GetDeviceInfo")
    assert (device["auth_en"], device["auth_domain"]) == (False, None)


def test_the_password_of_relays_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter 2\n", encoding="utf-8")
    named = ["--run-dir", str(tmp_path), "--relay-password-file", str(tmp_path / "token")]
    assert options_of(arguments().parse_args(named)).relay_password == "hunter 2"
    assert options_of(arguments().parse_args(named[:2])).relay_password is None
    assert main([*named[:3], str(tmp_path / "nothing")]) == 1


async def test_a_relay_cuts_the_power_and_its_meter_proves_it(bench: Bench) -> None:
    assert await bench.rpc("Switch.Set", id="0", on="false") == (200, {"was_on": True})

    async def dark() -> bool:
        return await bench.watts() <= 0.1 and (bench.folder / "pi-02.power").read_text() == "off"

    await bench.until(dark)
    _, status = await bench.rpc("Switch.GetStatus", id="0")
    assert status["output"] is False


async def test_power_comes_back_with_a_boot(bench: Bench) -> None:
    await bench.rpc("Switch.Set", id="0", on="false")

    async def dark() -> bool:
        return (bench.folder / "pi-02.power").read_text() == "off" and await bench.watts() <= 0.1

    await bench.until(dark)
    await bench.rpc("Switch.Set", id="0", on="true")

    async def booting() -> bool:
        return await bench.watts() == pytest.approx(4.5)

    await bench.until(booting)


async def test_power_given_by_hand_closes_the_contact(bench: Bench) -> None:
    await bench.rpc("Switch.Set", id="0", on="false")

    async def off() -> bool:
        return (bench.folder / "pi-02.power").read_text() == "off"

    await bench.until(off)
    await asyncio.to_thread((bench.folder / "pi-02.power").write_text, "on")

    async def closed() -> bool:
        _, status = await bench.rpc("Switch.GetStatus", id="0")
        return status["output"] is True and status["source"] == "button"

    await bench.until(closed)


async def test_energy_only_counts_up(bench: Bench) -> None:
    totals = []
    for _ in range(5):
        _, status = await bench.rpc("Switch.GetStatus", id="0")
        totals.append(status["aenergy"]["total"])
        await asyncio.sleep(0.15)
    assert totals == sorted(totals)
    assert totals[-1] > totals[0]


async def test_the_rpc_also_answers_posted_frames(bench: Bench) -> None:
    frame = {"id": 7, "src": "test", "method": "Switch.GetStatus", "params": {"id": 0}}
    async with bench.http.post(f"{bench.relay}/rpc", json=frame) as answer:
        body = await answer.json()
    assert (body["id"], body["dst"], body["result"]["output"]) == (7, "test", True)


@pytest.mark.parametrize(
    ("method", "query", "status", "code"),
    [
        ("Switch.Set", {"id": "0"}, 500, -103),
        ("Switch.Set", {"id": "0", "on": "perhaps"}, 500, -103),
        ("Switch.GetStatus", {}, 500, -103),
        ("Switch.Explode", {"id": "0"}, 404, 404),
    ],
)
async def test_a_wrong_call_is_refused_as_the_device_does(
    bench: Bench, method: str, query: dict[str, str], status: int, code: int
) -> None:
    got, body = await bench.rpc(method, **query)
    assert (got, body["code"]) == (status, code)


async def test_a_lying_relay_shows_no_watts_while_the_truth_goes_on(bench: Bench) -> None:
    await bench.fault("relay/pi-02", "lies")
    await bench.rpc("Switch.Set", id="0", on="false")
    _, status = await bench.rpc("Switch.GetStatus", id="0")
    assert (status["output"], status["apower"]) == (False, 0.0)
    async with bench.http.get(f"{bench.admin}/truth") as answer:
        truth = await answer.json()
    assert truth["nodes"]["pi-02"]["draw_watts"] >= 2.7


async def test_a_stuck_relay_says_yes_and_does_nothing(bench: Bench) -> None:
    await bench.fault("relay/pi-02", "stuck")
    assert await bench.rpc("Switch.Set", id="0", on="false") == (200, {"was_on": True})
    _, status = await bench.rpc("Switch.GetStatus", id="0")
    assert status["output"] is True
    assert status["apower"] >= 2.7


async def test_a_silent_relay_makes_the_caller_time_out(bench: Bench) -> None:
    await bench.fault("relay/pi-02", "timeout")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await bench.rpc("Switch.GetStatus", id="0")
    await bench.fault("relay/pi-02", "none")


@pytest.mark.parametrize(("fault", "shown"), [("garbage", "nan"), ("negative", "-1000000")])
async def test_a_broken_sensor_shows_what_broken_sensors_show(bench: Bench, fault: str, shown: str) -> None:
    await bench.fault("sensor/pi-02", fault)

    async def broken() -> bool:
        return bench.sensor("hwmon/hwmon0/power1_input") == shown

    await bench.until(broken)


async def test_a_sensor_can_vanish_and_return(bench: Bench) -> None:
    file = bench.folder / "sys/pi-02/class/hwmon/hwmon0/power1_input"

    async def gone() -> bool:
        return not file.exists()

    async def back() -> bool:
        return file.exists()

    await bench.fault("sensor/pi-02", "missing")
    await bench.until(gone)
    await bench.fault("sensor/pi-02", "none")
    await bench.until(back)


async def test_the_feed_answers_for_now(bench: Bench) -> None:
    status, body = await bench.get("latest?zone=US-MISO")
    assert status == 200
    age = datetime.now(UTC) - datetime.fromisoformat(body["datetime"])
    assert timedelta(0) <= age <= timedelta(seconds=11)
    assert 0 < body["carbonIntensity"] < 2000
    assert body["emissionFactorType"] == "lifecycle"


async def test_forecast_and_history_meet_in_the_present(bench: Bench) -> None:
    _, forecast = await bench.get("forecast?zone=US-NWMT")
    _, history = await bench.get("history?zone=US-NWMT")
    times = [datetime.fromisoformat(row["datetime"]) for row in forecast["forecast"]]
    assert len(times) == 60
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {timedelta(seconds=10)}
    assert abs(datetime.fromisoformat(history["history"][-1]["datetime"]) - times[0]) <= timedelta(seconds=10)


@pytest.mark.parametrize(("query", "status"), [("latest", 400), ("latest?zone=MARS", 404)])
async def test_a_zone_is_required_and_has_to_exist(bench: Bench, query: str, status: int) -> None:
    got, body = await bench.get(query)
    assert got == status
    assert "zone" in body["message"].lower()


@pytest.mark.parametrize(("fault", "status"), [("error", 500), ("refused", 401)])
async def test_the_feed_fails_as_told(bench: Bench, fault: str, status: int) -> None:
    await bench.fault("feed", fault)
    got, _ = await bench.get("latest?zone=US-SCL")
    assert got == status


async def test_the_truth_balances_and_agrees_with_the_meter(bench: Bench) -> None:
    await asyncio.sleep(0.5)
    _, status = await bench.rpc("Switch.GetStatus", id="0")
    async with bench.http.get(f"{bench.admin}/truth") as answer:
        node = (await answer.json())["nodes"]["pi-02"]
    flows = node["watt_hours"]
    assert flows["load"] == pytest.approx(status["aenergy"]["total"], abs=0.001)
    assert flows["grid"] + flows["harvest"] - flows["curtailed"] == pytest.approx(flows["load"], abs=1e-9)


async def test_a_world_that_starts_again_goes_on_counting(tmp_path: Path) -> None:
    async with running_world(tmp_path):
        await asyncio.sleep(0.5)
    first = json.loads((tmp_path / "world-truth.json").read_text())
    shutil.rmtree(tmp_path / "cgroup")
    async with running_world(tmp_path) as bench, bench.http.get(f"{bench.admin}/truth") as answer:
        second = await answer.json()
    assert second["epoch"] == first["epoch"]
    load = [truth["nodes"]["hub"]["watt_hours"]["load"] for truth in (first, second)]
    assert 0.0 < load[0] <= load[1]
