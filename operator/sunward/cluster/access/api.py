"""The few verbs that Sunward uses of the Kubernetes API, on plain dictionaries.

Built on the official asynchronous client for login and transport. Typed models are not used:
they refuse or drop fields that a newer server sends, and everything we write is small.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
from kubernetes.aio import client

from sunward.cluster.access.login import Login, NoLogin
from sunward.cluster.access.server_clock import ServerClock
from sunward.settings.documents import one_line

Body = dict[str, Any]
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5, sock_read=8)
"""A connection that is half open says nothing for ever: 8 s without a byte end it, before the Lease is missed."""
EVICTION_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5, sock_read=20)
"""The server itself repeats an eviction that meets a conflict, a UID of the past for one, for ten seconds."""
PAGE_SIZE = 500
LARGEST_TEXT_BYTES = 1 << 20
FIELD_MANAGER = "sunward-operator"
"""The name under which the server notes the fields that our patches set."""
SETUP_MANAGER = "sunward-setup"
"""The same for what an installation applies."""
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class ApiError(Exception):
    """The API server refused a request; `status` is the HTTP status, 0 when it could not be reached."""

    def __init__(self, status: int, verb: str, path: str, message: str) -> None:
        self.status = status
        self.verb = verb
        self.path = path
        self.message = message
        super().__init__(f"{verb} {path}: {status} {message}")


class Api(Protocol):
    """Port to the API server; the fake in the tests implements the same."""

    async def get(self, path: str) -> Body: ...
    async def list(self, path: str, **selectors: str) -> list[Body]: ...
    async def create(self, path: str, body: Mapping[str, Any]) -> Body: ...
    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body: ...
    async def replace(self, path: str, body: Mapping[str, Any]) -> Body: ...
    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None: ...


class KubernetesApi:
    """`Api` over a real server. A dictionary patches as a merge patch, a list as a JSON patch.

    `clock` is set by the date of every answer, refusals included.
    """

    def __init__(self, api_client: client.ApiClient, clock: ServerClock) -> None:
        self._client = api_client
        self.clock = clock

    async def get(self, path: str) -> Body:
        """One object. Raises ApiError(404) when it does not exist."""
        return await self._request("GET", path)

    async def list(self, path: str, **selectors: str) -> list[Body]:
        """All items, page by page; selectors are labelSelector and fieldSelector."""
        items: list[Body] = []
        cursor = ""
        while True:
            query = {**selectors, "limit": str(PAGE_SIZE), **({"continue": cursor} if cursor else {})}
            page = await self._request("GET", path, query=query)
            items += page.get("items") or []
            cursor = (page.get("metadata") or {}).get("continue") or ""
            if not cursor:
                return items

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        """Create and return the object. Raises ApiError(409) when it exists."""
        return await self._request("POST", path, body=body)

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        """Patch and return the object; a JSON patch whose test fails raises ApiError(422)."""
        kind = JSON_PATCH if isinstance(body, Sequence) else MERGE
        manager = {"fieldManager": FIELD_MANAGER}
        return await self._request("PATCH", path, query=manager, body=body, content_type=kind)

    async def apply(self, path: str, body: Mapping[str, Any]) -> Body:
        """Server-side apply, taking over fields that others own; creates the object where there is none."""
        owner = {"fieldManager": SETUP_MANAGER, "force": "true"}
        return await self._request("PATCH", path, query=owner, body=body, content_type=APPLY)

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        """Replace; with metadata.resourceVersion set, a stale copy raises ApiError(409)."""
        return await self._request("PUT", path, body=body)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        """Delete, only if the UID matches when one is given; an object that is gone already is fine."""
        options: Body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            await self._request("DELETE", path, body=options)
        except ApiError as error:
            if error.status != 404:
                raise

    async def text(self, path: str) -> str:
        """A text that something behind the server's proxy answers, at most `LARGEST_TEXT_BYTES`. Raises ApiError."""
        serialised = await self._client.param_serialize(
            method="GET", resource_path=path, header_params={"Accept": "text/plain"}, auth_settings=["BearerToken"]
        )
        try:
            answer = await self._client.call_api(*serialised, _request_timeout=TIMEOUT)
            content = await _bounded(answer.response.content)
        except client.ApiException as error:
            raise ApiError(error.status or 0, "GET", path, _message_of(error)) from error
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            raise ApiError(0, "GET", path, f"cannot be reached: {error}") from error
        if int(answer.status) >= 400:
            raise ApiError(int(answer.status), "GET", path, _status_message(content))
        return content.decode("utf-8", "replace")

    async def _request(
        self,
        verb: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Body:
        serialised = await self._client.param_serialize(
            method=verb,
            resource_path=path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        timeout = EVICTION_TIMEOUT if path.endswith("/eviction") else TIMEOUT
        asked_at = self.clock.monotonic()
        try:
            answer = await self._client.call_api(*serialised, _request_timeout=timeout)
            self.clock.heard(answer.headers.get("Date"), asked_at)
            content = await answer.read()
        except client.ApiException as error:
            self.clock.heard((error.headers or {}).get("Date"), asked_at)
            raise ApiError(error.status or 0, verb, path, _message_of(error)) from error
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            raise ApiError(0, verb, path, f"cannot be reached: {error}") from error
        status = int(answer.status)
        if status >= 400:
            raise ApiError(status, verb, path, _status_message(content))
        return _object(content, verb, path)


async def _bounded(stream: aiohttp.StreamReader) -> bytes:
    """What a stream holds, up to its bound; the rest is not read."""
    content = b""
    async for chunk in stream.iter_chunked(1 << 16):
        content += chunk
        if len(content) >= LARGEST_TEXT_BYTES:
            break
    return content[:LARGEST_TEXT_BYTES]


def _object(content: bytes, verb: str, path: str) -> Body:
    """The object in an answer. Raises ApiError where the address leads to something that is no API server."""
    try:
        found = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ApiError(0, verb, path, "the response is not an object of the Kubernetes API; check the server's address")
    return found


def _message_of(error: client.ApiException) -> str:
    return _status_message(error.body) if error.body else str(error.reason)


def _status_message(content: bytes | str) -> str:
    try:
        return str(json.loads(content).get("message", ""))
    except (ValueError, AttributeError, RecursionError):
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        return one_line(text, 300)


@asynccontextmanager
async def connect(kubeconfig: str | None = None, *, clock: ServerClock | None = None) -> AsyncIterator[KubernetesApi]:
    """Open the API with the login that `Login(kubeconfig)` finds; `clock` is what the server's answers set.

    Raises NoLogin when there is no usable login.
    """
    configuration = await Login(kubeconfig=kubeconfig).configuration()
    async with _client(configuration) as api_client:
        yield KubernetesApi(api_client, clock or ServerClock())


def _client(configuration: client.Configuration) -> client.ApiClient:
    """Raises NoLogin where the login's certificates cannot be used."""
    try:
        return client.ApiClient(configuration)
    except (OSError, ValueError) as error:
        raise NoLogin("kubeconfig", f"its certificates cannot be used: {one_line(str(error))}") from error


def core(kind: str, name: str = "", *, namespace: str = "", sub: str = "") -> str:
    """Path of a core resource, e.g. core("pods", "a", namespace="default", sub="eviction")."""
    return _path("/api/v1", kind, name, namespace, sub)


def apis(group: str, kind: str, name: str = "", *, namespace: str = "", sub: str = "") -> str:
    """Path of a resource of an API group with version, e.g. apis("coordination.k8s.io/v1", "leases", ...)."""
    return _path(f"/apis/{group}", kind, name, namespace, sub)


def ours(kind: str, name: str = "", *, namespace: str = "", sub: str = "") -> str:
    """Path of one of Sunward's own resources."""
    return _path("/apis/sunward.dev/v1alpha1", kind, name, namespace, sub)


def _path(base: str, kind: str, name: str, namespace: str, sub: str) -> str:
    parts = [base]
    if namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(kind)
    if name:
        parts.append(quote(name, safe=""))
    if sub:
        parts.append(sub)
    return "/".join(parts)
