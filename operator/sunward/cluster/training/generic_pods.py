"""The containers of a job that brings its own program: those of its template, restricted and told their part. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sunward.cluster.training.flower_pods import RESTRICTED
from sunward.cluster.training.pod_volumes import ASSIGNMENT_FILE, SHARD_DATA_FOLDER, STATE_FOLDER, TLS_FOLDER, Mount
from sunward.cluster.training.templates import PROGRESS_PORT, SHARD_PORT, SUPERLINK_PORT
from sunward.domain.jobs import JobSpec
from sunward.domain.workloads import GenericContainer

Body = dict[str, Any]


def generic_containers(job: JobSpec, *, node: str, coordinator: str, disk: str, mounts: Sequence[Mount]) -> list[Body]:
    """The template's containers in one pod: the worker's on `node`, or the coordinator's where that is empty.

    `coordinator` is the address that workers call, `disk` the limit of each container as a quantity.
    """
    variables = _variables(job, node, coordinator)
    return [_container(one, variables, disk, mounts) for one in job.containers]


def _container(one: GenericContainer, variables: Mapping[str, str], disk: str, mounts: Sequence[Mount]) -> Body:
    container: Body = {
        "name": one.name,
        "image": one.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            *({"name": name, "value": value} for name, value in (*one.env, *variables.items())),
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "resources": {
            "requests": {"ephemeral-storage": "0", **dict(one.requests)},
            "limits": {"ephemeral-storage": disk, **dict(one.limits)},
        },
        "securityContext": dict(RESTRICTED),
        "volumeMounts": [mount.mount() for mount in mounts],
    }
    optional = {"command": list(one.command), "args": list(one.args), "workingDir": one.working_dir}
    return container | {name: value for name, value in optional.items() if value}


def _variables(job: JobSpec, node: str, coordinator: str) -> dict[str, str]:
    """All that a program is told, after the user's variables: of two with one name, Kubernetes takes the last."""
    own = {"SUNWARD_NODE": node, "SUNWARD_COORDINATOR": coordinator} if node else {}
    target = {} if job.target_percent is None else {"SUNWARD_TARGET_ACCURACY_PERCENT": f"{job.target_percent:g}"}
    return {
        "HOME": "/tmp",  # noqa: S108  # an emptyDir of the pod
        "SUNWARD_JOB": job.key,
        "SUNWARD_ROLE": "worker" if node else "coordinator",
        **own,
        **target,
        "SUNWARD_ROUNDS": str(job.rounds),
        "SUNWARD_STEPS_PER_ROUND": str(job.steps_per_round),
        "SUNWARD_BATCH_SIZE": str(job.batch_size),
        "SUNWARD_MINIMUM_WORKERS": str(job.minimum_workers),
        "SUNWARD_ASSIGNMENT": ASSIGNMENT_FILE,
        "SUNWARD_TLS": TLS_FOLDER,
        "SUNWARD_STATE": STATE_FOLDER,
        "SUNWARD_DATA": SHARD_DATA_FOLDER,
        "SUNWARD_PROGRESS_PORT": str(PROGRESS_PORT),
        "SUNWARD_WORK_PORT": str(SUPERLINK_PORT),
        "SUNWARD_SHARD_PORT": str(SHARD_PORT),
    }
