"""Keeps the objects of training jobs as the plan wants them. A pass over unchanged objects writes nothing.

Workers are only ever added here. They leave a node by eviction when it is drained, or end with their job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sunward.cluster.access.api import Api, ApiError, core
from sunward.cluster.training import templates
from sunward.domain.jobs import JobSpec
from sunward.domain.plans import JobDirective

Body = dict[str, Any]
SELECTOR = "app.kubernetes.io/managed-by=sunward"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobObjects:
    """What exists of a job, by name within its namespace."""

    pods: Mapping[str, Body]
    services: Mapping[str, Body]
    config_maps: Mapping[str, Body]

    def coordinator_address(self, job: JobSpec) -> str | None:
        """Cluster IP of the coordinator's Service."""
        service = self.services.get(templates.coordinator_name(job))
        return None if service is None else (service.get("spec") or {}).get("clusterIP")

    def ready_workers(self, job: JobSpec) -> int:
        """Worker pods of a job that are Ready."""
        labels = {templates.JOB_LABEL: job.name, templates.COMPONENT_LABEL: "worker"}
        own = (p for p in self.pods.values() if labels.items() <= (p["metadata"].get("labels") or {}).items())
        return sum(_is_ready(pod) for pod in own)


def _is_ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


async def read_objects(api: Api, namespace: str) -> JobObjects:
    """Objects of ours in a namespace. Raises ApiError."""
    return JobObjects(
        pods=_by_name(await api.list(core("pods", namespace=namespace), labelSelector=SELECTOR)),
        services=_by_name(await api.list(core("services", namespace=namespace), labelSelector=SELECTOR)),
        config_maps=_by_name(await api.list(core("configmaps", namespace=namespace), labelSelector=SELECTOR)),
    )


def _by_name(bodies: list[Body]) -> dict[str, Body]:
    return {body["metadata"]["name"]: body for body in bodies}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where the parts of a job go: EnergyNode name -> Kubernetes node name for every node that needs a worker."""

    coordinator_node: str
    workers: Mapping[str, str]


async def apply_job(
    api: Api, job: JobSpec, directive: JobDirective, placement: Placement, found: JobObjects, account: str, plan: str
) -> int:
    """Bring the job's objects to what the directive says; returns the number of writes. Raises ApiError."""
    writes = await _apply_assignment(api, job, directive, found, plan)
    writes += await _ensure(api, core("services", namespace=job.namespace), templates.coordinator_service(job), found)
    coordinator = templates.coordinator_pod(job, placement.coordinator_node, account)
    writes += await _ensure(api, core("pods", namespace=job.namespace), coordinator, found)
    address = found.coordinator_address(job)
    if address is None:
        return writes  # the next pass knows the address that the new Service was given
    for node, node_name in sorted(placement.workers.items()):
        pod = templates.worker_pod(job, node, node_name, address, account)
        writes += await _ensure(api, core("pods", namespace=job.namespace), pod, found)
    return writes


async def _apply_assignment(api: Api, job: JobSpec, directive: JobDirective, found: JobObjects, plan: str) -> int:
    rows = directive.assignments if directive.run else ()
    name = templates.assignment_name(job)
    before = found.config_maps.get(name)
    if before is not None and _same_work(before, job, directive):
        return 0
    body = templates.assignment_map(job, templates.assignment_file(job, rows, plan))
    if before is None:
        return await _create(api, core("configmaps", namespace=job.namespace), body)
    await api.patch(core("configmaps", name, namespace=job.namespace), {"data": body["data"]})
    return 1 + await _refresh_mount(api, job, found, plan)


async def _refresh_mount(api: Api, job: JobSpec, found: JobObjects, plan: str) -> int:
    """Touch the coordinator pod: the kubelet then refreshes the mounted file now and not within a minute or so."""
    name = templates.coordinator_name(job)
    if name not in found.pods:
        return 0
    await api.patch(
        core("pods", name, namespace=job.namespace), {"metadata": {"annotations": {"sunward.dev/plan": plan}}}
    )
    return 1


def _same_work(before: Body, job: JobSpec, directive: JobDirective) -> bool:
    """Whether the file in force asks for the same work; the name of the plan alone is no reason to write."""
    rows = directive.assignments if directive.run else ()
    text = (before.get("data") or {}).get("assignment.json", "")
    return bool(templates.workers_of(text) == templates.workers_of(templates.assignment_file(job, rows, "")))


async def _ensure(api: Api, path: str, body: Body, found: JobObjects) -> int:
    existing = found.services if body["kind"] == "Service" else found.pods
    before = existing.get(body["metadata"]["name"])
    if before is None:
        return await _create(api, path, body)
    if body["kind"] == "Pod" and _is_over(before):
        await api.delete(f"{path}/{body['metadata']['name']}", uid=before["metadata"]["uid"])
        return 1
    return 0


def _is_over(pod: Body) -> bool:
    """A failed pod is replaced; a succeeded one has done its work; one that is going is left to go."""
    phase = (pod.get("status") or {}).get("phase")
    return phase == "Failed" and not pod["metadata"].get("deletionTimestamp")


async def _create(api: Api, path: str, body: Body) -> int:
    try:
        await api.create(path, body)
    except ApiError as error:
        if error.status != 409:
            raise
        return 0
    return 1
