"""What was tried with pods in vain is remembered, for longer each time, and forgotten in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sunward.cluster.reading import pod_memory
from sunward.cluster.reading.pod_memory import ASK_AGAIN_AFTER, FIRST_PAUSE, LONGEST_PAUSE, PodMemory
from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeRecord, PowerState
from sunward.domain.pods import PendingPod, PodFacts
from sunward.domain.reasons import Reason
from sunward.planning.guards.drain import BlockingPod
from support.planning import NOW, a_node, a_pod, a_policy, a_snapshot

FORBIDDEN = Cause(Reason.EVICTION_REFUSED, "default/web-1: 403")
WEB = a_pod(owner_uid="web")


def held(memory: PodMemory, *pods: PodFacts, at: datetime = NOW, **node: Any) -> list[Reason | None]:
    """Why each pod of the node is held."""
    snapshot = a_snapshot(a_node(pods=pods, **node), taken_at=at, policy=a_policy(namespaces=("default",)))
    return [None if pod.held is None else pod.held.reason for pod in memory.marked(snapshot).nodes[0].pods]


def refuse(memory: PodMemory, pod: PodFacts, cause: Cause, *, at: datetime = NOW, is_final: bool = False) -> None:
    memory.evicted(a_node(pods=[pod]), [pod], [BlockingPod(pod=pod, cause=cause)], at, is_final=is_final)


def test_a_refusal_for_good_is_remembered_and_the_pause_doubles() -> None:
    memory = PodMemory()
    refuse(memory, WEB, FORBIDDEN)
    assert held(memory, WEB, a_pod("other", owner_uid="other")) == [Reason.EVICTION_REFUSED, None]
    assert held(memory, a_pod("web-2", owner_uid="web")) == [Reason.EVICTION_REFUSED], "another of the same controller"
    assert held(memory, WEB, at=NOW + FIRST_PAUSE) == [None]
    refuse(memory, WEB, FORBIDDEN, at=NOW + FIRST_PAUSE)
    assert held(memory, WEB, at=NOW + 2.9 * FIRST_PAUSE) == [Reason.EVICTION_REFUSED]
    for _ in range(40):
        refuse(memory, WEB, FORBIDDEN, at=NOW + timedelta(days=400))
    assert held(memory, WEB, at=NOW + timedelta(days=400) + LONGEST_PAUSE) == [None]


def test_a_budget_that_is_used_up_is_asked_again_after_a_moment() -> None:
    memory = PodMemory()
    refuse(memory, WEB, Cause(Reason.DRAIN_BLOCKED, "429"))
    assert held(memory, WEB) == [None]
    assert memory.due([WEB], NOW + ASK_AGAIN_AFTER / 2) == ()
    assert memory.due([WEB], NOW + ASK_AGAIN_AFTER) == (WEB,)
    assert memory.due([a_pod("new")], NOW) == (a_pod("new"),)
    refuse(memory, WEB, Cause(Reason.DRAIN_BLOCKED, "500"), is_final=True)
    assert held(memory, WEB) == [Reason.EVICTION_REFUSED]


def test_a_pod_that_comes_back_to_a_node_that_is_drained_is_held_there() -> None:
    memory, draining = PodMemory(), {"record": NodeRecord(power_state=PowerState.DRAINING)}
    brother, back = a_pod("web-2", owner_uid="web"), a_pod("web-3", owner_uid="web")
    memory.evicted(a_node(pods=[WEB, brother]), [WEB], [], NOW, is_final=False)
    assert held(memory, WEB, brother, a_pod("late", owner_uid="late"), **draining) == [None, None, None]
    assert held(memory, back, **draining) == [Reason.EVICTION_REFUSED]
    assert held(memory, back, name="pi-02", **draining) == [None], "elsewhere it may be evicted"


def test_a_drain_that_ended_is_over() -> None:
    memory, draining = PodMemory(), {"record": NodeRecord(power_state=PowerState.DRAINING)}
    memory.evicted(a_node(pods=[WEB]), [WEB], [], NOW, is_final=False)
    assert held(memory, a_pod("web-2", owner_uid="web")) == [None]
    assert held(memory, a_pod("web-2", owner_uid="web"), **draining) == [None]


def test_a_namespace_that_the_policy_does_not_list_is_known_before() -> None:
    assert held(PodMemory(), a_pod(namespace="other")) == [Reason.NAMESPACE_NOT_ALLOWED]


def test_nodes_that_were_woken_for_a_pod_are_remembered() -> None:
    memory = PodMemory()
    waits = a_snapshot(pending=(PendingPod(pod=WEB, since=NOW), PendingPod(pod=a_pod("db"), since=NOW)))
    memory.woken([WEB], NOW)
    assert [one.next_wake_at for one in memory.marked(waits).pending] == [NOW + FIRST_PAUSE, None]


def test_memory_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(pod_memory, "REMEMBERED_LIMIT", 3)
    memory = PodMemory()
    pods = [a_pod(f"web-{number}") for number in range(5)]
    memory.woken(pods, NOW)
    marked = memory.marked(a_snapshot(pending=tuple(PendingPod(pod=pod, since=NOW) for pod in pods)))
    assert [one.next_wake_at is not None for one in marked.pending] == [False, False, True, True, True]
