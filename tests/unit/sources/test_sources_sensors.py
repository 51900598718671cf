"""The operator's meters: asked by Kubernetes node, answered by EnergyNode, limited by what people declared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sunward.cli.settings import parse_settings
from sunward.domain.errors import InvalidInput, SourceUnavailable
from sunward.domain.measurement import Absent, Measurement
from sunward.domain.reasons import Reason
from sunward.sources.build import build_intensities, build_sensors
from sunward.sources.intensity.providers.electricity_maps import ElectricityMaps
from sunward.sources.intensity.providers.file import FileIntensity
from sunward.sources.sensors import PrometheusSensors, limits_of
from support.planning import a_node
from support.sources import FakeServer, serving

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NODE = a_node("energy-pi", node_name="pi-01", harvest_nameplate_watts=10.0).spec
JOB = '{job="sunward-exporter",node=~"pi-01"}'


@dataclass(slots=True)
class Answers:
    """What a Prometheus answers to each query: (labels, number) pairs, or whole rows of samples."""

    instants: dict[str, list[tuple[dict[str, str], str]]] = field(default_factory=dict)
    windows: dict[str, list[tuple[dict[str, str], list[tuple[float, str]]]]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.asked.append(form)
        query = form["query"]
        if "[" in query:
            rows: list[dict[str, Any]] = [
                {"metric": labels, "values": samples}
                for labels, samples in self.windows.get(query.partition("[")[0], [])
            ]
            return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": rows}})
        rows = [
            {"metric": labels, "value": [float(form["time"]), text]} for labels, text in self.instants.get(query, [])
        ]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": rows}})


@asynccontextmanager
async def sensors(answers: Answers) -> AsyncIterator[tuple[PrometheusSensors, FakeServer]]:
    async with serving(answers) as server, aiohttp.ClientSession() as session:
        settings = parse_settings(f"prometheus: {{url: '{server.url}', scrapeIntervalSeconds: 5}}")
        yield build_sensors(settings.prometheus, session), server


def showing(power: str = "4.5", sampled: float | None = None) -> Answers:
    """A node whose power meter shows something at noon."""
    labels = {"node": "pi-01", "source": "ina219"}
    at = repr(NOON.timestamp() if sampled is None else sampled)
    return Answers(
        instants={
            f"sunward_node_power_watts{JOB}": [(labels, power)],
            f"timestamp(sunward_node_power_watts{JOB})": [(labels, repr(NOON.timestamp()))],
            f"sunward_node_last_sample_timestamp_seconds{JOB}": [(labels, at)],
        }
    )


async def test_a_node_is_asked_for_by_its_kubernetes_name_and_answered_by_its_own() -> None:
    answers = showing()
    async with sensors(answers) as (meters, _):
        found = await meters.read([NODE], NOON)

    power = found["energy-pi"].power_watts
    assert isinstance(power, Measurement)
    assert (power.value, power.time) == (4.5, NOON)
    assert power.source == "prometheus/sunward_node_power_watts/ina219"


async def test_all_questions_are_asked_for_the_same_instant() -> None:
    answers = showing()
    async with sensors(answers) as (meters, _):
        await meters.read([NODE], NOON)

    assert {form["time"] for form in answers.asked} == {f"{NOON.timestamp():.3f}"}
    assert len(answers.asked) == 8  # the last one asks why there is no harvest and no battery


async def test_declared_power_bounds_what_is_believed() -> None:
    assert limits_of(NODE).power_watts == 12.8
    async with sensors(showing("13.5")) as (meters, _):
        found = await meters.read([NODE], NOON)

    power = found["energy-pi"].power_watts
    assert isinstance(power, Absent)
    assert power.cause.reason is Reason.ABOVE_NAMEPLATE


@pytest.mark.parametrize("sampled", [1e300, -1e300])
async def test_a_time_that_is_none_is_refused(sampled: float) -> None:
    async with sensors(showing(sampled=sampled)) as (meters, _):
        found = await meters.read([NODE], NOON)

    assert isinstance(found["energy-pi"].power_watts, Absent)


async def test_a_value_without_its_own_time_is_absent() -> None:
    answers = showing()
    answers.instants.pop(f"sunward_node_last_sample_timestamp_seconds{JOB}")
    async with sensors(answers) as (meters, _):
        found = await meters.read([NODE], NOON)

    power = found["energy-pi"].power_watts
    assert isinstance(power, Absent)
    assert "time of the sample" in power.cause.message


def ramp(watts: float, *, node: str = "pi-01", **labels: str) -> tuple[dict[str, str], list[tuple[float, str]]]:
    start = NOON.timestamp() - 60.0
    return {"node": node, **labels}, [(start + 5.0 * k, repr(watts * 5.0 * k)) for k in range(100)]


async def test_windows_are_asked_for_beyond_both_edges_and_cut() -> None:
    answers = Answers(
        windows={
            f"sunward_node_energy_joules_total{JOB}": [ramp(4.0)],
            f"sunward_node_harvest_energy_joules_total{JOB}": [ramp(9.0, node="another")],
        }
    )
    async with sensors(answers) as (meters, _):
        found = (await meters.energy([NODE], NOON, NOON + timedelta(seconds=300)))["energy-pi"]

    assert found.load is not None
    assert found.load.watt_hours == pytest.approx(4.0 * 300.0 / 3600.0)
    assert found.load.gaps == ()
    assert found.harvest is None
    assert {form["query"].partition("[")[2] for form in answers.asked} == {"330s]"}
    assert {float(form["time"]) for form in answers.asked} == {NOON.timestamp() + 315.0}
    assert meters.settle_delay_seconds == 10.0


async def test_gaps_are_told_in_time() -> None:
    answers = Answers(windows={f"sunward_node_energy_joules_total{JOB}": [ramp(4.0)]})
    start = NOON - timedelta(seconds=90)
    async with sensors(answers) as (meters, _):
        found = (await meters.energy([NODE], start, NOON))["energy-pi"]

    assert found.load is not None
    assert found.load.gaps == ((start, NOON - timedelta(seconds=60)),)


@pytest.mark.parametrize("labels", [{"exported_node": "pi-02"}, {"exported_job": "x"}])
async def test_a_counter_of_a_target_that_sets_its_own_labels_counts_for_nobody(labels: dict[str, str]) -> None:
    rows = [ramp(4.0), ramp(4.0, **labels)]
    answers = Answers(windows={f"sunward_node_energy_joules_total{JOB}": rows})
    async with sensors(answers) as (meters, _):
        found = await meters.energy([NODE], NOON, NOON + timedelta(seconds=300))

    assert found["energy-pi"].load is None
    assert sum(meters.source.refusals.values()) == 1


async def test_a_window_has_a_length() -> None:
    async with sensors(Answers()) as (meters, _):
        with pytest.raises(InvalidInput, match="end"):
            await meters.energy([NODE], NOON, NOON)


@pytest.mark.parametrize("body", [{}, {"data": {"yaml": "["}}, {"data": {"yaml": "a: 1"}}, {"data": {"yaml": 5}}])
async def test_a_configuration_that_cannot_be_read_is_no_good_news(body: object) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    async with serving(answer) as server, aiohttp.ClientSession() as session:
        settings = parse_settings(f"prometheus: {{url: '{server.url}'}}")
        with pytest.raises(SourceUnavailable, match="configuration"):
            await build_sensors(settings.prometheus, session).source.configuration_faults()


async def test_every_provider_of_the_settings_becomes_a_source(tmp_path: Path) -> None:
    settings = parse_settings(
        f"""
prometheus: {{url: 'http://localhost:9090'}}
intensitySources:
  grid: {{provider: electricity-maps, url: 'https://api.electricitymaps.com/v3', basis: average-direct}}
  disk: {{provider: file, path: {tmp_path / "trace.csv"}}}
"""
    )
    async with aiohttp.ClientSession() as session:
        ladders = build_intensities(settings.intensity_sources, session).ladders

    assert isinstance(ladders["grid"].provider, ElectricityMaps)
    assert str(ladders["grid"].provider.basis) == "average-direct"
    assert isinstance(ladders["disk"].provider, FileIntensity)
