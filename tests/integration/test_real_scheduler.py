"""The check of what fits beside the real scheduler: pod after pod, both are asked, and neither may know better."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sunward.cluster.access.api import ApiError, KubernetesApi, connect, core
from sunward.cluster.access.times import format_time
from sunward.cluster.objects.allocatable import capacities
from sunward.cluster.reading.read import pod_facts
from sunward.planning.guards.placing import Ground, place
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]
pytestmark = pytest.mark.cluster
Body = dict[str, Any]
PODS = core("pods", namespace="default")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
SEED = 20260621
HOW_MANY = 30


@pytest.fixture
async def api(control_plane: ControlPlane) -> AsyncIterator[KubernetesApi]:
    async with connect(str(control_plane.kubeconfig)) as opened:
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": "default"},
        }
        try:
            await opened.create(core("serviceaccounts", namespace="default"), account)
        except ApiError as error:
            if error.status != 409:
                raise
        yield opened


async def a_node(api: KubernetesApi, name: str, zone: str, **spec: Any) -> None:
    """A Node whose kubelet has just said that it is Ready, and says nothing more."""
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name, "zone": zone}}
    await api.create(core("nodes"), {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec})
    now = format_time(datetime.now(UTC))
    ready = {"type": "Ready", "status": "True", "reason": "Up", "lastHeartbeatTime": now, "lastTransitionTime": now}
    has = {"cpu": "4", "memory": "4Gi", "pods": "20", "example.org/camera": "1"}
    status = {"conditions": [ready], "capacity": has, "allocatable": has}
    await api.patch(core("nodes", name, sub="status"), {"status": status})


async def settled(api: KubernetesApi) -> None:
    """Wait until the control plane has taken back the taint that every new Node has until it is Ready."""
    for _ in range(200):
        taints = [one["key"] for node in await api.list(core("nodes")) for one in node["spec"].get("taints") or ()]
        if "node.kubernetes.io/not-ready" not in taints:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the nodes are still tainted as not ready")


def a_pod(dice: random.Random, number: int) -> Body:
    """A pod that asks for some of everything that the check knows."""
    app = dice.choice(["a", "b"])
    selector = {"matchLabels": {"app": dice.choice(["a", "b"])}}
    key = dice.choice(["kubernetes.io/hostname", "zone"])
    term = {"topologyKey": key, "labelSelector": selector}
    kind = dice.choice(["podAffinity", "podAntiAffinity", "podAntiAffinity", ""])
    spread = {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", **term}
    requests = {"cpu": f"{dice.choice([100, 500, 1500])}m"}
    if dice.random() < 0.1:
        requests["example.org/camera"] = "1"
    container: Body = {"name": "c", "image": "none", "resources": {"requests": requests, "limits": requests}}
    if dice.random() < 0.25:
        container["ports"] = [{"containerPort": 80, "hostPort": 80}]
    spec: Body = {"containers": [container], "terminationGracePeriodSeconds": 0}
    if kind:
        spec["affinity"] = {kind: {REQUIRED: [term]}}
    if dice.random() < 0.4:
        spec["topologySpreadConstraints"] = [spread]
    if dice.random() < 0.2:
        spec["nodeSelector"] = {"zone": dice.choice(["east", "west"])}
    if dice.random() < 0.3:
        spec["tolerations"] = [{"key": "gpu", "operator": "Exists"}]
    metadata = {"name": f"pod-{number}", "namespace": "default", "labels": {"app": app}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def expected(api: KubernetesApi, body: Body) -> tuple[bool, str]:
    """What the check says of a pod that is not there yet, and why not."""
    now = datetime.now(UTC)
    nodes, pods = await asyncio.gather(api.list(core("nodes")), api.list(core("pods")))
    bound = [pod_facts(pod, now) for pod in pods if pod["spec"].get("nodeName")]
    free, closed = capacities(nodes, bound)
    newcomer = pod_facts({**body, "metadata": {**body["metadata"], "uid": "new"}}, now)
    found = place([newcomer], Ground(open=free, closed=closed))
    return bool(found.nodes), "".join(one.why for one in found.left)


async def decided(api: KubernetesApi, name: str) -> tuple[bool, str]:
    """What the scheduler said, in its own words."""
    for _ in range(200):
        pod = await api.get(core("pods", name, namespace="default"))
        if pod["spec"].get("nodeName"):
            return True, ""
        said = [one for one in pod["status"].get("conditions") or () if one["type"] == "PodScheduled"]
        if said and said[0].get("reason") == "Unschedulable":
            return False, said[0]["message"]
        await asyncio.sleep(0.05)
    raise TimeoutError(f"the scheduler says nothing of {name}")


async def test_the_check_says_of_every_pod_what_the_scheduler_says(api: KubernetesApi) -> None:
    await a_node(api, "n1", "east")
    await a_node(api, "n2", "west")
    await a_node(api, "n3", "west", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
    await a_node(api, "n4", "east", unschedulable=True)
    await settled(api)
    dice, verdicts = random.Random(SEED), set()
    for number in range(HOW_MANY):
        body = a_pod(dice, number)
        fits, why = await expected(api, body)
        await api.create(PODS, body)
        placed, said = await decided(api, body["metadata"]["name"])
        assert fits is placed, f"{body}: the check says {fits} ({why}), the scheduler {placed} ({said})"
        verdicts.add(placed)
        if not placed:
            await api.delete(core("pods", body["metadata"]["name"], namespace="default"), grace_seconds=0)
    assert verdicts == {True, False}
