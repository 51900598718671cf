"""The page over HTTP: who may read it, what it sends, and that viewers share one reading."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp.test_utils import TestClient, TestServer

from sunward.cluster.access.api import Api, ApiError
from sunward.views.state import Resources
from sunward.web.page import FILES, application
from sunward.web.reader import MOST_PLANS, Reader
from support.page import recorded

TOKEN = "t0ken"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
Body = dict[str, Any]


class Counting(recorded.Recorded):
    def __init__(self, state: Resources) -> None:
        super().__init__(state)
        self.reads = 0

    async def read(self) -> Resources:
        self.reads += 1
        return await super().read()


@asynccontextmanager
async def served(source: recorded.Recorded) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(application(source, TOKEN))) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/state", "/api/events"])
@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer t0ke", "Bearer t0ken2", "Basic t0ken", "Bearer t0kén"])
async def test_without_the_token_nothing_of_the_cluster_is_sent_or_read(path: str, given: str) -> None:
    source = Counting(recorded.asleep())
    async with served(source) as client, client.get(path, headers={"Authorization": given}) as answer:
        assert answer.status == 401
        assert "pi-01" not in await answer.text()
    assert source.reads == 0


async def test_the_state_is_sent_to_whoever_has_the_token() -> None:
    async with (
        served(recorded.Recorded(recorded.asleep())) as client,
        client.get("/api/state", headers=HEADERS) as page,
    ):
        state = await page.json()
    assert [node["name"] for node in state["now"]["nodes"]] == ["pi-01", "pi-02", "pi-03", "pi-04"]


async def test_a_viewer_gets_the_state_anew_when_it_has_changed() -> None:
    source = recorded.Recorded(recorded.asleep())
    async with served(source) as client, client.get("/api/events", headers=HEADERS) as stream:
        first = json.loads((await stream.content.readline()).removeprefix(b"data: "))
        source.state = recorded.degraded()
        await stream.content.readline()
        second = json.loads((await stream.content.readline()).removeprefix(b"data: "))
    assert (len(first["now"]["nodes"]), second["now"]["counts"]) == (4, {"Awake": 1, "Degraded": 1})


async def test_fifty_viewers_cost_one_reading() -> None:
    source = Counting(recorded.asleep())
    async with served(source) as client:
        answers = await asyncio.gather(*(client.get("/api/state", headers=HEADERS) for _ in range(50)))
        assert {answer.status for answer in answers} == {200}
    assert source.reads == 1


async def test_viewers_who_came_at_different_times_get_the_next_state_together() -> None:
    source = Counting(recorded.asleep())
    async with served(source) as client:
        streams = []
        for _ in range(3):
            streams.append(await client.get("/api/events", headers=HEADERS))
            await asyncio.sleep(0.2)
        both = [
            [(await stream.content.readline(), await stream.content.readline())[0] for _ in "ab"] for stream in streams
        ]
        for stream in streams:
            stream.close()
    assert both[0] == both[1] == both[2]
    assert source.reads <= 3


@pytest.mark.parametrize("path", [*FILES, "/api/state", "/nowhere"])
async def test_every_answer_forbids_frames_foreign_scripts_and_inline_code(path: str) -> None:
    async with served(recorded.Recorded(recorded.asleep())) as client, client.get(path) as page:
        policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_the_page_needs_nothing_from_elsewhere_and_is_small() -> None:
    size = 0
    async with served(recorded.Recorded(recorded.asleep())) as client:
        for path in FILES:
            async with client.get(path) as file:
                content = await file.read()
                size += len(content)
                assert b"https://" not in content
    assert size < 300_000


@pytest.mark.parametrize("path", [*FILES, "/api/state", "/api/events"])
async def test_the_page_cannot_be_written_to(path: str) -> None:
    async with served(recorded.Recorded(recorded.asleep())) as client, client.post(path, headers=HEADERS) as page:
        assert page.status == 405


class Server:
    """An API server with two plans, which notes what is asked of it; `refused` are kinds that it does not list."""

    def __init__(self, *refused: str) -> None:
        self.asked: list[str] = []
        self.refused = refused
        self.plans = {body["metadata"]["name"]: body for body in recorded.asleep().plans}

    async def get(self, path: str) -> Body:
        self.asked.append(path)
        name = path.rsplit("/", 1)[-1]
        if name == "default":
            return recorded.policy()
        if name not in self.plans:
            raise ApiError(404, "GET", path, "not found")
        return cast(Body, self.plans[name])

    async def list(self, path: str, **selectors: str) -> list[Body]:
        self.asked.append(path)
        if path.rsplit("/", 1)[-1] in self.refused:
            raise ApiError(403, "GET", path, "forbidden")
        kinds = {"energyplans": list(self.plans.values()), "energynodes": [recorded.node("pi-01")]}
        return cast(list[Body], kinds.get(path.rsplit("/", 1)[-1], [recorded.job()]))


async def test_settled_plans_are_read_once() -> None:
    server = Server()
    reader = Reader(cast(Api, server))
    await reader.read()
    server.asked.clear()
    read = await reader.read()
    assert len(read.plans) == 2
    assert sorted(path.rsplit("/", 1)[-1] for path in server.asked if "energyplans" in path) == ["plan-20261122-120500"]


async def test_a_plan_that_was_deleted_is_forgotten_and_memory_has_an_end() -> None:
    server = Server()
    reader = Reader(cast(Api, server))
    server.plans |= {
        f"plan-20261121-{n:06}": {
            **recorded.plan(0, settled=True, rows=recorded.LEDGER),
            "metadata": {"name": f"plan-20261121-{n:06}"},
        }
        for n in range(MOST_PLANS)
    }
    await reader.read()
    del server.plans["plan-20261122-120500"]
    names = [body["metadata"]["name"] for body in (await reader.read()).plans]
    assert "plan-20261122-120500" not in names
    assert len(names) == MOST_PLANS


async def test_what_may_not_be_listed_is_named_and_the_rest_is_shown() -> None:
    read = await Reader(cast(Api, Server("trainingjobs"))).read()
    assert read.failures == ("trainingjobs: your account has no right to list them",)
    assert (len(read.nodes), read.jobs) == (1, [])


async def test_jobs_are_asked_for_in_the_namespaces_that_are_named() -> None:
    server = Server()
    await Reader(cast(Api, server), ["a", "b"]).read()
    asked = [path for path in server.asked if path.endswith("trainingjobs")]
    assert sorted(asked) == [f"/apis/sunward.dev/v1alpha1/namespaces/{name}/trainingjobs" for name in "ab"]
