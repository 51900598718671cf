"""The drain table: what may stand on a node that is told to sleep, and what must become of it.

Every case has a node of its own, so that all are tried side by side in one control plane. `sleeps`, `stays` and
`rolls_back` are what the case must come to; `stays` from the first look on, `rolls_back` after a drain was begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from support.real.cluster import RealWorld

Body = dict[str, Any]
WILL_NOT_END: Final = "test.sunward.dev/will-not-end"
PODS: Final = "/api/v1/namespaces/default/pods"
EXPIRY_SECONDS: Final = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row. `prepare` puts something on the node; `meanwhile` is called again and again until the case is over.

    `check` finds what is wrong at the end besides the outcome. Exactly one of the three outcomes is set.
    """

    name: str
    prepare: Callable[[RealWorld, str], None]
    sleeps: bool = False
    stays: str | None = None
    rolls_back: str | None = None
    survives: bool = True
    meanwhile: Callable[[RealWorld, str], None] | None = None
    check: Callable[[RealWorld, str], str | None] | None = None


def pod(world: RealWorld, node: str, *, owner: Body | None = None, metadata: Body | None = None, **spec: Any) -> None:
    """A running pod named after its node, with a controller unless an empty one is given."""
    body: Body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"work-{node}",
            "namespace": "default",
            "labels": {"app": f"work-{node}"},
            "ownerReferences": [_owner(world, node) if owner is None else owner] if owner != {} else [],
            **(metadata or {}),
        },
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "c", "image": "none"}],
            **spec,
        },
    }
    world.create(body)


def _owner(world: RealWorld, node: str) -> Body:
    """A controller that the garbage collector finds and that makes nothing anew: the node's EnergyNode."""
    uid = world.admin.get(f"/apis/sunward.dev/v1alpha1/energynodes/{node}").body["metadata"]["uid"]
    kind = {"apiVersion": "sunward.dev/v1alpha1", "kind": "EnergyNode"}
    return {**kind, "name": node, "uid": uid, "controller": True}


def budget(world: RealWorld, node: str, name: str = "") -> None:
    """A disruption budget that never lets the pod of the node go."""
    world.create(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": f"work-{node}{name}", "namespace": "default"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": f"work-{node}"}}},
        }
    )


def annotated(key: str, value: str) -> Callable[[RealWorld, str], None]:
    """A pod with an annotation."""
    return lambda world, node: pod(world, node, metadata={"annotations": {key: value}})


def with_volume(volume: Body) -> Callable[[RealWorld, str], None]:
    """A pod with a volume."""
    return lambda world, node: pod(world, node, volumes=[{"name": "v", **volume}])


def pdb_zero(world: RealWorld, node: str) -> None:
    """One budget, nobody to spare."""
    pod(world, node)
    budget(world, node)


def one_may_go(world: RealWorld, node: str) -> None:
    """Two pods under a budget that lets one go: it takes its ten minutes, and the other is refused all that time."""
    ten_minutes(world, node)
    labels = {"app": f"work-{node}"}
    pod(world, node, metadata={"name": f"work-{node}-b", "labels": labels, "annotations": {WILL_NOT_END: ""}})
    budget(world, node)


def two_budgets(world: RealWorld, node: str) -> None:
    """The eviction API answers 500: it supports one budget per pod."""
    pdb_zero(world, node)
    budget(world, node, "-again")


def crash_looping(world: RealWorld, node: str) -> None:
    """A pod that is not healthy, under a budget that protects those too (IfHealthyBudget)."""
    pdb_zero(world, node)
    world.wait(lambda: _phase(world, node) == "Running", 30.0, f"the pod of {node} runs")
    sick = [{"type": "Ready", "status": "False", "reason": "CrashLoopBackOff"}]
    world.admin.merge(f"{PODS}/work-{node}/status", {"status": {"conditions": sick}})


