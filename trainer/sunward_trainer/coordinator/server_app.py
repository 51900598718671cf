"""The Flower ServerApp: the job's rounds on the SuperLink's Grid."""

import logging
import threading
import time
from dataclasses import dataclass

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from sunward_trainer.coordinator.checkpoint import Checkpoint, CheckpointError, refuse_another
from sunward_trainer.coordinator.fleet_keys import FleetKeys
from sunward_trainer.coordinator.job import Job
from sunward_trainer.coordinator.progress import StatusBoard
from sunward_trainer.coordinator.replicas import Replicas
from sunward_trainer.coordinator.settings import CoordinatorSettings
from sunward_trainer.coordinator.superlink import SuperLink
from sunward_trainer.coordinator.transport import FlowerTransport
from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import EvaluationSet
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.members import Member, Members

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run of the job works with; `start` is the checkpoint that it continues from."""

    settings: CoordinatorSettings
    data: EvaluationSet
    start: Checkpoint
    members: Members
    replicas: Replicas
    keys: FleetKeys
    board: StatusBoard
    stop: threading.Event

    def job(self, grid: Grid) -> Job:
        """The job, over Flower's Grid."""
        settings, model = self.settings, build_model(self.settings.model, self.data.classes)
        return Job(
            settings.job,
            start=self.start,
            assignments=AssignmentFile(
                path=settings.assignment, job=settings.job.job, data_mobility=settings.data_mobility
            ),
            members=self.members,
            transport=self._transport(grid),
            board=self.board,
            evaluate=lambda weights: model.accuracy_percent(weights, self.data.images, self.data.labels),
            stop=self.stop,
            clock=time.monotonic,
            fetch_kept=self.fetch_kept,
        )

    def _transport(self, grid: Grid) -> FlowerTransport:
        return FlowerTransport(
            grid,
            job=self.settings.job.job,
            model=self.settings.model,
            classes=self.data.classes,
            recipe=self.settings.recipe,
            members=self.members,
            replicas=self.replicas,
            # An order outlives its round, so that the round ends by the job's rules and not by Flower's.
            lifetime_seconds=self.settings.job.round_timeout_seconds * 2,
        )

    def fetch_kept(self, member: Member) -> Checkpoint | None:
        """The newest checkpoint that any worker gave back, or None when it belongs to another run."""
        found, start = self.replicas.newest, self.start
        if found is None:
            return None
        try:
            origin = f"the checkpoint kept by {member.node}"
            refuse_another(found, origin, job=start.job, model=start.model, data_set=start.data_set, seed=start.seed)
        except CheckpointError as error:
            _log.warning("a checkpoint that was given back cannot be used: %s", error)
            return None
        return found


def serve(run: Run) -> None:
    """Start the SuperLink, run the job on it to its end, stop it. Raises what the job raises."""

    def main(grid: Grid, context: Context) -> None:
        del context  # one run, no configuration: everything is on the command line
        run.job(grid).run()

    app = ServerApp()
    app.main()(main)
    superlink = SuperLink(*run.settings.superlink, credentials=run.settings.credentials, keys=run.keys)
    superlink.start()
    try:
        superlink.run(app)
    finally:
        superlink.stop()
