"""Meters of other exporters, through a real Prometheus that scrapes what their pages show."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from sunward.domain.measurement import Absent, Measurement, Reading
from sunward.domain.nodes import MeterFacts, NodeSpec
from sunward.domain.reasons import Reason
from sunward.sources.mapped import MappedSource
from sunward.sources.sensor_maps import SensorMap
from sunward.sources.sensors import PrometheusSensors
from support.planning import a_node
from support.sources import exporting, prometheus, prometheus_binary, scrape_configuration, until

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(prometheus_binary() is None, reason="no prometheus binary: apt-get install prometheus"),
]

START = time.time() - 1000.0
WINDOW_SECONDS = 8.0


def grown(watts: float) -> float:
    """Joules of a counter that began a while ago."""
    return watts * (time.time() - START)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What an exporter's page shows, the labels of its target, the mapping, and what the node's meter is then."""

    page: Callable[[], str]
    mapping: Mapping[str, Any]
    target: str = ""
    watts: float | None = None
    ratio: float | None = None


CASES = {
    "kepler": Case(
        page=lambda: (
            "# HELP kepler_node_cpu_joules_total Energy consumption of cpu at node level in joules\n"
            "# TYPE kepler_node_cpu_joules_total counter\n"
            'kepler_node_cpu_joules_total{node_name="kepler",path="/sys/class/powercap/intel-rapl:0",zone="package"}'
            f" {grown(9.0)}\n"
            'kepler_node_cpu_joules_total{node_name="kepler",path="/sys/class/powercap/intel-rapl:0:0",zone="core"}'
            f" {grown(4.0)}\n"
            "# TYPE kepler_node_cpu_watts gauge\n"
            'kepler_node_cpu_watts{node_name="kepler",path="/sys/class/powercap/intel-rapl:0",zone="package"} 9.1\n'
        ),
        mapping={"preset": "Kepler"},
        watts=9.0,
    ),
    "kepler-old": Case(
        page=lambda: (
            "# HELP kepler_node_platform_joules_total Aggregated value in node\n"
            "# TYPE kepler_node_platform_joules_total counter\n"
            f'kepler_node_platform_joules_total{{mode="dynamic",source="acpi"}} {grown(3.0)}\n'
            f'kepler_node_platform_joules_total{{mode="idle",source="acpi"}} {grown(4.0)}\n'
        ),
        target="instance: kepler-old",
        mapping={"preset": "KeplerBefore010"},
        watts=7.0,
    ),
    "hwmon": Case(
        page=lambda: (
            "# HELP node_hwmon_power_watt Hardware monitor for power in watts (input)\n"
            "# TYPE node_hwmon_power_watt gauge\n"
            'node_hwmon_power_watt{chip="i2c_1_1_0040",sensor="power1"} 3.8\n'
            'node_hwmon_power_watt{chip="i2c_1_1_0041",sensor="power1"} 5.586\n'
        ),
        target="node: hwmon",
        mapping={"preset": "NodeExporterHwmon", "select": {"chip": "i2c_1_1_0040"}},
        watts=3.8,
    ),
    "rapl": Case(
        page=lambda: (
            "# HELP node_rapl_package_joules_total Current RAPL package value in joules\n"
            "# TYPE node_rapl_package_joules_total counter\n"
            'node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"}'
            f" {grown(6.0)}\n"
            'node_rapl_package_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1"}'
            f" {grown(5.0)}\n"
        ),
        target="node: rapl",
        mapping={"preset": "NodeExporterRapl"},
        watts=11.0,
    ),
    "scaphandre": Case(
        page=lambda: (
            "# HELP scaph_host_power_microwatts Power measurement on the whole host, in microwatts\n"
            "# TYPE scaph_host_power_microwatts gauge\n"
            "scaph_host_power_microwatts 7250000\n"
            "# TYPE scaph_socket_power_microwatts gauge\n"
            'scaph_socket_power_microwatts{socket_id="0"} 6000000\n'
        ),
        target="node: scaphandre",
        mapping={"preset": "Scaphandre"},
        watts=7.25,
    ),
    "shelly": Case(
        page=lambda: (
            "# TYPE shelly_power_watts gauge\n"
            'shelly_power_watts{device="plug-7",component="switch:0"} 6.4\n'
            'shelly_power_watts{device="plug-8",component="switch:0"} 61.4\n'
        ),
        mapping={"preset": "Shelly", "nodes": {"shelly": "plug-7"}},
        watts=6.4,
    ),
    "shelly-other": Case(
        page=lambda: (
            "# HELP shelly_meter_power_watts Power consumption of the Shelly device's meters in watts\n"
            "# TYPE shelly_meter_power_watts gauge\n"
            'shelly_meter_power_watts{ip="172.16.13.111",meter="0"} 11.39\n'
        ),
        mapping={
            "preset": "Shelly",
            "series": "shelly_meter_power_watts",
            "nodeLabel": "ip",
            "nodes": {"shelly-other": "172.16.13.111"},
        },
        watts=11.39,
    ),
    "tasmota": Case(
        page=lambda: (
            "# TYPE tasmota_power_watts gauge\n"
            "tasmota_power_watts 5.0\n"
            "# TYPE tasmota_energy_total_kwh counter\n"
            "tasmota_energy_total_kwh 1.25\n"
        ),
        target='instance: "plug-9:80"',
        mapping={"preset": "Tasmota", "nodes": {"tasmota": "plug-9:80"}},
        watts=5.0,
    ),
    "nut": Case(
        page=lambda: (
            "# HELP network_ups_tools_battery_charge Value of the battery.charge variable from Network UPS Tools\n"
            "# TYPE network_ups_tools_battery_charge gauge\n"
            "network_ups_tools_battery_charge 83\n"
            "# TYPE network_ups_tools_ups_realpower gauge\n"
            "network_ups_tools_ups_realpower 12.4\n"
        ),
        target="instance: nut",
        mapping={"preset": "Nut", "measures": "Battery"},
        ratio=0.83,
    ),
    "victron": Case(
        page=lambda: (
            "# TYPE victron_battery_soc gauge\n"
            "victron_battery_soc 71.5\n"
            "# TYPE victron_pv_power gauge\n"
            "victron_pv_power 9\n"
        ),
        target="instance: victron",
        mapping={"preset": "Victron", "measures": "Battery"},
        ratio=0.715,
    ),
}


