"""The real loop in a world in memory: pods come first. Nodes wake for those that wait, and stay awake for those that
would have to."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from sunward.cluster.access.api import ApiError, core, ours
from support.loop.auditor import Auditor
from support.loop.objects import WORKER, WORKERS, new_pod
from support.loop.process import Process, run
from support.loop.store import Body
from support.loop.world import WAITS_FOR_EVER, World, Write

BOOT_SECONDS = 60
HOST = "kubernetes.io/hostname"
APART = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": HOST}
EXCLUSIVE: Body = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [APART]}}


def submit(
    world: World, name: str, *, node: str = "", cpu: str = "0", annotations: Body | None = None, **spec: Any
) -> None:
    """Somebody's controller makes a pod, which runs on a node or looks for one."""
    body = new_pod(name, node, "ReplicaSet", "default")
    body["metadata"] |= {"labels": {"app": name.split("-")[0]}, "annotations": annotations or {}}
    containers = [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]
    body["spec"] |= {"containers": containers, "nodeSelector": {WORKER: ""}, **spec}
    world.store.create(core("pods", namespace="default"), body)


def home(world: World, name: str) -> str:
    """Where a pod runs; empty while it waits."""
    body = world.store.find("pods", name, "default")
    assert body is not None
    return str(body["spec"].get("nodeName") or "")


def asleep(world: World) -> list[str]:
    return [name for name in WORKERS if world.power(name) == "Asleep"]


def wakes(world: World) -> list[str]:
    return [write.body["node"] for write in world.writes if write.verb == "switch" and write.body["on"]]


def evictions(world: World) -> list[str]:
    return [write.address.name for write in world.writes if write.address.sub == "eviction"]


def events(world: World, reason: str) -> list[str]:
    """Kinds and names that events of a reason are about."""
    found = [one for one in world.store.of("events") if one["reason"] == reason]
    return sorted({f"{one['involvedObject']['kind']} {one['involvedObject']['name']}" for one in found})


def condition(world: World, node: str, kind: str) -> Body:
    body = world.store.find("energynodes", node)
    assert body is not None
    return next(one for one in body["status"]["conditions"] if one["type"] == kind)


async def with_sleepers() -> tuple[World, Process]:
    """A night: the plan has put to sleep what it may."""
    world = World(jobs=False)
    process = await run(world, Process(world, "op"), 400)
    assert asleep(world)
    return world, process


async def test_a_pod_that_fits_on_a_sleeping_node_alone_wakes_it_within_one_boot() -> None:
    world, process = await with_sleepers()
    auditor = Auditor(world)
    (sleeper,) = asleep(world)[:1]
    submit(world, "db-0", nodeSelector={HOST: sleeper})
    before, asked = len(wakes(world)), world.seconds
    while not home(world, "db-0"):
        assert world.seconds < asked + BOOT_SECONDS, "the pod still waits"
        await run(world, process, world.seconds + 5)
    assert (home(world, "db-0"), wakes(world)[before:]) == (sleeper, [sleeper])
    assert {f"EnergyNode {sleeper}", "Pod db-0"} <= set(events(world, "PendingPod"))
    await run(world, process, world.seconds + 600)
    assert (home(world, "db-0"), world.power(sleeper)) == (sleeper, "Awake")
    assert condition(world, sleeper, "Sleepable")["reason"] == "UnplaceablePod"
    assert "db-0" not in evictions(world)
    assert (auditor.violations, process.failures) == ([], [])


async def test_one_node_is_woken_for_as_many_pods_as_it_takes() -> None:
    world, process = await with_sleepers()
    sleepers = asleep(world)
    for name in WORKERS:
        if name not in sleepers:
            submit(world, f"big-{name}", node=name, cpu="4")
    before = len(wakes(world))
    for number in range(3):
        submit(world, f"db-{number}", cpu="1")
    await run(world, process, world.seconds + 200)
    assert len({home(world, f"db-{number}") for number in range(3)}) == len(wakes(world)[before:]) == 1


