"""The Flower ServerApp: the job's rounds on the SuperLink's Grid."""

import logging
import threading
import time

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
from sunward_trainer.learning.models import Weights
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.checkpoint_replica import fetch
from sunward_trainer.protocol.members import Member, Members

_log = logging.getLogger(__name__)


def serve(
    settings: CoordinatorSettings,
    *,
    data: EvaluationSet,
    start: Checkpoint,
    members: Members,
    board: StatusBoard,
    stop: threading.Event,
) -> None:
    """Start the SuperLink, run the job on it to its end, stop it. Raises what the job raises."""
    model = build_model(settings.model, data.classes)

    def evaluate(weights: Weights) -> float:
        return model.accuracy_percent(weights, data.images, data.labels)

    def fetch_kept(member: Member) -> Checkpoint | None:
        try:
            return decode(
                fetch(member.address),
                f"the checkpoint kept by {member.node}",
                job=start.job,
                model=start.model,
                data_set=start.data_set,
                seed=start.seed,
            )
        except (OSError, CheckpointError) as error:
            _log.warning("no use of what %s has kept: %s", member.node, error)
            return None

    def main(grid: Grid, context: Context) -> None:
        del context  # one run, no configuration: everything is on the command line
        transport = FlowerTransport(
            grid,
            job=settings.job.job,
            model=settings.model,
            classes=data.classes,
            recipe=settings.recipe,
            members=members,
            lifetime_seconds=settings.job.round_timeout_seconds * 2,
        )
        Job(
            settings.job,
            start=start,
            assignments=AssignmentFile(path=settings.assignment, job=settings.job.job),
            members=members,
            transport=transport,
            board=board,
            evaluate=evaluate,
            stop=stop,
            clock=time.monotonic,
            fetch_kept=fetch_kept,
        ).run()

    app = ServerApp()
    app.main()(main)
    superlink = SuperLink(*settings.superlink)
    superlink.start()
    try:
        superlink.run(app)
    finally:
        superlink.stop()
