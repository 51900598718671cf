"""What a drain does with every kind of pod: who stays, who goes, and who forbids that the node is drained at all."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.domain.reasons import Reason
from sunward.planning.guards.drain import Fate, classify, is_coordinator, is_our_worker, judge
from support.planning import a_pod, a_worker_pod

COMPONENT, JOB, PART_OF = "sunward.dev/component", "sunward.dev/job", "app.kubernetes.io/part-of"
BLOCKERS: dict[str, Any] = {"do_not_disrupt": True, "owner_kind": None, "uses_local_storage": True}

POD_TABLE: list[tuple[str, dict[str, Any], Fate, Reason | None]] = [
    ("daemon", {"is_daemon": True, **BLOCKERS}, Fate.STAYS, None),
    ("mirror", {"is_mirror": True, **BLOCKERS}, Fate.STAYS, None),
    ("succeeded", {"phase": "Succeeded", **BLOCKERS}, Fate.STAYS, None),
    ("failed", {"phase": "Failed", **BLOCKERS}, Fate.STAYS, None),
    ("daemon that ends", {"is_daemon": True, "is_terminating": True}, Fate.STAYS, None),
    ("terminating", {"is_terminating": True, **BLOCKERS}, Fate.LEAVES, None),
    ("replicated", {}, Fate.EVICT, None),
    ("stateful", {"owner_kind": "StatefulSet"}, Fate.EVICT, None),
    ("batch", {"owner_kind": "Job"}, Fate.EVICT, None),
    ("pending", {"phase": "Pending"}, Fate.EVICT, None),
    ("unknown", {"phase": "Unknown"}, Fate.EVICT, None),
    ("bare", {"owner_kind": None}, Fate.BLOCKS, Reason.UNEVICTABLE_POD),
    ("local files", {"uses_local_storage": True}, Fate.BLOCKS, Reason.UNEVICTABLE_POD),
    ("do not disrupt", {"do_not_disrupt": True}, Fate.BLOCKS, Reason.UNEVICTABLE_POD),
    ("system", {"namespace": "kube-system"}, Fate.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
    ("above critical", {"priority": 2_000_001_000}, Fate.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
    ("critical", {"priority": 2_000_000_000}, Fate.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
    ("below critical", {"priority": 1_999_999_999}, Fate.EVICT, None),
    ("important", {"priority": 1_000_000_000}, Fate.EVICT, None),
    ("ours", {"labels": ((PART_OF, "sunward"),)}, Fate.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
    ("of another", {"labels": ((PART_OF, "moonward"),)}, Fate.EVICT, None),
    ("coordinator", {"labels": ((COMPONENT, "coordinator"),)}, Fate.BLOCKS, Reason.HOSTS_COORDINATOR),
    (
        "coordinator in the system",
        {"labels": ((COMPONENT, "coordinator"),), "namespace": "kube-system"},
        Fate.BLOCKS,
        Reason.HOSTS_COORDINATOR,
    ),
    ("system and bare", {"namespace": "kube-system", "owner_kind": None}, Fate.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
]


@pytest.mark.parametrize(("name", "changes", "fate", "reason"), POD_TABLE, ids=str)
def test_the_fate_of_a_pod(name: str, changes: dict[str, Any], fate: Fate, reason: Reason | None) -> None:
    verdict = judge(a_pod(name, **changes))
    cause = verdict.cause
    assert (verdict.fate, cause.reason if cause else None) == (fate, reason)
    assert (cause is not None and name in cause.message) is (fate is Fate.BLOCKS), "a person has to find it"


@pytest.mark.parametrize(
    ("labels", "worker", "coordinator"),
    [
        ((), False, False),
        (((COMPONENT, "worker"), (JOB, "mnist")), True, False),
        (((COMPONENT, "worker"),), False, False),
        (((JOB, "mnist"),), False, False),
        (((COMPONENT, "coordinator"), (JOB, "mnist")), False, True),
        (((COMPONENT, "planner"), (JOB, "mnist")), False, False),
    ],
)
def test_our_pods_are_known_by_their_labels(
    labels: tuple[tuple[str, str], ...], worker: bool, coordinator: bool
) -> None:
    pod = a_pod(labels=labels)
    assert (is_our_worker(pod), is_coordinator(pod)) == (worker, coordinator)


def test_our_workers_go_although_they_keep_files_but_not_when_they_ask_to_stay() -> None:
    assert judge(a_worker_pod()).fate is Fate.EVICT
    assert judge(a_worker_pod(owner_kind=None)).fate is Fate.EVICT, "the operator makes a new one"
    assert judge(a_worker_pod(do_not_disrupt=True)).fate is Fate.BLOCKS


def test_a_node_is_drained_when_only_what_stays_is_left() -> None:
    stays = [a_pod(name, **changes) for name, changes, fate, _ in POD_TABLE if fate is Fate.STAYS]
    assert classify([]).is_done
    assert classify(stays).is_done
    assert not classify([*stays, a_pod("last")]).is_done
    assert not classify([*stays, a_pod("leaving", is_terminating=True)]).is_done
    assert not classify([*stays, a_pod("blocking", owner_kind=None)]).is_done


def test_every_pod_but_those_that_stay_is_sorted_by_its_fate_and_name() -> None:
    drain = classify(a_pod(name, **changes) for name, changes, _, _ in POD_TABLE)
    named = {
        fate: sorted(name for name, changes, its, _ in POD_TABLE if its is fate and "namespace" not in changes)
        for fate in Fate
    }
    assert [pod.name for pod in drain.evictable] == named[Fate.EVICT]
    assert [pod.name for pod in drain.leaving] == named[Fate.LEAVES]
    blocking = [verdict.pod.name for verdict in drain.blocking]
    assert blocking[: len(named[Fate.BLOCKS])] == named[Fate.BLOCKS]
    assert blocking[len(named[Fate.BLOCKS]) :] == ["coordinator in the system", "system", "system and bare"]


def test_the_order_of_pods_does_not_matter() -> None:
    pods = [a_pod(name, **changes) for name, changes, _, _ in POD_TABLE]
    assert classify(pods) == classify(reversed(pods))
