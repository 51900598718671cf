"""Lists and watches of the API server over plain HTTP: reads only."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from sunward_audit.events import Body, ObjectSeen
from sunward_audit.facts import key_of
from sunward_audit.kubeconfig import Access

PAGE = 500
WATCH_SECONDS = 240
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=WATCH_SECONDS + 30, sock_connect=5, sock_read=90)
RETRY_SECONDS = 1.0
ABSENT_RETRY_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of object to watch; `selector` is a field selector."""

    kind: str
    path: str
    selector: str = ""


OURS = "/apis/sunward.dev/v1alpha1"
RESOURCES = (
    Resource(kind="energypolicies", path=f"{OURS}/energypolicies"),
    Resource(kind="nodes", path="/api/v1/nodes"),
    Resource(kind="pods", path="/api/v1/pods"),
    Resource(kind="volumeattachments", path="/apis/storage.k8s.io/v1/volumeattachments"),
    Resource(kind="poddisruptionbudgets", path="/apis/policy/v1/poddisruptionbudgets"),
    Resource(kind="leases", path="/apis/coordination.k8s.io/v1/leases", selector="metadata.name=sunward-operator"),
    Resource(kind="events", path="/api/v1/events", selector="source=sunward-operator"),
    Resource(kind="energyplans", path=f"{OURS}/energyplans"),
    Resource(kind="trainingjobs", path=f"{OURS}/trainingjobs"),
    Resource(kind="energynodes", path=f"{OURS}/energynodes"),
)
"""In the order in which a first look must take them: what nodes are judged by comes before their records."""


class Refused(Exception):
    """The API server does not let us read a kind; the message says which."""


class Gone(Exception):
    """The version that a watch began from is too old: list again."""


Put = Callable[[ObjectSeen, int], None]


class Watcher:
    """Keeps one kind up to date and tells every change with its version."""

    def __init__(self, session: aiohttp.ClientSession, access: Access, resource: Resource, put: Put) -> None:
        self._session = session
        self._access = access
        self._resource = resource
        self._put = put
        self._known: dict[str, Body] = {}
        self._version = ""

    async def first_list(self) -> None:
        """The state at the beginning. A kind that is not defined is an empty one. Raises Refused, aiohttp errors."""
        with contextlib.suppress(Gone):
            await self._list(listed=True)

    async def run(self) -> None:
        """Watch for ever; a broken connection is taken up where it broke. Raises Refused."""
        while True:
            try:
                if not self._version:
                    await self._list(listed=False)
                await self._watch()
            except Gone:
                self._version = ""
                await asyncio.sleep(RETRY_SECONDS if self._known else ABSENT_RETRY_SECONDS)
            except (aiohttp.ClientError, TimeoutError, ValueError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self, *, listed: bool) -> None:
        items, version = await self._items()
        now = {key_of(body): body for body in items}
        for key in self._known.keys() - now.keys():
            self._tell(self._known[key], int(version), gone=True)
        for key, body in now.items():
            if self._known.get(key, {}).get("metadata") != body["metadata"]:
                self._tell(body, int(version), listed=listed)
        self._known, self._version = now, version

    async def _items(self) -> tuple[list[Body], str]:
        items: list[Body] = []
        cursor, version = "", ""
        while True:
            page = await self._get({"limit": str(PAGE), **({"continue": cursor} if cursor else {})})
            items += page.get("items") or []
            version = version or str(page["metadata"]["resourceVersion"])
            cursor = page["metadata"].get("continue") or ""
            if not cursor:
                return items, version

    async def _get(self, query: dict[str, str]) -> dict[str, Any]:
        async with self._request(query, TIMEOUT) as response:
            body: dict[str, Any] = await response.json()
            return body

    @contextlib.asynccontextmanager
    async def _request(
        self, query: dict[str, str], limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        query |= {"fieldSelector": self._resource.selector} if self._resource.selector else {}
        url = f"{self._access.server}{self._resource.path}"
        headers = self._access.headers()
        async with self._session.get(
            url, params=query, headers=headers, ssl=self._access.context, timeout=limits
        ) as answer:
            if answer.status in (401, 403):
                raise Refused(f"may not read {self._resource.kind}: HTTP {answer.status}")
            if answer.status in (404, 410):
                raise Gone
            answer.raise_for_status()
            yield answer

    async def _watch(self) -> None:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async with self._request(query, WATCH_TIMEOUT) as response:
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in filter(None, lines):
                    self._take(json.loads(line))

    def _take(self, change: dict[str, Any]) -> None:
        kind, body = change["type"], change["object"]
        if kind == "ERROR":
            raise Gone
        version = str(body["metadata"]["resourceVersion"])
        if kind != "BOOKMARK":
            key = key_of(body)
            self._tell(body, int(version), gone=kind == "DELETED")
            self._known.pop(key, None) if kind == "DELETED" else self._known.update({key: body})
        self._version = version

    def _tell(self, body: Body, version: int, *, gone: bool = False, listed: bool = False) -> None:
        seen = ObjectSeen(time=datetime.now(UTC), kind=self._resource.kind, body=body, gone=gone, listed=listed)
        self._put(seen, version)
