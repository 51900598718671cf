"""A web server on loopback that answers what a test tells it to, and counts what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from sunward.sources.http import JsonReader, Limits

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class FakeServer:
    """Answers every path with `handler`; `asked` keeps the requests."""

    handler: Handler
    asked: list[web.Request] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.handler(request)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[FakeServer]:
    """A running fake server."""
    fake = FakeServer(handler)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fake.answer)
    async with TestServer(application) as server:
        fake.url = str(server.make_url("")).rstrip("/")
        yield fake


@asynccontextmanager
async def reading(limits: Limits | None = None) -> AsyncIterator[JsonReader]:
    """A reader whose pauses take no time."""

    async def no_pause(_seconds: float) -> None:
        return None

    async with ClientSession() as session:
        yield JsonReader(
            name="test-source",
            session=session,
            limits=limits or Limits(timeout_seconds=2.0),
            sleep=no_pause,
        )
