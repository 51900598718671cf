"""The fault proxy against a small server that answers like an API server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from support.faults.kinds import Ask, Fault, Kind, refusal
from support.faults.proxy import FaultProxy
from support.faults.records import duplicates

SLOW_SECONDS = 0.4
NODES, ONE = "/api/v1/nodes", "/api/v1/nodes/pi-1"
EVENTS = [("ADDED", "pi-1", 4), ("MODIFIED", "pi-1", 5), ("MODIFIED", "pi-2", 7)]
Body = dict[str, Any]


class Server:
    """Answers lists, single objects and writes, and streams what it is given."""

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []
        self.types: list[str | None] = []
        self.written: list[tuple[str, str, bytes, str]] = []
        self.streams: list[asyncio.Queue[Body]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        self.types.append(request.headers.get("Content-Type"))
        if request.query.get("watch") == "true":
            return await self._stream(request)
        if request.method != "GET":
            said = request.headers.get("Authorization", "")
            self.written.append((request.method, request.path, await request.read(), said))
        return web.json_response({"items": [], "path": request.path})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        events: asyncio.Queue[Body] = asyncio.Queue()
        self.streams.append(events)
        while True:
            await response.write(json.dumps(await events.get()).encode() + b"\n")

    def say(self, kind: str, name: str, revision: int) -> None:
        metadata = {"name": name, "resourceVersion": str(revision)}
        for events in self.streams:
            events.put_nowait({"type": kind, "object": {"kind": "Node", "metadata": metadata}})


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(Server()) as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.url, slow_seconds=SLOW_SECONDS) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SLOW_SECONDS + 5)) as opened:
        yield opened


class Stream:
    """A client's watch, read line by line."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def line(self, seconds: float = 5.0) -> bytes:
        return await asyncio.wait_for(self._response.content.readline(), seconds)

    async def names(self, count: int) -> list[tuple[str, str]]:
        lines = [json.loads(await self.line()) for _ in range(count)]
        return [(line["type"], line["object"]["metadata"]["name"]) for line in lines]

    async def is_quiet(self, seconds: float = 0.3) -> bool:
        try:
            await self.line(seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def watching(session: aiohttp.ClientSession, proxy: FaultProxy) -> AsyncIterator[Stream]:
    async with session.get(f"{proxy.url}{NODES}?watch=true") as response:
        assert response.status == 200
        yield Stream(response)


async def test_a_request_without_a_body_is_given_no_type_of_one(
    server: Server, proxy: FaultProxy, session: aiohttp.ClientSession
) -> None:
    async with session.get(proxy.url + NODES):
        pass
    assert server.types == [None]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/api/v1/nodes", ("nodes", "", "", "")),
        ("/api/v1/namespaces/a/pods/b/eviction", ("pods", "a", "b", "eviction")),
        ("/apis/sunward.dev/v1alpha1/energynodes/pi/status", ("energynodes", "", "pi", "status")),
        ("/api/v1/namespaces/a", ("namespaces", "", "a", "")),
        ("/api/v1/namespaces/a/status", ("namespaces", "", "a", "status")),
        ("/version", ("", "", "", "")),
    ],
)
def test_a_path_is_taken_apart(path: str, found: tuple[str, ...]) -> None:
    ask = Ask.of("GET", path, {})
    assert (ask.plural, ask.namespace, ask.name, ask.sub) == found


async def test_requests_and_answers_pass_unchanged(
    server: Server, proxy: FaultProxy, session: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": "Bearer token"}
    async with session.patch(f"{proxy.url}{ONE}", data=b"{}", headers=headers) as response:
        assert (response.status, (await response.json())["path"]) == (200, ONE)
    assert server.written == [("PATCH", ONE, b"{}", "Bearer token")]
    (write,) = proxy.records.writes
    assert (write.ask.verb, write.address, write.status) == ("PATCH", "nodes/pi-1", 200)


async def test_writes_are_counted_per_object_and_minute(proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"
    for path in (ONE, f"{ONE}/status", leases):
        async with session.put(proxy.url + path, data=b"{}"):
            pass
    counts = proxy.records.writes_per_minute()
    assert {address for address, _ in counts} == {"nodes/pi-1"}
    assert sum(counts.values()) == 2


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.status and not kind.is_of_watches])
async def test_a_refusal_is_told_as_a_status_and_never_reaches_the_server(
    server: Server, proxy: FaultProxy, session: aiohttp.ClientSession, kind: Kind
) -> None:
    with proxy.broken(Fault(kind=kind)):
        async with session.post(proxy.url + NODES, data=b"{}") as response:
            assert (response.status, (await response.json())["code"]) == (kind.status, kind.status)
            assert ("Retry-After" in response.headers) is (kind is Kind.TOO_MANY)
        async with session.get(proxy.url + NODES) as response:
            assert response.status == (200 if kind.is_of_writes else kind.status)
    assert server.written == []
    assert [(write.status, write.fault) for write in proxy.records.writes] == [(kind.status, kind)]
    async with session.post(proxy.url + NODES, data=b"{}") as response:
        assert response.status == 200


@pytest.mark.parametrize("answer_lost", [False, True])
async def test_a_reset_breaks_the_connection_before_or_after_the_server_did_it(
    server: Server, proxy: FaultProxy, session: aiohttp.ClientSession, answer_lost: bool
) -> None:
    with proxy.broken(Fault(kind=Kind.RESET, answer_lost=answer_lost)), pytest.raises(aiohttp.ClientError):
        await session.post(proxy.url + NODES, data=b"{}")
    assert len(server.written) == (1 if answer_lost else 0)


