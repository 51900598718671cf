"""How often the status of one object may be written for what another program reports. No clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

INTERVAL = timedelta(minutes=1)
"""One write in this time in the long run."""
AT_ONCE = 5
"""So many writes may come sooner after a quiet time, so that people see a job start."""


@dataclass(slots=True, kw_only=True)
class _Bucket:
    """Writes that may still come at once, as of a time; below zero what urgent ones took in advance."""

    left: float
    at: datetime


class Pace:
    """A token bucket for each object. Losing it, or an object, means to begin with a full one."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def allows(self, uid: str, is_urgent: bool, now: datetime) -> bool:
        """Whether the object may be written now, and count the write if it is. An urgent one always may."""
        bucket = self._filled(uid, now)
        if bucket.left < 1.0 and not is_urgent:
            return False
        bucket.left = max(-float(AT_ONCE), bucket.left - 1.0)
        return True

    def _filled(self, uid: str, now: datetime) -> _Bucket:
        bucket = self._buckets.setdefault(uid, _Bucket(left=float(AT_ONCE), at=now))
        bucket.left = min(float(AT_ONCE), bucket.left + max(timedelta(0), now - bucket.at) / INTERVAL)
        bucket.at = now
        self._forget(now)
        return bucket

    def _forget(self, now: datetime) -> None:
        """Objects whose bucket is full again need none."""
        full = [uid for uid, bucket in self._buckets.items() if now - bucket.at >= AT_ONCE * INTERVAL]
        for uid in full:
            del self._buckets[uid]
