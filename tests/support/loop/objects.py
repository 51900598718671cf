"""What stands in the store of the cluster in memory, and what people write to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sunward.cluster.access.times import format_time
from support.loop.machines import START
from support.loop.store import Body

ZONES = {"CLEAN": 24.0, "MIXED": 240.0, "DIRTY": 610.0}
WORKERS = {"pi-1": "CLEAN", "pi-2": "MIXED", "pi-3": "DIRTY"}
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
WORKER = "node-role.kubernetes.io/worker"
FOREIGN_TAINT: Body = {"key": "example.org/fragile", "value": "yes", "effect": "PreferNoSchedule"}


def new_policy(period_seconds: int) -> Body:
    """The policy: everything Active, with short waits."""
    budgets = {
        "nodesInTransition": 1,
        "minimumAwakeNodes": 1,
        "dwellSeconds": 0,
        "warmUpSeconds": 5,
        "drainTimeoutSeconds": 60,
        "powerOffTimeoutSeconds": 30,
        "bootTimeoutSeconds": 60,
        "wakeIntervalSeconds": 10,
        "wakeRetrySeconds": [20, 40, 60],
    }
    spec = {
        "mode": "Active",
        "planningPeriodSeconds": period_seconds,
        "horizonPeriods": 3,
        "budgets": budgets,
        "namespaces": ["default"],
    }
    return {"kind": "EnergyPolicy", "metadata": {"name": "default"}, "spec": spec}


def new_node(name: str) -> Body:
    """A Ready Node that people have put a taint of theirs on."""
    labels = {"sunward.dev/managed": "true", "kubernetes.io/hostname": name}
    labels[CONTROL_PLANE if name == "hub" else WORKER] = ""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": format_time(START - timedelta(days=1))}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"example.org/owner": "lab"}},
        "spec": {"taints": [dict(FOREIGN_TAINT)]},
        "status": {"conditions": [ready], "allocatable": {"cpu": "4", "memory": "4Gi", "pods": "110"}},
    }


def new_energy_node(name: str, zone: str) -> Body:
    """The EnergyNode of a worker with a relay, or of the hub without one."""
    power = {"idleMilliwatts": 2700, "busyMilliwatts": 6400, "asleepMilliwatts": 100, "wakeSeconds": 15}
    sleep: Body = {"driver": "None"}
    if name != "hub":
        sleep = {"driver": "Shelly", "driverRef": {"name": f"relay-{name}"}, "maximumCyclesPerDay": 20}
    sleep |= {"minimumAwakeSeconds": 0, "minimumAsleepSeconds": 0}
    role = "AlwaysOn" if name == "hub" else "Worker"
    return {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "EnergyNode",
        "metadata": {"name": name},
        "spec": {"gridZone": zone, "role": role, "power": power, "sleep": sleep},
    }


def new_pod(name: str, node: str, owner: str, namespace: str) -> Body:
    """A pod that runs on a node, or waits for one."""
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "ownerReferences": [{"kind": owner, "name": "owner", "uid": "owner", "controller": True}],
        },
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": "Running" if node else "Pending"},
    }


def allowed_nodes(pod: Body) -> Sequence[str]:
    """Nodes that the pod's affinity names; without one, every worker."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity")
    if affinity is None:
        return tuple(WORKERS)
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return tuple(terms[0]["matchFields"][0]["values"])
