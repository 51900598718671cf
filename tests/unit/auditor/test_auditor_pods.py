"""I4 to I7: pods, marks and data."""

from __future__ import annotations

from typing import Any

import pytest

from support.audit_traces import MARK, TAINT, Body, Trace, at, plan, with_journal

FOREIGN: Body = {"key": "example.org/fragile", "effect": "NoSchedule"}


def eviction(uid: str | None) -> Body:
    return {"deleteOptions": {"preconditions": {"uid": uid}}} if uid else {}


@pytest.mark.parametrize(
    ("phase", "body", "broken"),
    [
        ("Failed", {"preconditions": {"uid": "uid-web"}}, []),
        ("Failed", {}, ["is deleted without its UID"]),
        ("Running", {"preconditions": {"uid": "uid-web"}}, ["is deleted, not evicted"]),
    ],
)
def test_i4_only_what_has_ended_is_deleted(phase: str, body: Body, broken: list[str]) -> None:
    assert with_journal("I4").pod("web", "pi-3", phase=phase).request("delete", "pods", "web", body).broken == broken


def test_i4_what_others_delete_is_their_business() -> None:
    assert with_journal("I4").pod("web", "pi-3").request("delete", "pods", "web", user="admin").broken == []


def test_i4_the_operator_deletes_its_own_records_and_nothing_else() -> None:
    assert with_journal("I4").request("delete", "energyplans", "plan-1").broken == []
    assert with_journal("I4").request("delete", "configmaps", "assignment").broken == ["is deleted"]


def budget(healthy: int) -> Body:
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"currentHealthy": healthy, "desiredHealthy": 2},
    }


@pytest.mark.parametrize(
    ("node", "condition", "broken"),
    [
        ("pi-3", {}, ["is below its desired number by our doing"]),
        ("pi-3", {"conditions": [{"type": "DisruptionTarget", "reason": "EvictionByEvictionAPI"}]}, []),
        ("pi-2", {}, []),
    ],
)
def test_i4_a_disruption_budget_is_broken_by_a_pod_that_was_not_evicted(
    node: str, condition: Body, broken: list[str]
) -> None:
    trace = Trace("I4").create("poddisruptionbudgets", budget(2)).state("pi-3", "Draining")
    trace.pod("web", node, status=condition).delete("pods", "web")
    assert trace.create("poddisruptionbudgets", budget(1)).broken == broken


def test_i5_an_eviction_by_uid_from_a_draining_node() -> None:
    trace = with_journal("I5").pod("web", "pi-3").cordon("pi-3").state("pi-3", "Draining")
    trace.request("create", "pods", "web", eviction("uid-web"), sub="eviction")
    assert (trace.broken, trace.judged) == ([], 1)


def test_i5_evictions_without_uid_from_a_node_awake_or_without_a_cordon() -> None:
    def evicted(trace: Trace, uid: str | None = "uid-web") -> list[str]:
        return trace.pod("web", "pi-3").request("create", "pods", "web", eviction(uid), sub="eviction").broken

    draining = with_journal("I5").cordon("pi-3").state("pi-3", "Draining")
    assert evicted(draining, uid=None) == ["is evicted without its UID"]
    assert evicted(with_journal("I5").cordon("pi-3")) == ["is evicted from a node that is not drained"]
    assert evicted(with_journal("I5").state("pi-3", "Draining")) == ["is evicted from a node without a cordon"]


def test_i5_is_not_judged_without_the_audit_log() -> None:
    row = Trace("I5").auditor.report().findings[0]
    assert (row.result, row.unjudged) == ("not judged", ("all of it needs the API server's audit log",))


def test_i6_our_cordon_comes_and_goes() -> None:
    trace = Trace("I6").cordon("pi-3").uncordon("pi-3")
    assert (trace.broken, trace.judged) == ([], 3)


