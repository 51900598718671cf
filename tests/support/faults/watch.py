"""One watch through a proxy: forwards line by line, and can be told to lose, hold, spoil or swallow them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from aiohttp import web

from support.faults.kinds import Ask, Kind, line_of
from support.faults.records import Event, Records, event_of

Body = dict[str, Any]
Loss = Callable[[Event], bool]


class Watch:
    """A stream towards the operator. Once silent it stays silent: a dead connection does not come back."""

    def __init__(self, ask: Ask, client: web.StreamResponse, request: web.Request, records: Records) -> None:
        self.ask = ask
        self._client = client
        self._request = request
        self._records = records
        self.is_silent = False
        self._ends = asyncio.Event()

    async def meet(self, kind: Kind) -> None:
        """A fault begins while this watch is open, or has begun before it was opened."""
        if kind in (Kind.SILENT, Kind.HALF_OPEN):
            self.is_silent = True
        elif kind is Kind.RESET:
            abort(self._request)
            self._ends.set()
        elif (line := line_of(kind)) is not None:
            with contextlib.suppress(ConnectionError):
                await self._client.write(line)
            if kind is Kind.GONE:
                self._ends.set()

    async def forward(self, upstream: aiohttp.ClientResponse, is_lost: Loss, free: asyncio.Event) -> None:
        """Pass lines on until either side ends; nothing passes while *free* is not set."""
        passing = asyncio.create_task(self._pass_on(upstream, is_lost, free))
        ending = asyncio.create_task(self._ends.wait())
        try:
            await asyncio.wait({passing, ending}, return_when=asyncio.FIRST_COMPLETED)
            if self.is_silent:  # upstream has ended, and nobody tells
                await ending
        finally:
            passing.cancel()
            ending.cancel()
            await asyncio.gather(passing, ending, return_exceptions=True)

    async def _pass_on(self, upstream: aiohttp.ClientResponse, is_lost: Loss, free: asyncio.Event) -> None:
        async for line in lines_of(upstream):
            await free.wait()
            event = self._record(line, is_lost)
            if not event.passed or self.is_silent:
                continue
            with contextlib.suppress(ConnectionError):
                await self._client.write(line)

    def _record(self, line: bytes, is_lost: Loss) -> Event:
        """Number the event and ask whether it is lost; bookmarks carry no change and are not asked about."""
        body: Body = json.loads(line)
        number = len(self._records.events) + 1
        event = event_of(number, self.ask, body, passed=not self.is_silent)
        if event.kind != "BOOKMARK" and is_lost(event):
            event = event_of(number, self.ask, body, passed=False)
        self._records.events.append(event)
        return event


async def lines_of(upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines of a stream, each with its end; an object may be longer than any buffer's limit."""
    rest = b""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async for chunk in upstream.content.iter_any():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line:
                    yield line + b"\n"


def abort(request: web.Request) -> None:
    """Break the connection without a farewell."""
    if request.transport is not None:
        request.transport.abort()
