"""The pods of a training job: coordinator and workers. Pure: domain values in, manifests out.

Every pod meets the restricted profile and mounts no token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from sunward.cluster.training import templates
from sunward.cluster.training.flower_pods import (
    RESTRICTED,
    app_arguments,
    app_command,
    app_server_arguments,
    app_variables,
    injector,
    program_mount,
)
from sunward.cluster.training.generic_pods import generic_containers
from sunward.cluster.training.pod_volumes import (
    ASSIGNMENT_FILE,
    SHARD_DATA_FOLDER,
    STATE_FOLDER,
    TLS_FOLDER,
    Mount,
    Surroundings,
    assignment_mount,
    extra_volumes,
    shard_volumes,
)
from sunward.cluster.training.templates import PROGRESS_PORT, SHARD_PORT, SUPERLINK_PORT
from sunward.domain.jobs import DataMobility, JobSpec
from sunward.domain.workloads import MountedBy

Body = dict[str, Any]
DEFAULT_MODEL = "mnist-mlp"
UNPRIVILEGED = 65532
BYTES_PER_MEBIBYTE = 1 << 20
STATE_MEBIBYTES = 1024
LOG_MEBIBYTES = 128
SECRET_MODE = 0o440
"""Readable for the pod's group, which is the trainer's own (fsGroup)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What one pod is, before it is written out; `pinned_to` is the Kubernetes node, `node` the worker's EnergyNode,
    `coordinator` the address that the worker calls.
    """

    name: str
    component: str
    pinned_to: str
    arguments: Sequence[str]
    mounts: Sequence[Mount]
    ports: Sequence[int]
    node: str = ""
    coordinator: str = ""


def coordinator_pod(job: JobSpec, node_name: str, around: Surroundings) -> Body:
    """The coordinator, on a node that never sleeps.

    Its checkpoints live as long as the pod, unless a claim keeps them; else a new pod takes the last weights and round
    back from the workers.
    """
    arguments = [
        "--job", job.key,
        "--assignment", ASSIGNMENT_FILE,
        "--state-dir", STATE_FOLDER,
        "--rounds", str(job.rounds),
        "--steps-per-round", str(job.steps_per_round),
        "--minimum-workers", str(job.minimum_workers),
        "--maximum-norm-factor", str(job.maximum_norm_factor),
        "--listen", f"0.0.0.0:{PROGRESS_PORT}",
        "--superlink", f"0.0.0.0:{SUPERLINK_PORT}",
        *_door(job),
        *(["--target-accuracy", f"{job.target_percent:g}"] if job.target_percent else []),
        *_shards(job),
    ]  # fmt: skip
    if job.flower_app is None:
        arguments = ["coordinator", *arguments, *_bundled(job)]
    else:
        arguments = ["server", *arguments, *app_server_arguments(job.flower_app)]
    return _pod(
        job,
        around,
        _Plan(
            name=templates.coordinator_name(job),
            component="coordinator",
            pinned_to=node_name,
            arguments=arguments,
            mounts=[assignment_mount(job), *extra_volumes(job, MountedBy.COORDINATOR)],
            ports=(PROGRESS_PORT, SUPERLINK_PORT),
        ),
    )


def worker_pod(job: JobSpec, node: str, node_name: str, coordinator_ip: str, around: Surroundings) -> Body:
    """The worker of a job on one node; it holds the shards whose home the node is and caches those it works on.

    Raises InvalidInput when a shard names a data volume that its namespace may not use.
    """
    arguments = [
        "--node", node,
        "--coordinator", coordinator_ip,
        "--coordinator-port", str(PROGRESS_PORT),
        "--superlink-port", str(SUPERLINK_PORT),
        "--shard-server-port", str(SHARD_PORT),
        *_door(job),
        "--shards-dir", "/var/lib/sunward/shards",
        "--cache-dir", "/var/lib/sunward/cache",
        *_shards(job),
        *_shard_data(job),
    ]  # fmt: skip
    if job.flower_app is None:
        arguments = ["worker", *arguments, *_extra(job, worker=True)]
    else:
        arguments = ["client", *arguments, *app_arguments(job.flower_app)]
    pod = _pod(
        job,
        around,
        _Plan(
            name=templates.worker_name(job, node),
            component="worker",
            pinned_to=node_name,
            arguments=arguments,
            mounts=[
                *([assignment_mount(job)] if job.containers else []),
                *shard_volumes(job, node, around),
                *extra_volumes(job, MountedBy.WORKERS),
            ],
            ports=() if job.data_mobility is DataMobility.NEVER else (SHARD_PORT,),
            node=node,
            coordinator=coordinator_ip,
        ),
    )
    pod["metadata"]["labels"][templates.NODE_LABEL] = templates.label_value(node)
    return pod


def _bundled(job: JobSpec) -> list[str]:
    return [
        "--batch-size", str(job.batch_size),
        "--update-rule", job.update_rule.value,
        "--model", job.model or job.app or DEFAULT_MODEL,
        *_extra(job, worker=False),
    ]  # fmt: skip


def _shards(job: JobSpec) -> list[str]:
    """Workers cut the data by them; the coordinator knows by their homes who may register."""
    return [part for s in job.shards for part in ("--shard", f"{s.name}={s.node}:{s.samples}")]


def _shard_data(job: JobSpec) -> list[str]:
    """Every shard with a volume, so that all workers cut the others from the data set in the same way."""
    with_volume = [shard.name for shard in job.shards if shard.volume is not None]
    return [part for name in with_volume for part in ("--shard-data", f"{name}={SHARD_DATA_FOLDER}/{name}")]


def _door(job: JobSpec) -> list[str]:
    return ["--tls-dir", TLS_FOLDER, "--data-mobility", str(job.data_mobility)]


WORKER_ARGUMENTS = frozenset({"partition"})
SHARED_ARGUMENTS = frozenset({"seed", "data-dir", "shared-data"})


def _extra(job: JobSpec, *, worker: bool) -> list[str]:
    """The user's own arguments, each given to the part that knows it."""
    return [
        part
        for key, value in job.arguments
        if key in SHARED_ARGUMENTS or (key in WORKER_ARGUMENTS) is worker
        for part in (f"--{key}", value)
    ]


