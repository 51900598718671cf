"""Keeps the objects of training jobs as the plan wants them. A pass over unchanged objects writes nothing.

Workers are only ever added here. They leave a node by eviction when it is drained, or end with their job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sunward.cluster.access.api import Api, ApiError, apis, core
from sunward.cluster.training import pods, templates
from sunward.cluster.training.door import Door, Pass
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.cluster.training.templates import coordinator_name
from sunward.domain.errors import NameTaken
from sunward.domain.jobs import JobSpec
from sunward.domain.plans import JobDirective

Body = dict[str, Any]
NETWORKING = "networking.k8s.io/v1"
SELECTOR = "app.kubernetes.io/managed-by=sunward"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobObjects:
    """What exists in a namespace under our labels, by name. Labels alone make no object a job's: its owner does."""

    pods: Mapping[str, Body]
    services: Mapping[str, Body]
    config_maps: Mapping[str, Body]
    network_policies: Mapping[str, Body]

    def of(self, job: JobSpec) -> JobObjects:
        """The objects whose owner is this very job, by its UID."""
        return JobObjects(
            pods=_owned(self.pods, job),
            services=_owned(self.services, job),
            config_maps=_owned(self.config_maps, job),
            network_policies=_owned(self.network_policies, job),
        )

    def coordinator_address(self, job: JobSpec) -> str | None:
        """Cluster IP of the coordinator's Service."""
        service = self.of(job).services.get(templates.coordinator_name(job))
        return None if service is None else (service.get("spec") or {}).get("clusterIP")

    def ready_workers(self, job: JobSpec) -> int:
        """Worker pods of a job that are Ready."""
        workers = (pod for pod in self.of(job).pods.values() if _label(pod, templates.COMPONENT_LABEL) == "worker")
        return sum(_is_ready(pod) for pod in workers)

    def worker(self, node: str) -> Body | None:
        """The worker that is there for a node, whatever an earlier version named it."""
        label = templates.label_value(node)
        return next((pod for pod in self.pods.values() if _label(pod, templates.NODE_LABEL) == label), None)


NO_OBJECTS = JobObjects(pods={}, services={}, config_maps={}, network_policies={})
"""What is known of a namespace that is not read."""


def _owned(bodies: Mapping[str, Body], job: JobSpec) -> dict[str, Body]:
    return {name: body for name, body in bodies.items() if is_owned(body, job)}


def is_owned(body: Body, job: JobSpec) -> bool:
    """Whether an object belongs to this job and not to an earlier one of the same name, or to another owner."""
    owners = body["metadata"].get("ownerReferences") or ()
    return any(owner.get("uid") == job.uid for owner in owners)


def _label(body: Body, key: str) -> str | None:
    return (body["metadata"].get("labels") or {}).get(key)


def _is_ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


async def read_objects(api: Api, namespace: str) -> JobObjects:
    """Objects of ours in a namespace. Raises ApiError."""
    return JobObjects(
        pods=_by_name(await api.list(core("pods", namespace=namespace), labelSelector=SELECTOR)),
        services=_by_name(await api.list(core("services", namespace=namespace), labelSelector=SELECTOR)),
        config_maps=_by_name(await api.list(core("configmaps", namespace=namespace), labelSelector=SELECTOR)),
        network_policies=_by_name(
            await api.list(apis(NETWORKING, "networkpolicies", namespace=namespace), labelSelector=SELECTOR)
        ),
    )


