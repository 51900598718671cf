"""The coordinator of an app's job: the app's ServerApp on our Grid, behind the same door as the bundled trainer's."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flwr.app.user_config import UserConfig
from flwr.serverapp import ServerApp

from sunward_trainer.apps.checkpoint import FILE, fresh, load
from sunward_trainer.apps.grid import GovernedGrid
from sunward_trainer.apps.loops import govern
from sunward_trainer.apps.project import load_project
from sunward_trainer.apps.session import Session, SessionSettings
from sunward_trainer.coordinator.progress import timestamp
from sunward_trainer.coordinator.service import CoordinatorProcess
from sunward_trainer.coordinator.superlink import SuperLink
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.data_mobility import DataMobility

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppServerSettings:
    """What the command line says of an app's coordinator; see `CoordinatorSettings` for what both have."""

    job: SessionSettings
    app: Path
    changes: Mapping[str, str]
    weight_key: str
    maximum_norm_factor: float
    round_timeout_seconds: float
    assignment: Path
    homes: tuple[str, ...]
    listen: tuple[str, int]
    superlink: tuple[str, int]
    gone_after_seconds: float
    linger_seconds: float
    data_mobility: DataMobility
    credentials: Credentials | None


class AppServer(CoordinatorProcess):
    """Runs a job of somebody's app."""

    def __init__(self, settings: AppServerSettings) -> None:
        super().__init__(settings)
        self._settings = settings

    def run_job(self) -> None:
        """The app's own main, to its end. Raises Stopped, or whatever makes the job fail."""
        settings, job = self._settings, self._settings.job
        project = load_project(settings.app, settings.changes, rounds=job.rounds)
        start = load(job.state_folder / FILE, job=job.job, app=project.name)
        if start is not None:
            _log.info("continuing after round %d", start.kept.round)
        session = Session(
            job,
            start=start or fresh(job.job, project.name, timestamp()),
            assignments=AssignmentFile(path=settings.assignment, job=job.job, data_mobility=settings.data_mobility),
            members=self._members,
            board=self._board,
            stop=self._stop,
        )
        if not session.is_reached:
            self._run_app(project.server_app, session, project.run_config)
        session.finish()

    def _run_app(self, server_app: Callable[[], ServerApp], session: Session, run_config: UserConfig) -> None:
        settings = self._settings
        superlink = SuperLink(*settings.superlink, credentials=settings.credentials, keys=self._keys)
        superlink.start()
        try:
            grid = GovernedGrid(
                superlink.grid(),
                session,
                weight_key=settings.weight_key,
                norm_factor=settings.maximum_norm_factor,
                round_timeout_seconds=settings.round_timeout_seconds,
            )
            govern(session)
            server_app()(grid=grid, context=superlink.context(run_config))
        finally:
            superlink.stop()