async def test_a_half_open_connection_never_answers_not_even_later(
    proxy: FaultProxy, session: aiohttp.ClientSession
) -> None:
    with proxy.broken(Fault(kind=Kind.HALF_OPEN)):
        asked = asyncio.create_task(session.get(proxy.url + NODES))
        await asyncio.wait({asked}, timeout=0.2)
    await asyncio.wait({asked}, timeout=0.3)
    assert not asked.done()
    asked.cancel()


async def test_a_fault_hits_only_what_it_names(proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    fault = Fault(kind=Kind.INTERNAL, hits=lambda ask: ask.plural == "pods")
    with proxy.broken(fault):
        async with session.get(proxy.url + NODES) as response:
            assert response.status == 200
        async with session.get(f"{proxy.url}/api/v1/pods") as response:
            assert response.status == 500


async def test_a_slow_server_answers_late(proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    begun = time.monotonic()
    with proxy.broken(Fault(kind=Kind.SLOW)):
        async with session.get(proxy.url + NODES) as response:
            assert response.status == 200
    assert time.monotonic() - begun >= SLOW_SECONDS


async def test_events_pass_in_order_and_are_recorded_with_their_revision(
    server: Server, proxy: FaultProxy, session: aiohttp.ClientSession
) -> None:
    async with watching(session, proxy) as stream:
        for event in EVENTS:
            server.say(*event)
        assert await stream.names(3) == [(kind, name) for kind, name, _ in EVENTS]
    seen = [(event.kind, event.name, event.revision) for event in proxy.records.events]
    assert seen == EVENTS
    assert proxy.records.watches_since(0) == ["nodes"]


async def test_single_events_are_lost(server: Server, proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    async with watching(session, proxy) as stream:
        with proxy.losing(lambda event: event.number == 2):
            for event in EVENTS:
                server.say(*event)
            assert await stream.names(2) == [("ADDED", "pi-1"), ("MODIFIED", "pi-2")]
    assert [event.passed for event in proxy.records.events] == [True, False, True]


@pytest.mark.parametrize(
    ("kind", "code"), [(Kind.ERROR_EVENT, refusal(500)["code"]), (Kind.GONE, refusal(410)["code"])]
)
async def test_an_open_watch_receives_an_error_event(
    proxy: FaultProxy, session: aiohttp.ClientSession, kind: Kind, code: int
) -> None:
    async with watching(session, proxy) as stream:
        with proxy.broken(Fault(kind=kind)):
            line = json.loads(await stream.line())
            assert (line["type"], line["object"]["code"]) == ("ERROR", code)


async def test_an_open_watch_receives_a_garbage_line(proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    async with watching(session, proxy) as stream:
        with proxy.broken(Fault(kind=Kind.GARBAGE)), pytest.raises(json.JSONDecodeError):
            json.loads(await stream.line())


async def test_an_open_watch_is_reset(proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    async with watching(session, proxy) as stream:
        with proxy.broken(Fault(kind=Kind.RESET)), pytest.raises(aiohttp.ClientError):
            await stream.line()


async def test_a_watch_can_be_cut_so_that_it_meets_the_fault_when_it_comes_back(
    proxy: FaultProxy, session: aiohttp.ClientSession
) -> None:
    async with watching(session, proxy) as stream:
        with proxy.broken(fault := Fault(kind=Kind.FORBIDDEN, ends_watches=True)):
            with pytest.raises(aiohttp.ClientError):
                await stream.line()
            assert proxy.hits(fault) == 0
            async with session.get(f"{proxy.url}{NODES}?watch=true") as response:
                assert response.status == 403
            assert proxy.hits(fault) == 1


@pytest.mark.parametrize("kind", [Kind.SILENT, Kind.HALF_OPEN])
async def test_a_silent_watch_stays_silent_and_a_new_one_does_not(
    server: Server, proxy: FaultProxy, session: aiohttp.ClientSession, kind: Kind
) -> None:
    async with watching(session, proxy) as dead:
        with proxy.broken(Fault(kind=kind)):
            server.say(*EVENTS[0])
            assert await dead.is_quiet()
        async with watching(session, proxy) as alive:
            server.say(*EVENTS[1])
            assert await dead.is_quiet()
            assert await alive.names(1) == [("MODIFIED", "pi-1")]


async def test_a_watch_cannot_be_opened_while_it_is_gone(proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
    with proxy.broken(Fault(kind=Kind.GONE)):
        async with session.get(f"{proxy.url}{NODES}?watch=true") as response:
            assert response.status == 410


async def test_a_stale_view_lists_the_past_and_holds_events_back(
    server: Server, proxy: FaultProxy, session: aiohttp.ClientSession
) -> None:
    async with watching(session, proxy) as stream:
        server.queries.clear()
        with proxy.stale({"nodes": 42}):
            for path in (NODES, f"{NODES}?limit=500", ONE, f"{NODES}?fieldSelector=metadata.name=pi-1"):
                async with session.get(proxy.url + path):
                    pass
            server.say(*EVENTS[0])
            assert await stream.is_quiet()
        assert await stream.names(1) == [("ADDED", "pi-1")]
    exact = {"resourceVersion": "42", "resourceVersionMatch": "Exact"}
    assert server.queries == [exact, {"limit": "500", **exact}, {}, {"fieldSelector": "metadata.name=pi-1"}]


def test_duplicates_are_named_once() -> None:
    assert duplicates(["a", "b", "a", "a"]) == ["a"]
