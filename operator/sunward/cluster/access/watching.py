"""Keeps the watches open: Kopf in a thread of its own, begun again when it dies.

Kopf ends its whole run for one line of a watch that it cannot read, or one error event that it does not know. The loop
needs no watch to be right, only to be quick, so the process goes on and watches anew a moment later: what the loop
remembers stays, and no container restarts with ever longer pauses. The thread is there because Kopf, when it ends,
cancels every task of its event loop that it did not find at its start. Watches that do not die but bring nothing, of
changes that fresh reads have shown, are ended and begun anew as well; the liveness is for the case that this fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from sunward.cluster.access import handlers
from sunward.cluster.access.login import Login
from sunward.cluster.access.watch_liveness import WatchLiveness

PAUSE_SECONDS = 1.0
CHECK_SECONDS = 2.0
"""Between looks at whether the watches still bring anything."""
BLIND_SECONDS = 30.0
"""What watches have missed for so long they will not bring; half of what the liveness waits."""
END_SECONDS = 5.0
"""For Kopf to end by itself when asked to; then it is cancelled."""
Watch = Callable[[asyncio.Event], Any]


async def keep_watching(
    mark_dirty: Callable[[], None],
    watches: WatchLiveness,
    login: Login,
    identity: str,
    stop: asyncio.Event,
    failed: Callable[[Exception], None],
) -> None:
    """Watch until *stop*; `mark_dirty` and `sight` are called in the event loop that this is awaited in."""
    home = asyncio.get_running_loop()
    registry = handlers.registry(lambda: _post(home, mark_dirty), _Posted(home, watches), login)

    async def watch(over: asyncio.Event) -> None:
        await kopf.operator(
            registry=registry,
            standalone=True,
            clusterwide=True,
            identity=identity,  # type: ignore[arg-type]  # a NewType of str that Kopf does not export
            stop_flag=over,
        )

    await again_and_again(watch, stop, failed, is_blind=lambda: watches.blind_seconds() >= BLIND_SECONDS)


async def again_and_again(
    watch: Watch,
    stop: asyncio.Event,
    failed: Callable[[Exception], None],
    *,
    is_blind: Callable[[], bool] = lambda: False,
    pause_seconds: float = PAUSE_SECONDS,
    patience_seconds: float = BLIND_SECONDS,
    end_seconds: float = END_SECONDS,
) -> None:
    """Run *watch* in a thread until *stop*, which its event tells it; when it ends before, say so and begin anew.

    A run that is older than the patience is ended when it `is_blind`; one that does not end within `end_seconds` of
    being asked to is cancelled.
    """
    while not stop.is_set():
        error = await _Run(watch, end_seconds).until(stop, is_blind, patience_seconds)
        if error is None:
            return
        failed(error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_seconds)


class _Run:
    """One run in a thread with an event loop of its own."""

    def __init__(self, watch: Watch, end_seconds: float) -> None:
        self._watch = watch
        self._end_seconds = end_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._over = asyncio.Event()
        self._is_over = False

    async def until(
        self, stop: asyncio.Event, is_blind: Callable[[], bool], patience_seconds: float
    ) -> Exception | None:
        """What ended the run before *stop*, or None."""
        running = asyncio.create_task(asyncio.to_thread(self._begin))
        stopping = asyncio.create_task(stop.wait())
        try:
            await _first(running, stopping, is_blind, patience_seconds)
        finally:  # a thread that is not told would outlive us
            stopping.cancel()
            self._end()
        await asyncio.wait({running}, timeout=self._end_seconds)
        if not running.done():
            self._cancel()
        try:
            await running
        except Exception as error:  # whatever it is, the process goes on without it
            return None if stop.is_set() else error
        return None if stop.is_set() else RuntimeError("the watches ended unexpectedly or missed events")

    def _begin(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._inside())

    async def _inside(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if not self._is_over:
            await self._watch(self._over)

    def _end(self) -> None:
        self._is_over = True
        if self._loop is not None:
            _post(self._loop, self._over.set)

    def _cancel(self) -> None:
        """It was told to end and does not."""
        if self._loop is not None and self._task is not None:
            _post(self._loop, self._task.cancel)


async def _first(
    running: asyncio.Task[None], stopping: asyncio.Task[Any], is_blind: Callable[[], bool], patience_seconds: float
) -> None:
    """Until the run ends, is to stop, or has seen nothing for too long."""
    begun = time.monotonic()
    while True:
        pause = min(CHECK_SECONDS, patience_seconds)
        done, _ = await asyncio.wait({running, stopping}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        if done or (time.monotonic() - begun >= patience_seconds and is_blind()):
            return


class _Posted:
    """Hands what the watches saw over to the event loop that owns the memory of it."""

    def __init__(self, home: asyncio.AbstractEventLoop, watches: WatchLiveness) -> None:
        self._home = home
        self._watches = watches

    def watched(self, body: Mapping[str, Any], *, gone: bool = False) -> None:
        """A watch brought an object, or its end."""
        seen = {"metadata": dict(body["metadata"])}
        _post(self._home, lambda: self._watches.watched(seen, gone=gone))


def _post(loop: asyncio.AbstractEventLoop, do: Callable[[], object]) -> None:
    """Have it done by that loop; one that is closed needs it no more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(do)
