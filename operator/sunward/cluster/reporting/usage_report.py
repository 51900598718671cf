"""Node-hours that each namespace kept nodes awake, by the hour, in the status of the EnergyPolicy.

The status is the memory: whoever leads next continues with what stands there. A crash loses what was not yet written,
which is at most the time since the last plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sunward.cluster.access.times import format_time
from sunward.cluster.objects.crd_types import EnergyPolicyStatus, EnergyPolicyStatusUsageItem
from sunward.cluster.objects.usage import Buckets, hour_of, recent, stored
from sunward.cluster.reporting.pin_report import LONGEST_PASS, NAMESPACES_LIMIT


class UsageMemory:
    """What was seen since the status was written, on top of what stands there."""

    def __init__(self) -> None:
        self._buckets: Buckets = {}
        self._looked_at: datetime | None = None

    def add(self, nodes: Mapping[str, float], now: datetime) -> None:
        """Count the time since the last look for *nodes*, by namespace; a time that was not watched is left out."""
        before, self._looked_at = self._looked_at, now
        passed = timedelta(0) if before is None else now - before
        if not timedelta(0) < passed <= LONGEST_PASS:
            return
        for namespace, count in nodes.items():
            key = (namespace, hour_of(now))
            self._buckets[key] = self._buckets.get(key, 0.0) + count * passed.total_seconds()

    def status(self, old: EnergyPolicyStatus, now: datetime) -> EnergyPolicyStatus:
        """All hours that still count. What another process wrote in the meantime counts where it is more."""
        written = stored(old)
        merged = {key: max(self._buckets.get(key, 0.0), written.get(key, 0.0)) for key in {*self._buckets, *written}}
        self._buckets = recent(merged, now)
        totals: dict[str, float] = {}
        for (namespace, _), seconds in self._buckets.items():
            totals[namespace] = totals.get(namespace, 0.0) + seconds
        most = sorted(totals, key=lambda name: (-totals[name], name))[:NAMESPACES_LIMIT]
        return {"usage": [_row(name, self._buckets.items()) for name in sorted(most)]}


def _row(namespace: str, buckets: Iterable[tuple[tuple[str, datetime], float]]) -> EnergyPolicyStatusUsageItem:
    own = sorted((start, seconds) for (name, start), seconds in buckets if name == namespace)
    return {
        "namespace": namespace,
        "hours": [{"start": format_time(start) or "", "awakeNodeSeconds": round(seconds)} for start, seconds in own],
    }
