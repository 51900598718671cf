"""Lists of the API server -> the cluster's half of a snapshot.

Always fresh lists and never a watch cache: a plan or a drain must not rest on a view that stopped being updated.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, apis, core, ours
from sunward.cluster.access.causes import cause_of
from sunward.cluster.access.times import parse_time
from sunward.cluster.objects import cordons, disruptions, schema
from sunward.cluster.objects.allocatable import capacities, needs_of
from sunward.cluster.objects.controllers import controllers, failure_zone
from sunward.cluster.objects.records import DO_NOT_SLEEP, MANAGED_LABEL, TAINT_KEY, node_record
from sunward.cluster.objects.storage import Storage, storage
from sunward.domain.cause import Cause
from sunward.domain.eviction import EvictionSettings
from sunward.domain.nodes import NodeFacts, NodeRecord, NodeSpec
from sunward.domain.pods import FreeCapacity, PendingPod, PodFacts
from sunward.domain.policy import NO_POLICY, EmptyDirs, PolicySpec
from sunward.domain.reasons import Reason

Body = dict[str, Any]
NO_STORAGE = Storage()
MESSAGE_LIMIT = 512
CONTROL_PLANE_LABELS = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/etcd",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidObject:
    """An object that the API server let through and we cannot use; `namespace` is empty for one that has none."""

    kind: str
    name: str
    namespace: str
    cause: Cause

    @property
    def key(self) -> str:
        """namespace/name, or the name alone."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """What the API server says, parsed. `bodies` keep the raw objects for patches and conditions."""

    policy: PolicySpec
    policy_body: Body | None
    specs: tuple[NodeSpec, ...]
    records: Mapping[str, NodeRecord]
    facts: Mapping[str, NodeFacts]
    pods_by_node: Mapping[str, tuple[PodFacts, ...]]
    node_bodies: Mapping[str, Body]
    energy_node_bodies: Mapping[str, Body]
    job_bodies: Mapping[str, Body]
    volumes_attached: frozenset[str]
    pending_pods: int
    invalid: tuple[InvalidObject, ...]
    free_capacities: tuple[FreeCapacity, ...] = ()
    closed_capacities: tuple[FreeCapacity, ...] = ()
    pending: tuple[PendingPod, ...] = ()
    controllers: tuple[EvictionSettings | None, ...] = ()


async def read_cluster(api: Api, now: datetime) -> ClusterState:
    """Read everything once, at *now*, until which pods may have asked to stay. Raises ApiError when any list fails.

    Half a view is no view.
    """
    nodes, pods, energy_nodes, jobs, attachments, volumes, claims, classes, budgets = await asyncio.gather(
        api.list(core("nodes")),
        api.list(core("pods")),
        api.list(ours("energynodes")),
        api.list(ours("trainingjobs")),
        api.list(apis("storage.k8s.io/v1", "volumeattachments")),
        api.list(core("persistentvolumes")),
        api.list(core("persistentvolumeclaims")),
        api.list(apis("storage.k8s.io/v1", "storageclasses")),
        api.list(apis("policy/v1", "poddisruptionbudgets")),
    )
    policy_body = await read_policy(api)
    policy, wrong_policy = _parse_policy(policy_body)
    known = storage(volumes, claims, classes)
    pod_list = [_pod(pod, now, known, budgets, policy.empty_dirs) for pod in pods]
    specs, records, invalid = _parse_nodes(energy_nodes)
    facts = {found.name: found for found in map(_facts, nodes) if found is not None}
    free, closed = capacities([body for body in nodes if body["metadata"]["name"] in facts], pod_list)
    by_node: dict[str, list[PodFacts]] = defaultdict(list)
    pending = 0
    for pod in pod_list:
        if pod.node_name:
            by_node[pod.node_name].append(pod)
        elif pod.phase == "Pending":
            pending += 1
    return ClusterState(
        policy=policy,
        policy_body=policy_body,
        specs=specs,
        records=records,
        facts=facts,
        pods_by_node={name: tuple(items) for name, items in by_node.items()},
        node_bodies={body["metadata"]["name"]: body for body in nodes},
        energy_node_bodies={body["metadata"]["name"]: body for body in energy_nodes},
        job_bodies={f"{b['metadata']['namespace']}/{b['metadata']['name']}": b for b in jobs},
        volumes_attached=attached_nodes(attachments),
        free_capacities=free,
        closed_capacities=closed,
        pending=_unschedulable(pods, pod_list),
        pending_pods=pending,
        controllers=controllers(nodes, pods),
        invalid=(*wrong_policy, *invalid),
    )


async def read_policy(api: Api) -> Body | None:
    """The one EnergyPolicy; None when there is none."""
    try:
        return await api.get(ours("energypolicies", "default"))
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def invalid_object(kind: str, body: Body, error: Exception) -> InvalidObject:
    """An object that cannot be read, with the reason; whatever reading it raised, the fault is the object's."""
    metadata = body["metadata"]
    cause = Cause(Reason.INVALID_SPEC, cause_of(error).message)
    return InvalidObject(kind=kind, name=metadata["name"], namespace=metadata.get("namespace", ""), cause=cause)


def _parse_policy(body: Body | None) -> tuple[PolicySpec, tuple[InvalidObject, ...]]:
    """The policy; one that cannot be read counts as none, so that nothing is done under it."""
    if body is None:
        return NO_POLICY, ()
    try:
        return schema.policy_spec(body), ()
    except Exception as error:  # the shell around one object
        return NO_POLICY, (invalid_object("EnergyPolicy", body, error),)


