"""What the coordinator's command line says, as one value."""

from dataclasses import dataclass
from pathlib import Path

from sunward_trainer.job import JobSettings
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
