"""The API server's audit log (audit.k8s.io/v1, JSON lines): who wrote what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sunward_audit.events import Request
from sunward_audit.facts import part, time_of

WRITES = ("create", "update", "patch", "delete", "deletecollection")


def request_of(entry: Mapping[str, Any]) -> Request | None:
    """The write that an entry tells of, once it was answered; None for all else."""
    if entry.get("kind") != "Event" or entry.get("stage") != "ResponseComplete" or entry.get("verb") not in WRITES:
        return None
    moment = time_of(entry.get("stageTimestamp") or entry.get("requestReceivedTimestamp"))
    if moment is None:
        return None
    target, sent = part(entry, "objectRef"), entry.get("requestObject")
    metadata = part(sent, "metadata") if isinstance(sent, Mapping) else {}
    return Request(
        time=moment,
        user=str(part(entry, "user").get("username") or ""),
        verb=str(entry["verb"]),
        kind=str(target.get("resource") or ""),
        namespace=str(target.get("namespace") or ""),
        name=str(target.get("name") or metadata.get("name") or ""),
        sub=str(target.get("subresource") or ""),
        body=sent,
        code=int(part(entry, "responseStatus").get("code") or 0),
    )
