"""What one node exports costs no other node its readings, and it costs Prometheus and the operator little."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Absent, Measurement
from sunward.domain.reasons import Reason
from sunward.sources.groups import LEFT_OUT_SECONDS
from sunward.sources.http import Limits
from sunward.sources.plausible import NodeLimits
from sunward.sources.prometheus import PrometheusSource
from sunward.sources.settings import PrometheusSettings
from support.sources import reading, serving

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
LIMITS = NodeLimits(power_watts=12.8, harvest_watts=None)
NODES = [f"pi-{number:03}" for number in range(450)]


@dataclass(slots=True)
class Fleet:
    """A Prometheus that knows every node it is asked about, and how much each of the bad ones exports."""

    bad: dict[str, int] = field(default_factory=dict)
    """Bytes of the label of each of ten series."""
    status: int = 0
    """What it answers instead when a bad node is among those asked about; 0 for the series."""
    asked: list[list[str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        query, at = str(form["query"]), float(str(form["time"]))
        (names,) = re.findall(r'node=~"([^"]*)"', query)
        nodes = str(names).replace("\\\\", "").split("|")
        self.asked.append(nodes)
        if self.status and self.bad.keys() & set(nodes):
            return web.json_response({"status": "error", "error": "too many samples"}, status=self.status)
        rows = [row for node in nodes for row in self._rows(node, query, at)]
        kind = "matrix" if query.endswith("]") else "vector"
        return web.Response(
            text=json.dumps({"status": "success", "data": {"resultType": kind, "result": rows}}),
            content_type="application/json",
        )

    def _rows(self, node: str, query: str, at: float) -> list[dict[str, object]]:
        if "harvest" in query or "battery" in query:
            return []
        times = [at - 120.0, at - 60.0, at] if query.endswith("]") else [at]
        text = f"{at}" if "timestamp" in query else "4.5"
        value = {"values": [[time, text] for time in times]} if query.endswith("]") else {"value": [at, text]}
        labels = {"node": node, "source": "ina219"}
        if node in self.bad:
            return [{"metric": {**labels, "x": f"{number}" * self.bad[node]}, **value} for number in range(10)]
        return [{"metric": labels, **value}]


@asynccontextmanager
async def source_of(fleet: Fleet) -> AsyncIterator[PrometheusSource]:
    async with serving(fleet.answer) as server, reading(Limits(attempts=1)) as reader:
        yield PrometheusSource(reader=reader, settings=PrometheusSettings(url=server.url))


async def powers(source: PrometheusSource, nodes: Sequence[str], at: datetime = NOW) -> dict[str, Reason | None]:
    """Why each node has no power reading; None where it has one."""
    facts = await source.meters(dict.fromkeys(nodes, LIMITS), at)
    found = {node: facts[node].power_watts for node in nodes}
    assert all(isinstance(one, Measurement | Absent) for one in found.values())
    return {node: one.cause.reason if isinstance(one, Absent) else None for node, one in found.items()}


async def test_nodes_are_asked_about_in_groups_and_by_name() -> None:
    fleet = Fleet()
    async with source_of(fleet) as source:
        assert set((await powers(source, NODES)).values()) == {None}
    assert max(len(nodes) for nodes in fleet.asked) == 200
    assert {node for nodes in fleet.asked for node in nodes} == set(NODES)


@pytest.mark.parametrize("bad", [{"pi-007": 400_000}, {"pi-007": 400_000, "pi-008": 90_000, "pi-449": 2_000_000}])
async def test_a_node_whose_answer_has_no_end_is_absent_and_no_other(bad: dict[str, int]) -> None:
    async with source_of(Fleet(bad=bad)) as source:
        found = await powers(source, NODES)
    assert {node for node, why in found.items() if why is not None} == set(bad)
    assert {found[node] for node in bad} == {Reason.DATA_UNAVAILABLE}


async def test_a_query_that_takes_too_many_samples_is_asked_in_parts() -> None:
    async with source_of(Fleet(bad={"pi-100": 1}, status=422)) as source:
        found = await powers(source, NODES[:200])
    assert {node for node, why in found.items() if why is not None} == {"pi-100"}


async def test_more_series_than_one_are_a_matter_of_that_node_alone() -> None:
    async with source_of(Fleet(bad={"pi-001": 10})) as source:
        found = await powers(source, NODES[:3])
    assert found == {"pi-000": None, "pi-001": Reason.AMBIGUOUS_METRIC, "pi-002": None}


async def test_energy_of_the_other_nodes_is_settled() -> None:
    async with source_of(Fleet(bad={"pi-001": 900_000})) as source:
        found = await source.energy(NODES[:20], NOW - timedelta(minutes=2), NOW - timedelta(minutes=1))
    absent = {node for node, one in found.items() if isinstance(one, Absent) and one.cause.reason is not None}
    unavailable = {
        node for node, one in found.items() if isinstance(one, Absent) and one.cause.reason is Reason.DATA_UNAVAILABLE
    }
    assert unavailable == {"pi-001"}
    assert absent == unavailable


async def test_a_node_to_blame_is_left_out_for_a_while_and_then_asked_about_again() -> None:
    fleet = Fleet(bad={"pi-007": 400_000})
    async with source_of(fleet) as source:
        await powers(source, NODES)
        fleet.asked.clear()
        again = await powers(source, NODES, NOW + timedelta(seconds=2))
        assert again["pi-007"] is Reason.DATA_UNAVAILABLE
        assert len(fleet.asked) == 8 * 3
        assert "pi-007" not in {node for nodes in fleet.asked for node in nodes}
        fleet.bad.clear()
        later = NOW + timedelta(seconds=LEFT_OUT_SECONDS)
        assert set((await powers(source, NODES, later)).values()) == {None}


async def test_a_prometheus_that_does_not_answer_is_asked_no_more_for_it() -> None:
    fleet = Fleet(bad={"pi-000": 1}, status=503)
    async with source_of(fleet) as source:
        with pytest.raises(SourceUnavailable, match="HTTP 503"):
            await powers(source, NODES[:200])
    assert len(fleet.asked) <= 7
