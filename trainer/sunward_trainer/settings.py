"""What the command line says, as one value for each role."""

from dataclasses import dataclass
from pathlib import Path

from sunward_trainer.job import JobSettings
from sunward_trainer.shards import Partition, ShardSpecification
from sunward_trainer.training import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorSettings:
    """Everything the command line says; `listen` and `superlink` are (host, port)."""

    job: JobSettings
    assignment: Path
    model: str
    recipe: Recipe
    listen: tuple[str, int]
    superlink: tuple[str, int]
    data_folder: Path | None
    shared_folder: Path | None
    gone_after_seconds: float
    linger_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Everything the command line says; `address` is where others reach this worker's shard server."""

    node: str
    coordinator: str
    coordinator_port: int
    superlink_port: int
    address: str
    shard_server_port: int
    shards_folder: Path
    cache_folder: Path
    shards: tuple[ShardSpecification, ...]
    partition: Partition
    seed: int
    data_folder: Path | None
    shared_folder: Path | None
