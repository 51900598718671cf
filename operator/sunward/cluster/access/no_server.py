"""An API server that cannot be reached, for work that goes on without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from sunward.cluster.access.api import ApiError, Body


class NoServer:
    """`Api` that refuses every request with the reason why there is no server."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def get(self, path: str) -> Body:
        """Raises ApiError."""
        self._refuse("GET", path)

    async def list(self, path: str, **selectors: str) -> list[Body]:  # noqa: ARG002  nothing is listed
        """Raises ApiError."""
        self._refuse("GET", path)

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:  # noqa: ARG002  nothing is created
        """Raises ApiError."""
        self._refuse("POST", path)

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:  # noqa: ARG002  nothing changes
        """Raises ApiError."""
        self._refuse("PATCH", path)

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:  # noqa: ARG002  nothing changes
        """Raises ApiError."""
        self._refuse("PUT", path)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:  # noqa: ARG002  nothing ends
        """Raises ApiError."""
        self._refuse("DELETE", path)

    def _refuse(self, verb: str, path: str) -> NoReturn:
        raise ApiError(0, verb, path, self._why)
