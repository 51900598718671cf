"""What the agent makes of an API server's answers, over HTTP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sunward_power_agent.server import BODY_LIMIT_BYTES, Server, ServerError


@asynccontextmanager
async def answering(tmp_path: Path, *pieces: bytes) -> AsyncIterator[Server]:
    """A server that answers every request with these pieces, one after the other."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (tmp_path / "token").write_text("secret")
    try:
        async with aiohttp.ClientSession() as session:
            address = "http://{}:{}".format(*runner.addresses[0][:2])
            yield Server(session, address, token_file=tmp_path / "token", namespace="sunward-system")
    finally:
        await runner.cleanup()


async def test_a_body_that_comes_in_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    async with answering(tmp_path, b'{"metadata": ', b'{"name": "pi-01"}, ', b'"spec": {}', b"}") as server:
        assert (await server.read("pi-01"))["metadata"] == {"name": "pi-01"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b" " * (BODY_LIMIT_BYTES + 1)])
async def test_a_body_that_is_no_object_or_too_large_is_an_error(tmp_path: Path, body: bytes) -> None:
    async with answering(tmp_path, body) as server:
        with pytest.raises(ServerError) as found:
            await server.read("pi-01")
        assert found.value.status == 0
