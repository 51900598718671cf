"""What a drain does with every kind of pod: who stays, who goes, and who forbids that the node is drained at all."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.domain.cause import Cause
from sunward.domain.pods import Needs, Toleration, TolerationOperator
from sunward.domain.reasons import Reason
from sunward.planning.guards.drain import Disposition, classify, is_coordinator, is_our_worker, judge
from support.planning import a_pod, a_worker_pod

COMPONENT, JOB, PART_OF = "sunward.dev/component", "sunward.dev/job", "app.kubernetes.io/part-of"
ANYTHING = Toleration(operator=TolerationOperator.EXISTS)
OURS = Toleration(key="sunward.dev/asleep", operator=TolerationOperator.EXISTS)
CORDON = Toleration(key="node.kubernetes.io/unschedulable", operator=TolerationOperator.EXISTS, effect="NoSchedule")


def needing_nothing(*tolerations: Toleration) -> Needs:
    return Needs(tolerations=tolerations)


BLOCKERS: dict[str, Any] = {"do_not_disrupt": True, "owner_kind": None, "uses_local_storage": True}

POD_TABLE: list[tuple[str, dict[str, Any], Disposition, Reason | None]] = [
    ("daemon", {"is_daemon": True, **BLOCKERS}, Disposition.STAYS, None),
    ("mirror", {"is_mirror": True, **BLOCKERS}, Disposition.STAYS, None),
    ("succeeded", {"phase": "Succeeded", **BLOCKERS}, Disposition.STAYS, None),
    ("failed", {"phase": "Failed", **BLOCKERS}, Disposition.STAYS, None),
    ("daemon that ends", {"is_daemon": True, "is_terminating": True}, Disposition.STAYS, None),
    ("terminating", {"is_terminating": True, **BLOCKERS}, Disposition.LEAVES, None),
    ("replicated", {}, Disposition.EVICT, None),
    ("stateful", {"owner_kind": "StatefulSet"}, Disposition.EVICT, None),
    ("batch", {"owner_kind": "Job"}, Disposition.EVICT, None),
    ("pending", {"phase": "Pending"}, Disposition.EVICT, None),
    ("unknown", {"phase": "Unknown"}, Disposition.EVICT, None),
    ("bare", {"owner_kind": None}, Disposition.BLOCKS, Reason.UNEVICTABLE_POD),
    ("local files", {"uses_local_storage": True}, Disposition.BLOCKS, Reason.UNEVICTABLE_POD),
    ("do not disrupt", {"do_not_disrupt": True}, Disposition.BLOCKS, Reason.UNEVICTABLE_POD),
    ("refused", {"held": Cause(Reason.EVICTION_REFUSED, "403")}, Disposition.BLOCKS, Reason.EVICTION_REFUSED),
    ("tolerates all", {"needs": needing_nothing(ANYTHING)}, Disposition.BLOCKS, Reason.UNEVICTABLE_POD),
    ("tolerates both", {"needs": needing_nothing(OURS, CORDON)}, Disposition.BLOCKS, Reason.UNEVICTABLE_POD),
    ("tolerates ours", {"needs": needing_nothing(OURS)}, Disposition.EVICT, None),
    ("tolerates a cordon", {"needs": needing_nothing(CORDON)}, Disposition.EVICT, None),
    ("system", {"namespace": "kube-system"}, Disposition.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
    ("above critical", {"priority": 2_000_001_000}, Disposition.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
    ("critical", {"priority": 2_000_000_000}, Disposition.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
    ("below critical", {"priority": 1_999_999_999}, Disposition.EVICT, None),
    ("important", {"priority": 1_000_000_000}, Disposition.EVICT, None),
    ("ours", {"labels": ((PART_OF, "sunward"),)}, Disposition.BLOCKS, Reason.HOSTS_SYSTEM_SINGLETON),
    ("of another", {"labels": ((PART_OF, "moonward"),)}, Disposition.EVICT, None),
    ("coordinator", {"labels": ((COMPONENT, "coordinator"),)}, Disposition.BLOCKS, Reason.HOSTS_COORDINATOR),
    (
        "coordinator in the system",
        {"labels": ((COMPONENT, "coordinator"),), "namespace": "kube-system"},
        Disposition.BLOCKS,
        Reason.HOSTS_COORDINATOR,
    ),
    (
        "system and bare",
        {"namespace": "kube-system", "owner_kind": None},
        Disposition.BLOCKS,
        Reason.HOSTS_SYSTEM_SINGLETON,
    ),
]


@pytest.mark.parametrize(("name", "changes", "disposition", "reason"), POD_TABLE, ids=str)
def test_the_fate_of_a_pod(name: str, changes: dict[str, Any], disposition: Disposition, reason: Reason | None) -> None:
    verdict = judge(a_pod(name, **changes))
    cause = verdict.cause
    assert (verdict.disposition, cause.reason if cause else None) == (disposition, reason)
    assert (cause is not None and name in cause.message) is (disposition is Disposition.BLOCKS), (
        "a person has to find it"
    )


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
    assert judge(a_worker_pod()).disposition is Disposition.EVICT
    assert judge(a_worker_pod(owner_kind=None)).disposition is Disposition.EVICT, "the operator makes a new one"
    assert judge(a_worker_pod(do_not_disrupt=True)).disposition is Disposition.BLOCKS


def test_a_node_is_drained_when_only_what_stays_is_left() -> None:
    stays = [a_pod(name, **changes) for name, changes, disposition, _ in POD_TABLE if disposition is Disposition.STAYS]
    assert classify([]).is_done
    assert classify(stays).is_done
    assert not classify([*stays, a_pod("last")]).is_done
    assert not classify([*stays, a_pod("leaving", is_terminating=True)]).is_done
    assert not classify([*stays, a_pod("blocking", owner_kind=None)]).is_done


def test_every_pod_but_those_that_stay_is_sorted_by_its_fate_and_name() -> None:
    drain = classify(a_pod(name, **changes) for name, changes, _, _ in POD_TABLE)
    named = {
        disposition: sorted(
            name for name, changes, its, _ in POD_TABLE if its is disposition and "namespace" not in changes
        )
        for disposition in Disposition
    }
    assert [pod.name for pod in drain.evictable] == named[Disposition.EVICT]
    assert [pod.name for pod in drain.leaving] == named[Disposition.LEAVES]
    blocking = [verdict.pod.name for verdict in drain.blocking]
    assert blocking[: len(named[Disposition.BLOCKS])] == named[Disposition.BLOCKS]
    assert blocking[len(named[Disposition.BLOCKS]) :] == ["coordinator in the system", "system", "system and bare"]


def test_the_order_of_pods_does_not_matter() -> None:
    pods = [a_pod(name, **changes) for name, changes, _, _ in POD_TABLE]
    assert classify(pods) == classify(reversed(pods))
