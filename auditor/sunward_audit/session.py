"""One audit: everything that is connected, put in order, judged, and told as soon as it is known."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from sunward_audit import facts, follow, relays, watch
from sunward_audit.audit_log import request_of
from sunward_audit.auditor import Auditor
from sunward_audit.events import Event, LogLine, ObjectSeen, Tick
from sunward_audit.kubeconfig import Access
from sunward_audit.ordering import Arrival, Ordering
from sunward_audit.relays import Relay, journal_events
from sunward_audit.report import Violation
from sunward_audit.verdicts import Source

TICK_SECONDS = 0.25
RELAY_SECONDS = 1.0
METRICS_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What to watch besides the API server."""

    relays: tuple[Relay, ...] = ()
    journals: tuple[Path, ...] = ()
    audit_log: Path | None = None
    logs: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()

    def sources(self) -> Iterator[Source]:
        """What is connected from the beginning."""
        if self.journals:
            yield Source.ORDERS
        if self.audit_log is not None:
            yield Source.REQUESTS
        if self.logs or self.metrics:
            yield Source.LOGS


class Session:
    """Feeds an auditor from the real world. `ready` is called when the first look is over and watching begins."""

    def __init__(
        self,
        auditor: Auditor,
        access: Access,
        inputs: Inputs,
        tell: Callable[[Violation], None],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._auditor = auditor
        self._access = access
        self._inputs = inputs
        self._tell = tell
        self._ready = ready
        self._ordering = Ordering()
        self._session: aiohttp.ClientSession

    async def once(self) -> None:
        """One look at everything. Raises watch.Refused and aiohttp errors."""
        async with self._open():
            await self._first(self._watchers())
            await self._poll_relays()
        self._judge(float("inf"))

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`, then judge what is still held back. Raises watch.Refused."""
        async with self._open():
            watchers = self._watchers()
            await self._first(watchers)
            self._auditor.looks_since(datetime.now(UTC))
            self._ready()
            work = [*(watcher.run() for watcher in watchers), *self._followers(), self._clock()]
            await _until(stop, work)
            self._judge(float("inf"))

    @contextlib.asynccontextmanager
    async def _open(self) -> Any:
        async with aiohttp.ClientSession(trust_env=False, connector=aiohttp.TCPConnector(limit=0)) as self._session:
            yield

    def _watchers(self) -> list[watch.Watcher]:
        return [watch.Watcher(self._session, self._access, kind, self._object) for kind in watch.RESOURCES]

    async def _first(self, watchers: list[watch.Watcher]) -> None:
        """All kinds once, in the order in which they must be seen."""
        for watcher in watchers:
            await watcher.first_list()
            self._judge(float("inf"))

    def _followers(self) -> Iterator[Coroutine[Any, Any, None]]:
        inputs = self._inputs
        yield from (self._journal(path) for path in inputs.journals)
        yield from (self._log(path) for path in inputs.logs)
        yield from (self._metrics(url) for url in inputs.metrics)
        if inputs.audit_log is not None:
            yield self._requests(inputs.audit_log)
        if inputs.relays:
            yield self._relays()

    def _object(self, event: ObjectSeen, version: int) -> None:
        self._ordering.add(Arrival(event=event, at=time.monotonic(), version=version))

    def _put(self, event: Event) -> None:
        """An event without a version. When it came counts and not its own time: a busy machine delays all alike."""
        self._ordering.add(Arrival(event=event, at=time.monotonic()))

    def _judge(self, now: float) -> None:
        for event in self._ordering.release(now):
            for violation in self._auditor.take(event):
                self._tell(violation)

    async def _clock(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._judge(time.monotonic())
            for violation in self._auditor.take(Tick(time=datetime.now(UTC))):
                self._tell(violation)

    async def _journal(self, path: Path) -> None:
        async for line in follow.lines(path):
            entry = _parsed(line)
            with contextlib.suppress(ValueError):
                for event in journal_events(entry):
                    self._put(event)

    async def _requests(self, path: Path) -> None:
        async for line in follow.lines(path):
            request = request_of(_parsed(line))
            if request is not None:
                self._put(request)

    async def _log(self, path: Path) -> None:
        async for line in follow.lines(path):
            self._put(LogLine(time=datetime.now(UTC), source=path.name, text=line))

    async def _metrics(self, url: str) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.get(url, timeout=relays.TIMEOUT, allow_redirects=False) as page:
                    self._put(LogLine(time=datetime.now(UTC), source=url, text=await page.text()))
            await asyncio.sleep(METRICS_SECONDS)

    async def _relays(self) -> None:
        while True:
            await self._poll_relays()
            await asyncio.sleep(RELAY_SECONDS)

    async def _poll_relays(self) -> None:
        nodes = {
            str(facts.part(energy, "spec", "sleep", "driverRef").get("name")): facts.kubernetes_node(energy)
            for energy in self._auditor.view.of("energynodes")
        }
        mine = [relay for relay in self._inputs.relays if relay.name in nodes]
        for reading in await asyncio.gather(*(relays.read(self._session, r, nodes[r.name]) for r in mine)):
            if reading is not None:
                self._put(reading)


async def _until(stop: asyncio.Event, work: list[Coroutine[Any, Any, None]]) -> None:
    """Run everything until `stop`; the first failure ends all and is raised."""
    tasks = [asyncio.create_task(stop.wait()), *(asyncio.create_task(part) for part in work)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


def _parsed(line: str) -> Mapping[str, Any]:
    """A JSON object of a line; empty for anything else, which is no event."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
