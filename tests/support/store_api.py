"""`Api` over the store in memory, for tests of one part that reads and writes objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sunward.cluster.access.api import FIELD_MANAGER
from sunward.cluster.access.server_clock import ServerClock
from support.loop.store import Body, Store


class StoreApi:
    """Every request succeeds or is refused as by a server."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ServerClock()

    async def get(self, path: str) -> Body:
        return self.store.get(path)

    async def list(self, path: str, **selectors: str) -> list[Body]:
        return self.store.list(path, selectors.get("labelSelector", ""))

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        return self.store.create(path, body)

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        return self.store.patch_as(FIELD_MANAGER, path, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        return self.store.replace(path, body)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        self.store.delete(path, uid)
