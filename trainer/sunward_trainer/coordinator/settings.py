"""What the command line says of a coordinator, as one value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sunward_trainer.coordinator.job import JobSettings
from sunward_trainer.learning.training import Recipe
from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.data_mobility import DataMobility


class Goal(Protocol):
    """What a job is to reach, whatever it trains."""

    @property
    def job(self) -> str:
        """Its name, as in the assignment file."""

    @property
    def rounds(self) -> int:
        """Rounds at most."""

    @property
    def target_accuracy_percent(self) -> float | None:
        """The accuracy that ends it early, None without."""


class Serving(Protocol):
    """What the process needs around a job, whatever the job trains; see `CoordinatorSettings`."""

    @property
    def job(self) -> Goal:
        """What to reach."""

    @property
    def assignment(self) -> Path:
        """The assignment file."""

    @property
    def homes(self) -> tuple[str, ...]:
        """Nodes of the shards."""

    @property
    def listen(self) -> tuple[str, int]:
        """Address of the HTTP API."""

    @property
    def superlink(self) -> tuple[str, int]:
        """Address of Flower's Fleet API."""

    @property
    def gone_after_seconds(self) -> float:
        """Silence after which a worker is gone."""

    @property
    def linger_seconds(self) -> float:
        """How long /progress is served after the end."""

    @property
    def credentials(self) -> Credentials | None:
        """The certificate, None with --insecure only."""


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