def daemon(world: RealWorld, node: str) -> None:
    """A DaemonSet on this node alone."""
    labels = {"app": f"daemon-{node}"}
    here = {"nodeSelector": {"kubernetes.io/hostname": node}, "containers": [{"name": "c", "image": "none"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": here}}
    world.create(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": f"daemon-{node}", "namespace": "default"},
            "spec": spec,
        }
    )
    world.wait(lambda: world.pods_on(node, f"daemon-{node}"), 30.0, f"the daemon of {node}")


def mirror(world: RealWorld, node: str) -> None:
    """What the kubelet shows of a file on the node."""
    pod(world, node, owner={}, metadata={"annotations": {"kubernetes.io/config.mirror": "file"}})


def stateful(world: RealWorld, node: str) -> None:
    """One replica that prefers this node; its successor elsewhere has the same name."""
    labels = {"app": f"work-{node}"}
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    prefers = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": here}]}
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "affinity": {"nodeAffinity": prefers},
            "containers": [{"name": "c", "image": "none"}],
        },
    }
    spec = {"replicas": 1, "serviceName": "none", "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": f"work-{node}", "namespace": "default"}
    world.create({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec})
    world.wait(lambda: world.pods_on(node, f"work-{node}"), 30.0, f"the pod of {node}")


def local_volume(world: RealWorld, node: str) -> None:
    """A claim whose volume lives on this node."""
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    size = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    volume = {
        **common,
        "capacity": size,
        "local": {"path": "/data"},
        "claimRef": {"namespace": "default", "name": f"data-{node}"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}},
    }
    claim = {**common, "volumeName": f"data-{node}", "resources": {"requests": size}}
    kinds = {"PersistentVolume": ({}, volume), "PersistentVolumeClaim": ({"namespace": "default"}, claim)}
    for kind, (where, spec) in kinds.items():
        world.create({"apiVersion": "v1", "kind": kind, "metadata": {"name": f"data-{node}", **where}, "spec": spec})
    with_volume({"persistentVolumeClaim": {"claimName": f"data-{node}"}})(world, node)


VOLUMES: Final = "/apis/storage.k8s.io/v1/volumeattachments"


def attached_volume(world: RealWorld, node: str) -> None:
    """A volume that its attacher lets go only some seconds after the pod has left."""
    pod(world, node)
    spec = {"attacher": "test.example.org", "nodeName": node, "source": {"persistentVolumeName": f"rwo-{node}"}}
    body = {"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": f"rwo-{node}"}}
    world.create({**body, "spec": spec})


def detach(world: RealWorld, node: str) -> None:
    """The attacher: some seconds after the drain."""
    if _phase(world, node) is None and _once(world, node, "detach", after=4.0):
        world.journal.record("detached", node=node)
        world.admin.delete(f"{VOLUMES}/rwo-{node}")


def cut_after_detached(world: RealWorld, node: str) -> str | None:
    """The power was cut after the volume had gone."""
    gone = [entry["number"] for entry in world.journal.entries("detached") if entry["node"] == node]
    cut = [entry["number"] for entry in world.journal.switches(node)]
    return None if gone and cut and gone[0] < cut[0] else "the power was cut before the volume was let go"


