"""The real loop in a world in memory: how many nodes sleep follows how the cluster is set up, and says so."""

from __future__ import annotations

import json

import pytest

from sunward.cluster.access.api import core, ours
from support.loop.objects import WORKERS
from support.loop.process import Process, run
from support.loop.store import Body
from support.loop.world import World

SET_UP = {"k3s.io/node-args": json.dumps(["server", "--kube-controller-manager-arg", "unhealthy-zone-threshold=0.95"])}
PLAIN = {"k3s.io/node-args": json.dumps(["server"])}


async def night(annotations: Body, budgets: Body, *, of: str = "hub") -> tuple[list[str], Body]:
    """Which nodes sleep after a night without work in a cluster of four, and the limit that the policy states."""
    world = World(jobs=False)
    world.store.patch(core("nodes", of), {"metadata": {"annotations": annotations}})
    world.store.patch(ours("energypolicies", "default"), {"spec": {"budgets": {"minimumAwakeNodes": 0, **budgets}}})
    await run(world, Process(world, "op"), 500)
    policy = world.store.find("energypolicies", "default")
    assert policy is not None
    return [name for name in WORKERS if world.power(name) == "Asleep"], policy["status"]["sleepLimit"]


@pytest.mark.parametrize(
    ("annotations", "budgets", "asleep", "limit"),
    [
        ({}, {}, 2, {"nodes": 2, "from": "Default"}),
        (SET_UP, {}, 3, {"nodes": 3, "from": "NodeArgs"}),
        ({}, {"unhealthyZoneThresholdPercent": 95}, 3, {"nodes": 3, "from": "Policy"}),
        (
            {"k3s.io/node-args": '["server"]'},
            {"unhealthyZoneThresholdPercent": 95},
            2,
            {"nodes": 2, "from": "NodeArgs"},
        ),
    ],
)
async def test_as_many_sleep_as_the_cluster_bears(annotations: Body, budgets: Body, asleep: int, limit: Body) -> None:
    sleepers, stated = await night(annotations, budgets)
    assert (len(sleepers), stated) == (asleep, limit)


async def test_the_annotation_of_a_worker_does_not_count() -> None:
    sleepers, stated = await night(SET_UP, {}, of="pi-1")
    assert (len(sleepers), stated) == (2, {"nodes": 2, "from": "Default"})
