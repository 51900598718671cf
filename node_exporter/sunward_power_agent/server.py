"""The API server as the agent needs it: one EnergyNode, the operator's Lease, and the server's time."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from sunward_power_agent.clock import ServerClock
from sunward_power_agent.orders import node_of, part

ENERGY_NODES = "/apis/sunward.dev/v1alpha1/energynodes"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/sunward-operator"
TIMEOUT = aiohttp.ClientTimeout(total=10)
WATCH_SECONDS = 50
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=WATCH_SECONDS + 15, sock_connect=10)
BODY_LIMIT_BYTES = 4 * 1024 * 1024
"""No EnergyNode is larger; a list of some thousand fits."""

Body = dict[str, Any]


class ServerError(Exception):
    """The API server could not be asked, or answered with an error; `status` is 0 without an answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Server:
    """A client with the token of the pod, which the kubelet renews in its file and binds to the node."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        address: str,
        *,
        token_file: Path,
        namespace: str,
        tls: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._address = address.rstrip("/")
        self._token_file = token_file
        self._lease = LEASE.format(namespace=namespace)
        self._tls = tls
        self._monotonic = monotonic
        self.clock = ServerClock(monotonic=monotonic)

    @classmethod
    def of_the_pod(cls, session: aiohttp.ClientSession, address: str, folder: Path) -> Self:
        """A client from what the kubelet mounts into every pod: token, CA and namespace. Raises OSError, ValueError."""
        return cls(
            session,
            address,
            token_file=folder / "token",
            namespace=(folder / "namespace").read_text(encoding="utf-8").strip(),
            tls=ssl.create_default_context(cafile=folder / "ca.crt"),
        )

    async def find(self, node: str) -> Body:
        """The EnergyNode of a Kubernetes node. Raises ServerError; 404 when there is none, 409 when there are two."""
        try:
            body = await self._ask("GET", f"{ENERGY_NODES}/{node}")
            if node_of(body) == node:
                return body
        except ServerError as error:
            if error.status != 404:
                raise
        rows = (await self._ask("GET", ENERGY_NODES)).get("items")
        found = (
            [row for row in rows if isinstance(row, dict) and node_of(row) == node] if isinstance(rows, list) else []
        )
        if len(found) != 1:
            raise ServerError(409 if found else 404, f"{len(found)} EnergyNodes describe the node {node}")
        return found[0]

    async def read(self, name: str) -> Body:
        """An EnergyNode by its name. Raises ServerError."""
        return await self._ask("GET", f"{ENERGY_NODES}/{name}")

    async def lease(self) -> Body:
        """The operator's Lease. Raises ServerError."""
        return await self._ask("GET", self._lease)

    async def report(self, name: str, agent: Mapping[str, Any], version: str | None = None) -> Body:
        """Write `status.agent`, where *version* is given only if the object is unchanged since. Raises ServerError."""
        metadata = {} if version is None else {"metadata": {"resourceVersion": version}}
        patch = {**metadata, "status": {"agent": dict(agent)}}
        headers = {"Content-Type": "application/merge-patch+json"}
        return await self._ask("PATCH", f"{ENERGY_NODES}/{name}/status", headers=headers, data=json.dumps(patch))

    async def changes(self, name: str, version: str) -> AsyncIterator[None]:
        """One item for each change of an EnergyNode after *version*, until the server ends the watch.

        What changed is not taken from here: whoever acts reads the object anew. Raises ServerError.
        """
        query = {
            "watch": "1",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        try:
            async with self._session.get(
                f"{self._address}{ENERGY_NODES}", params=query, timeout=WATCH_TIMEOUT, **self._options({})
            ) as response:
                if response.status != 200:
                    raise ServerError(response.status, f"watch: HTTP {response.status}")
                async for _ in response.content:
                    yield None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ServerError(0, f"watch: {type(error).__name__}") from None

    async def _ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **request: Any) -> Body:
        asked_at = self._monotonic()
        try:
            async with self._session.request(
                method, f"{self._address}{path}", timeout=TIMEOUT, **self._options(headers or {}), **request
            ) as response:
                content = await _bounded(response.content)
                self.clock.heard(response.headers.get("Date"), asked_at)
                if response.status != 200:
                    raise ServerError(response.status, f"{method} {path}: HTTP {response.status}")
                body = json.loads(content)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError) as error:
            raise ServerError(0, f"{method} {path}: {type(error).__name__}") from None
        if not isinstance(body, dict) or not isinstance(part(body, "metadata"), Mapping):
            raise ServerError(0, f"{method} {path}: the response is no object")
        return body

    def _options(self, headers: Mapping[str, str]) -> dict[str, Any]:
        token = self._token_file.read_text(encoding="ascii").strip()
        tls: dict[str, Any] = {} if self._tls is None else {"ssl": self._tls}
        return {"headers": {"Authorization": f"Bearer {token}", **headers}, "allow_redirects": False, **tls}


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """A body to its end. Raises ValueError for one above the limit."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > BODY_LIMIT_BYTES:
            raise ValueError("too large")
    return bytes(body)
