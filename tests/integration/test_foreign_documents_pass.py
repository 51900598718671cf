"""Every field of what tenants and nodes say, spoilt, through the whole pass: it ends, a sleeping node that a person
orders awake is switched on in that pass, and the figures of other jobs stay as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from sunward.cluster.access.api import ours
from support.hostile import spoilt
from support.loop.crash import one_sleeper
from support.loop.process import Process, run
from support.loop.world import World, add_job, override

Body = dict[str, Any]
SLEEPER = "pi-3"
EVERY = 1
"""One of so many documents goes through a pass; all of them go through their reader in `test_foreign_documents`."""
WAKE_EVERY = 8
"""And one of so many of these passes also sees the order to wake the sleeper."""
PROGRESS = {
    "schema": "sunward.dev/progress/v1alpha1",
    "round": 1,
    "phase": "training",
    "accuracy_percent": 91.5,
    "plan": "plan-1",
    "data_set": "mnist",
    "checkpoint_time": "2026-06-01T00:00:00Z",
    "batches_total": {"nodes": {"pi-1": 300}, "offloaded": {"c": 150}},
    "history": [{"round": 1, "seconds": 2.5}],
    "workers": [
        {
            "node": "pi-1",
            "state": "alive",
            "round_batches_assigned": 50,
            "seconds_per_batch": 0.5,
            "home_shards": ["c"],
            "cached_shards": [],
        }
    ],
}


@cache
def _sleeping() -> World:
    """A world whose dirty node sleeps, with an honest job, and one of another team that states no cost."""
    world = one_sleeper()
    world.timeline.clear()
    world.store.patch(ours("energypolicies", "default"), {"spec": {"namespaces": ["default", "team"]}})
    add_job(world, "digits", {"pi-2": "a"}, rounds=5000, mobility="Never")
    add_job(world, "theirs", {"pi-1": "c"}, rounds=5000, namespace="team", cost=None)
    return world


async def a_world() -> tuple[World, Process]:
    """A copy of it, as it is once the node sleeps and both jobs have coordinators, with an operator in it."""
    world = _sleeping()
    while world.power(SLEEPER) != "Asleep" or world.store.find("services", "theirs-coordinator", "team") is None:
        assert world.seconds < 300
        await run(world, Process(world, "op"), world.seconds + 60)
    world = world.fork()
    process = Process(world, "op")
    world.answers["theirs"] = json.dumps(PROGRESS).encode()
    await run(world, process, world.seconds + 30)
    process.failures.clear()
    return world, process


def figures(world: World) -> Body:
    """What stands at the honest job."""
    body = world.store.find("trainingjobs", "digits", "default")
    assert body is not None
    status = body.get("status") or {}
    return {key: status.get(key) for key in ("round", "workers", "coordinator", "dataSet")}


async def tried(world: World, process: Process, name: str, own: str, wake: bool) -> None:
    """One pass; with an order to wake, of a copy that is thrown away."""
    before = figures(world)
    if wake:
        world = world.fork()
        process = Process(world, "op")
        override(world, SLEEPER, "Awake")
    await process.tick()
    others = [one for one in process.failures if own not in one]
    assert not others, f"{name}: {others[0]}"
    process.failures.clear()
    assert figures(world) == before, name
    if wake:
        assert world.machines[SLEEPER].on, f"{name}: the sleeper is not switched on"


def cases(good: object) -> Iterator[tuple[int, str, bytes]]:
    for number, case in enumerate(list(spoilt(good))[::EVERY]):
        yield number, case.name, case.body


async def test_what_a_coordinator_answers() -> None:
    world, process = await a_world()
    for number, name, body in cases(PROGRESS):
        world.answers["theirs"] = body or b" "
        await tried(world, process, name, "team/theirs", wake=number % WAKE_EVERY == 0)
    job = world.store.find("trainingjobs", "theirs", "team")
    assert job is not None
    assert job["status"]["conditions"]


def put_job(world: World, spec: Any) -> None:
    body = world.store.find("trainingjobs", "theirs", "team")
    assert body is not None
    world.store.put("trainingjobs", {**body, "spec": spec})


def put_node_spec(world: World, spec: Any) -> None:
    body = world.store.find("energynodes", "pi-2")
    assert body is not None
    world.store.put("energynodes", {**body, "spec": spec})


def put_node_status(world: World, status: Any) -> None:
    body = world.store.find("energynodes", "pi-2")
    assert body is not None
    world.store.put("energynodes", {**body, "status": status})


def put_assignment(world: World, data: Any) -> None:
    body = world.store.find("configmaps", "theirs-assignment", "team")
    assert body is not None
    world.store.put("configmaps", {**body, "data": {"assignment.json": json.dumps(data)}})


NODE_STATUS = {
    "powerState": "Awake",
    "owned": {"cordon": False},
    "timers": {"awakeSince": "2026-06-01T00:00:00Z"},
    "lastTransition": {"time": "2026-06-01T00:00:00Z", "reason": "Planned"},
    "cycles": ["2026-05-01T00:00:00Z"],
    "learned": {"idleMilliwatts": 2700, "observations": {"idle": 3}, "time": "2026-06-01T00:00:00Z"},
}
ASSIGNMENT = {
    "schema": "x",
    "workers": [{"node": "pi-1", "shards": [{"shard": "c", "from_node": "pi-1", "batches": 9}]}],
}


@pytest.mark.parametrize(
    ("own", "put"),
    [
        ("team/theirs", put_job),
        ("pi-2", put_node_spec),
        ("pi-2", put_node_status),
        ("team/theirs", put_assignment),
    ],
    ids=["job", "node", "node-status", "assignment"],
)
async def test_objects_that_the_server_let_through(own: str, put: Callable[[World, Any], None]) -> None:
    world, process = await a_world()
    goods = {
        put_job: (world.store.find("trainingjobs", "theirs", "team") or {})["spec"]
        | {"deadline": "2027-01-01T00:00:00Z"},
        put_node_spec: (world.store.find("energynodes", "pi-2") or {})["spec"],
        put_node_status: NODE_STATUS,
        put_assignment: ASSIGNMENT,
    }
    for number, name, body in cases(goods[put]):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            continue
        place, keep = _kept(world, own, put)
        put(world, value)
        await tried(world, process, name, own, wake=number % WAKE_EVERY == 0)
        world.store.put(place, keep)


def _kept(world: World, own: str, put: Callable[[World, Any], None]) -> tuple[str, Body]:
    """The object as it is, to be put back."""
    kind = {put_job: "trainingjobs", put_assignment: "configmaps"}.get(put, "energynodes")
    name, namespace = {"trainingjobs": ("theirs", "team"), "configmaps": ("theirs-assignment", "team")}.get(
        kind, (own, "")
    )
    body = world.store.find(kind, name, namespace)
    assert body is not None
    return kind, body