async def test_pods_that_exclude_each_other_wake_a_node_each_and_keep_all_awake() -> None:
    world, process = await with_sleepers()
    for number in range(3):
        submit(world, f"db-{number}", affinity=EXCLUSIVE)
    await run(world, process, world.seconds + 300)
    assert {home(world, f"db-{number}") for number in range(3)} == set(WORKERS)
    gone = evictions(world)
    await run(world, process, world.seconds + 900)
    assert (asleep(world), evictions(world)) == ([], gone)


async def test_what_sleeping_nodes_do_not_have_wakes_none_and_is_told() -> None:
    world, process = await with_sleepers()
    before, sleepers = len(wakes(world)), asleep(world)
    submit(world, "db-0", nodeSelector={"disk": "ssd"})
    await run(world, process, world.seconds + 600)
    assert (asleep(world), wakes(world)[before:]) == (sleepers, [])
    told = condition(world, sleepers[0], "Asleep")["message"]
    assert "pod default/db-0 is pending and fits on no node: node selector or affinity" in told


async def test_a_pod_that_waits_on_all_the_same_does_not_wake_one_node_after_another() -> None:
    world, process = await with_sleepers()
    before = len(wakes(world))
    submit(world, "db-0", cpu="4", annotations={WAITS_FOR_EVER: ""})
    for name in WORKERS:
        if name not in asleep(world):
            submit(world, f"big-{name}", node=name, cpu="4")
    await run(world, process, world.seconds + 1500)
    assert len(wakes(world)[before:]) <= 2, "one for the need, one more after the first pause"


async def test_nobody_is_woken_while_the_policy_only_plans() -> None:
    world, process = await with_sleepers()
    before, (sleeper,) = len(wakes(world)), asleep(world)[:1]
    world.store.patch(ours("energypolicies", "default"), {"spec": {"mode": "DryRun"}})
    submit(world, "db-0", nodeSelector={HOST: sleeper})
    await run(world, process, world.seconds + 120)
    assert (world.power(sleeper), wakes(world)[before:]) == ("Asleep", [])
    assert "PendingPod" in condition(world, sleeper, "Sleepable")["message"]


async def test_a_node_that_a_person_holds_asleep_sleeps_on() -> None:
    world, process = await with_sleepers()
    (sleeper,) = asleep(world)[:1]
    until = {"power": "Asleep", "until": "2099-01-01T00:00:00Z", "reason": "somebody repairs it"}
    world.store.patch(ours("energynodes", sleeper), {"spec": {"override": until}})
    submit(world, "db-0", nodeSelector={HOST: sleeper})
    await run(world, process, world.seconds + 300)
    assert world.power(sleeper) == "Asleep"


@pytest.mark.parametrize("mark", ["weave.works/kured-reboot-in-progress", "karpenter.sh/do-not-disrupt"])
async def test_a_node_that_another_tool_keeps_does_not_go_to_sleep(mark: str) -> None:
    world = World(jobs=False)
    for name in WORKERS:
        world.store.patch(core("nodes", name), {"metadata": {"annotations": {mark: "true"}}})
    await run(world, Process(world, "op"), 400)
    assert (asleep(world), evictions(world)) == ([], [])
    assert mark in condition(world, "pi-3", "Sleepable")["message"]


async def test_an_eviction_that_is_forbidden_is_asked_for_once() -> None:
    world = World(jobs=False)

    def forbids(verb: str, path: str, done: bool) -> None:
        if path.endswith("/eviction") and not done:
            asked.append(path)
            raise ApiError(403, verb, path, "pods is forbidden")

    asked: list[str] = []
    process = await run(world, Process(world, "op", faults=forbids), 700)
    assert len(asked) == len(set(asked)) >= 1
    forbidden = [name for name in WORKERS if "EvictionRefused" in condition(world, name, "Sleepable")["message"]]
    assert forbidden
    assert all(world.power(name) == "Awake" for name in forbidden)
    assert process.failures == []


