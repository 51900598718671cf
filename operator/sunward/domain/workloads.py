"""What a training job's pods need of Kubernetes: resources, variables, volumes. Values, as people wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sunward.domain.pods import Resources

Amounts = tuple[tuple[str, str], ...]
"""Kubernetes quantities by resource, in name order."""

DEFAULT_REQUESTS: Amounts = (("cpu", "50m"), ("memory", "128Mi"))
DEFAULT_LIMITS: Amounts = (("cpu", "4"), ("memory", "1Gi"))
"""As many cores as the machines have that these jobs are made for."""

Numbers = tuple[tuple[str, int], ...]
"""Amounts by resource: thousandths of a core for cpu, and else the resource's own unit, bytes for memory."""
DEFAULT_NEEDS: Numbers = (("cpu", 50), ("memory", 128 << 20))
"""The default requests as numbers."""

DEFAULT_SCRATCH_MEBIBYTES = 512


class Granularity(StrEnum):
    """How much of a shard an app's job moves at once."""

    SHARD = "Shard"
    PIECES = "Pieces"


class MetricSource(StrEnum):
    """Who reports the number that is a job's accuracy."""

    EVALUATE = "Evaluate"
    TRAIN = "Train"
    SERVER = "Server"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMetric:
    """The app's number that is the job's accuracy; times `scale` it is percent."""

    name: str
    scale: int = 100
    source: MetricSource = MetricSource.EVALUATE


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowerApp:
    """A Flower app of somebody's, in the job's image."""

    path: str
    run_config: tuple[tuple[str, str], ...] = ()
    granularity: Granularity = Granularity.SHARD
    pieces_per_shard: int = 4
    metric: AppMetric | None = None
    weight_key: str = "num-examples"

    @property
    def pieces(self) -> int:
        """Into how many parts a shard may be divided between nodes."""
        return self.pieces_per_shard if self.granularity is Granularity.PIECES else 1


class MountedBy(StrEnum):
    """Which pods of a job mount a volume."""

    COORDINATOR = "Coordinator"
    WORKERS = "Workers"
    ALL = "All"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardVolume:
    """Where a shard's data lie on its home node: a claim of the job's namespace, or a word of the administrator's."""

    claim: str | None = None
    data_volume: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraVolume:
    """A claim that some of the job's pods mount."""

    name: str
    claim: str
    mount_path: str
    read_only: bool
    pods: MountedBy

    def is_for(self, pods: MountedBy) -> bool:
        """Whether pods of this kind mount it."""
        return self.pods in (pods, MountedBy.ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodOptions:
    """`spec.pod`. `needs` is what a pod requests in whole numbers, None where an amount cannot be read."""

    command: tuple[str, ...] = ()
    requests: Amounts = DEFAULT_REQUESTS
    limits: Amounts = DEFAULT_LIMITS
    needs: Numbers | None = DEFAULT_NEEDS
    scratch_mebibytes: int = DEFAULT_SCRATCH_MEBIBYTES
    image_pull_secrets: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    volumes: tuple[ExtraVolume, ...] = ()

    @property
    def room(self) -> Resources | None:
        """What one pod takes of a node, None where it is not known."""
        if self.needs is None:
            return None
        amounts = dict(self.needs)
        cores, memory = amounts.pop("cpu", 0), amounts.pop("memory", 0)
        return Resources(millicores=cores, memory_bytes=memory, pods=1, others=tuple(sorted(amounts.items())))


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericContainer:
    """A container of a job that brings its own program; the order of `env` is that of the pod."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    requests: Amounts = DEFAULT_REQUESTS
    limits: Amounts = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVolume:
    """An administrator's definition of a data volume: a folder of the node, and the namespaces that may read it."""

    host_path: str
    namespaces: tuple[str, ...]