def expires(world: RealWorld, node: str) -> None:
    """A pod that asks to be left alone for a while."""
    until = (datetime.now(UTC) + timedelta(seconds=EXPIRY_SECONDS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    annotated("sunward.dev/do-not-disrupt", until)(world, node)
    world.journal.record("expires", node=node, until=until)


def cut_after_expiry(world: RealWorld, node: str) -> str | None:
    """Nothing was done to the pod before its time."""
    until = next(entry["until"] for entry in world.journal.entries("expires") if entry["node"] == node)
    first = next((one["time"] for one in world.journal.switches(node)), "")
    return None if first > until else f"switched at {first}, the pod asked for peace until {until}"


def ignores_sigterm(world: RealWorld, node: str) -> None:
    """A pod that ends only when it is killed, after its grace."""
    pod(world, node, metadata={"annotations": {WILL_NOT_END: ""}}, terminationGracePeriodSeconds=6)


def kill_after_grace(world: RealWorld, node: str) -> None:
    """The kubelet: SIGKILL at the end of the grace."""
    found = world.admin.get(f"{PODS}/work-{node}")
    if found.code == 200 and found.body["metadata"].get("deletionTimestamp") and _once(world, node, "kill", after=6.0):
        world.admin.delete(f"{PODS}/work-{node}?gracePeriodSeconds=0")


def ten_minutes(world: RealWorld, node: str) -> None:
    """A pod that takes its ten minutes."""
    pod(world, node, metadata={"annotations": {WILL_NOT_END: ""}}, terminationGracePeriodSeconds=600)


def finalizer(world: RealWorld, node: str) -> None:
    """A pod that somebody has yet to let go."""
    pod(world, node, metadata={"finalizers": ["test.sunward.dev/hold"]})


def latecomer(world: RealWorld, node: str) -> None:
    """Nothing yet; a pod comes once the node is cordoned."""
    del world, node


def arrive(world: RealWorld, node: str) -> None:
    """A pod that does not ask the scheduler, on a node that is cordoned."""
    body = world.admin.get(f"/api/v1/nodes/{node}").body
    if body["spec"].get("unschedulable") and _once(world, node, "arrive"):
        pod(world, node)
        world.journal.record("arrived", node=node)


def arrive_bare(world: RealWorld, node: str) -> None:
    """The same with a pod that has no controller."""
    body = world.admin.get(f"/api/v1/nodes/{node}").body
    if body["spec"].get("unschedulable") and _once(world, node, "arrive"):
        pod(world, node, owner={})


def evicted_once(world: RealWorld, node: str) -> str | None:
    """One eviction of the pod's name, no more: its successor of the same name elsewhere is left alone."""
    hits = [write for write in world.operator_writes() if _evicts(write, f"work-{node}")]
    done = [write for write in hits if write["responseStatus"]["code"] < 300]
    return None if len(done) == 1 else f"{len(done)} evictions instead of one"


def foreign_cordon(world: RealWorld, node: str) -> None:
    """Somebody cordoned the node before."""
    world.admin.merge(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}})


def still_cordoned(world: RealWorld, node: str) -> str | None:
    """Their cordon is there."""
    spec = world.admin.get(f"/api/v1/nodes/{node}").body["spec"]
    return None if spec.get("unschedulable") else "the foreign cordon is gone"


def unplaceable(world: RealWorld, node: str) -> None:
    """A pod that runs on this node only."""
    pod(world, node, nodeSelector={"kubernetes.io/hostname": node})


