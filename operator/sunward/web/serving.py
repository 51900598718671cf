"""The operator's only port: metrics, probes, and the list of exporters for Prometheus. It can change nothing."""

from __future__ import annotations

import time
from typing import Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from sunward.cluster.access.api import Api, ApiError
from sunward.cluster.access.watch_liveness import BLIND_LIMIT_SECONDS, WatchLiveness
from sunward.cluster.targets import TargetList
from sunward.telemetry.metrics import Metrics

CYCLE_AGE_LIMIT_SECONDS = 180.0
"""A loop whose last pass is older hangs: the liveness probe fails, and the container is started again."""


class Cycles(Protocol):
    """What the pages ask of the reconcile loop."""

    @property
    def last_cycle_at(self) -> float | None:
        """When the last cycle ended, by the monotonic clock; None before the first."""


async def serve(
    loop: Cycles, watches: WatchLiveness, api: Api, namespace: str, metrics: Metrics, port: int
) -> web.AppRunner:
    """Start serving on every address of the pod; returns the runner, whose `cleanup` ends it."""
    runner = web.AppRunner(application(loop, watches, api, namespace, metrics), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104  # a pod's own address is not known beforehand
    return runner


def application(loop: Cycles, watches: WatchLiveness, api: Api, namespace: str, metrics: Metrics) -> web.Application:
    """Every page and its path. Pages only read, hence GET alone."""
    pages = _Pages(loop, watches, api, namespace, metrics)
    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", pages.healthz),
            web.get("/readyz", pages.readyz),
            web.get("/metrics", pages.metrics),
            web.get("/targets", pages.targets),
        ]
    )
    return app


class _Pages:
    def __init__(self, loop: Cycles, watches: WatchLiveness, api: Api, namespace: str, metrics: Metrics) -> None:
        self._loop = loop
        self._watches = watches
        self._targets = TargetList(api, namespace)
        self._metrics = metrics
        self._started = time.monotonic()

    async def healthz(self, _: web.Request) -> web.Response:
        """Alive: a pass ended lately, or the process is young; and the watches bring what the passes read."""
        last, blind = self._loop.last_cycle_at, self._watches.blind_seconds()
        age = time.monotonic() - (self._started if last is None else last)
        text = f"last pass ended {age:.0f} s ago\n" if last is not None else f"no pass has ended in {age:.0f} s\n"
        if blind > 0:
            text += f"the watches have not brought {self._watches.missing()} for {blind:.0f} s\n"
        status = 200 if age < CYCLE_AGE_LIMIT_SECONDS and blind < BLIND_LIMIT_SECONDS else 500
        return web.Response(status=status, text=text)

    async def readyz(self, _: web.Request) -> web.Response:
        """Ready: at least one pass succeeded."""
        ready = self._loop.last_cycle_at is not None
        return web.Response(status=200 if ready else 503, text="ready\n" if ready else "no pass has ended yet\n")

    async def metrics(self, _: web.Request) -> web.Response:
        """The exposition."""
        content = generate_latest(self._metrics.registry)
        return web.Response(body=content, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def targets(self, _: web.Request) -> web.Response:
        """Prometheus keeps its last list when this fails."""
        try:
            return web.json_response(await self._targets.read())
        except ApiError as error:
            return web.Response(status=503, text=f"{error}\n")
