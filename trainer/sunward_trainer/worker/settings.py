"""What the command line says of a worker, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sunward_trainer.learning.shards import Partition, ShardSpecification
from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.data_mobility import DataMobility


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """What any worker needs; `address` is where others reach this worker's shard server.

    `credentials` is None with --insecure only.
    """

    node: str
    coordinator: str
    coordinator_port: int
    superlink_port: int
    address: str
    shard_server_port: int
    shards_folder: Path
    cache_folder: Path
    data_mobility: DataMobility
    credentials: Credentials | None

    @property
    def serves_shards(self) -> bool:
        """Whether other workers may fetch this node's shards at all."""
        return self.data_mobility is not DataMobility.NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(ConnectionSettings):
    """What the command line says of a worker with a bundled model.

    `shard_data` are the folders of shards that are not cut from the data set, by name.
    """

    shards: tuple[ShardSpecification, ...]
    shard_data: Mapping[str, Path]
    partition: Partition
    seed: int
    data_folder: Path | None
    shared_folder: Path | None
