"""Which nodes are woken, or kept, for pods that wait: as few as possible, the cleanest first, and each need once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.nodes import NodeRecord, NodeView, OverridePower, PowerOverride, PowerState
from sunward.domain.pods import FreeCapacity, Needs, PendingPod, PodTerm, Requirement, SelectorOperator
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards import pending
from sunward.planning.guards.pending import SCHEDULER_PATIENCE, calls, misfits
from sunward.planning.guards.rules_work import pods_pending, pods_placeable
from sunward.planning.sleep.transitions import advance
from support.guards.cases import case_of
from support.planning import NOW, a_node, a_pod, a_room, a_snapshot, needing, relay, some_facts

CORDONED = {"unschedulable": True, "has_our_cordon_mark": True}


def sleeper(name: str, *, zone: str = "CLEAN", state: PowerState = PowerState.ASLEEP, **changes: Any) -> NodeView:
    facts = some_facts(name, **{**CORDONED, "ready": state in pending.KEPT} | changes.pop("facts", {}))
    record = NodeRecord(power_state=state, cordoned_by_us=True, asleep_since=NOW - timedelta(hours=2))
    return a_node(name, record=record, facts=facts, grid_zone=zone, **changes)


def waits(name: str, millicores: int = 1000, **changes: Any) -> PendingPod:
    times = {key: changes.pop(key) for key in ("since", "next_wake_at") if key in changes}
    pod = a_pod(name, node_name=None, phase="Pending", **{"needs": needing(millicores=millicores)} | changes)
    return PendingPod(pod=pod, **{"since": NOW, **times})


def night(*nodes: NodeView, rooms: tuple[FreeCapacity, ...], pods: tuple[PendingPod, ...], **more: Any) -> Snapshot:
    """Nodes that sleep, with what they would have to offer, and pods that wait."""
    return a_snapshot(*nodes, free_capacities=more.pop("free", ()), closed_capacities=rooms, pending=pods, **more)


def called(snapshot: Snapshot) -> dict[str, list[str]]:
    return {node: [pod.name for pod in pods] for node, pods in calls(snapshot).items()}


def test_the_fewest_nodes_that_take_all_pods_are_woken() -> None:
    nodes = (sleeper("pi-01"), sleeper("pi-02"), sleeper("pi-03", zone="DIRTY"))
    rooms = (a_room("pi-01", millicores=1000), a_room("pi-02", millicores=1000), a_room("pi-03", millicores=2000))
    assert called(night(*nodes, rooms=rooms, pods=(waits("a"), waits("b")))) == {"pi-03": ["a", "b"]}


def test_of_equal_ones_the_cleanest_is_woken_and_then_by_name() -> None:
    nodes = (sleeper("pi-01", zone="DIRTY"), sleeper("pi-03"), sleeper("pi-02"), sleeper("pi-04", zone="NOWHERE"))
    rooms = tuple(a_room(node.name) for node in nodes)
    assert called(night(*nodes, rooms=rooms, pods=(waits("a"),))) == {"pi-02": ["a"]}


@pytest.mark.parametrize("state", [PowerState.CORDONED, PowerState.DRAINING])
def test_a_node_whose_power_is_still_on_is_kept_before_any_is_woken(state: PowerState) -> None:
    nodes = (sleeper("pi-01"), sleeper("pi-02", zone="DIRTY", state=state))
    snapshot = night(*nodes, rooms=(a_room("pi-01"), a_room("pi-02")), pods=(waits("a"),))
    assert called(snapshot) == {"pi-02": ["a"]}


@pytest.mark.parametrize("state", [PowerState.WAKE_REQUESTED, PowerState.BOOTING])
def test_what_boots_counts_as_if_it_were_up(state: PowerState) -> None:
    nodes = (sleeper("pi-01"), sleeper("pi-02", state=state))
    rooms = (a_room("pi-01", millicores=1000), a_room("pi-02", millicores=1000))
    assert called(night(*nodes, rooms=rooms, pods=(waits("a"),))) == {}
    assert list(called(night(*nodes, rooms=rooms, pods=(waits("a"), waits("b"))))) == ["pi-01"]


def test_a_node_that_boots_for_one_pod_is_not_counted_on_for_the_next() -> None:
    nodes = (sleeper("pi-01"), sleeper("pi-02", state=PowerState.BOOTING))
    rooms = (a_room("pi-01", millicores=1000), a_room("pi-02", millicores=1000))
    pods = (waits("z-first", next_wake_at=NOW + timedelta(minutes=9)), waits("a-second"))
    assert called(night(*nodes, rooms=rooms, pods=pods)) == {"pi-01": ["a-second"]}


def test_what_fits_on_a_node_that_is_awake_wakes_none() -> None:
    assert called(night(sleeper("pi-01"), rooms=(a_room("pi-01"),), pods=(waits("a"),), free=(a_room("hub"),))) == {}


def test_what_the_scheduler_does_not_place_for_minutes_does_not_fit_on_what_is_awake() -> None:
    late = waits("a", since=NOW - 2 * SCHEDULER_PATIENCE)
    rooms, free = (a_room("pi-01"),), (a_room("hub"),)
    assert called(night(sleeper("pi-01"), rooms=rooms, pods=(late,), free=free)) == {"pi-01": ["a"]}
    awake = a_node("hub", record=NodeRecord(awake_since=NOW - timedelta(minutes=1)))
    assert called(night(sleeper("pi-01"), awake, rooms=rooms, pods=(late,), free=free)) == {}


@pytest.mark.parametrize(
    "pod",
    [
        waits("big", 9000),
        waits("picky", needs=Needs(selectors=(((Requirement(key="disk", operator=SelectorOperator.EXISTS),),),))),
        waits("daemon", is_daemon=True),
        waits("balloon", priority=-11),
        waits("ours", labels=(("sunward.dev/component", "worker"), ("sunward.dev/job", "mnist"))),
        waits("tried", next_wake_at=NOW + timedelta(seconds=1)),
    ],
    ids=lambda one: one.pod.name,
)
def test_pods_that_wake_nothing(pod: PendingPod) -> None:
    assert called(night(sleeper("pi-01"), rooms=(a_room("pi-01"),), pods=(pod,))) == {}
    both = night(sleeper("pi-01"), rooms=(a_room("pi-01"),), pods=(pod, waits("other")))
    assert called(both) == {"pi-01": ["other"]}, "and keep no other from it"


def test_a_pod_that_fits_on_no_node_is_named_with_the_reason() -> None:
    snapshot = night(sleeper("pi-01"), rooms=(a_room("pi-01"),), pods=(waits("big", 9000), waits("small")))
    assert misfits(snapshot) == {"default/big": "too little cpu on 1"}


HELD = PowerOverride(power=OverridePower.ASLEEP, until=None, reason="somebody repairs it")


@pytest.mark.parametrize(
    "node",
    [
        sleeper("pi-01", override=HELD),
        sleeper("pi-01", facts={"has_our_cordon_mark": False}),
        a_node("pi-01", has_facts=False, record=NodeRecord(power_state=PowerState.ASLEEP)),
        sleeper("pi-01", state=PowerState.DEGRADED),
    ],
    ids=["held asleep", "cordoned by others", "gone", "broken"],
)
def test_nodes_that_cannot_serve(node: NodeView) -> None:
    assert called(night(node, rooms=(a_room("pi-01"),), pods=(waits("a"),))) == {}


def test_pods_that_exclude_each_other_need_a_node_each() -> None:
    apart = PodTerm(topology_key="host", selector=(), namespaces=None)
    rooms = tuple(a_room(f"pi-0{n}", labels=(("host", str(n)),)) for n in (1, 2, 3))
    nodes = tuple(sleeper(room.node) for room in rooms)
    needs = Needs(anti_affinity=(apart,))
    found = called(night(*nodes, rooms=rooms, pods=(waits("a", needs=needs), waits("b", needs=needs))))
    assert sorted(found) == ["pi-01", "pi-02"]


def test_a_whole_fleet_is_looked_through_for_many_pods() -> None:
    nodes = tuple(sleeper(f"pi-{n:02}") for n in range(30))
    rooms = tuple(a_room(node.name, millicores=1000) for node in nodes)
    found = called(night(*nodes, rooms=rooms, pods=tuple(waits(f"web-{n}") for n in range(8))))
    assert sorted(found) == [f"pi-{n:02}" for n in range(8)]


def test_one_pass_wakes_each_need_once() -> None:
    nodes = (sleeper("pi-01"), sleeper("pi-02"))
    rooms = tuple(a_room(node.name, millicores=1000) for node in nodes)
    snapshot = night(*nodes, rooms=rooms, pods=(waits("a"),))
    off = {node.name: relay(False, watts=0.0) for node in nodes}
    steps = advance(snapshot, {node.name: False for node in nodes}, off, NOW, fencing_token=1)
    woken = [(step.node, step.cause.reason) for step in steps if step.changed]
    assert woken == [("pi-01", Reason.PENDING_POD)]


def test_a_node_that_a_waiting_pod_needs_does_not_begin_to_sleep() -> None:
    pods, free = (waits("a"),), (a_room("pi-01"),)
    refusal = pods_pending(case_of(pending=pods, free_capacities=free))
    assert refusal is not None
    assert refusal.reason is Reason.PENDING_POD
    assert pods_pending(case_of(pending=pods, free_capacities=(*free, a_room("hub")))) is None
    late = (waits("a", since=NOW - 2 * SCHEDULER_PATIENCE),)
    assert pods_pending(case_of(pending=late, free_capacities=free)) is None, "it had time to come"


def test_pods_that_leave_are_placed_beside_those_that_wait() -> None:
    node = a_node(pods=[a_pod(needs=needing(millicores=1000))])
    free = (a_room("pi-01"), a_room("hub", millicores=1500))
    assert pods_placeable(case_of(node, free_capacities=free)) is None
    both = case_of(node, free_capacities=free, pending=(waits("a", priority=1),))
    refusal = pods_placeable(both)
    assert refusal is not None
    assert "default/web-1 (too little cpu on 1)" in refusal.message