def coredns(world: RealWorld, node: str) -> None:
    """The last one."""
    pod(world, node, metadata={"namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}})


def critical(world: RealWorld, node: str) -> None:
    """A pod of Kubernetes' own highest classes."""
    pod(world, node, priorityClassName="system-cluster-critical")


def nothing(world: RealWorld, node: str) -> None:
    """An empty node."""
    del world, node


def terminating_namespace(world: RealWorld, node: str) -> None:
    """A pod of a namespace that is being deleted and whose pod takes a while."""
    world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns-{node}"}})
    account = f"/api/v1/namespaces/ns-{node}/serviceaccounts/default"
    world.wait(lambda: world.admin.get(account).code == 200, 30.0, "its account")
    pod(world, node, metadata={"namespace": f"ns-{node}", "annotations": {WILL_NOT_END: ""}})
    world.admin.delete(f"/api/v1/namespaces/ns-{node}")
    there = f"/api/v1/namespaces/ns-{node}/pods/work-{node}"
    world.wait(lambda: world.admin.get(there).body["metadata"].get("deletionTimestamp"), 30.0, "the pod is ending")


def end_namespaced(world: RealWorld, node: str) -> None:
    """The kubelet, once the node is being drained: the pod has ended."""
    if world.power_states()[node] == "Draining" and _once(world, node, "end", after=3.0):
        world.admin.delete(f"/api/v1/namespaces/ns-{node}/pods/work-{node}?gracePeriodSeconds=0")


CASES: Final = (
    Case(name="PDB 0", prepare=pdb_zero, stays="DisruptionBudget"),
    Case(name="PDB 1 of 2", prepare=one_may_go, rolls_back="DrainTimedOut"),
    Case(name="two PDBs", prepare=two_budgets, stays="DisruptionBudget"),
    Case(name="crash-looping", prepare=crash_looping, stays="DisruptionBudget"),
    Case(name="bare pod", prepare=lambda w, n: pod(w, n, owner={}), stays="UnevictablePod"),
    Case(name="DaemonSet", prepare=daemon, sleeps=True),
    Case(name="mirror", prepare=mirror, sleeps=True),
    Case(name="StatefulSet", prepare=stateful, sleeps=True, survives=False),
    Case(name="emptyDir", prepare=with_volume({"emptyDir": {}}), stays="UnevictablePod"),
    Case(name="hostPath", prepare=with_volume({"hostPath": {"path": "/data"}}), stays="UnevictablePod"),
    Case(name="local PV", prepare=local_volume, stays="UnplaceablePod"),
    Case(name="RWO volume", prepare=attached_volume, sleeps=True, meanwhile=detach, check=cut_after_detached),
    Case(
        name="safe-to-evict=false",
        prepare=annotated("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
        stays="UnevictablePod",
    ),
    Case(name="do-not-disrupt", prepare=annotated("sunward.dev/do-not-disrupt", "true"), stays="UnevictablePod"),
    Case(name="do-not-disrupt with expiry", prepare=expires, sleeps=True, check=cut_after_expiry),
    Case(name="SIGTERM ignored", prepare=ignores_sigterm, sleeps=True, meanwhile=kill_after_grace),
    Case(name="10 min grace", prepare=ten_minutes, rolls_back="DrainTimedOut"),
    Case(name="finalizer", prepare=finalizer, rolls_back="DrainTimedOut"),
    Case(name="same-name respawn", prepare=stateful, sleeps=True, survives=False, check=evicted_once),
    Case(name="pod after cordon", prepare=latecomer, sleeps=True, meanwhile=arrive, check=evicted_once),
    Case(name="bare pod after cordon", prepare=latecomer, rolls_back="UnevictablePod", meanwhile=arrive_bare),
    Case(name="foreign cordon", prepare=foreign_cordon, stays="CordonedByOthers", check=still_cordoned),
    Case(name="unplaceable pod", prepare=unplaceable, stays="UnplaceablePod"),
    Case(name="last CoreDNS", prepare=coredns, stays="HostsSystemSingleton"),
    Case(name="operator's own node", prepare=nothing, stays="HostsOperator"),
    Case(name="namespace terminating", prepare=terminating_namespace, sleeps=True, meanwhile=end_namespaced),
    Case(name="priority", prepare=critical, stays="HostsSystemSingleton"),
)
OWN = "operator's own node"


def _phase(world: RealWorld, node: str) -> str | None:
    found = world.admin.get(f"{PODS}/work-{node}")
    return str(found.body["status"]["phase"]) if found.code == 200 else None


def _once(world: RealWorld, node: str, what: str, *, after: float = 0.0) -> bool:
    """Whether something is due: the first time it may happen is noted, and `after` seconds later it does, once."""
    noted = [entry for entry in world.journal.entries(f"due {what}", f"did {what}") if entry["node"] == node]
    if not noted:
        noted = [world.journal.record(f"due {what}", node=node)]
    if len(noted) > 1 or time.monotonic() - noted[0]["seconds"] < after:
        return False
    world.journal.record(f"did {what}", node=node)
    return True


def _evicts(write: Body, name: str) -> bool:
    target = write.get("objectRef") or {}
    return target.get("subresource") == "eviction" and str(target.get("name", "")).startswith(name)
