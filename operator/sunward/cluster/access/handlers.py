"""Kopf handlers: a routing table that only marks the loop dirty. No handler decides, and none writes.

`on.event` is used because it neither patches objects nor keeps state in them (reliability notes on Kopf).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import kopf
from kubernetes.aio import client

from sunward.cluster.access.lease import LEASE_NAME
from sunward.cluster.access.login import Login

GROUP = "sunward.dev"
VERSION = "v1alpha1"
LEASES = ("coordination.k8s.io", "v1", "leases")


class WatchListener(Protocol):
    """Is told of every object that a watch brings."""

    def watched(self, body: Mapping[str, Any], *, gone: bool = False) -> None: ...


def registry(mark_dirty: Callable[[], None], watches: WatchListener, login: Login) -> kopf.OperatorRegistry:
    """Handlers for everything whose change may matter; `sight` is told of all that they see.

    Kopf asks for the login when it begins and whenever the API server has refused it.
    """
    handlers = kopf.OperatorRegistry()
    desired = _DesiredState(mark_dirty, watches)
    for plural in ("energynodes", "trainingjobs", "energypolicies"):
        kopf.on.event(GROUP, VERSION, plural, registry=handlers, id=f"{plural}-changed")(desired.spec_changed)
    kopf.on.event("", "v1", "nodes", registry=handlers, id="nodes-changed")(desired.node_changed)
    kopf.on.event(*LEASES, registry=handlers, id="lease-renewed")(desired.lease_renewed)

    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await connection(await login.configuration())

    kopf.on.login(registry=handlers, id="login", retries=3)(log_in)
    kopf.on.startup(registry=handlers, id="configure")(configure)
    return handlers


async def connection(configuration: client.Configuration) -> kopf.ConnectionInfo:
    """The login of our own requests, as Kopf wants it."""
    header = await configuration.get_api_key_with_prefix("BearerToken") or ""
    scheme, _, token = header.strip().partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
    )


async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Quiet, bounded and alone: no peering, no posting, no scanning for namespaces or definitions."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 10
    settings.watching.field_selectors[LEASES] = f"metadata.name={LEASE_NAME}"
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = [1, 2, 4, 8, 15, 30]
    settings.persistence.finalizer = "sunward.dev/finalizer"


class _DesiredState:
    """Compares with what was seen last, so that our own status writes do not wake the loop."""

    def __init__(self, mark_dirty: Callable[[], None], watches: WatchListener) -> None:
        self._mark_dirty = mark_dirty
        self._watches = watches
        self._last: dict[str, object] = {}

    async def spec_changed(self, event: Mapping[str, Any], body: Mapping[str, Any], **_: Any) -> None:
        """A person changed what they want."""
        self._compare(event, body, int(body["metadata"].get("generation", 0)))

    async def node_changed(self, event: Mapping[str, Any], body: Mapping[str, Any], **_: Any) -> None:
        """A node came, went, lost or regained readiness, or was cordoned."""
        ready = [c.get("status") for c in (body.get("status") or {}).get("conditions") or () if c["type"] == "Ready"]
        self._compare(event, body, (tuple(ready), bool((body.get("spec") or {}).get("unschedulable"))))

    async def lease_renewed(self, event: Mapping[str, Any], body: Mapping[str, Any], **_: Any) -> None:
        """Seen, and nothing else: who leads is asked in every pass."""
        self._watches.watched(body, gone=event.get("type") == "DELETED")

    def _compare(self, event: Mapping[str, Any], body: Mapping[str, Any], essence: object) -> None:
        uid = str(body["metadata"].get("uid"))
        gone = event.get("type") == "DELETED"
        self._watches.watched(body, gone=gone)
        if gone or self._last.get(uid) != essence:
            self._mark_dirty()
        if gone:
            self._last.pop(uid, None)
        else:
            self._last[uid] = essence