def _by_name(bodies: list[Body]) -> dict[str, Body]:
    return {body["metadata"]["name"]: body for body in bodies}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where the parts of a job go: EnergyNode name -> Kubernetes node name for every node that needs a worker.

    `sites` are those of the nodes that have one.
    """

    coordinator_node: str
    workers: Mapping[str, str]
    sites: Mapping[str, str]


async def apply_job(
    api: Api,
    directive: JobDirective,
    placement: Placement,
    found: JobObjects,
    door: Door,
    around: Surroundings,
    plan: str,
) -> int:
    """Bring the job's objects to what the directive says; returns the number of writes.

    `door` is that of the job: its network policies come before any pod that they protect. Raises NameTaken when an
    object of that name belongs to another owner, and ApiError.
    """
    job, own = door.job, found.of(door.job)
    writes = await _apply_assignment(api, job, directive, own, plan)
    for policy in door.network_policies():
        writes += await _keep_policy(api, job, policy, own.network_policies.get(policy["metadata"]["name"]))
    service = templates.coordinator_service(job)
    writes += await _ensure(api, job, service, own.services.get(service["metadata"]["name"]))
    coordinator = pods.coordinator_pod(job, placement.coordinator_node, around)
    before = own.pods.get(coordinator["metadata"]["name"])
    writes += await _ensure_pod(api, door, coordinator, before, door.coordinator)
    address = own.coordinator_address(job)
    if address is None:
        return writes  # the next pass knows the address that the new Service was given
    for node, node_name in sorted(placement.workers.items()):
        pod = pods.worker_pod(job, node, node_name, address, around)
        make_pass = partial(door.worker, node, placement.sites.get(node))
        writes += await _ensure_pod(api, door, pod, own.worker(node), make_pass)
    return writes


async def _keep_policy(api: Api, job: JobSpec, policy: Body, before: Body | None) -> int:
    """Create the policy, or restore what was changed."""
    if before is None:
        return await _create(api, job, policy)
    if before["spec"] == policy["spec"]:
        return 0
    await api.patch(_path(policy), {"metadata": {"uid": before["metadata"]["uid"]}, "spec": policy["spec"]})
    return 1


async def _ensure_pod(api: Api, door: Door, pod: Body, before: Body | None, make_pass: Callable[[], Pass]) -> int:
    """The pod with its Secret, which is there first; a pod that stays gets a new certificate in time."""
    if before is not None and (_is_over(before) or door.is_current(before)):
        return await _ensure(api, door.job, pod, before)
    made = make_pass()
    writes = await _put_secret(api, made.secret)
    annotations = dict(made.annotations)
    if before is None:
        pod["metadata"]["annotations"] = annotations
        return writes + await _create(api, door.job, pod)
    metadata = before["metadata"]
    path = core("pods", metadata["name"], namespace=door.job.namespace)
    await api.patch(path, {"metadata": {"uid": metadata["uid"], "annotations": annotations}})
    return writes + 1


async def _put_secret(api: Api, secret: Body) -> int:
    """Create the Secret or replace its content, without reading it: admission policy 10 protects all others."""
    try:
        await api.create(_path(secret, named=False), secret)
    except ApiError as error:
        if error.status != 409:
            raise
        owners = {"ownerReferences": secret["metadata"]["ownerReferences"]}
        await api.patch(_path(secret), {"metadata": owners, "data": secret["data"]})
    return 1


async def _apply_assignment(api: Api, job: JobSpec, directive: JobDirective, own: JobObjects, plan: str) -> int:
    name = templates.assignment_name(job)
    before = own.config_maps.get(name)
    if before is not None and _same_work(before, job, directive):
        return 0
    body = templates.assignment_map(job, _assignment_file(job, directive, plan))
    if before is None:
        return await _create(api, job, body)
    await api.patch(_path(body), {"metadata": {"uid": before["metadata"]["uid"]}, "data": body["data"]})
    return 1 + await _refresh_mount(api, job, own, plan)


async def _refresh_mount(api: Api, job: JobSpec, own: JobObjects, plan: str) -> int:
    """Touch the pods with the file: the kubelet then refreshes it now and not within a minute or so."""
    names = sorted(own.pods) if job.containers else [name for name in own.pods if name == coordinator_name(job)]
    for name in names:
        await api.patch(
            core("pods", name, namespace=job.namespace), {"metadata": {"annotations": {"sunward.dev/plan": plan}}}
        )
    return len(names)


def _same_work(before: Body, job: JobSpec, directive: JobDirective) -> bool:
    """Whether the file in force asks for the same work; the name of the plan alone is no reason to write."""
    text = (before.get("data") or {}).get("assignment.json", "")
    return bool(templates.work_of(text) == templates.work_of(_assignment_file(job, directive, "")))


def _assignment_file(job: JobSpec, directive: JobDirective, plan: str) -> str:
    if not directive.run:
        return templates.assignment_file(job, (), plan)
    return templates.assignment_file(job, directive.assignments, plan, directive.until_round)


async def _ensure(api: Api, job: JobSpec, body: Body, before: Body | None) -> int:
    if before is None:
        return await _create(api, job, body)
    if body["kind"] == "Pod" and _is_over(before):
        metadata = before["metadata"]
        await api.delete(core("pods", metadata["name"], namespace=job.namespace), uid=metadata["uid"])
        return 1
    return 0


def _is_over(pod: Body) -> bool:
    """A failed pod is replaced; a succeeded one has done its work; one that is going is left to go."""
    phase = (pod.get("status") or {}).get("phase")
    return phase == "Failed" and not pod["metadata"].get("deletionTimestamp")


async def _create(api: Api, job: JobSpec, body: Body) -> int:
    """Create; what an interrupted pass created a moment ago is ours, and anything else of that name is not taken."""
    try:
        await api.create(_path(body, named=False), body)
    except ApiError as error:
        if error.status != 409:
            raise
        if not is_owned(await api.get(_path(body)), job):
            raise NameTaken(body["kind"], body["metadata"]["name"], f"TrainingJob {job.key}") from error
        return 0
    return 1


def _path(body: Body, *, named: bool = True) -> str:
    metadata = body["metadata"]
    name, namespace = metadata["name"] if named else "", metadata["namespace"]
    if body["kind"] == "NetworkPolicy":
        return apis(NETWORKING, "networkpolicies", name, namespace=namespace)
    return core(f"{body['kind'].lower()}s", name, namespace=namespace)
