"""The auditor of the loop's world sees what must never happen, done here by an operator that has gone mad."""

from __future__ import annotations

from sunward.cluster.access.api import core, ours
from sunward_audit.view import PATIENCE
from support.loop.auditor import Auditor
from support.loop.ports import Relay
from support.loop.process import Process, ProcessApi
from support.loop.world import World


def mad() -> tuple[World, Auditor, Process, ProcessApi]:
    world = World(jobs=False)
    process = Process(world, "mad")
    return world, Auditor(world), process, ProcessApi(process)


def kinds(auditor: Auditor) -> set[str]:
    return {violation.split(":")[0] for violation in auditor.violations}


async def test_power_cut_under_a_running_pod_on_a_node_that_was_not_cordoned() -> None:
    world, auditor, process, _ = mad()
    await Relay(process, "pi-3").switch(False, "sleep-1", 1)
    world.advance(PATIENCE)
    auditor.later(world)
    assert kinds(auditor) == {"I1", "I2", "I15"}, auditor.violations
    assert not world.machines["pi-3"].on


async def test_the_control_plane_switched_off() -> None:
    _, auditor, process, _ = mad()
    await Relay(process, "hub").switch(False, "sleep-1", 1)
    assert any("control plane" in violation for violation in auditor.violations)


async def test_more_nodes_asleep_than_kubernetes_bears() -> None:
    _, auditor, process, _ = mad()
    for name in ("pi-1", "pi-2", "pi-3"):
        await Relay(process, name).switch(False, f"sleep-{name}", 1)
    assert any(violation.startswith("I3") and "asleep or not ready" in violation for violation in auditor.violations)


async def test_two_nodes_on_their_way_down_at_once() -> None:
    _, auditor, _, api = mad()
    for name in ("pi-2", "pi-3"):
        await api.patch(ours("energynodes", name, sub="status"), {"status": {"powerState": "Cordoned"}})
    assert kinds(auditor) == {"I3", "I7"}  # and on no recorded data


async def test_a_pod_deleted_and_one_evicted_without_uid_from_a_node_that_is_awake() -> None:
    _, auditor, _, api = mad()
    await api.create(core("pods", "web-0", namespace="default", sub="eviction"), {"metadata": {"name": "web-0"}})
    await api.delete(core("pods", "web-1", namespace="default"))
    assert kinds(auditor) == {"I4", "I5"}


async def test_foreign_marks_taken_away() -> None:
    world, auditor, _, api = mad()
    world.store.patch(core("nodes", "pi-1"), {"spec": {"unschedulable": True}})
    await api.patch(core("nodes", "pi-1"), {"spec": {"unschedulable": None}})
    await api.patch(core("nodes", "pi-2"), {"spec": {"taints": []}})
    assert len([violation for violation in auditor.violations if violation.startswith("I6")]) == 2


async def test_an_order_repeated_although_obeyed_an_old_token_and_a_shared_one() -> None:
    world, auditor, process, _ = mad()
    await Relay(process, "pi-3").switch(True, "wake-1", 7)
    await Relay(process, "pi-3").switch(True, "wake-1", 7)
    await Relay(Process(world, "other"), "pi-3").switch(True, "wake-2", 7)
    await Relay(process, "pi-3").switch(True, "wake-3", 6)
    texts = " ".join(auditor.violations)
    assert kinds(auditor) == {"I15"}
    assert auditor.needless_switches == 1
    assert "two processes share a token" in texts
    assert "an old token after a younger one" in texts
