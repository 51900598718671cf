"""Handlers mark the loop dirty for what people and nodes do, and tell sight of everything that they see."""

from __future__ import annotations

from typing import Any, cast

import kopf
import pytest

from sunward.cluster.access import handlers
from sunward.cluster.access.login import Login
from sunward.cluster.access.watch_liveness import WatchLiveness

NODES = ("", "v1", "nodes")


def a_node(version: int, *, ready: str = "True", **spec: Any) -> dict[str, Any]:
    metadata = {"name": "pi-01", "uid": "u1", "resourceVersion": str(version)}
    conditions = [{"type": "Ready", "status": ready}]
    return {"metadata": metadata, "spec": spec, "status": {"conditions": conditions}}


class Watched:
    """The handlers with a loop that counts."""

    def __init__(self) -> None:
        self.marks = 0
        self.watches = WatchLiveness()
        self.handlers = handlers.registry(self._mark, self.watches, Login())

    def _mark(self) -> None:
        self.marks += 1

    async def bring(self, which: str, kind: str | None, body: dict[str, Any]) -> int:
        """Let a handler see an event; how often the loop has been marked since."""
        before = self.marks
        (found,) = [h for h in self.handlers._watching.get_all_handlers() if h.id == which]  # the only way to ask Kopf
        handle = cast(Any, found.fn)  # Kopf gives more, none of it is used
        await handle(event={"type": kind, "object": body}, body=body)
        return self.marks - before


@pytest.mark.parametrize(
    ("after", "marks"),
    [(a_node(2), 0), (a_node(2, ready="Unknown"), 1), (a_node(2, unschedulable=True), 1)],
)
async def test_only_what_matters_of_a_node_wakes_the_loop(after: dict[str, Any], marks: int) -> None:
    watched = Watched()
    assert await watched.bring("nodes-changed", None, a_node(1)) == 1
    assert await watched.bring("nodes-changed", "MODIFIED", after) == marks
    assert await watched.bring("nodes-changed", "DELETED", after) == 1


@pytest.mark.parametrize("which", ["nodes-changed", "energynodes-changed", "lease-renewed"])
async def test_everything_that_is_watched_counts_as_seen(which: str) -> None:
    watched = Watched()
    watched.watches.read_all("nodes", [a_node(5)])
    assert watched.watches.missing() == "pi-01"
    await watched.bring(which, "MODIFIED", a_node(5))
    assert watched.watches.missing() == ""


async def test_a_renewed_lease_wakes_nobody() -> None:
    assert await Watched().bring("lease-renewed", "MODIFIED", a_node(5)) == 0


async def test_of_all_leases_only_the_operators_own_is_watched() -> None:
    settings = kopf.OperatorSettings()
    await handlers.configure(settings)
    (selector,) = settings.watching.field_selectors.values()
    assert selector == "metadata.name=sunward-operator"
