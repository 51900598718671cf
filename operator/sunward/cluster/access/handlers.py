"""Kopf handlers: a routing table that only marks the loop dirty. No handler decides, and none writes.

`on.event` is used because it neither patches objects nor keeps state in them (reliability notes on Kopf).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import kopf

from sunward.cluster.access.lease import LEASE_NAME

GROUP = "sunward.dev"
VERSION = "v1alpha1"
LEASES = ("coordination.k8s.io", "v1", "leases")
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Sight(Protocol):
    """Is told of every object that a watch brings."""

    def watched(self, body: Mapping[str, Any], *, gone: bool = False) -> None: ...


def registry(mark_dirty: Callable[[], None], sight: Sight) -> kopf.OperatorRegistry:
    """Handlers for everything whose change may matter; `sight` is told of all that they see."""
    handlers = kopf.OperatorRegistry()
    wishes = _Wishes(mark_dirty, sight)
    for plural in ("energynodes", "trainingjobs", "energypolicies"):
        kopf.on.event(GROUP, VERSION, plural, registry=handlers, id=f"{plural}-changed")(wishes.spec_changed)
    kopf.on.event("", "v1", "nodes", registry=handlers, id="nodes-changed")(wishes.node_changed)
    kopf.on.event(*LEASES, registry=handlers, id="lease-renewed")(wishes.lease_renewed)
    kopf.on.login(registry=handlers, id="login", retries=3)(login)
    kopf.on.startup(registry=handlers, id="configure")(configure)
    return handlers


async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """The pod's service account, else the kubeconfig; read here, so that no further client is imported."""
    return _service_account() or kopf.login_with_kubeconfig(**kwargs)


def _service_account() -> kopf.ConnectionInfo | None:
    """By the address in the environment: the cluster's name for the API server needs a DNS that may not be there."""
    host, token = os.environ.get("KUBERNETES_SERVICE_HOST"), ACCOUNT / "token"
    if not host or "KUBECONFIG" in os.environ or not token.exists():
        return None
    shown = f"[{host}]" if ":" in host else host
    return kopf.ConnectionInfo(
        server=f"https://{shown}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}",
        ca_path=str(ACCOUNT / "ca.crt"),
        token=token.read_text(encoding="utf-8").strip(),
        default_namespace=(ACCOUNT / "namespace").read_text(encoding="utf-8").strip(),
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


class _Wishes:
    """Compares with what was seen last, so that our own status writes do not wake the loop."""

    def __init__(self, mark_dirty: Callable[[], None], sight: Sight) -> None:
        self._mark_dirty = mark_dirty
        self._sight = sight
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
        self._sight.watched(body, gone=event.get("type") == "DELETED")

    def _compare(self, event: Mapping[str, Any], body: Mapping[str, Any], essence: object) -> None:
        uid = str(body["metadata"].get("uid"))
        gone = event.get("type") == "DELETED"
        self._sight.watched(body, gone=gone)
        if gone or self._last.get(uid) != essence:
            self._mark_dirty()
        if gone:
            self._last.pop(uid, None)
        else:
            self._last[uid] = essence
