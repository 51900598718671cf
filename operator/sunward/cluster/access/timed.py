"""`Api` with a limit for each request, for objects whose webhooks others may slow down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from sunward.cluster.access.api import Api, ApiError, Body

Answer = TypeVar("Answer")


class TimedApi:
    """Every request ends within *seconds*, as one that the server did not answer."""

    def __init__(self, api: Api, seconds: float) -> None:
        self._api = api
        self._seconds = seconds

    async def get(self, path: str) -> Body:
        """As of the API."""
        return await self._within("GET", path, self._api.get(path))

    async def list(self, path: str, **selectors: str) -> list[Body]:
        """As of the API."""
        return await self._within("GET", path, self._api.list(path, **selectors))

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        """As of the API."""
        return await self._within("POST", path, self._api.create(path, body))

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        """As of the API."""
        return await self._within("PATCH", path, self._api.patch(path, body))

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        """As of the API."""
        return await self._within("PUT", path, self._api.replace(path, body))

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        """As of the API."""
        await self._within("DELETE", path, self._api.delete(path, uid=uid, grace_seconds=grace_seconds))

    async def _within(self, verb: str, path: str, asking: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._seconds):
                return await asking
        except TimeoutError as error:
            raise ApiError(0, verb, path, f"no answer within {self._seconds:.0f} s") from error
