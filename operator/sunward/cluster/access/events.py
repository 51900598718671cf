"""Kubernetes events: one per change of state, with an enumerated reason; never fatal when they cannot be written.

What other people's programs cause may happen in every pass. The first events of an object and reason are written one
by one; those that follow soon are counted in the last of them, as the API conventions for events have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sunward.cluster.access.api import Api, ApiError, core
from sunward.cluster.access.times import format_time
from sunward.domain.cause import Cause
from sunward.domain.pods import PodFacts
from sunward.domain.reasons import Reason

NAME_LIMIT = 230
"""Characters of the name of what an event is about; the event's own name has a few more, and at most 253."""
NORMAL = "Normal"
WARNING = "Warning"
WARNINGS = frozenset(
    {
        Reason.API_SERVER_UNAVAILABLE,
        Reason.DEGRADED,
        Reason.DRAIN_BLOCKED,
        Reason.DRAIN_TIMED_OUT,
        Reason.EVICTION_REFUSED,
        Reason.DRIVER_FAILED,
        Reason.POWER_OFF_TIMED_OUT,
        Reason.WAKE_TIMED_OUT,
        Reason.POWERED_OFF_BY_OTHERS,
        Reason.DEADLINE_AT_RISK,
        Reason.DEADLINE_MISSED,
        Reason.BUDGET_EXCEEDED,
        Reason.JOB_FAILED,
        Reason.INVALID_SPEC,
        Reason.QUOTA_EXCEEDED,
        Reason.ACCESS_DENIED,
        Reason.REQUEST_REFUSED,
        Reason.NAME_TAKEN,
        Reason.INTERNAL_ERROR,
        Reason.PLAN_FAILED,
        Reason.PARTS_FAILING,
        Reason.SHARD_NODE_UNKNOWN,
        Reason.UPDATE_REFUSED,
    }
)


WINDOW = timedelta(minutes=10)
"""Events of one object and reason within this time after the first belong together."""
WRITTEN_ONE_BY_ONE = 5
"""So many of them have an event of their own."""
COUNTED_AT_MOST = timedelta(minutes=1)
"""How often the count of the last one is written."""
SERIES_LIMIT = 4096


@dataclass(slots=True, kw_only=True)
class _Series:
    """Events of one object and reason: when they began, how many have one of their own, and the last of those."""

    began: datetime
    events: int = 0
    path: str = ""
    count: int = 0
    written: datetime


class Events:
    """Writes events, and remembers those of the last minutes. Losing that costs a few events more."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._series: dict[tuple[str, Reason], _Series] = {}

    async def emit(self, about: Mapping[str, Any], cause: Cause, now: datetime) -> None:
        """Record an event about an object of ours. A refused event is dropped: the condition says the same."""
        series = self._of(about, cause.reason, now)
        try:
            if series.events < WRITTEN_ONE_BY_ONE:
                await self._create(series, about, cause, now)
            else:
                await self._count(series, cause, now)
        except ApiError:
            return

    def _of(self, about: Mapping[str, Any], reason: Reason, now: datetime) -> _Series:
        """The series that an event belongs to; the oldest are forgotten."""
        metadata = about["metadata"]
        key = (f"{about.get('kind')}/{metadata.get('namespace')}/{metadata['name']}/{metadata.get('uid')}", reason)
        found = self._series.get(key)
        if found is None or now - found.began >= WINDOW:
            self._series = {key: one for key, one in self._series.items() if now - one.began < WINDOW}
            while len(self._series) >= SERIES_LIMIT:
                del self._series[next(iter(self._series))]
            found = self._series[key] = _Series(began=now, written=now)
        return found

    async def _create(self, series: _Series, about: Mapping[str, Any], cause: Cause, now: datetime) -> None:
        body = _event(about, cause, now)
        space = core("events", namespace=body["metadata"]["namespace"])
        series.events, series.count, series.written = series.events + 1, 1, now
        series.path = f"{space}/{body['metadata']['name']}"
        await self._api.create(space, body)

    async def _count(self, series: _Series, cause: Cause, now: datetime) -> None:
        series.count += 1
        if now - series.written < COUNTED_AT_MOST:
            return
        series.written = now
        counted = {"count": series.count, "lastTimestamp": _stamp(now), "message": cause.message[:1024]}
        await self._api.patch(series.path, counted)


def pod_ref(pod: PodFacts) -> Mapping[str, Any]:
    """What an event needs to be about a pod. It is written to the pod's namespace, where the operator may do so."""
    metadata = {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


def _event(about: Mapping[str, Any], cause: Cause, now: datetime) -> dict[str, Any]:
    metadata = about["metadata"]
    namespace = metadata.get("namespace") or "default"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name'][:NAME_LIMIT].rstrip('-.')}.{uuid4().hex[:16]}",
            "namespace": namespace,
        },
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
        "firstTimestamp": _stamp(now),
        "lastTimestamp": _stamp(now),
        "count": 1,
    }


def _stamp(now: datetime) -> str | None:
    """A time as events have it, in whole seconds."""
    text = format_time(now)
    return text[:19] + "Z" if text else None
