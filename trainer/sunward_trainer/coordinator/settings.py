"""What the command line says of a coordinator, as one value."""

from dataclasses import dataclass
from pathlib import Path

from sunward_trainer.coordinator.job import JobSettings
from sunward_trainer.learning.training import Recipe
from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.data_mobility import DataMobility


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorSettings:
    """Everything the command line says; `listen` and `superlink` are (host, port), `homes` the nodes of the shards.

    `credentials` is None with --insecure only.
    """

    job: JobSettings
    assignment: Path
    homes: tuple[str, ...]
    model: str
    recipe: Recipe
    listen: tuple[str, int]
    superlink: tuple[str, int]
    data_folder: Path | None
    shared_folder: Path | None
    gone_after_seconds: float
    linger_seconds: float
    data_mobility: DataMobility
    credentials: Credentials | None
