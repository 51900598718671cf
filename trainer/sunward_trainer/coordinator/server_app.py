"""The Flower ServerApp: the job's rounds on the SuperLink's Grid."""

import logging
import threading
import time
from dataclasses import dataclass

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from sunward_trainer.coordinator.checkpoint import Checkpoint, CheckpointError, decode
from sunward_trainer.coordinator.job import Job
from sunward_trainer.coordinator.progress import StatusBoard
from sunward_trainer.coordinator.settings import CoordinatorSettings
from sunward_trainer.coordinator.superlink import SuperLink
from sunward_trainer.coordinator.transport import FlowerTransport
from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import EvaluationSet
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.checkpoint_replica import fetch
from sunward_trainer.protocol.members import Member, Members

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run of the job works with; `start` is the checkpoint that it continues from."""

    settings: CoordinatorSettings
    data: EvaluationSet
    start: Checkpoint
    members: Members
    board: StatusBoard
    stop: threading.Event

    def job(self, grid: Grid) -> Job:
        """The job, over Flower's Grid."""
        settings, model = self.settings, build_model(self.settings.model, self.data.classes)
        return Job(
            settings.job,
            start=self.start,
            assignments=AssignmentFile(path=settings.assignment, job=settings.job.job),
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
            # An order outlives its round, so that the round ends by the job's rules and not by Flower's.
            lifetime_seconds=self.settings.job.round_timeout_seconds * 2,
        )

    def fetch_kept(self, member: Member) -> Checkpoint | None:
        """The checkpoint that a worker has kept, or None when it cannot be fetched or belongs to another run."""
        try:
            return decode(
                fetch(member.address),
                f"the checkpoint kept by {member.node}",
                job=self.start.job,
                model=self.start.model,
                data_set=self.start.data_set,
                seed=self.start.seed,
            )
        except (OSError, CheckpointError) as error:
            _log.warning("the checkpoint kept by %s cannot be used: %s", member.node, error)
            return None


def serve(run: Run) -> None:
    """Start the SuperLink, run the job on it to its end, stop it. Raises what the job raises."""

    def main(grid: Grid, context: Context) -> None:
        del context  # one run, no configuration: everything is on the command line
        run.job(grid).run()

    app = ServerApp()
    app.main()(main)
    superlink = SuperLink(*run.settings.superlink)
    superlink.start()
    try:
        superlink.run(app)
    finally:
        superlink.stop()
