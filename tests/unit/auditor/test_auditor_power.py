"""I1, I2, I3 and I15: a history that breaks each, and its neighbour that does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from sunward_audit import disruption
from support.audit_traces import Trace, at, with_journal


def test_i1_a_drained_worker_may_be_switched_off() -> None:
    trace = with_journal("I1").sleep("pi-3").order("pi-3", on=False)
    assert (trace.broken, trace.judged) == ([], 2)


@pytest.mark.parametrize(
    ("node", "change", "why"),
    [
        ("hub", {}, "is part of the control plane"),
        ("pi-3", {"metadata": {"labels": {"sunward.dev/managed": None}}}, "is not managed"),
        ("pi-3", {"metadata": {"annotations": {"sunward.dev/do-not-sleep": ""}}}, "is opted out"),
        ("pi-3", {"metadata": {"annotations": {"sunward.dev/cordoned-by": None}}}, "is cordoned by another party"),
        ("pi-3", {"spec": {"unschedulable": None}}, "is not cordoned"),
    ],
)
def test_i1_others_may_not(node: str, change: dict[str, Any], why: str) -> None:
    trace = with_journal("I1").cordon(node).change("nodes", node, **change).order(node, on=False)
    assert f"is switched off and {why}" in trace.broken


def test_i1_an_always_on_node_and_the_operators_own_node() -> None:
    trace = Trace("I1", operator_node="pi-3")
    trace.change("energynodes", "pi-2", spec={"role": "AlwaysOn"}).sleep("pi-2").sleep("pi-3")
    assert trace.broken == ["is switched off and has the role AlwaysOn", "is switched off and hosts the operator"]


def test_i1_the_operators_pod_is_found_by_its_labels() -> None:
    labels = {"app.kubernetes.io/name": "sunward", "app.kubernetes.io/component": "operator"}
    trace = Trace("I1").pod("operator", "pi-3", metadata={"labels": labels}).sleep("pi-3")
    assert trace.broken == ["is switched off and hosts the operator"]


def test_i2_pods_that_nobody_misses_may_stay() -> None:
    trace = Trace("I2").pod("agent", "pi-3", owner="DaemonSet").pod("done", "pi-3", phase="Succeeded")
    trace.pod("static", "pi-3", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}})
    assert (trace.sleep("pi-3").broken, trace.judged) == ([], 1)


def test_i2_a_pod_that_would_be_lost() -> None:
    trace = Trace("I2").pod("web", "pi-3").sleep("pi-3")
    assert (trace.broken, trace.auditor.violations[0].evidence) == (["is switched off under pods"], "default/web")


def test_i2_a_volume_that_is_attached_or_about_to_be() -> None:
    volume = {"metadata": {"name": "va"}, "spec": {"nodeName": "pi-3"}, "status": {"attached": False}}
    assert Trace("I2").create("volumeattachments", volume).sleep("pi-3").broken == ["is switched off under volumes"]
    assert Trace("I2").create("volumeattachments", volume).sleep("pi-2").broken == []


def test_i2_a_node_that_is_off_already_loses_nothing() -> None:
    trace = with_journal("I2").shows("pi-3", on=False).pod("web", "pi-3").order("pi-3", on=False)
    assert trace.broken == []


def test_i3_one_node_at_a_time() -> None:
    assert Trace("I3").state("pi-3", "Cordoned").broken == []
    trace = Trace("I3").state("pi-3", "Cordoned").state("pi-2", "Cordoned")
    assert "too many nodes go down at the same time" in trace.broken


def test_i3_asleep_and_not_ready_together_stay_at_half() -> None:
    trace = Trace("I3").change("nodes", "pi-1", status={"conditions": [{"type": "Ready", "status": "Unknown"}]})
    assert trace.state("pi-2", "Cordoned").broken == []
    trace.state("pi-2", "Asleep").state("pi-3", "Cordoned")
    assert "goes down although too many nodes are asleep or not ready" in trace.broken


def test_i3_enough_workers_stay_awake() -> None:
    enough = Trace("I3").cordon("pi-1", mark=False).state("pi-3", "Cordoned")
    assert enough.broken == []
    few = Trace("I3").cordon("pi-1", mark=False).cordon("pi-2", mark=False).state("pi-3", "Cordoned")
    assert few.broken == ["goes down and leaves too few awake workers"]


def test_i3_the_policys_own_number() -> None:
    trace = Trace("I3").change("energypolicies", "default", spec={"budgets": {"maximumAsleepNodes": 1}}).wait(5)
    assert trace.state("pi-3", "Asleep").broken == []
    assert "goes down although the policy's number of nodes is asleep" in trace.state("pi-2", "Cordoned").broken


@pytest.mark.parametrize(("seconds", "broken"), [(0, False), (4, False), (5, True)])
def test_i3_a_tighter_limit_counts_when_it_can_have_been_read(seconds: float, broken: bool) -> None:
    trace = with_journal("I3").state("pi-3", "Asleep").cordon("pi-2").state("pi-2", "Draining")
    trace.change("energypolicies", "default", spec={"budgets": {"maximumAsleepNodes": 1}}).wait(seconds)
    trace.order("pi-2", on=False)
    assert ("goes down although the policy's number of nodes is asleep" in trace.broken) is broken


def test_i3_a_wider_limit_counts_at_once() -> None:
    trace = Trace("I3").change("energypolicies", "default", spec={"budgets": {"maximumAsleepNodes": 0}}).wait(60)
    trace.change("energypolicies", "default", spec={"budgets": {"maximumAsleepNodes": 1}})
    assert trace.state("pi-3", "Cordoned").broken == []


def test_i3_sleepers_are_woken_when_others_die() -> None:
    def dying(state: str) -> Trace:
        trace = Trace("I3").state("pi-3", "Asleep").state("pi-2", state)
        dead = [{"type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-06-21T12:00:00Z"}]
        for name in WORKERS_AND_HUB:
            trace.change("nodes", name, status={"conditions": dead})
        trace.wait(500).change("nodes", "hub", status={"conditions": dead})
        return trace

    assert "sleepers are left asleep although too many nodes are out" in dying("Asleep").broken
    assert dying("Booting").broken == []


WORKERS_AND_HUB = ("hub", "pi-1", "pi-2", "pi-3")


def test_i15_an_announced_order_is_fine() -> None:
    trace = with_journal("I15").sleep("pi-3").order("pi-3", on=False).wait(15)
    assert (trace.broken, trace.judged) == ([], 3)
    assert trace.wait(15).judged == 3


def test_i15_an_order_that_no_record_announced() -> None:
    other_token = with_journal("I15").sleep("pi-3", token=2).order("pi-3", on=False, token=1).wait(15)
    other_word = with_journal("I15").sleep("pi-3").order("pi-3", on=True).wait(15)
    assert other_token.broken == other_word.broken == ["an order that no record announced"]


@pytest.mark.parametrize(("begun_after_seconds", "broken"), [(-1, []), (5, ["an order that no record announced"])])
def test_i15_a_record_that_is_seen_late_counts_if_it_was_written_before(
    begun_after_seconds: int, broken: list[str]
) -> None:
    trace = with_journal("I15").cordon("pi-3").order("pi-3", on=False)
    operation = {"id": "op-1", "leaseTransitions": 1, "startedAt": at(trace.seconds + begun_after_seconds)}
    trace.wait(10).change("energynodes", "pi-3", status={"powerState": "PowerOffRequested", "operation": operation})
    assert trace.wait(10).broken == broken


def test_i15_a_record_counts_when_its_energy_node_is_gone() -> None:
    trace = with_journal("I15").sleep("pi-3").order("pi-3", on=False).delete("energynodes", "pi-3")
    assert trace.wait(15).broken == []


def test_i15_tokens_never_fall_and_belong_to_one_process() -> None:
    def second(token: int, process: str) -> list[str]:
        trace = with_journal("I15").sleep("pi-3", token=2).order("pi-3", on=False, token=2, process="a")
        trace.sleep("pi-2", operation="op-2", token=token)
        return trace.order("pi-2", on=False, operation="op-2", token=token, process=process).broken

    assert second(2, "a") == second(3, "b") == []
    assert second(1, "b") == ["an old token after a younger one"]
    assert second(2, "b") == ["two processes share a token"]


def test_i15_an_order_is_repeated_only_when_it_was_not_obeyed() -> None:
    lost = with_journal("I15").sleep("pi-3").order("pi-3", on=False).shows("pi-3", on=True).order("pi-3", on=False)
    done = with_journal("I15").sleep("pi-3").order("pi-3", on=False).shows("pi-3", on=False).order("pi-3", on=False)
    assert lost.broken == []
    assert done.broken == ["an order is repeated although it was obeyed"]


def test_i15_a_record_announces_nothing_under_an_older_token() -> None:
    trace = Trace("I15").state("pi-3", "Cordoned", operation="op-1", token=5)
    assert trace.state("pi-3", "WakeRequested", operation="op-2", token=6).broken == []
    assert trace.state("pi-3", "WakeRequested", operation="op-3", token=4).broken == [
        "announces an operation under an older token"
    ]


def test_i15_one_transition_count_has_one_holder() -> None:
    assert Trace("I15").lease("a", 3).lease("", 3).lease("b", 4).broken == []
    assert Trace("I15").lease("a", 3).lease("b", 3).broken == ["two holders share a count"]
    assert Trace("I15").lease("a", 3).lease("a", 2).broken == ["its count fell"]


def most_out(total: int, *servers: Any, threshold: float | None = None, pods: Sequence[Any] = ()) -> int:
    """The limit for so many nodes, the first of which are servers with these annotations."""
    nodes = [{"metadata": {"name": f"n{index}"}} for index in range(total)]
    for node, arguments in zip(nodes, servers, strict=False):
        node["metadata"]["labels"] = {"node-role.kubernetes.io/control-plane": "true"}
        node["metadata"]["annotations"] = {} if arguments is None else {"k3s.io/node-args": arguments}
    return disruption.most_out(nodes, pods, threshold)


def passed_on(text: str) -> str:
    return json.dumps(["server", "--kube-controller-manager-arg", text])


@pytest.mark.parametrize(
    ("servers", "threshold", "limit"),
    [
        ((), None, 6),
        ((), 0.95, 11),
        ((None,), 0.9, 10),
        ((passed_on("unhealthy-zone-threshold=0.95"),), None, 11),
        ((passed_on("unhealthy-zone-threshold=0.3"),), 0.95, 3),
        ((passed_on("unhealthy-zone-threshold=0.95"), passed_on("v=2")), 0.95, 6),
        ((passed_on("large-cluster-size-threshold=4"),), None, 11),
        ((passed_on("unhealthy-zone-threshold=nan"),), None, 6),
        (("[" * 5000,), 0.95, 11),
    ],
)
def test_i3_the_limit_is_the_clusters_own(servers: tuple[Any, ...], threshold: float | None, limit: int) -> None:
    assert most_out(12, *servers, threshold=threshold) == limit


def test_i3_a_static_pod_shows_its_command() -> None:
    command = ["/usr/bin/kube-controller-manager", "--unhealthy-zone-threshold=0.95"]
    metadata = {"name": "m", "namespace": "kube-system", "annotations": {"kubernetes.io/config.mirror": "x"}}
    pod = {"metadata": metadata, "spec": {"nodeName": "n0", "containers": [{"command": command}]}}
    assert most_out(12, None, pods=[pod]) == 11
    assert most_out(12, pods=[pod]) == 6  # no server runs there


def test_i3_more_may_sleep_where_the_policy_says_so() -> None:
    trace = Trace("I3").change("energypolicies", "default", spec={"budgets": {"unhealthyZoneThresholdPercent": 95}})
    trace.change("nodes", "pi-1", status={"conditions": [{"type": "Ready", "status": "Unknown"}]}).wait(5)
    trace.state("pi-2", "Asleep").state("pi-3", "Cordoned")
    assert "goes down although too many nodes are asleep or not ready" not in trace.broken
