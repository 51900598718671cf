"""The coordinator's process: HTTP server, SuperLink and the job, started and stopped together."""

import asyncio
import contextlib
import logging
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from sunward_trainer.coordinator.checkpoint import Checkpoint, load
from sunward_trainer.coordinator.fleet_keys import FleetKeys
from sunward_trainer.coordinator.http_api import build_app
from sunward_trainer.coordinator.job import Stopped
from sunward_trainer.coordinator.progress import Phase, Status, StatusBoard, timestamp
from sunward_trainer.coordinator.replicas import Replicas
from sunward_trainer.coordinator.roster import Roster
from sunward_trainer.coordinator.settings import CoordinatorSettings, Serving
from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import EvaluationSet, load_data
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.callers import callers_of
from sunward_trainer.protocol.checkpoint_replica import Seal
from sunward_trainer.protocol.credentials import RENEWED_STATUS, until_renewed
from sunward_trainer.protocol.members import Members

_log = logging.getLogger(__name__)


class CoordinatorProcess(ABC):
    """Serves and runs a job until it is complete or the process is asked to stop."""

    def __init__(self, settings: Serving) -> None:
        self._serving = settings
        self._stop = threading.Event()
        roster = Roster(settings.homes, AssignmentFile(path=settings.assignment, job=settings.job.job))
        self._members = Members(gone_after_seconds=settings.gone_after_seconds, knows=roster.knows)
        self._keys = FleetKeys()
        key = b"" if settings.credentials is None else settings.credentials.checkpoint_key()
        self._replicas = Replicas(Seal(key))
        self._renewed = False
        self._board = StatusBoard(
            Status(
                job=settings.job.job,
                rounds=settings.job.rounds,
                target_accuracy_percent=settings.job.target_accuracy_percent,
                reason="starting",
            )
        )

    async def run(self) -> int:
        """Serve until the job is complete and has been shown for a while. The exit status.

        A renewed certificate ends the process too; it is started again with the new one.
        """
        loop, ended, asked = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def ask_to_stop() -> None:
            self._stop.set()
            asked.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ask_to_stop)
        credentials = self._serving.credentials
        runner = web.AppRunner(self._app(), access_log=None)
        await runner.setup()
        await web.TCPSite(
            runner, *self._serving.listen, ssl_context=None if credentials is None else credentials.server
        ).start()
        renewal = asyncio.create_task(self._watch_certificate(ask_to_stop))

        def train() -> None:
            try:
                self._train()
            finally:
                loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=train, name="job", daemon=True).start()
        await ended.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), self._serving.linger_seconds)
        renewal.cancel()
        await runner.cleanup()
        if self._board.status.phase is Phase.FAILED:
            return 1
        return RENEWED_STATUS if self._renewed else 0

    def _app(self) -> web.Application:
        credentials = self._serving.credentials
        return build_app(
            self._board,
            self._members,
            self._replicas,
            callers=callers_of(credentials),
            keys=None if credentials is None else self._keys,
        )

    async def _watch_certificate(self, ask_to_stop: Callable[[], None]) -> None:
        await until_renewed(self._serving.credentials)
        self._renewed = True
        ask_to_stop()

    def _train(self) -> None:
        """Run the job; any failure is shown at /progress."""
        try:
            self.run_job()
        except Stopped:
            _log.info("stopped; the checkpoint of round %d is kept", self._round())
        except Exception as error:
            _log.exception("the job failed")
            self._board.show(replace(self._board.status, phase=Phase.FAILED, reason=str(error)))

    def _round(self) -> int:
        kept = self._board.status.checkpoint
        return kept.round if kept else 0

    @abstractmethod
    def run_job(self) -> None:
        """Load, resume, run to the end, in a thread. Raises Stopped, or whatever makes the job fail."""


class Coordinator(CoordinatorProcess):
    """Runs a job of a bundled model."""

    def __init__(self, settings: CoordinatorSettings) -> None:
        super().__init__(settings)
        self._settings = settings

    def run_job(self) -> None:
        """The job on the SuperLink. Raises Stopped, or whatever makes the job fail."""
        data = load_data(self._settings.data_folder, self._settings.shared_folder).evaluation_set()
        start = self._start(data)
        self._board.show(replace(self._board.status, reason="starting the SuperLink", checkpoint=start))
        # Imported here, because it takes seconds during which /progress can already be answered.
        from sunward_trainer.coordinator.server_app import Run, serve

        serve(
            Run(
                settings=self._settings,
                data=data,
                start=start,
                members=self._members,
                replicas=self._replicas,
                keys=self._keys,
                board=self._board,
                stop=self._stop,
            )
        )

    def _start(self, data: EvaluationSet) -> Checkpoint:
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
