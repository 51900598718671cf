"""Kopf handlers: a routing table that only marks the loop dirty. No handler decides, and none writes.

`on.event` is used because it neither patches objects nor keeps state in them (reliability notes on Kopf).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import kopf

GROUP = "sunward.dev"
VERSION = "v1alpha1"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def registry(mark_dirty: Callable[[], None]) -> kopf.OperatorRegistry:
    """Handlers for everything whose change may matter."""
    handlers = kopf.OperatorRegistry()
    wishes = _Wishes(mark_dirty)
    for plural in ("energynodes", "trainingjobs", "energypolicies"):
        kopf.on.event(GROUP, VERSION, plural, registry=handlers, id=f"{plural}-changed")(wishes.spec_changed)
    kopf.on.event("", "v1", "nodes", registry=handlers, id="nodes-changed")(wishes.node_changed)
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
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = [1, 2, 4, 8, 15, 30]
    settings.persistence.finalizer = "sunward.dev/finalizer"


class _Wishes:
    """Compares with what was seen last, so that our own status writes do not wake the loop."""

    def __init__(self, mark_dirty: Callable[[], None]) -> None:
        self._mark_dirty = mark_dirty
        self._last: dict[str, object] = {}

    async def spec_changed(self, event: Mapping[str, Any], body: Mapping[str, Any], **_: Any) -> None:
        """A person changed what they want."""
        self._compare(event, body, int(body["metadata"].get("generation", 0)))

    async def node_changed(self, event: Mapping[str, Any], body: Mapping[str, Any], **_: Any) -> None:
        """A node came, went, lost or regained readiness, or was cordoned."""
        ready = [c.get("status") for c in (body.get("status") or {}).get("conditions") or () if c["type"] == "Ready"]
        self._compare(event, body, (tuple(ready), bool((body.get("spec") or {}).get("unschedulable"))))

    def _compare(self, event: Mapping[str, Any], body: Mapping[str, Any], essence: object) -> None:
        uid = str(body["metadata"].get("uid"))
        gone = event.get("type") == "DELETED"
        if gone or self._last.get(uid) != essence:
            self._mark_dirty()
        if gone:
            self._last.pop(uid, None)
        else:
            self._last[uid] = essence