def spec(name: str) -> NodeSpec:
    return replace(a_node(name).spec, node_name=name, harvest_nameplate_watts=10.0)


def configuration(targets: Mapping[str, tuple[int, Case]]) -> str:
    """A job for each exporter, beside our own without targets."""
    jobs = "".join(
        f"  - job_name: {name}\n"
        "    static_configs:\n"
        f'      - {{targets: ["127.0.0.1:{port}"], labels: {{{case.target}}}}}\n'
        for name, (port, case) in targets.items()
    )
    return scrape_configuration([]).replace("static_configs:\n", "static_configs: []\n") + jobs


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sensors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrometheusSensors]:
    """All cases behind one Prometheus, scraped every second."""
    async with contextlib.AsyncExitStack() as stack:
        targets = {name: (stack.enter_context(exporting(case.page)), case) for name, case in CASES.items()}
        folder = tmp_path_factory.mktemp("prometheus")
        source = await stack.enter_async_context(prometheus(folder, configuration(targets)))
        maps = [SensorMap.model_validate(case.mapping | {"scrapeIntervalSeconds": 1.0}) for case in CASES.values()]
        mapped = [MappedSource(reader=source.reader, settings=source.settings, mapping=one) for one in maps]
        yield PrometheusSensors(source=source, mapped=mapped)


async def read(sensors: PrometheusSensors, name: str) -> MeterFacts:
    return (await sensors.read([spec(name)], datetime.now(UTC)))[name]


def shown(case: Case, facts: MeterFacts) -> Reading:
    return facts.battery_ratio if case.ratio is not None else facts.power_watts


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CASES)
async def test_the_meter_of_another_exporter_is_the_nodes(sensors: PrometheusSensors, name: str) -> None:
    case = CASES[name]
    facts = await until(
        partial(read, sensors, name), lambda facts: isinstance(shown(case, facts), Measurement), seconds=30.0
    )
    reading = shown(case, facts)
    assert isinstance(reading, Measurement)
    assert reading.value == pytest.approx(case.watts or case.ratio, rel=0.05)
    assert abs(reading.age(datetime.now(UTC)).total_seconds()) < 10.0


@pytest.mark.asyncio(loop_scope="module")
async def test_energy_is_counted_from_counters_and_gauges(sensors: PrometheusSensors) -> None:
    names = [name for name, case in CASES.items() if case.watts is not None]
    first = datetime.now(UTC)

    async def metered() -> dict[str, float | None]:
        """Of the newest window: a scrape that a busy machine leaves out is a gap of its window for good."""
        start = max(first, datetime.now(UTC) - timedelta(seconds=WINDOW_SECONDS + sensors.settle_delay_seconds))
        end = start + timedelta(seconds=WINDOW_SECONDS)
        found = await sensors.energy([spec(name) for name in names], start, end)
        loads = {name: found[name].load for name in names}
        return {name: load.watt_hours if load and not load.gaps else None for name, load in loads.items()}

    counted = await until(metered, lambda found: None not in found.values(), seconds=30.0)
    expected = {name: (CASES[name].watts or 0.0) * WINDOW_SECONDS / 3600.0 for name in names}
    assert counted == pytest.approx(expected, rel=0.02)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_node_that_no_mapping_covers_has_no_meter(sensors: PrometheusSensors) -> None:
    reading = (await read(sensors, "pi-99")).power_watts
    assert isinstance(reading, Absent)
    assert reading.cause.reason is Reason.DATA_MISSING
    assert reading.source == "prometheus/sunward_node_power_watts"
