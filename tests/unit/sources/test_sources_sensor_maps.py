"""Mappings of other exporters' series: what the settings accept, and what becomes of samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sunward.domain.measurement import Absent, Measurement
from sunward.domain.reasons import Reason
from sunward.sources.integrals import area
from sunward.sources.mapped import MappedSource
from sunward.sources.prometheus import WindowEnergy
from sunward.sources.promql import mapped
from sunward.sources.samples import Sample
from sunward.sources.sensor_maps import PRESETS, SensorMap
from sunward.sources.settings import PrometheusSettings
from support.sources import reading, serving

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CUSTOM = {"preset": "Custom", "series": "meter", "unit": "Watts", "nodeLabel": "plug"}


def series(value: str, *values: float, step: float = 30.0, end: datetime = NOW, **labels: str) -> dict[str, Any]:
    """One series of an answer; its last sample is at `end`."""
    first = end.timestamp() - step * (len(values) - 1)
    pairs = [[first + step * number, repr(one)] for number, one in enumerate(values)]
    return {"metric": {"plug": value, **labels}, "values": pairs}


async def asked(
    mapping: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], nodes: Sequence[str] = ("pi-01",)
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Readings, the energy of the last minute, and the queries."""
    queries: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        queries.append(str((await request.post())["query"]))
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": list(rows)}})

    async with serving(answer) as server, reading() as reader:
        settings = PrometheusSettings(url=server.url)
        source = MappedSource(reader=reader, settings=settings, mapping=SensorMap.model_validate(mapping))
        shown = await source.readings(dict.fromkeys(nodes, 10.0), NOW)
        counted = await source.energy(nodes, NOW - timedelta(seconds=60), NOW)
    return shown, counted, queries


@pytest.mark.parametrize(
    ("unit", "watts"),
    [("Watts", 4.5), ("Milliwatts", 4500.0), ("Microwatts", 4.5e6), ("Kilowatts", 0.0045)],
)
async def test_a_gauge_has_its_value_in_watts_and_the_time_of_its_own_sample(unit: str, watts: float) -> None:
    last = NOW - timedelta(seconds=12)
    rows = [series("plug-7", *[watts] * 5, end=last + timedelta(seconds=30))]
    rows[0]["values"].pop()
    shown, _, queries = await asked(CUSTOM | {"unit": unit, "nodes": {"pi-01": "plug-7"}}, rows)
    assert isinstance(shown["pi-01"], Measurement)
    assert (shown["pi-01"].value, shown["pi-01"].time) == (pytest.approx(4.5), last)
    assert queries[0] == 'meter{plug=~"plug-7"}[150s]'


@pytest.mark.parametrize(
    ("unit", "joules"),
    [("Joules", 1.0), ("Microjoules", 1e6), ("WattHours", 1 / 3600.0), ("KilowattHours", 1 / 3.6e6)],
)
async def test_a_counter_shows_its_growth_and_its_energy(unit: str, joules: float) -> None:
    rows = [series("pi-01", *((1000.0 + 4.5 * 30.0 * number) * joules for number in range(5)))]
    shown, counted, _ = await asked(CUSTOM | {"unit": unit}, rows)
    assert shown["pi-01"].value == pytest.approx(4.5)
    assert isinstance(counted["pi-01"], WindowEnergy)
    assert counted["pi-01"].watt_hours == pytest.approx(4.5 * 60.0 / 3600.0)
    assert counted["pi-01"].gaps == ()


async def test_a_gauge_is_integrated_with_the_holes_it_has() -> None:
    rows = [series("pi-01", 6.0, 6.0, 6.0)]
    _, counted, _ = await asked(CUSTOM, rows)
    assert counted["pi-01"].watt_hours == pytest.approx(0.1)
    _, counted, _ = await asked(CUSTOM | {"scrapeIntervalSeconds": 5.0}, rows)
    assert isinstance(counted["pi-01"], Absent)


