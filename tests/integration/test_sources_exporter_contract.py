"""The metrics contract, end to end: sysfs -> the real exporter -> a real Prometheus -> the operator's readings."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from sunward.domain.measurement import Absent, Measurement, Metered, Quality
from sunward.domain.nodes import MeterFacts, NodeSpec
from sunward.domain.reasons import Reason
from sunward.sources.sensors import PrometheusSensors
from support.meters.exporter import Sysfs
from support.planning import a_node
from support.ports import free_port
from support.sources import prometheus, prometheus_binary, scrape_configuration, until

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(prometheus_binary() is None, reason="no prometheus binary: apt-get install prometheus"),
]


WINDOW_SECONDS = 20.0
EDGES = 2 * 2 * 0.1 / WINDOW_SECONDS
"""Each meter has a thread of its own, so at each edge a scrape may find one of them up to two sample periods behind."""


@contextlib.asynccontextmanager
async def exporter(root: Path) -> AsyncIterator[int]:
    """The exporter as a process of its own; gives its port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sunward_exporter", "--sysfs-root", str(root), "--listen", f"127.0.0.1:{port}")
    )
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()


def spec() -> NodeSpec:
    return replace(a_node("energy-pi-01").spec, node_name="pi-01", harvest_nameplate_watts=10.0)


async def test_what_the_sensors_hold_is_what_the_operator_reads(tmp_path: Path) -> None:
    sysfs = Sysfs(tmp_path / "sys")
    sysfs.node(4.5)
    sysfs.harvest(6.25)
    sysfs.battery(stored_watt_hours=12.0, capacity_watt_hours=20.0)

    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(exporter(sysfs.root))
        configuration = scrape_configuration([(port, "pi-01")])
        sensors = PrometheusSensors(source=await stack.enter_async_context(prometheus(tmp_path, configuration)))
        facts = await until(partial(read, sensors), complete)
        start = datetime.now(UTC)
        end = start + timedelta(seconds=WINDOW_SECONDS)
        energy = await until(partial(metered, sensors, start, end), whole)

    assert isinstance(facts.power_watts, Measurement)
    assert (facts.power_watts.value, facts.power_watts.quality) == (4.5, Quality.MEASURED)
    assert isinstance(facts.harvest_watts, Measurement)
    assert facts.harvest_watts.value == 6.25
    assert isinstance(facts.battery_ratio, Measurement)
    assert facts.battery_ratio.value == pytest.approx(0.6, abs=0.005)
    assert energy.load is not None
    assert energy.harvest is not None
    assert energy.load.watt_hours == pytest.approx(4.5 * WINDOW_SECONDS / 3600.0, rel=0.05)
    assert energy.harvest.watt_hours / energy.load.watt_hours == pytest.approx(6.25 / 4.5, rel=EDGES)


async def test_a_choice_that_a_person_has_to_make_reaches_the_operator_with_the_names(tmp_path: Path) -> None:
    for number, address in enumerate(("1-0040", "1-0041")):
        folder = tmp_path / f"sys/devices/i2c-1/{address}/hwmon/hwmon{number}"
        folder.mkdir(parents=True)
        for name, content in {"name": "ina219", "in1_input": 5124, "curr1_input": 742}.items():
            (folder / name).write_text(f"{content}\n")
        link = tmp_path / f"sys/class/hwmon/hwmon{number}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)
    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(exporter(tmp_path / "sys"))
        configuration = scrape_configuration([(port, "pi-01")])
        sensors = PrometheusSensors(source=await stack.enter_async_context(prometheus(tmp_path, configuration)))
        reading = (await until(partial(read, sensors), is_ambiguous)).power_watts
    assert isinstance(reading, Absent)
    assert reading.cause.message.endswith("exporter.nodeDevices: ina219@1-0040, ina219@1-0041")


def is_ambiguous(facts: MeterFacts) -> bool:
    return isinstance(facts.power_watts, Absent) and facts.power_watts.cause.reason is Reason.AMBIGUOUS_METER


async def read(sensors: PrometheusSensors) -> MeterFacts:
    return (await sensors.read([spec()], datetime.now(UTC)))["energy-pi-01"]


def complete(facts: MeterFacts) -> bool:
    found = (facts.power_watts, facts.harvest_watts, facts.battery_ratio)
    return all(isinstance(reading, Measurement) for reading in found)


async def metered(sensors: PrometheusSensors, start: datetime, end: datetime) -> Metered:
    return (await sensors.energy([spec()], start, end))["energy-pi-01"]


def whole(energy: Metered) -> bool:
    return all(window is not None and not window.gaps for window in (energy.load, energy.harvest))
