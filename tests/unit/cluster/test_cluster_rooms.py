"""What pods need and what nodes have left, read from objects of the API server."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sunward.cluster.objects.allocatable import needs_of, quantity, rooms, volume_pins
from sunward.cluster.reading.read import asks_to_stay, pod_facts
from sunward.domain.nodes import Requirement, Taint, Toleration

Body = dict[str, Any]
NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [("250m", "0.25"), ("1.5", "1.5"), ("64Mi", "67108864"), ("1e3", "1000"), ("2G", "2000000000"), ("x", "0")],
)
def test_quantities(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


def container(cpu: str, memory: str = "0", **more: str) -> Body:
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def a_pod(node: str = "n1", **spec: Any) -> Body:
    metadata = {"name": "web", "namespace": "default", "uid": "u"}
    return {"metadata": metadata, "spec": {"nodeName": node, **spec}, "status": {"phase": "Running"}}


def test_init_containers_run_alone_and_side_cars_beside() -> None:
    spec: Body = {
        "containers": [container("100m", "10Mi"), container("200m")],
        "initContainers": [container("250m", "20Mi"), container("50m", restartPolicy="Always")],
        "overhead": {"cpu": "10m"},
    }
    needs = needs_of(a_pod(**spec), {})
    assert (needs.millicores, needs.memory_bytes) == (360, 20 << 20)


def test_selector_affinity_tolerations_and_local_volume_are_what_a_pod_asks_for() -> None:
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}]}]
    volume = {
        "spec": {
            "claimRef": {"namespace": "default", "name": "data"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        }
    }
    fields = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": fields}}
    pod = a_pod(
        nodeSelector={"disk": "ssd"},
        affinity={"nodeAffinity": required},
        tolerations=[{"key": "gpu", "operator": "Exists"}],
        volumes=[{"persistentVolumeClaim": {"claimName": "data"}}, {"emptyDir": {}}],
    )
    needs = needs_of(pod, volume_pins([volume, {"spec": {}}]))
    assert needs.selectors == (
        ((Requirement(key="disk", operator="In", values=("ssd",)),),),
        ((Requirement(key="metadata.name", operator="In", values=("n2",), is_name=True),),),
        ((Requirement(key="kubernetes.io/hostname", operator="In", values=("n1",)),),),
    )
    assert needs.tolerations == (Toleration(key="gpu", operator="Exists"),)


def a_node(name: str, *, ready: str = "True", **spec: Any) -> Body:
    has = {"cpu": "2", "memory": "1Gi", "pods": "10"}
    status = {"allocatable": has, "conditions": [{"type": "Ready", "status": ready}]}
    return {"metadata": {"name": name, "labels": {"disk": "ssd"}}, "spec": spec, "status": status}


def test_rooms_are_what_is_left_on_nodes_that_take_pods() -> None:
    taints = [{"key": "gpu", "effect": "NoSchedule"}, {"key": "slow", "effect": "PreferNoSchedule"}]
    nodes = [a_node("n1", taints=taints), a_node("n2"), a_node("n3", unschedulable=True), a_node("n4", ready="Unknown")]
    pods = [pod_facts(a_pod(containers=[container("500m", "24Mi")]), NOON, {})]
    ended = pod_facts({**a_pod(containers=[container("1")]), "status": {"phase": "Succeeded"}}, NOON, {})
    empty, used = rooms(nodes, [*pods, ended])
    assert (empty.node, empty.free_millicores, empty.free_pods) == ("n2", 2000, 10)
    assert (used.node, used.free_millicores, used.free_memory_bytes, used.free_pods) == ("n1", 1500, 1000 << 20, 9)
    assert (used.taints, used.labels) == ((Taint(key="gpu", value="", effect="NoSchedule"),), (("disk", "ssd"),))


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