async def test_parts_are_added_only_where_the_preset_says_so() -> None:
    rows = [series("pi-01", 0.0, 90.0, 180.0, zone="a"), series("pi-01", 0.0, 30.0, 60.0, zone="b")]
    shown, counted, _ = await asked({"preset": "NodeExporterRapl", "nodeLabel": "plug"}, rows)
    assert shown["pi-01"].value == pytest.approx(4.0)
    assert counted["pi-01"].watt_hours == pytest.approx(4.0 * 60.0 / 3600.0)
    shown, counted, _ = await asked(CUSTOM, rows)
    assert shown["pi-01"].cause.reason is Reason.AMBIGUOUS_METRIC
    assert counted["pi-01"].cause.reason is Reason.AMBIGUOUS_METRIC
    assert "narrow select" in shown["pi-01"].cause.message


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], Reason.DATA_MISSING),
        ([series("plug-7", math.nan)], Reason.NOT_A_NUMBER),
        ([series("plug-7", -4.0)], Reason.NEGATIVE_VALUE),
        ([series("plug-7", 4500.0)], Reason.ABOVE_NAMEPLATE),
        ([series("other", 4.5)], Reason.DATA_MISSING),
    ],
)
async def test_what_cannot_be_believed_is_absent_with_a_reason(
    rows: Sequence[Mapping[str, Any]], reason: Reason
) -> None:
    shown, _, _ = await asked(CUSTOM | {"nodes": {"pi-01": "plug-7"}}, rows)
    assert shown["pi-01"].cause.reason is reason


async def test_a_mapping_without_nodes_speaks_for_those_it_has_series_of() -> None:
    shown, _, queries = await asked(
        CUSTOM | {"job": 'a"b', "select": {"x": "y"}}, [series("pi-01", 4.5)], ["pi-01", "pi-02"]
    )
    assert set(shown) == {"pi-01"}
    assert queries[0] == 'meter{x="y",job="a\\"b",plug=~"pi-01|pi-02"}[150s]'


async def test_a_mapping_with_nodes_is_asked_about_these_only() -> None:
    shown, counted, queries = await asked(CUSTOM | {"nodes": {"pi-02": "p"}}, [], ["pi-01"])
    assert (shown, counted, queries) == ({}, {}, [])


async def test_percent_is_a_ratio_and_a_ratio_above_one_is_refused() -> None:
    battery = CUSTOM | {"measures": "Battery", "unit": "Percent"}
    assert (await asked(battery, [series("pi-01", 83.0)]))[0]["pi-01"].value == pytest.approx(0.83)
    refused = (await asked(battery | {"unit": "Ratio"}, [series("pi-01", 83.0)]))[0]["pi-01"]
    assert refused.cause.reason is Reason.IMPLAUSIBLE_UNIT


async def test_an_answer_that_is_none_costs_this_mapping_only() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"status": "error", "error": "bad"}, status=400)

    async with serving(answer) as server, reading() as reader:
        mapping = SensorMap.model_validate(CUSTOM | {"nodes": {"pi-01": "p"}})
        source = MappedSource(reader=reader, settings=PrometheusSettings(url=server.url), mapping=mapping)
        shown = (await source.readings({"pi-01": 10.0}, NOW))["pi-01"]
    assert isinstance(shown, Absent)
    assert shown.cause.reason is Reason.DATA_UNAVAILABLE


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"preset": "Custom"}, "Custom needs series, unit and nodeLabel"),
        ({"preset": "Victron"}, "Victron measures Harvest, Battery"),
        ({"preset": "Kepler", "measures": "Battery"}, "Kepler measures Power"),
        (CUSTOM | {"measures": "Battery"}, "Battery needs the unit Ratio or Percent"),
        (CUSTOM | {"unit": "Percent"}, "Battery needs the unit Ratio or Percent"),
        (CUSTOM | {"nodes": {"pi-01": "p", "pi-02": "p"}}, "one meter would count twice"),
        (CUSTOM | {"series": 'up{job="x"}'}, "series"),
        (CUSTOM | {"select": {"a-b": "c"}}, "select"),
        (CUSTOM | {"nodes": {"pi-01": "a\nb"}}, "nodes"),
    ],
)
def test_a_mapping_that_cannot_be_asked_is_refused_with_the_fix(mapping: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SensorMap.model_validate(mapping)


@pytest.mark.parametrize(("preset", "measures"), PRESETS)
def test_every_preset_can_be_asked(preset: str, measures: str) -> None:
    template = SensorMap.model_validate({"preset": preset, "measures": measures}).template
    assert mapped(template.series, template.labels, template.node_label, ["pi-01"], 60).startswith(
        f"{template.series}{{"
    )


@given(
    values=st.lists(st.floats(0.0, 100.0), min_size=2, max_size=20),
    cut=st.floats(0.05, 0.95),
)
def test_adjacent_windows_of_a_gauge_add_up(values: list[float], cut: float) -> None:
    samples = [Sample(seconds=10.0 * number, value=value) for number, value in enumerate(values)]
    end = samples[-1].seconds
    middle = cut * end
    whole, left, right = (
        area(samples, start, stop, longest_step_seconds=30.0).amount
        for start, stop in ((0.0, end), (0.0, middle), (middle, end))
    )
    assert whole == pytest.approx(left + right, rel=1e-9, abs=1e-9)
    assert min(values) * end - 1e-6 <= whole <= max(values) * end + 1e-6