def _pod(job: JobSpec, around: Surroundings, plan: _Plan) -> Body:
    mounts = [*_own_mounts(job, plan), *plan.mounts, *([] if job.flower_app is None else [program_mount()])]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": templates.metadata(job, plan.name, plan.component),
        "spec": {
            "serviceAccountName": around.service_account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "OnFailure",
            "terminationGracePeriodSeconds": 10,
            "affinity": _pinned(plan.pinned_to),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": UNPRIVILEGED,
                "runAsGroup": UNPRIVILEGED,
                "fsGroup": UNPRIVILEGED,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **({} if job.flower_app is None else {"initContainers": [injector(around.trainer_image)]}),
            "containers": _containers(job, around, plan, mounts),
            "volumes": [mount.volume() for mount in mounts],
            **_pull_secrets(job),
        },
    }


def _pull_secrets(job: JobSpec) -> Body:
    names = job.pod.image_pull_secrets
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def _own_mounts(job: JobSpec, plan: _Plan) -> list[Mount]:
    tmp = f"{job.pod.scratch_mebibytes}Mi"
    door = {"secret": {"secretName": templates.secret_name(plan.name), "defaultMode": SECRET_MODE}}
    return [
        Mount(name="state", path="/var/lib/sunward", source=_scratch(f"{_state_mebibytes(job)}Mi")),
        Mount(name="tmp", path="/tmp", source=_scratch(tmp)),  # noqa: S108  # an emptyDir of the pod
        Mount(name="door", path=TLS_FOLDER, source=door, read_only=True),
    ]


def _scratch(size: str) -> Body:
    return {"emptyDir": {"sizeLimit": size}}


def _containers(job: JobSpec, around: Surroundings, plan: _Plan, mounts: Sequence[Mount]) -> list[Body]:
    if job.containers:
        disk = f"{_disk_mebibytes(job)}Mi"
        found = generic_containers(job, node=plan.node, coordinator=plan.coordinator, disk=disk, mounts=mounts)
    else:
        found = [_container(job, around, plan, mounts)]
    if plan.ports:
        found[0]["ports"] = [{"containerPort": port} for port in plan.ports]
    return found


def _container(job: JobSpec, around: Surroundings, plan: _Plan, mounts: Sequence[Mount]) -> Body:
    container: Body = {
        "name": plan.component,
        "image": job.image or around.trainer_image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(plan.arguments),
        "env": _variables(job, plan),
        "resources": _resources(job),
        "securityContext": dict(RESTRICTED),
        "volumeMounts": [mount.mount() for mount in mounts],
    }
    command = job.pod.command if job.flower_app is None else app_command(job.pod.command)
    if command:
        container["command"] = list(command)
    return container


def _variables(job: JobSpec, plan: _Plan) -> list[Body]:
    """Those that the programs need, after the user's: of two with one name, Kubernetes takes the last."""
    return [
        *({"name": name, "value": value} for name, value in job.pod.env),
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "HOME", "value": "/tmp"},  # noqa: S108  # an emptyDir of the pod
        {"name": "FLWR_HOME", "value": "/tmp/flwr"},  # noqa: S108  # an emptyDir of the pod
        *([] if job.flower_app is None else app_variables(job.key, plan.node, job.flower_app)),
    ]


def _resources(job: JobSpec) -> Body:
    """What a part of a job asks for, and what it may take of its node at most: of the disk, its volumes and its log.

    It asks for no disk: without a request of its own, a limit is one, and no node would have room for a large cache.
    """
    return {
        "requests": {"ephemeral-storage": "0", **dict(job.pod.requests)},
        "limits": {"ephemeral-storage": f"{_disk_mebibytes(job)}Mi", **dict(job.pod.limits)},
    }


def _disk_mebibytes(job: JobSpec) -> int:
    return _state_mebibytes(job) + job.pod.scratch_mebibytes + LOG_MEBIBYTES


def _state_mebibytes(job: JobSpec) -> int:
    """Checkpoints and caches, and room for every shard: a worker may come to hold them all."""
    return STATE_MEBIBYTES + ceil(sum(shard.gigabytes for shard in job.shards) * 1e9 / BYTES_PER_MEBIBYTE)


def _pinned(node_name: str) -> Body:
    """Affinity and not nodeName: the scheduler must still respect cordons and taints."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node_name]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
