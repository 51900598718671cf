"""A shard worked on elsewhere is fetched once from its home, checked, and kept."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler

from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.shards import Shard, ShardFile, store, take
from sunward_trainer.protocol.callers import NODE_HEADER, LoopbackCallers
from sunward_trainer.protocol.members import Source
from sunward_trainer.worker.shard_server import HASH_HEADER, build_app
from sunward_trainer.worker.shard_store import ShardStore
from support.ports import free_port
from support.trainer import toy_data

SHARD = take(toy_data(), "a", np.arange(30))


class Home:
    """The shard's home node: a real shard server that counts its requests."""

    def __init__(self, folder: Path) -> None:
        self.file: ShardFile = store(SHARD, folder)
        self.requests: Counter[str] = Counter()
        app = build_app(ShardStore([self.file], folder / "none", None), callers=LoopbackCallers(), only=None)
        app.middlewares.append(self._count)
        self.server = TestServer(app)

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests[request.path] += 1
        return await handler(request)

    def source(self, sha256: str | None = None) -> Source:
        return Source(address=f"127.0.0.1:{self.server.port}", sha256=sha256 or self.file.sha256)


def _get(store: ShardStore, name: str, source: Source | None) -> Shard:
    return store.get(name, source, home="pi-01")


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    found = Home(tmp_path / "home")
    await found.server.start_server()
    yield found
    await found.server.close()


async def test_a_shard_is_fetched_once_and_then_comes_from_the_cache(home: Home, tmp_path: Path) -> None:
    elsewhere = ShardStore([], tmp_path / "cache", None)
    for _ in range(3):
        shard = await asyncio.to_thread(_get, elsewhere, "a", home.source())
    assert (shard.images == SHARD.images).all()
    assert home.requests == {"/shards/a": 1}
    assert elsewhere.cached == ("a",)

    restarted = ShardStore([], tmp_path / "cache", None)
    await asyncio.to_thread(_get, restarted, "a", home.source())
    _get(restarted, "a", None)  # its home may be asleep by now
    assert home.requests == {"/shards/a": 1}


async def test_an_own_shard_is_never_fetched(home: Home, tmp_path: Path) -> None:
    own = ShardStore([home.file], tmp_path / "cache", None)
    assert (_get(own, "a", home.source()).labels == SHARD.labels).all()
    assert not home.requests


async def test_a_copy_of_another_version_is_fetched_anew(home: Home, tmp_path: Path) -> None:
    old = take(toy_data(), "a", np.arange(5))
    store(old, tmp_path / "cache")
    elsewhere = ShardStore([], tmp_path / "cache", None)
    assert len(_get(elsewhere, "a", None).labels) == 5
    assert len((await asyncio.to_thread(_get, elsewhere, "a", home.source())).labels) == 30


async def test_bytes_with_another_hash_are_refused_and_not_kept(home: Home, tmp_path: Path) -> None:
    elsewhere = ShardStore([], tmp_path / "cache", None)
    with pytest.raises(DataError, match="SHA-256 is"):
        await asyncio.to_thread(_get, elsewhere, "a", home.source("0" * 64))
    assert elsewhere.cached == ()
    assert not list((tmp_path / "cache").iterdir())


async def test_a_home_that_does_not_answer_or_does_not_know_the_shard_is_an_error(home: Home, tmp_path: Path) -> None:
    elsewhere = ShardStore([], tmp_path / "cache", None)
    with pytest.raises(DataError, match="HTTP 404"):
        await asyncio.to_thread(_get, elsewhere, "b", home.source())
    nobody = Source(address=f"127.0.0.1:{free_port()}", sha256="ab")
    with pytest.raises(DataError, match="refused"):
        _get(elsewhere, "b", nobody)
    with pytest.raises(DataError, match="not cached here"):
        _get(elsewhere, "b", None)


async def test_the_server_tells_what_it_serves_and_nothing_else(home: Home) -> None:
    async with TestClient(home.server, headers={NODE_HEADER: "pi-02"}) as client:
        listed = await (await client.get("/shards")).json()
        assert [(item["name"], item["samples"], item["sha256"]) for item in listed] == [("a", 30, home.file.sha256)]
        answer = await client.get("/shards/a")
        assert answer.headers[HASH_HEADER] == home.file.sha256
        assert len(await answer.read()) == home.file.size_bytes
        for path in ("/shards/b", "/shards/..%2Fa.npz", "/shards/a.npz"):
            assert (await client.get(path)).status == 404
