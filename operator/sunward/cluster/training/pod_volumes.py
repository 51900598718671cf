"""Volumes of a training job's pods, and where they are mounted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from sunward.cluster.training import templates
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobSpec, Shard
from sunward.domain.workloads import DataVolume, MountedBy

Body = dict[str, Any]
DEFAULT_IMAGE: Final = "sunward-trainer:0.1.0"
TLS_FOLDER: Final = "/etc/sunward-tls"
ASSIGNMENT_FILE: Final = "/etc/sunward/assignment.json"
STATE_FOLDER: Final = "/var/lib/sunward/state"
SHARD_DATA_FOLDER: Final = "/var/lib/sunward/data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the administrator decided for the pods of all jobs: their account, the image with the program that runs
    Flower apps, and the data volumes by name.
    """

    service_account: str = "sunward-trainer"
    trainer_image: str = DEFAULT_IMAGE
    data_volumes: Mapping[str, DataVolume] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One volume of a pod, where its container sees it."""

    name: str
    path: str
    source: Body
    read_only: bool = False

    def volume(self) -> Body:
        """As an entry of the pod's volumes."""
        return {"name": self.name, **self.source}

    def mount(self) -> Body:
        """As an entry of the container's mounts."""
        return {"name": self.name, "mountPath": self.path, **({"readOnly": True} if self.read_only else {})}


def assignment_mount(job: JobSpec) -> Mount:
    """The folder with the assignment file; a file mounted alone would never change."""
    return Mount(
        name="assignment",
        path=str(PurePosixPath(ASSIGNMENT_FILE).parent),
        source={"configMap": {"name": templates.assignment_name(job)}},
        read_only=True,
    )


def shard_volumes(job: JobSpec, node: str, around: Surroundings) -> list[Mount]:
    """The data of the shards whose home is the node, for reading only.

    Raises InvalidInput for a data volume that is not defined for the job's namespace.
    """
    return [
        Mount(
            name=f"shard-{index}",
            path=f"{SHARD_DATA_FOLDER}/{shard.name}",
            source=_source(job, shard, around),
            read_only=True,
        )
        for index, shard in enumerate(job.shards)
        if shard.node == node and shard.volume is not None
    ]


def _source(job: JobSpec, shard: Shard, around: Surroundings) -> Body:
    volume = shard.volume
    if volume is None or volume.data_volume is None:
        return _claim(volume.claim if volume is not None and volume.claim is not None else "", read_only=True)
    found = around.data_volumes.get(volume.data_volume)
    if found is None or job.namespace not in found.namespaces:
        where = f"TrainingJob {job.key}: spec.shards[{shard.name}].volume.dataVolume"
        raise InvalidInput(
            where,
            f"{volume.data_volume} is not defined for namespace {job.namespace}: the administrator has to add it to "
            f"the chart's value dataVolumes",
        )
    return {"hostPath": {"path": found.host_path, "type": "Directory"}}


def extra_volumes(job: JobSpec, pods: MountedBy) -> Iterator[Mount]:
    """The claims that the job's own spec mounts in pods of this kind."""
    for volume in job.pod.volumes:
        if volume.is_for(pods):
            source = _claim(volume.claim, read_only=volume.read_only)
            yield Mount(name=f"extra-{volume.name}", path=volume.mount_path, source=source, read_only=volume.read_only)


def _claim(name: str, *, read_only: bool) -> Body:
    return {"persistentVolumeClaim": {"claimName": name, **({"readOnly": True} if read_only else {})}}
