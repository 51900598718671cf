"""The Flower ServerApp: the job's rounds on the SuperLink's Grid."""

import threading
import time

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from sunward_trainer.assignment import AssignmentFile
from sunward_trainer.checkpoint import Checkpoint
from sunward_trainer.data import EvaluationSet
from sunward_trainer.flower_transport import FlowerTransport
from sunward_trainer.job import Job
from sunward_trainer.members import Members
from sunward_trainer.models import Weights, build_model
from sunward_trainer.progress import StatusBoard
from sunward_trainer.settings import CoordinatorSettings
from sunward_trainer.superlink import SuperLink


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
        ).run()

    app = ServerApp()
    app.main()(main)
    superlink = SuperLink(*settings.superlink)
    superlink.start()
    try:
        superlink.run(app)
    finally:
        superlink.stop()