def _parse_nodes(
    bodies: Sequence[Body],
) -> tuple[tuple[NodeSpec, ...], Mapping[str, NodeRecord], tuple[InvalidObject, ...]]:
    """EnergyNodes with their records, and those that cannot be read."""
    specs: list[NodeSpec] = []
    records: dict[str, NodeRecord] = {}
    invalid: list[InvalidObject] = []
    for body in sorted(bodies, key=lambda b: b["metadata"]["name"]):
        try:
            spec, record = schema.node_spec(body), node_record(body)
        except Exception as error:  # the shell around one object
            invalid.append(invalid_object("EnergyNode", body, error))
            continue
        specs.append(spec)
        records[spec.name] = record
    return tuple(specs), records, tuple(invalid)


def _facts(body: Body) -> NodeFacts | None:
    """What matters of a Node; one that cannot be read counts as missing, and nothing relies on it."""
    try:
        return node_facts(body)
    except Exception:  # the shell around one object
        return None


def _pod(body: Body, now: datetime, known: Storage, budgets: Sequence[Body], empty_dirs: EmptyDirs) -> PodFacts:
    """What the drain needs to know of a pod; one that cannot be read stays where it is, and so does its node."""
    try:
        return pod_facts(body, now, known, budgets, empty_dirs)
    except Exception:  # the shell around one object
        metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
        return PodFacts(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            node_name=spec.get("nodeName"),
            phase=str(status.get("phase", "Unknown")),
            owner_kind=None,
            is_daemon=False,
            is_mirror=False,
            is_terminating=False,
            do_not_disrupt=True,
            uses_local_storage=True,
        )


def attached_nodes(volumes: Sequence[Body]) -> frozenset[str]:
    """Kubernetes nodes with a VolumeAttachment: attached, being attached, or not yet let go."""
    return frozenset(body["spec"]["nodeName"] for body in volumes)


def node_facts(body: Mapping[str, Any]) -> NodeFacts:
    """What matters of a Node object."""
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    ready: Mapping[str, Any] = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
    taints = {taint["key"] for taint in spec.get("taints") or ()}
    return NodeFacts(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        ready=ready.get("status") == "True",
        ready_since=parse_time(ready.get("lastTransitionTime")),
        unschedulable=bool(spec.get("unschedulable", False)),
        is_control_plane=any(label in labels for label in CONTROL_PLANE_LABELS),
        is_managed=labels.get(MANAGED_LABEL) == "true",
        do_not_sleep=DO_NOT_SLEEP in annotations or labels.get(DO_NOT_SLEEP) == "true",
        kept_by=disruptions.kept_by_others(body),
        has_our_taint=TAINT_KEY in taints,
        has_our_cordon_mark=cordons.is_ours(body),
        heartbeat_at=parse_time(ready.get("lastHeartbeatTime")),
        failure_zone=failure_zone(labels),
    )


def pod_facts(
    body: Mapping[str, Any],
    now: datetime,
    known: Storage = NO_STORAGE,
    budgets: Sequence[Body] = (),
    empty_dirs: EmptyDirs = EmptyDirs.KEEP,
) -> PodFacts:
    """What the drain needs to know of a Pod object; `known` tells where its volumes can be used."""
    kept = disruptions.kept_volumes(body, empty_dirs)
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    annotations = metadata.get("annotations") or {}
    owner = next((o for o in metadata.get("ownerReferences") or () if o.get("controller")), None)
    return PodFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        node_name=spec.get("nodeName"),
        phase=status.get("phase", "Unknown"),
        owner_kind=owner["kind"] if owner else None,
        owner_uid=str(owner.get("uid") or "") if owner else "",
        is_daemon=bool(owner and owner["kind"] == "DaemonSet"),
        is_mirror="kubernetes.io/config.mirror" in annotations,
        is_terminating=bool(metadata.get("deletionTimestamp")),
        do_not_disrupt=disruptions.asks_to_stay(annotations, now),
        uses_local_storage=bool(kept),
        local_storage=kept,
        labels=tuple(sorted((metadata.get("labels") or {}).items())),
        needs=needs_of(body, known),
        priority=int(spec.get("priority") or 0),
        budget=disruptions.budget_refusal(body, budgets),
    )


def _unschedulable(bodies: Sequence[Body], pods: Sequence[PodFacts]) -> tuple[PendingPod, ...]:
    """Pods for which the scheduler found no node, in its words; pods that wait for something else are left out."""
    seen = (_waiting(body, pod) for body, pod in zip(bodies, pods, strict=True))
    return tuple(sorted((one for one in seen if one is not None), key=lambda one: one.key))


def _waiting(body: Body, pod: PodFacts) -> PendingPod | None:
    if pod.node_name or pod.is_terminating or pod.phase != "Pending":
        return None
    try:
        conditions = (body.get("status") or {}).get("conditions") or ()
        said: Body = next((one for one in conditions if one.get("type") == "PodScheduled"), {})
        if (said.get("status"), said.get("reason")) != ("False", "Unschedulable"):
            return None
        since, message = parse_time(said.get("lastTransitionTime")), str(said.get("message") or "")
        return PendingPod(pod=pod, since=since, message=message[:MESSAGE_LIMIT])
    except Exception:  # the shell around one object: what cannot be read delays nothing else
        return None


def coordinator_nodes(pods: Mapping[str, Sequence[PodFacts]]) -> Mapping[str, str]:
    """UID of a job -> Kubernetes node of its living coordinator. Labels alone make no pod a job's: its owner does."""
    return {
        pod.owner_uid: node
        for node, items in pods.items()
        for pod in items
        if pod.owner_kind == "TrainingJob"
        and pod.label("sunward.dev/component") == "coordinator"
        and pod.phase in ("Pending", "Running")
    }
