"""The page over HTTP: the page itself, its state, and a stream of changed states. It changes nothing.

The page's files are the same for all and need no token. Whatever tells of the cluster needs the bearer token; it is
sent in a header that the script sets, so that no other website can use it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import resources
from typing import Protocol

from aiohttp import web

from sunward.views.models import State
from sunward.views.state import Resources, view

REFRESH_SECONDS = 2.0
"""Between two readings while anybody looks; without viewers nothing is read."""
FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Source(Protocol):
    """Where the page's data come from."""

    async def read(self) -> Resources: ...


class Feed:
    """The latest state, read at most once in `REFRESH_SECONDS` for all viewers together."""

    def __init__(self, source: Source, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._source, self._clock = source, clock
        self._lock = asyncio.Lock()
        self._content, self._read_at = b"", float("-inf")

    async def latest(self) -> bytes:
        """The state as JSON, at most `REFRESH_SECONDS` old."""
        if self._age() >= REFRESH_SECONDS:
            async with self._lock:
                if self._age() >= REFRESH_SECONDS:
                    await self._read()
        return self._content

    async def after(self, seen: float) -> tuple[float, bytes]:
        """The first state read after *seen*, and when it was read. All who wait for it get it at the same time."""
        if not self._is_new(seen):
            async with self._lock:
                if not self._is_new(seen):
                    await asyncio.sleep(max(0.0, REFRESH_SECONDS - self._age()))
                    await self._read()
        return self._read_at, self._content

    def _is_new(self, seen: float) -> bool:
        return self._read_at > seen and self._age() < REFRESH_SECONDS

    def _age(self) -> float:
        return asyncio.get_running_loop().time() - self._read_at

    async def _read(self) -> None:
        self._content = encoded(view(await self._source.read(), self._clock()))
        self._read_at = asyncio.get_running_loop().time()


def encoded(state: State) -> bytes:
    """A state as the page's script reads it: one line of JSON."""
    return json.dumps(asdict(state), separators=(",", ":"), allow_nan=False).encode()


def application(source: Source, token: str) -> web.Application:
    """The page for whoever has the token."""
    page, app = _Page(Feed(source), token), web.Application(middlewares=[_guarded])
    app.add_routes([web.get(path, page.file) for path in FILES])
    app.add_routes([web.get("/api/state", page.state), web.get("/api/events", page.events)])
    return app


@web.middleware
async def _guarded(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every answer has the headers, errors included; a stream has set them itself before it began."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(HEADERS)
        raise
    if not response.prepared:
        response.headers.update(HEADERS)
    return response


class _Page:
    def __init__(self, feed: Feed, token: str) -> None:
        self._feed = feed
        self._token = token.encode()
        folder = resources.files("sunward.web") / "static"
        self._files = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in FILES.items()}

    async def file(self, request: web.Request) -> web.Response:
        """A file of the page."""
        content, kind = self._files[request.path]
        response = web.Response(body=content, content_type=kind, charset="utf-8")
        response.enable_compression()
        return response

    async def state(self, request: web.Request) -> web.Response:
        """Everything that the page shows, once."""
        self._check(request)
        response = web.Response(body=await self._feed.latest(), content_type="application/json")
        response.enable_compression()
        return response

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the state whenever it was read anew, until the viewer leaves."""
        self._check(request)
        stream = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await stream.prepare(request)
        read_at = float("-inf")
        while True:
            read_at, content = await self._feed.after(read_at)
            try:
                await stream.write(b"data: " + content + b"\n\n")
            except ConnectionError:
                return stream

    def _check(self, request: web.Request) -> None:
        """Raises HTTPUnauthorized without the token."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode("utf-8", "replace"), self._token):
            raise web.HTTPUnauthorized(text="the token of this page is missing or wrong\n")
