"""What is written fits into the API server's objects, and what does not fit is counted: nothing is lost in silence."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from sunward.cluster.reporting import job_figures, report
from sunward.cluster.reporting.bounds import Limit, Omitted
from sunward.planning.jobs import assign
from support import crds, statuses
from support.fleets import FLEETS, a_fleet
from support.planning import NOW

STORED_BYTES = 1_572_864
"""What etcd takes by default, 1.5 MiB."""


def schema(kind: str) -> crds.Manifest:
    definition = next(d for d in crds.definitions() if d["spec"]["names"]["kind"] == kind)
    return crds.schema_of(definition)["properties"]["status"]


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_a_plan_of_any_fleet_fits_into_its_object(fleet: dict[str, Any]) -> None:
    status = statuses.fleet_status(**fleet)
    jsonschema.validate(status, schema("EnergyPlan"))
    assert len(json.dumps(status)) < STORED_BYTES - 100_000


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_what_a_plan_leaves_out_is_counted(fleet: dict[str, Any]) -> None:
    plan, snapshot = a_fleet(**fleet)
    status = statuses.fleet_status(**fleet)
    missing = {one["field"]: one["count"] for one in status["omitted"]}
    lost = {one["field"]: one["count"] for one in status["settlement"]["omitted"]}
    everything = {
        "inputs.nodes": (len(snapshot.nodes), status["inputs"]["nodes"]),
        "inputs.zones": (len(snapshot.intensities), status["inputs"]["zones"]),
        "decisions": (len(plan.decisions), status["decisions"]),
        "assignments": (sum(len(one.assignments) for one in plan.jobs), status["assignments"]),
        "transfers": (len(plan.transfers), status["transfers"]),
        "sleeps": (len(plan.sleeps), status["sleeps"]),
        "prices.energy": (len(plan.prices.energy_grams_per_watt_hour), status["prices"]["energy"]),
        "prices.offload": (len(plan.prices.offload_grams), status["prices"]["offload"]),
    }
    assert {name: len(rows) + missing.get(name, 0) for name, (_, rows) in everything.items()} == {
        name: count for name, (count, _) in everything.items()
    }
    assert len(status["settlement"]["nodes"]) + lost.get("nodes", 0) == fleet["nodes"]


def test_a_fleet_of_500_nodes_and_100_jobs_keeps_every_row_but_sentences_and_prices() -> None:
    plan, snapshot = a_fleet(500, 100)
    status = statuses.fleet_status(nodes=500, jobs=100)
    assert {one["field"] for one in status["omitted"]} == {"decisions", "inputs.zones", "prices.energy"}
    assert status["settlement"]["omitted"] == []
    assert len(status["assignments"]) == sum(len(one.assignments) for one in plan.jobs)
    assert len(status["inputs"]["nodes"]) == len(snapshot.nodes)


def test_many_shards_are_folded_by_worker_and_the_batches_stay() -> None:
    plan, _ = a_fleet(64, 20, shards=256)
    rows = statuses.fleet_status(nodes=64, jobs=20, shards=256)["assignments"]
    assert sum(row["batches"] for row in rows) == sum(row.batches for one in plan.jobs for row in one.assignments)
    assert {row["job"] for row in rows} == {one.job for one in plan.jobs}
    assert all("shard" not in row and row["shards"] == 4 for row in rows)


def test_what_changes_something_is_kept_before_what_stays() -> None:
    kinds = [one["kind"] for one in statuses.fleet_status(nodes=2000, jobs=4)["decisions"]]
    assert kinds[:4] == ["Assign"] * 4


def test_nodes_that_are_to_sleep_keep_their_inputs() -> None:
    plan, _ = a_fleet(2000, 4)
    kept = {row["node"] for row in statuses.fleet_status(nodes=2000, jobs=4)["inputs"]["nodes"]}
    assert 0 < len(kept) < 1000
    assert not any(plan.awake[name] for name in kept)


@pytest.mark.parametrize("length", [12, 253])
def test_a_job_of_256_shards_on_six_workers_each_fits_into_its_status(length: int) -> None:
    plan, snapshot = a_fleet(256, 1, shards=256, workers=6, length=length)
    job, directive = snapshot.jobs[0], plan.jobs[0]
    status: dict[str, Any] = {
        **report.job_status(job, directive, plan, {}, NOW),
        **job_figures.figures(job, directive, snapshot.nodes, {}, NOW),
    }
    status = statuses.without_removals(status)
    jsonschema.validate(status, schema("TrainingJob"))
    assert len(status["assignments"]) == assign.MOST_ROWS == 256 * 6
    assert len(json.dumps(status)) < STORED_BYTES - 300_000  # the spec has its shards in the same object


def test_a_list_is_cut_by_number_and_by_size() -> None:
    omitted = Omitted()
    rows = [{"node": "a"}, {"node": "b"}, {"node": "c"}]
    assert omitted.fitting("few", rows, Limit(rows=2, size_bytes=1000)) == rows[:2]
    assert omitted.fitting("small", rows, Limit(rows=9, size_bytes=26)) == rows[:2]
    assert omitted.fitting("all", rows, Limit(rows=3, size_bytes=39)) == rows
    assert omitted.rows() == [{"field": "few", "count": 1}, {"field": "small", "count": 1}]


def test_a_row_too_large_is_the_end_of_the_list_and_never_a_hole_in_it() -> None:
    rows = [{"node": "a" * 50}, {"node": "b"}]
    assert Omitted().fitting("x", rows, Limit(rows=9, size_bytes=30)) == []
