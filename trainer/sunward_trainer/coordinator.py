"""The coordinator's process: HTTP server, SuperLink and the job, started and stopped together."""

import asyncio
import contextlib
import logging
import signal
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from aiohttp import web
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from sunward_trainer.assignment import AssignmentFile
from sunward_trainer.checkpoint import Checkpoint, load
from sunward_trainer.coordinator_http import build_app
from sunward_trainer.data import DataSet, load_data
from sunward_trainer.flower_transport import FlowerTransport
from sunward_trainer.job import Job, JobSettings, Stopped
from sunward_trainer.members import Members
from sunward_trainer.models import Weights, build_model
from sunward_trainer.progress import Phase, Status, StatusBoard, timestamp
from sunward_trainer.superlink import SuperLink
from sunward_trainer.training import Recipe

_log = logging.getLogger(__name__)


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


class Coordinator:
    """Runs a job until it is complete or the process is asked to stop."""

    def __init__(self, settings: CoordinatorSettings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._members = Members(gone_after_seconds=settings.gone_after_seconds)
        self._board = StatusBoard(
            Status(
                job=settings.job.job,
                rounds=settings.job.rounds,
                target_accuracy_percent=settings.job.target_accuracy_percent,
                reason="starting",
            )
        )

    async def run(self) -> int:
        """Serve until the job is complete and has been shown for a while. The exit status."""
        loop, ended, asked = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def ask_to_stop() -> None:
            self._stop.set()
            asked.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ask_to_stop)
        runner = web.AppRunner(build_app(self._board, self._members), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, *self._settings.listen).start()

        def train() -> None:
            try:
                self._train()
            finally:
                loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=train, name="job", daemon=True).start()
        await ended.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), self._settings.linger_seconds)
        await runner.cleanup()
        return 1 if self._board.status.phase is Phase.FAILED else 0

    def _train(self) -> None:
        """Load, resume, run; any failure is shown at /progress."""
        try:
            data = load_data(self._settings.data_folder, self._settings.shared_folder)
            start = self._start(data)
            self._board.show(replace(self._board.status, reason="starting the SuperLink", checkpoint=start))
            superlink = SuperLink(*self._settings.superlink)
            superlink.start()
            try:
                superlink.run(self._server_app(data, start))
            finally:
                superlink.stop()
        except Stopped:
            _log.info("stopped; the checkpoint of round %d stands", self._round())
        except Exception as error:
            _log.exception("the job failed")
            self._board.show(replace(self._board.status, phase=Phase.FAILED, reason=str(error)))

    def _round(self) -> int:
        kept = self._board.status.checkpoint
        return kept.round if kept else 0

    def _start(self, data: DataSet) -> Checkpoint:
        """The checkpoint on disk, or a fresh start."""
        job, recipe = self._settings.job, self._settings.recipe
        found = load(job.checkpoint_path, job=job.job, model=self._settings.model, data_set=data.name, seed=recipe.seed)
        if found is not None:
            _log.info("continuing after round %d", found.round)
            return found
        return Checkpoint(
            job=job.job,
            model=self._settings.model,
            data_set=data.name,
            seed=recipe.seed,
            round=0,
            weights=build_model(self._settings.model, data.classes).initial(recipe.seed),
            written=timestamp(),
        )

    def _server_app(self, data: DataSet, start: Checkpoint) -> ServerApp:
        settings, app = self._settings, ServerApp()
        model = build_model(settings.model, data.classes)
        images = data.test_images.astype(np.float32) / np.float32(255.0)

        def evaluate(weights: Weights) -> float:
            return model.accuracy_percent(weights, images, data.test_labels)

        def main(grid: Grid, context: Context) -> None:
            del context  # one run, no configuration: everything is on the command line
            transport = FlowerTransport(
                grid,
                job=settings.job.job,
                model=settings.model,
                classes=data.classes,
                recipe=settings.recipe,
                members=self._members,
                lifetime_seconds=settings.job.round_timeout_seconds * 2,
            )
            Job(
                settings.job,
                start=start,
                assignments=AssignmentFile(path=settings.assignment, job=settings.job.job),
                members=self._members,
                transport=transport,
                board=self._board,
                evaluate=evaluate,
                stop=self._stop,
                clock=time.monotonic,
            ).run()

        app.main()(main)
        return app
