"""Objects of a real cluster for fault injection: nodes, EnergyNodes, a policy with short times, and some work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from support.chart import NAMESPACE

Body = dict[str, Any]
ZONE: Final = "DIRTY"
GRAMS: Final = 610.0
OPERATOR: Final = f"system:serviceaccount:{NAMESPACE}:sunward-operator"
PERIOD_SECONDS: Final = 10


def node(name: str, *, zone: str = "") -> Body:
    """A managed node for which a KWOK of its own answers; `zone` is Kubernetes' failure zone."""
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "sunward.dev/managed": "true"}
    if zone:
        labels["topology.kubernetes.io/zone"] = zone
    size = {"cpu": "4", "memory": "4Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": size, "capacity": size},
    }


def energy_node(name: str, *, always_on: bool = False) -> Body:
    """Its EnergyNode: a Shelly relay, quick to wake, no panel; or one that is always on."""
    spec: Body = {
        "gridZone": ZONE,
        "power": {
            "idleMilliwatts": 2700,
            "busyMilliwatts": 6400,
            "asleepMilliwatts": 100,
            "wakeSeconds": 2,
            "wakeMilliwattHours": 1,
        },
        "sleep": {
            "driver": "Shelly",
            "driverRef": {"name": relay(name)},
            "minimumAwakeSeconds": 0,
            "minimumAsleepSeconds": 0,
            "maximumCyclesPerDay": 48,
        },
    }
    if always_on:
        spec |= {"role": "AlwaysOn", "sleep": {"driver": "None"}}
    return {"apiVersion": "sunward.dev/v1alpha1", "kind": "EnergyNode", "metadata": {"name": name}, "spec": spec}


def relay(name: str) -> str:
    """Name of a node's relay in the settings."""
    return f"relay-{name}"


def policy(**changes: Any) -> Body:
    """An active policy whose waits are seconds; `maximumAsleepNodes` 0 leaves every node awake until told otherwise."""
    budgets = {
        "nodesInTransition": 1,
        "minimumAwakeNodes": 1,
        "maximumAsleepNodes": 0,
        "dwellSeconds": 0,
        "warmUpSeconds": 2,
        "drainTimeoutSeconds": 60,
        "powerOffTimeoutSeconds": 30,
        "bootTimeoutSeconds": 60,
        "wakeIntervalSeconds": 0,
        "wakeRetrySeconds": [5, 5, 5],
    }
    spec: Body = {
        "mode": "Active",
        "planningPeriodSeconds": PERIOD_SECONDS,
        "horizonPeriods": 3,
        "keepPlans": 10,
        "minimumGainPercent": 5,
        "intensitySource": "default",
        "namespaces": ["default"],
        "budgets": budgets | changes.pop("budgets", {}),
        "solver": {"timeLimitSeconds": 2},
    }
    return {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "EnergyPolicy",
        "metadata": {"name": "default"},
        "spec": spec | changes,
    }


def override(power: str, *, minutes: float = 60.0) -> Body:
    """A person's word on one node, as a merge patch of its EnergyNode."""
    until = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"spec": {"override": {"power": power, "until": until, "reason": "fault injection"}}}


def deployment(name: str, replicas: int, *, leave_seconds: int = 300) -> Body:
    """Work that may run anywhere; its pods leave an unreachable node after `leave_seconds`."""
    labels = {"app": name}
    tolerations = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
        for key, seconds in (("unreachable", leave_seconds), ("not-ready", leave_seconds))
    ]
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {
        "containers": [{"name": "c", "image": "none", "resources": {"requests": {"cpu": "100m"}}}],
        "terminationGracePeriodSeconds": 1,
        "tolerations": tolerations,
        "topologySpreadConstraints": [spread],
    }
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def training_job(name: str, nodes: list[str], *, rounds: int) -> Body:
    """A small job with one shard at each of some nodes."""
    shards = [{"name": f"of-{node}", "node": node, "samples": 600, "sizeMebibytes": 1} for node in nodes]
    spec = {
        "runtime": {"flower": {"image": "sunward-trainer:0.1.0", "model": "mnist-mlp"}},
        "rounds": rounds,
        "stepsPerRound": 10,
        "batchSize": 10,
        "shards": shards,
        "minimumWorkers": 1,
        "cost": {"milliwattHoursPerThousandBatches": 1000, "millisecondsPerBatch": 100},
    }
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "sunward.dev/v1alpha1", "kind": "TrainingJob", "metadata": metadata, "spec": spec}


def settings(address: str, process: str, nodes: list[str], *, scrape_seconds: float) -> Body:
    """The operator's settings file; `process` is how its relays and meters will know who asks."""
    base = f"{address}/{process}"
    return {
        "prometheus": {"url": f"{base}/prometheus", "scrapeIntervalSeconds": scrape_seconds, "timeoutSeconds": 5.0},
        "intensitySources": {"default": {"provider": "static", "gramsPerKilowattHour": {ZONE: GRAMS}}},
        "relays": {relay(name): {"driver": "Shelly", "url": f"{base}/relays/{name}"} for name in nodes},
    }
