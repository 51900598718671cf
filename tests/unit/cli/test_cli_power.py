"""Overrides by hand end when the cluster's time says so, whatever the clock of the person's machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

from sunward.cli.power import _override
from sunward.cluster.access.api import KubernetesApi
from sunward.cluster.access.server_clock import ServerClock
from sunward.cluster.access.times import parse_time

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


class Server:
    """Answers with its own time, which the caller's machine has not."""

    def __init__(self) -> None:
        self.clock = ServerClock(monotonic=lambda: 0.0, wall=(NOON - timedelta(hours=3)).timestamp)
        self.written: list[Any] = []

    async def get(self, path: str) -> dict[str, Any]:
        self.clock.heard(format_datetime(NOON, usegmt=True), 0.0)
        return {"metadata": {"name": path.rsplit("/", 1)[-1]}}

    async def patch(self, path: str, body: Any) -> None:
        self.written.append((path.rsplit("/", 1)[-1], body["spec"]["override"]))


async def test_an_override_lasts_as_long_as_asked_by_the_servers_clock() -> None:
    server = Server()
    await _override(cast(KubernetesApi, server), "pi-1", "Asleep", 10, "why not")
    ((name, override),) = server.written
    assert (name, override["power"], override["reason"]) == ("pi-1", "Asleep", "why not")
    assert parse_time(override["until"]) == NOON + timedelta(minutes=10)
