"""Kubernetes events: one per change of state, with an enumerated reason; never fatal when they cannot be written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sunward.cluster.access.api import Api, ApiError, core
from sunward.cluster.access.times import format_time
from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason

NORMAL = "Normal"
WARNING = "Warning"
WARNINGS = frozenset(
    {
        Reason.API_SERVER_UNAVAILABLE,
        Reason.DEGRADED,
        Reason.DRAIN_BLOCKED,
        Reason.DRAIN_TIMED_OUT,
        Reason.DRIVER_FAILED,
        Reason.POWER_OFF_TIMED_OUT,
        Reason.WAKE_TIMED_OUT,
        Reason.POWERED_OFF_BY_OTHERS,
        Reason.DEADLINE_AT_RISK,
        Reason.DEADLINE_MISSED,
        Reason.BUDGET_EXCEEDED,
        Reason.JOB_FAILED,
        Reason.INVALID_SPEC,
        Reason.SHARD_NODE_UNKNOWN,
        Reason.UPDATE_REFUSED,
    }
)


async def emit(api: Api, about: Mapping[str, Any], cause: Cause, now: datetime) -> None:
    """Record an event about an object of ours. A refused event is dropped: the condition says the same."""
    metadata = about["metadata"]
    namespace = metadata.get("namespace") or "default"
    stamp = format_time(now)
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": about.get("apiVersion", "sunward.dev/v1alpha1"),
            "kind": about.get("kind", ""),
            "name": metadata["name"],
            "namespace": metadata.get("namespace", ""),
            "uid": metadata.get("uid", ""),
        },
        "type": WARNING if cause.reason in WARNINGS else NORMAL,
        "reason": str(cause.reason),
        "message": cause.message[:1024],
        "source": {"component": "sunward-operator"},
        "firstTimestamp": stamp[:19] + "Z" if stamp else None,
        "lastTimestamp": stamp[:19] + "Z" if stamp else None,
        "count": 1,
    }
    try:
        await api.create(core("events", namespace=namespace), body)
    except ApiError:
        return