@pytest.mark.parametrize(
    "parts",
    [
        {"spec": {"taints": [TAINT]}},
        {"metadata": {"labels": {"sunward.dev/managed": None}}},
        {"metadata": {"annotations": {"example.org/owner": None}}},
        {"spec": {"podCIDR": "10.0.0.0/24"}},
    ],
)
def test_i6_a_write_with_our_mark_changes_nothing_else(parts: Body) -> None:
    trace = Trace("I6").change("nodes", "pi-3", metadata={"annotations": {"example.org/owner": "lab"}})
    trace.change("nodes", "pi-3", spec={"taints": [FOREIGN]})
    mark: Body = {"metadata": {"annotations": {MARK: "op"}}, "spec": {"taints": [FOREIGN, TAINT]}}
    mark["metadata"] |= {k: v for k, v in parts.get("metadata", {}).items() if k != "annotations"}
    mark["metadata"]["annotations"] |= parts.get("metadata", {}).get("annotations", {})
    mark["spec"] |= parts.get("spec", {})
    assert trace.change("nodes", "pi-3", **mark).broken == ["foreign parts changed with our mark"]


def test_i6_a_foreign_cordon_never_becomes_ours() -> None:
    assert Trace("I6").cordon("pi-3", mark=False).cordon("pi-3").broken == ["a foreign cordon became ours"]


def json_patch(*operations: tuple[str, str, Any]) -> list[Body]:
    return [{"op": op, "path": path, "value": value} for op, path, value in operations]


ESCAPED = "/metadata/annotations/sunward.dev~1cordoned-by"


@pytest.mark.parametrize(
    ("patch", "broken"),
    [
        (json_patch(("remove", ESCAPED, None), ("remove", "/spec/unschedulable", None)), []),
        (json_patch(("test", "/spec/taints", [FOREIGN, TAINT]), ("replace", "/spec/taints", [FOREIGN])), []),
        (json_patch(("remove", "/spec/unschedulable", None)), ["a cordon is taken back without our mark"]),
        (
            json_patch(("test", "/spec/taints", [FOREIGN]), ("replace", "/spec/taints", [])),
            ["foreign taints are replaced"],
        ),
        (
            json_patch(("replace", "/spec/taints", [])),
            ["taints are replaced without a test of what they were"],
        ),
        (json_patch(("remove", "/metadata/labels/a", None)), ["a write to /metadata/labels/a"]),
        ({"spec": {"unschedulable": None}}, ["a cordon is taken back without our mark"]),
        ({"spec": {"taints": []}}, ["taints are replaced without a test of what they were"]),
    ],
)
def test_i6_what_a_request_may_write_on_a_node(patch: Any, broken: list[str]) -> None:
    assert with_journal("I6").request("patch", "nodes", "pi-3", patch).broken == broken


def test_i6_a_node_is_patched_and_nothing_else() -> None:
    assert with_journal("I6").request("update", "nodes", "pi-3", {}).broken == ["a Node is written by update"]


def test_i7_a_sleep_on_measured_and_fresh_inputs() -> None:
    trace = Trace("I7").create("energyplans", plan()).state("pi-3", "Cordoned")
    assert (trace.broken, trace.judged) == ([], 1)


@pytest.mark.parametrize(
    ("inputs", "broken"),
    [
        ({"age": 121}, "sleeps on power older than 120 s"),
        ({"quality": "Missing"}, "sleeps on power that is Missing"),
        ({"zone_age": 7201}, "sleeps on intensity older than 7200 s"),
        ({"zone_quality": "Profile"}, "sleeps on intensity that is Profile"),
        ({"zone_quality": None}, "sleeps and the quality of its intensity is not on record"),
    ],
)
def test_i7_inputs_that_are_old_doubtful_or_not_on_record(inputs: Body, broken: str) -> None:
    assert Trace("I7").create("energyplans", plan(**inputs)).state("pi-3", "Cordoned").broken == [broken]


def test_i7_a_sleep_without_a_plan_or_without_its_row() -> None:
    assert Trace("I7").state("pi-3", "Cordoned").broken == ["sleeps without a plan that lists its inputs"]
    assert Trace("I7").create("energyplans", plan()).state("pi-2", "Cordoned").broken == [
        "sleeps and its meters are not among the inputs"
    ]


def test_i7_a_panel_and_a_battery_are_asked_for_where_there_are_any() -> None:
    trace = Trace("I7").change("energynodes", "pi-3", spec={"harvest": {"nameplateMilliwatts": 1000}})
    trace.create("energyplans", plan()).state("pi-3", "Cordoned", lastTransition={"time": at(0)})
    assert trace.broken == ["sleeps and the age of its harvest is not on record"]
