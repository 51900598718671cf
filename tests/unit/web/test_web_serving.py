"""The operator's pages: what probes, Prometheus and people read of a running operator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from sunward.cluster.access.api import Api, ApiError
from sunward.cluster.access.watch_liveness import BLIND_LIMIT_SECONDS, WatchLiveness
from sunward.cluster.targets import KEPT_SECONDS, MOST_TARGETS, TargetList
from sunward.telemetry.metrics import Metrics
from sunward.web.serving import CYCLE_AGE_LIMIT_SECONDS, application


@dataclass(slots=True)
class Operator:
    """What stands behind the pages: a loop, watches, and an API server that lists pods or refuses."""

    last_cycle_at: float | None = None
    now: float = 0.0
    pods: list[dict[str, Any]] | None = field(default_factory=list)
    lists: int = 0

    async def list(self, path: str, **selectors: str) -> list[dict[str, Any]]:
        self.lists += 1
        assert path == "/api/v1/namespaces/sunward-system/pods"
        assert selectors == {"labelSelector": "app.kubernetes.io/name=sunward,app.kubernetes.io/component=exporter"}
        if self.pods is None:
            raise ApiError(0, "GET", path, "cannot be reached")
        return self.pods


@asynccontextmanager
async def pages(operator: Operator, watches: WatchLiveness) -> AsyncIterator[TestClient[Any, Any]]:
    app = application(operator, watches, cast(Api, operator), "sunward-system", Metrics())
    async with TestClient(TestServer(app)) as client:
        yield client


async def status(operator: Operator, path: str, watches: WatchLiveness | None = None) -> tuple[int, str]:
    async with pages(operator, watches or WatchLiveness()) as client, client.get(path) as page:
        return page.status, await page.text()


@pytest.mark.parametrize(("ago", "code"), [(0.0, 200), (CYCLE_AGE_LIMIT_SECONDS + 1.0, 500)])
async def test_the_process_is_alive_while_cycles_end(ago: float, code: int) -> None:
    assert (await status(Operator(last_cycle_at=time.monotonic() - ago), "/healthz"))[0] == code


async def test_a_process_that_has_just_started_is_alive_and_not_ready() -> None:
    assert await status(Operator(), "/healthz") == (200, "no pass has ended in 0 s\n")
    assert (await status(Operator(), "/readyz"))[0] == 503
    assert (await status(Operator(last_cycle_at=time.monotonic()), "/readyz"))[0] == 200


@pytest.mark.parametrize(("seconds", "code"), [(BLIND_LIMIT_SECONDS - 1.0, 200), (BLIND_LIMIT_SECONDS + 1.0, 500)])
async def test_watches_that_lag_behind_are_named_and_end_the_process(seconds: float, code: int) -> None:
    clock = [0.0]
    watches = WatchLiveness(monotonic=lambda: clock[0])
    watches.read_all("nodes", [{"metadata": {"name": "pi-01", "uid": "u1", "resourceVersion": "5"}}])
    clock[0] = seconds
    found, text = await status(Operator(last_cycle_at=time.monotonic()), "/healthz", watches)
    assert found == code
    assert "pi-01" in text


async def test_the_exposition_can_be_parsed() -> None:
    code, text = await status(Operator(), "/metrics")
    names = {family.name for family in text_string_to_metric_families(text)}
    assert code == 200
    assert all(name.startswith("sunward_") for name in names if not name.startswith(("python_", "process_")))
    assert names


async def test_exporters_are_listed_by_the_node_of_their_pod() -> None:
    pod = {
        "metadata": {"name": "a"},
        "spec": {"nodeName": "pi-01"},
        "status": {"podIP": "10.0.0.7", "phase": "Running"},
    }
    async with pages(Operator(pods=[pod]), WatchLiveness()) as client, client.get("/targets") as page:
        assert await page.json() == [{"targets": ["10.0.0.7:9811"], "labels": {"node": "pi-01"}}]


@pytest.mark.parametrize("answers", [True, False])
async def test_a_thousand_requests_for_targets_are_one_to_the_api_server(answers: bool) -> None:
    operator = Operator(pods=[] if answers else None)
    async with pages(operator, WatchLiveness()) as client:
        codes = {(await client.get("/targets")).status for _ in range(50)}
        codes |= {page.status for page in await asyncio.gather(*(client.get("/targets") for _ in range(50)))}
    assert codes == {200 if answers else 503}
    assert operator.lists == 1


async def test_a_list_of_targets_is_read_anew_when_it_is_old() -> None:
    operator, clock = Operator(pods=None), [0.0]
    targets = TargetList(cast(Api, operator), "sunward-system", monotonic=lambda: clock[0])
    for clock[0], lists in ((0.0, 1), (KEPT_SECONDS - 0.1, 1), (KEPT_SECONDS, 2)):
        with pytest.raises(ApiError):
            await targets.read()
        assert operator.lists == lists
    operator.pods, clock[0] = [], 2 * KEPT_SECONDS
    assert await targets.read() == []


async def test_the_list_of_targets_has_an_end() -> None:
    pod = {"spec": {"nodeName": "n"}, "status": {"podIP": "10.0.0.7", "phase": "Running"}}
    operator = Operator(pods=[{"metadata": {"name": f"{number}"}, **pod} for number in range(MOST_TARGETS + 7)])
    assert len(await TargetList(cast(Api, operator), "sunward-system").read()) == MOST_TARGETS


async def test_without_an_api_server_prometheus_keeps_its_list() -> None:
    assert (await status(Operator(pods=None), "/targets"))[0] == 503


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/targets"])
async def test_no_page_can_be_written_to(path: str) -> None:
    async with pages(Operator(), WatchLiveness()) as client, client.post(path) as page:
        assert page.status == 405