async def test_a_budget_that_is_used_up_meanwhile_is_asked_every_few_seconds_only() -> None:
    world = World(jobs=False)
    asked: dict[str, list[float]] = {}

    def refuses(verb: str, path: str, done: bool) -> None:
        if path.endswith("/eviction") and not done:
            asked.setdefault(path, []).append(world.seconds)
            raise ApiError(429, verb, path, "the disruption budget needs 1 healthy pods and has 1 currently")

    process = Process(world, "op", faults=refuses)
    while world.seconds < 200:
        await process.tick()
        world.advance(timedelta(seconds=1))
    assert asked
    pauses = [later - earlier for times in asked.values() for earlier, later in pairwise(times)]
    assert min(pauses) >= 10


async def test_a_pod_that_comes_back_is_not_evicted_again_and_again() -> None:
    world = World(jobs=False)

    def bind_again(now: World, write: Write) -> None:
        """A controller that names the node itself, past the scheduler."""
        if write.address.sub == "eviction" and write.before is not None:
            back = new_pod(f"web-back-{len(now.writes)}", write.before["spec"]["nodeName"], "ReplicaSet", "default")
            now.store.create(core("pods", namespace="default"), back)

    world.after_write.append(bind_again)
    process = await run(world, Process(world, "op"), 800)
    assert [name for name in evictions(world) if name.startswith("web-back")] == []
    assert [name for name in WORKERS if "came back" in condition(world, name, "Sleepable")["message"]]
    assert process.failures == []


async def test_a_pod_of_a_namespace_that_is_not_listed_keeps_its_node_without_a_cordon() -> None:
    world = World(jobs=False)
    for name in WORKERS:
        body = new_pod(f"other-{name}", name, "ReplicaSet", "elsewhere")
        world.store.create(core("pods", namespace="elsewhere"), body)
    await run(world, Process(world, "op"), 300)
    assert (asleep(world), evictions(world)) == ([], [])
    assert not [one for one in world.store.of("nodes") if one["spec"].get("unschedulable")]
    assert condition(world, "pi-3", "Sleepable")["reason"] == "NamespaceNotAllowed"


async def test_a_pod_of_a_namespace_for_evictions_leaves_once_the_right_is_there() -> None:
    world = World(jobs=False)
    for name in WORKERS:
        world.store.create(core("pods", namespace="media"), new_pod(f"media-{name}", name, "ReplicaSet", "media"))
    world.store.patch(ours("energypolicies", "default"), {"spec": {"evictNamespaces": {"names": ["media"]}}})
    world.store.no_evictions = {"media"}
    process = await run(world, Process(world, "op"), 300)
    assert (asleep(world), evictions(world)) == ([], [])
    assert not [one for one in world.store.of("nodes") if one["spec"].get("unschedulable")]
    assert "no right to evict" in condition(world, "pi-3", "Sleepable")["message"]
    world.store.no_evictions = set()
    await run(world, process, 900)
    assert asleep(world)
    assert evictions(world)


@pytest.mark.parametrize(("word", "sleeps"), [("Keep", False), ("Delete", True)])
async def test_empty_dirs_keep_their_node_awake_unless_the_policy_lets_them_go(word: str, sleeps: bool) -> None:
    world = World(jobs=False)
    for name in WORKERS:
        submit(world, f"db-{name}", node=name, volumes=[{"name": "cache", "emptyDir": {}}])
    world.store.patch(ours("energypolicies", "default"), {"spec": {"localData": {"emptyDir": word}}})
    await run(world, Process(world, "op"), 600)
    assert bool(asleep(world)) is sleeps
    if not sleeps:
        assert "emptyDir cache" in condition(world, "pi-3", "Sleepable")["message"]


async def test_a_budget_that_lets_nothing_go_is_seen_before_the_cordon() -> None:
    world = World(jobs=False)
    for name in WORKERS:
        submit(world, f"db-{name}", node=name)
    budget = {
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "db"}}},
        "status": {"disruptionsAllowed": 0},
    }
    world.store.create("/apis/policy/v1/namespaces/default/poddisruptionbudgets", budget)
    process = await run(world, Process(world, "op"), 300)
    assert (asleep(world), evictions(world)) == ([], [])
    assert condition(world, "pi-3", "Sleepable")["reason"] == "DisruptionBudget"
    path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/db"
    world.store.patch(path, {"status": {"disruptionsAllowed": 3}})
    await run(world, process, world.seconds + timedelta(minutes=10).total_seconds())
    assert asleep(world)
