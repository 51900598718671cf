"""The ClientApp in a process of its own, so that a worker can stop it at any moment, also in the middle of a batch."""

import atexit
import contextlib
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from flwr.app import Context, Message
from flwr.supercore.task_identity import TaskIdentity

from sunward_trainer.apps.project import load_project

_POLL_SECONDS: Final = 0.1
_LONGEST_REASON: Final = 2000


class Abandoned(Exception):
    """The worker was told to stop while the app was at work; nothing of it is used."""


class AppError(Exception):
    """The app raised an error, or its process ended."""


class AppProcess:
    """Starts the process with the first message, and again after it has ended. Used by one thread."""

    def __init__(self, folder: Path, changes: Mapping[str, str]) -> None:
        self._folder, self._changes = folder, dict(changes)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        atexit.register(self.kill)  # before the interpreter waits for it, whatever the app does with signals

    def call(self, message: Message, context: Context, stop: Callable[[], bool]) -> tuple[Message, Context]:
        """The app's reply, and the context as it left it. Raises Abandoned or AppError."""
        pipe = self._pipe or self._start()
        try:
            pipe.send((message, context))
            while not pipe.poll(_POLL_SECONDS):
                if stop():
                    self.kill()
                    raise Abandoned("the app was stopped")
            reply, context, error = pipe.recv()
        except (EOFError, OSError) as gone:
            status = self._status()
            self.kill()
            raise AppError(f"the app's process ended{status}") from gone
        if error is not None:
            raise AppError(error)
        return reply, context

    def _start(self) -> Connection:
        spawning = multiprocessing.get_context("spawn")
        ours, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_serve, args=(theirs, self._folder, self._changes), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = ours
        return ours

    def _status(self) -> str:
        process = self._process
        if process is None:
            return ""
        process.join(1.0)
        return "" if process.exitcode is None else f" with status {process.exitcode}"

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process, self._pipe = None, None


def _serve(pipe: Connection, folder: Path, changes: Mapping[str, str]) -> None:
    """The process: answer messages until the worker is gone."""
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what apps print belongs to the log
    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send(_answer(folder, changes, *pipe.recv()))


def _answer(
    folder: Path, changes: Mapping[str, str], message: Message, context: Context
) -> tuple[Message | None, Context, str | None]:
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = context.run_id, context.node_id, 1
    try:
        app = load_project(folder, changes).client_app()  # imported once; later calls find the module
        return app(message, context), context, None
    except Exception as error:
        traceback.print_exc()
        return None, context, f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
