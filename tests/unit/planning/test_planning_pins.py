"""Who keeps a node awake that would sleep otherwise, and what that costs; and who does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sunward.domain.cause import Cause
from sunward.domain.jobs import Disruption
from sunward.domain.measurement import Absent
from sunward.domain.nodes import NodeRecord, NodeView, PodFacts, PowerState, Role
from sunward.domain.pins import Pin, PinCost, PinnedNode, by_namespace
from sunward.domain.plans import JobDirective, Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards.drain import BlockingPod
from sunward.planning.pins import kept_awake, pinned_nodes
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_plan,
    a_pod,
    a_policy,
    a_snapshot,
    a_zone,
    an_assignment,
    needing,
    some_facts,
    some_progress,
)

STAYS = a_pod("stays", namespace="team-a", do_not_disrupt=True)
GRAMS = (2.7 - 0.1) * 24.0 / 1000  # an hour, of a node in zone CLEAN
OTHERS = tuple(a_node(f"other-{n}") for n in range(6))


def seen(*pods: PodFacts, jobs: Any = (), node: NodeView | None = None, **changes: Any) -> Snapshot:
    """A node pi-01 with these pods, among others with nothing to do."""
    one = node or a_node("pi-01")
    return a_snapshot(replace(one, pods=pods), *OTHERS, jobs=jobs, **changes)


def a_plan_of(*directives: JobDirective, asleep: int = 0) -> Plan:
    awake = {"pi-01": True} | {f"other-{n}": n >= asleep for n in range(6)}
    return a_plan(awake=awake, jobs=directives)


def pins(snapshot: Snapshot, plan: Plan | None = None, *refused: BlockingPod) -> dict[str, Reason]:
    """Holders and reasons at pi-01."""
    found = pinned_nodes(plan or a_plan_of(), snapshot, {"pi-01": refused})
    return {pin.holder: pin.reason for one in found if one.node == "pi-01" for pin in one.pins}


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (STAYS, Reason.DO_NOT_DISRUPT),
        (a_pod("bare", namespace="team-a", owner_kind=None), Reason.UNEVICTABLE_POD),
        (a_pod("disk", namespace="team-a", uses_local_storage=True), Reason.UNEVICTABLE_POD),
        (a_pod("large", namespace="team-a", needs=needing(millicores=9000)), Reason.UNPLACEABLE_POD),
        (
            a_pod("mnist-coordinator", namespace="team-a", labels=(("sunward.dev/component", "coordinator"),)),
            Reason.HOSTS_COORDINATOR,
        ),
    ],
)
def test_a_pod_that_keeps_its_node_awake_is_named_with_its_reason(pod: PodFacts, reason: Reason) -> None:
    assert pins(seen(pod)) == {f"team-a/{pod.name}": reason}


def test_a_pod_that_a_disruption_budget_holds_is_named() -> None:
    pod = a_pod("db", namespace="team-a")
    refused = BlockingPod(pod=pod, cause=Cause(Reason.DRAIN_BLOCKED, "the budget allows no disruption"))
    assert pins(seen(pod), a_plan_of(), refused) == {"team-a/db": Reason.DRAIN_BLOCKED}


def test_what_it_costs_is_idle_above_asleep_at_the_present_intensity() -> None:
    (found,) = pinned_nodes(a_plan_of(), seen(STAYS), {})
    assert (found.node, found.namespaces) == ("pi-01", ("team-a",))
    assert found.grams_per_hour == pytest.approx(GRAMS)


def test_without_an_intensity_nobody_sleeps_and_so_nobody_pins() -> None:
    silent = Absent(cause=Cause(Reason.DATA_STALE), source="test")
    assert pins(seen(STAYS, intensities={"CLEAN": a_zone("CLEAN", silent)})) == {}


@pytest.mark.parametrize(
    "node",
    [
        a_node("pi-01", role=Role.ALWAYS_ON),
        a_node("pi-01", record=NodeRecord(power_state=PowerState.ASLEEP)),
        a_node("pi-01", record=NodeRecord(power_state=PowerState.BOOTING)),
        a_node("pi-01", record=NodeRecord(awake_since=NOW)),
        a_node("pi-01", facts=some_facts("pi-01", is_control_plane=True)),
    ],
    ids=["always on", "asleep", "booting", "just woken", "control plane"],
)
def test_a_node_that_cannot_sleep_anyway_is_pinned_by_nobody(node: NodeView) -> None:
    assert pins(seen(STAYS, node=node)) == {}


def test_a_policy_that_lets_nobody_sleep_has_no_pins() -> None:
    assert pins(seen(STAYS, policy=a_policy(sleep=False))) == {}


def test_a_pod_of_the_system_beside_it_takes_the_blame_from_the_others() -> None:
    assert pins(seen(STAYS, a_pod("dns", namespace="kube-system"))) == {}


def test_no_more_nodes_are_pinned_than_could_be_asleep() -> None:
    snapshot = seen(STAYS)
    assert pins(snapshot, a_plan_of(asleep=2)) == {"team-a/stays": Reason.DO_NOT_DISRUPT}
    assert pins(snapshot, a_plan_of(asleep=6)) == {}


def directive(*nodes: str, batches: int = 10) -> JobDirective:
    rows = tuple(
        an_assignment("team-a/mnist", f"s{n}", node, node, batches=batches + n) for n, node in enumerate(nodes)
    )
    return JobDirective(job="team-a/mnist", run=True, cause=Cause(Reason.AT_HOME), assignments=rows)


def job(**changes: Any) -> Any:
    return a_job("mnist", namespace="team-a", **changes)


@pytest.mark.parametrize(
    ("changes", "nodes", "reason"),
    [
        ({}, ("pi-01", "other-1"), None),
        ({"disruption": Disruption.NEVER}, ("pi-01",), Reason.DISRUPTION_NEVER),
        ({"minimum_workers": 2}, ("pi-01", "other-1"), Reason.MINIMUM_WORKERS),
        ({"minimum_workers": 2}, ("other-1", "pi-01"), None),
        ({"minimum_workers": 2}, ("pi-01", "other-1", "other-2"), None),
        ({"minimum_workers": 1}, ("pi-01",), None),
    ],
)
def test_a_job_pins_a_node_that_it_need_not_work_on(
    changes: dict[str, Any], nodes: tuple[str, ...], reason: Reason | None
) -> None:
    found = pins(seen(jobs=[job(**changes)]), a_plan_of(directive(*nodes)))
    assert found == ({} if reason is None else {"team-a/mnist": reason})


def test_a_node_with_work_that_is_best_there_is_pinned_by_nobody() -> None:
    assert pins(seen(STAYS, jobs=[job()]), a_plan_of(directive("pi-01"))) == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({}, Reason.WORK_NOT_MOVED), ({"unconfirmed_nodes": ("pi-01",)}, None), ({"finished": Reason.JOB_FAILED}, None)],
)
def test_a_claim_pins_while_it_is_believed(changes: dict[str, Any], reason: Reason | None) -> None:
    claims = job(progress=some_progress(workers=("pi-01",)), **changes)
    assert pins(seen(jobs=[claims])) == ({} if reason is None else {"team-a/mnist": reason})


def pinned(node: str, grams: float | None, *namespaces: str) -> PinnedNode:
    held = tuple(Pin(namespace=name, holder=f"{name}/pod", reason=Reason.DO_NOT_DISRUPT) for name in namespaces)
    return PinnedNode(node=node, pins=held, grams_per_hour=grams)


def test_namespaces_that_pin_a_node_together_share_its_cost() -> None:
    costs = by_namespace([pinned("n1", 6.0, "a", "b", "b"), pinned("n2", 1.0, "a")])
    assert costs == {"a": PinCost(nodes=2, grams_per_hour=4.0), "b": PinCost(nodes=1, grams_per_hour=3.0)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_sum_that_lacks_one_node_is_unknown(order: tuple[int, int]) -> None:
    nodes = (pinned("n1", None, "a"), pinned("n2", 1.0, "a"))
    assert by_namespace([nodes[place] for place in order]) == {"a": PinCost(nodes=2, grams_per_hour=None)}


def test_a_node_counts_for_those_who_need_it_in_equal_parts() -> None:
    plan, both = a_plan_of(directive("pi-01")), a_pod("stays", namespace="team-b", do_not_disrupt=True)
    assert kept_awake(plan, seen(jobs=[job()])) == {"team-a": 1.0}
    assert kept_awake(plan, seen(both, jobs=[job()])) == {"team-a": 0.5, "team-b": 0.5}
    assert kept_awake(a_plan_of(), seen()) == {}


def test_a_node_that_could_not_sleep_anyway_counts_for_nobody() -> None:
    always = a_node("pi-01", role=Role.ALWAYS_ON)
    assert kept_awake(a_plan_of(directive("pi-01")), seen(STAYS, jobs=[job()], node=always)) == {}
