"""What pods need and what nodes have left, read from objects of the API server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils import parse_quantity

from sunward.cluster.objects.allocatable import capacities, needs_of, quantity
from sunward.cluster.objects.disruptions import asks_to_stay
from sunward.cluster.objects.storage import Storage, storage
from sunward.cluster.reading.read import pod_facts
from sunward.domain.cause import Cause
from sunward.domain.pods import Requirement, Resources, SelectorOperator, Taint, Toleration, TolerationOperator
from sunward.domain.reasons import Reason

Body = dict[str, Any]
NONE = Storage()
NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", "0.25"),
        ("1.5", "1.5"),
        ("64Mi", "67108864"),
        ("1e3", "1000"),
        ("2G", "2000000000"),
        ("1500u", "0.0015"),
        ("1500000n", "0.0015"),
        ("1E", "1000000000000000000"),
        ("1E3", "1000"),
        ("+.5", "0.5"),
        ("0", "0"),
    ],
)
def test_quantities(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["", "x", "2x", "1 Gi", " 1", "1Gi\n", "NaN", "Infinity", "1_000", "٣", "-1", "1mi", "0x10", "1e", "9e99", "9Ei"],
)
def test_what_is_not_an_amount_of_a_node_or_pod_is_unknown(text: str) -> None:
    assert quantity(text) is None


@given(st.text(max_size=60))
def test_any_text_is_an_amount_or_unknown(text: str) -> None:
    found = quantity(text)
    assert found is None or 0 <= found < 2**63


@given(st.decimals(0, 10**6, places=3), st.sampled_from(["", *"numkMG", "Ki", "Mi", "Gi"]))
def test_quantities_are_read_as_by_the_api_s_own_client(number: Decimal, suffix: str) -> None:
    assert quantity(f"{number}{suffix}") == parse_quantity(f"{number}{suffix}")


def container(cpu: Any, memory: Any = "0", **more: str) -> Body:
    return {"name": "app", "resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def a_pod(node: str = "n1", **spec: Any) -> Body:
    metadata = {"name": "web", "namespace": "default", "uid": "u"}
    return {"metadata": metadata, "spec": {"nodeName": node, **spec}, "status": {"phase": "Running"}}


def test_init_containers_run_alone_and_side_cars_beside() -> None:
    spec: Body = {
        "containers": [container("100m", "10Mi"), container("200m")],
        "initContainers": [container("250m", "20Mi"), container("50m", restartPolicy="Always")],
        "overhead": {"cpu": "10m"},
    }
    needs = needs_of(a_pod(**spec), NONE)
    assert needs.requests == Resources(millicores=360, memory_bytes=20 << 20, pods=1)


def test_a_trace_of_a_core_is_not_nothing() -> None:
    assert needs_of(a_pod(containers=[container("1n", "1m")]), NONE).requests == Resources(
        millicores=1, memory_bytes=1, pods=1
    )
    assert needs_of(a_pod(containers=[{}]), NONE).requests == Resources(pods=1)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"containers": [container("1"), container("2x")]}, "requests.cpu of container app: '2x'"),
        ({"containers": [container("1", "1GB")]}, "requests.memory of container app: '1GB'"),
        ({"containers": [container(None)]}, "requests.cpu of container app: 'None'"),
        ({"initContainers": [container("-1")]}, "requests.cpu of container app: '-1'"),
        ({"overhead": {"memory": "much"}}, "spec.overhead.memory: 'much'"),
    ],
)
def test_a_request_that_cannot_be_read_is_unknown_and_named(spec: Body, field: str) -> None:
    message = f"pod default/web: {field} is not a Kubernetes quantity"
    assert needs_of(a_pod(**spec), NONE).requests == Cause(Reason.UNREADABLE_QUANTITY, message)


def test_selector_affinity_tolerations_and_local_volume_are_what_a_pod_asks_for() -> None:
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}]}]
    volume = {
        "metadata": {"name": "v"},
        "spec": {
            "claimRef": {"namespace": "default", "name": "data"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    }
    fields = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": fields}}
    pod = a_pod(
        nodeSelector={"disk": "ssd"},
        affinity={"nodeAffinity": required},
        tolerations=[{"key": "gpu", "operator": "Exists"}],
        volumes=[{"persistentVolumeClaim": {"claimName": "data"}}, {"emptyDir": {}}],
    )
    claim = {"metadata": {"namespace": "default", "name": "data"}, "spec": {"volumeName": "v"}}
    needs = needs_of(pod, storage([volume, {"metadata": {"name": "w"}}], [claim], []))
    assert needs.selectors == (
        ((Requirement(key="disk", operator=SelectorOperator.IN, values=("ssd",)),),),
        ((Requirement(key="metadata.name", operator=SelectorOperator.IN, values=("n2",), is_name=True),),),
    )
    assert needs.volumes == (
        ((Requirement(key="kubernetes.io/hostname", operator=SelectorOperator.IN, values=("n1",)),),),
    )
    assert needs.tolerations == (Toleration(key="gpu", operator=TolerationOperator.EXISTS),)


def test_a_comparison_of_a_newer_kubernetes_is_unknown() -> None:
    terms = [{"matchExpressions": [{"key": "disk", "operator": "Near", "values": ["ssd"]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    needs = needs_of(a_pod(affinity=affinity, tolerations=[{"key": "gpu", "operator": "Lt", "value": "3"}]), NONE)
    assert needs.selectors == (((Requirement(key="disk", operator=None, values=("ssd",)),),),)
    assert needs.tolerations == (Toleration(key="gpu", operator=None, value="3"),)


def a_node(name: str, *, ready: str = "True", **spec: Any) -> Body:
    has = {"cpu": "2", "memory": "1Gi", "pods": "10"}
    status = {"allocatable": has, "conditions": [{"type": "Ready", "status": ready}]}
    return {"metadata": {"name": name, "labels": {"disk": "ssd"}}, "spec": spec, "status": status}


def test_rooms_are_what_is_left_on_nodes_that_take_pods() -> None:
    taints = [{"key": "gpu", "effect": "NoSchedule"}, {"key": "slow", "effect": "PreferNoSchedule"}]
    nodes = [a_node("n1", taints=taints), a_node("n2"), a_node("n3", unschedulable=True), a_node("n4", ready="Unknown")]
    pods = [pod_facts(a_pod(containers=[container("500m", "24Mi")]), NOON)]
    ended = pod_facts({**a_pod(containers=[container("1")]), "status": {"phase": "Succeeded"}}, NOON)
    (empty, used), closed = capacities(nodes, [*pods, ended])
    assert [room.node for room in closed] == ["n3", "n4"]
    assert (empty.node, empty.free) == ("n2", Resources(millicores=2000, memory_bytes=1 << 30, pods=10))
    assert (used.node, used.free) == ("n1", Resources(millicores=1500, memory_bytes=1000 << 20, pods=9))
    assert (used.taints, used.labels) == ((Taint(key="gpu", value="", effect="NoSchedule"),), (("disk", "ssd"),))


@pytest.mark.parametrize("what", ["cpu", "memory", "pods"])
@pytest.mark.parametrize("text", ["many", None])
def test_a_node_whose_amounts_cannot_be_read_has_an_unknown_rest(what: str, text: str | None) -> None:
    vague = a_node("n0")
    vague["status"]["allocatable"][what] = text
    known, unknown = capacities([vague, a_node("n1")], [])[0]
    assert (known.node, unknown.node) == ("n1", "n0")
    message = f"Node n0: status.allocatable.{what}: '{text}' is not a Kubernetes quantity"
    assert unknown.free == Cause(Reason.UNREADABLE_QUANTITY, message)


def test_a_node_with_a_pod_that_may_take_any_amount_has_an_unknown_rest() -> None:
    pod = pod_facts(a_pod(containers=[container("2x")]), NOON)
    known, unknown = capacities([a_node("n1"), a_node("n2")], [pod])[0]
    assert (known.node, unknown.node) == ("n2", "n1")
    assert unknown.free == pod.needs.requests
    ended = replace(pod, phase="Failed")
    assert {room.free for room in capacities([a_node("n1"), a_node("n2")], [ended])[0]} == {known.free}


@pytest.mark.parametrize(
    ("annotations", "stays"),
    [
        ({}, False),
        ({"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}, True),
        ({"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}, False),
        ({"karpenter.sh/do-not-disrupt": "true"}, True),
        ({"sunward.dev/do-not-disrupt": "true"}, True),
        ({"sunward.dev/do-not-disrupt": "false"}, False),
        ({"sunward.dev/do-not-disrupt": "2026-06-21T12:00:01Z"}, True),
        ({"sunward.dev/do-not-disrupt": "2026-06-21T12:00:00Z"}, False),
        ({"sunward.dev/do-not-disrupt": "until tomorrow"}, True),
    ],
)
def test_pods_that_ask_to_stay_for_ever_or_for_a_while(annotations: dict[str, str], stays: bool) -> None:
    assert asks_to_stay(annotations, NOON) is stays


def test_a_node_that_is_ready_and_still_tainted_as_not_ready_takes_no_pod_yet() -> None:
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    free, closed = capacities([a_node("n1", taints=[taint])], [])
    assert (free, [room.node for room in closed]) == ((), ["n1"])
