"""Whether the watches still see: whatever a fresh read shows, a watch must bring as well, soon.

A watch can fall silent, or its task can end, while the process goes on. Every change that the loop's own lists show is
therefore a canary, and so is the Lease, which its holder renews every few seconds and which is watched for this alone.
Nothing is written for it. A watch that lost one event lost sight of that object, and counts as blind until it sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

BLIND_LIMIT_SECONDS = 60.0
"""Kopf gives a silent stream up after 70 s; what is still missing then is worth a restart."""


class WatchLiveness:
    """What reads have shown and watches have not brought yet, by UID. Times are of the local monotonic clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, int] = {}
        self._awaited: dict[str, tuple[int, float, str]] = {}  # version, since when, name

    def read(self, body: Mapping[str, Any]) -> None:
        """A fresh read showed an object of a watched kind; from now on a watch is expected to bring it."""
        uid, version = _version_of(body)
        if version > self._seen.get(uid, 0) and uid not in self._awaited:
            self._awaited[uid] = (version, self._monotonic(), str(body["metadata"].get("name")))

    def read_all(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        """As `read`, for a list."""
        for body in bodies:
            self.read(body)

    def watched(self, body: Mapping[str, Any], *, gone: bool = False) -> None:
        """A watch brought an object, or its end."""
        uid, version = _version_of(body)
        self._seen[uid] = max(version, self._seen.get(uid, 0))
        if uid in self._awaited and (gone or self._awaited[uid][0] <= version):
            del self._awaited[uid]
        if gone:
            self._seen.pop(uid)

    def blind_seconds(self) -> float:
        """How long the longest awaited change has been missing; 0 when nothing is."""
        since = min((since for _, since, _ in self._awaited.values()), default=None)
        return 0.0 if since is None else self._monotonic() - since

    def missing(self) -> str:
        """The object that has been awaited longest, by name; empty when nothing is missing."""
        return min(self._awaited.values(), key=lambda one: one[1])[2] if self._awaited else ""


def _version_of(body: Mapping[str, Any]) -> tuple[str, int]:
    """UID and version. Kubernetes promises since 1.35 that versions of one kind can be compared as numbers."""
    metadata = body["metadata"]
    return str(metadata.get("uid")), int(metadata.get("resourceVersion") or 0)
