"""What a power agent talks to, in memory: an API server over the loop's store, and a host that it can shut down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import ApiError, apis, ours
from sunward_power_agent.host import HostError
from sunward_power_agent.server import ServerError
from support.loop.store import Body, Store

LEASE = apis("coordination.k8s.io/v1", "leases", "sunward-operator", namespace="sunward-system")


class StoreClock:
    """The server's time as an agent knows it; None while it does not."""

    def __init__(self, tells: Callable[[], datetime | None]) -> None:
        self._tells = tells

    def now(self) -> datetime | None:
        """The time now."""
        return self._tells()


class StoreServer:
    """The API server of one agent; `fails` is the HTTP status of every answer while it is set."""

    def __init__(self, store: Store, now: Callable[[], datetime | None]) -> None:
        self.store = store
        self.clock = StoreClock(now)
        self.fails = 0
        self.reports: list[Mapping[str, Any]] = []
        self.before_report: Callable[[], None] = lambda: None

    async def find(self, node: str) -> Body:
        return self._tried(lambda: self.store.get(ours("energynodes", node)))

    async def read(self, name: str) -> Body:
        await asyncio.sleep(0)
        return self._tried(lambda: self.store.get(ours("energynodes", name)))

    async def lease(self) -> Body:
        await asyncio.sleep(0)
        return self._tried(lambda: self.store.get(LEASE))

    async def report(self, name: str, agent: Mapping[str, Any], version: str | None = None) -> Body:
        self.before_report()
        patch: Body = {"status": {"agent": dict(agent)}}
        if version is not None:
            patch["metadata"] = {"resourceVersion": version}
        written = self._tried(lambda: self.store.patch_as("agent", ours("energynodes", name, sub="status"), patch))
        self.reports.append(agent)
        return written

    async def changes(self, name: str, version: str) -> AsyncIterator[None]:
        raise ServerError(0, "no watch here")
        yield None

    def _tried(self, do: Callable[[], Body]) -> Body:
        if self.fails:
            raise ServerError(self.fails, f"HTTP {self.fails}")
        try:
            return do()
        except ApiError as error:
            raise ServerError(error.status, str(error)) from None


class FakeHost:
    """A host that remembers how often it was asked; `refuses` is its answer to every question while it is set."""

    def __init__(self, shut_down: Callable[[], None] = lambda: None) -> None:
        self.refuses = ""
        self.refuses_order = ""
        self.asked = 0
        self._shut_down = shut_down

    async def can_power_off(self) -> str | None:
        return self.refuses or None

    async def power_off(self) -> None:
        self.asked += 1
        if self.refuses or self.refuses_order:
            raise HostError(self.refuses or self.refuses_order)
        self._shut_down()
