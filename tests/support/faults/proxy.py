"""A proxy between the operator and an API server: forwards everything, records it, and breaks it on demand.

Plain HTTP towards the operator, which keeps its token; the proxy adds nothing to a request but, for a stale view, the
revision to list. It serves in a thread of its own, so that a test may use it with or without an event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from support.faults.kinds import RETRY_AFTER_SECONDS, SLOW_SECONDS, Ask, Fault, Kind, refusal
from support.faults.records import REFUSED, Event, Records, Write, digest_of
from support.faults.watch import Loss, Watch, abort

_HOP_BY_HOP = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "content-encoding"}
)
_FOR_EVER = aiohttp.ClientTimeout(total=None, connect=10)
_CLOSING_SECONDS = 0.25


class FaultProxy:
    """Use as a context manager; `url` is where the operator is to connect."""

    def __init__(
        self, server: str, context: ssl.SSLContext | None = None, *, slow_seconds: float = SLOW_SECONDS
    ) -> None:
        self.records = Records()
        self.url = ""
        self._server = server
        self._context = context
        self._slow_seconds = slow_seconds
        self._faults: list[Fault] = []
        self._ended: dict[Fault, asyncio.Event] = {}
        self._hits: Counter[Fault] = Counter()
        self._is_lost: Loss = _nothing
        self._revisions: Mapping[str, int] = {}
        self._watches: set[Watch] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kubeconfig(self, path: Path, token: str) -> Path:
        """Write a kubeconfig that leads through the proxy."""
        cluster = {"name": "proxy", "cluster": {"server": self.url}}
        user = {"name": "operator", "user": {"token": token}}
        context = {"name": "proxy", "context": {"cluster": "proxy", "user": "operator", "namespace": "default"}}
        head = {"apiVersion": "v1", "kind": "Config", "current-context": "proxy"}
        path.touch(mode=0o600)
        path.write_text(json.dumps({**head, "clusters": [cluster], "users": [user], "contexts": [context]}))
        return path

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """Break requests from now on, and open watches at once, until the block ends."""
        self._call(self._begin(fault))
        try:
            yield
        finally:
            self._call(self._end(fault))

    def watched(self) -> set[str]:
        """Resources that are watched now by a watch that is not silent."""
        return {watch.ask.plural for watch in set(self._watches) if not watch.is_silent}

    def hits(self, fault: Fault) -> int:
        """Requests and open watches that have met a fault so far."""
        return self._hits[fault]

    @contextmanager
    def losing(self, is_lost: Loss) -> Iterator[None]:
        """Lose the events that the predicate names, until the block ends."""
        before, self._is_lost = self._is_lost, is_lost
        try:
            yield
        finally:
            self._is_lost = before

    @contextmanager
    def stale(self, revisions: Mapping[str, int]) -> Iterator[None]:
        """Serve lists of these resources (plural -> revision) from the past and hold back all events of watches.

        A named object and a list cut down by a field are read as they are: they are what is asked for before an act.
        """
        self._call(self._age(revisions))
        try:
            yield
        finally:
            self._call(self._age({}))

    def _call(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> None:
        self._free = asyncio.Event()
        self._free.set()
        connector = aiohttp.TCPConnector(ssl=self._context or False, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=_FOR_EVER, auto_decompress=True)
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _stop(self) -> None:
        for watch in list(self._watches):
            await watch.meet(Kind.RESET)
        await self._runner.cleanup()
        await self._session.close()
        await asyncio.sleep(_CLOSING_SECONDS)  # transports under TLS close some turns of the loop later

    async def _begin(self, fault: Fault) -> None:
        self._faults.append(fault)
        self._ended[fault] = asyncio.Event()
        hit = [watch for watch in self._watches if fault.concerns(watch.ask)]
        self._hits[fault] += len(hit) if fault.kind.is_of_watches else 0
        kind = Kind.RESET if fault.ends_watches else fault.kind
        await asyncio.gather(*(watch.meet(kind) for watch in hit))

    async def _end(self, fault: Fault) -> None:
        self._faults.remove(fault)
        self._ended.pop(fault).set()

    async def _age(self, revisions: Mapping[str, int]) -> None:
        self._revisions = revisions
        if revisions:
            self._free.clear()
        else:
            self._free.set()

    def _loses(self, event: Event) -> bool:
        return self._is_lost(event)  # asked at each event: the predicate changes while a watch is open

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        ask = Ask.of(request.method, request.path, request.query)
        content = await request.read()
        fault = self._fault_for(ask)
        if fault is not None:
            self._hits[fault] += 1
        self._note_read(ask)
        if ask.is_watch:
            return await self._watch(request, ask, fault)
        if fault is None:
            return await self._exchange(request, ask, content, None)
        return await self._break(request, ask, content, fault)

    def _fault_for(self, ask: Ask) -> Fault | None:
        return next((fault for fault in self._faults if fault.concerns(ask)), None)

    def _note_read(self, ask: Ask) -> None:
        if ask.is_watch:
            self.records.watches.append((time.monotonic(), ask.plural))
        elif ask.is_list:
            self.records.lists.append((time.monotonic(), ask.plural))

    async def _break(self, request: web.Request, ask: Ask, content: bytes, fault: Fault) -> web.StreamResponse:
        """What a fault makes of a request that is no watch."""
        if fault.kind.status is not None:
            self._note_write(ask, content, fault.kind.status, fault.kind)
            return refused(fault.kind.status)
        if fault.kind is Kind.SLOW:
            await self._delay(fault)
            return await self._exchange(request, ask, content, fault.kind)
        if fault.answer_lost:
            await self._exchange(request, ask, content, None)
        self._note_write(ask, content, REFUSED, fault.kind)
        if fault.kind is Kind.HALF_OPEN:
            await asyncio.Event().wait()  # until the client gives up, which cancels this handler
        abort(request)
        return web.Response(status=500)  # nobody reads it

    async def _delay(self, fault: Fault) -> None:
        """Wait as long as the fault says; a server that is quick again answers at once."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended[fault].wait(), self._slow_seconds)

    async def _exchange(self, request: web.Request, ask: Ask, content: bytes, kind: Kind | None) -> web.Response:
        """Ask the server and pass its answer on."""
        try:
            async with self._upstream(request, ask, content) as upstream:
                answer = await upstream.read()
                status, headers = upstream.status, _kept(upstream.headers)
        except (aiohttp.ClientError, OSError) as error:
            self._note_write(ask, content, 503, kind)
            return refused(503, f"the API server behind the proxy does not answer: {error}")
        self._note_write(ask, content, status, kind)
        return web.Response(status=status, body=answer, headers=headers)

    def _upstream(self, request: web.Request, ask: Ask, content: bytes) -> Any:
        url = URL(self._server + request.raw_path, encoded=True)
        revision = self._revisions.get(ask.plural)
        if revision is not None and ask.is_list and "continue" not in ask.query:
            url = url.update_query({"resourceVersion": str(revision), "resourceVersionMatch": "Exact"})
        headers = _kept(request.headers)
        return self._session.request(
            request.method, url, data=content or None, headers=headers, skip_auto_headers=("Content-Type",)
        )

    def _note_write(self, ask: Ask, content: bytes, status: int, kind: Kind | None) -> None:
        if ask.is_write:
            seconds = time.monotonic()
            write = Write(seconds=seconds, ask=ask, digest=digest_of(content), status=status, fault=kind)
            self.records.writes.append(write)

    async def _watch(self, request: web.Request, ask: Ask, fault: Fault | None) -> web.StreamResponse:
        if fault is not None and fault.kind.status is not None:
            return refused(fault.kind.status)
        if fault is not None and fault.kind is Kind.SLOW:
            await self._delay(fault)
        async with self._upstream(request, ask, b"") as upstream:
            if upstream.status != 200:
                return web.Response(status=upstream.status, body=await upstream.read(), headers=_kept(upstream.headers))
            return await self._stream(request, ask, upstream)

    async def _stream(self, request: web.Request, ask: Ask, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        client = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            await client.prepare(request)
        except ConnectionError:
            return client  # who asked went away before the first event; nobody reads this
        watch = Watch(ask, client, request, self.records)
        self._watches.add(watch)
        try:
            if (fault := self._fault_for(ask)) is not None:
                await watch.meet(fault.kind)
            await watch.forward(upstream, self._loses, self._free)
        finally:
            self._watches.discard(watch)
        with contextlib.suppress(ConnectionError):
            await client.write_eof()
        return client


def refused(code: int, message: str = "injected by a test") -> web.Response:
    """An error answer as the API server gives it."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if code == 429 else {}
    return web.json_response(refusal(code, message), status=code, headers=headers)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


def _nothing(_: Event) -> bool:
    return False
