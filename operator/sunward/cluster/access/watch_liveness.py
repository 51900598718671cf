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

ENDS_LIMIT = 10_000
"""Ends of objects that are remembered until a list confirms them."""


class WatchLiveness:
    """What reads have shown and watches have not brought yet, by UID. Times are of the local monotonic clock.

    The newest list of a kind says what exists: what it lacks is no longer awaited. An object whose end a watch brought
    before an older list was read is not awaited either; its UID never comes back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, int] = {}
        self._awaited: dict[str, tuple[int, float, str]] = {}  # version, since when, name
        self._listed: dict[str, frozenset[str]] = {}  # by kind: what its newest list shows
        self._ended: dict[str, None] = {}  # the oldest first

    def read_all(self, kind: str, bodies: Iterable[Mapping[str, Any]]) -> None:
        """A fresh read of a watched kind; from now on a watch is expected to bring what it shows, and nothing else."""
        shown = list(bodies)
        uids = frozenset(str(body["metadata"].get("uid")) for body in shown)
        for uid in self._listed.get(kind, frozenset()) - uids:
            self._awaited.pop(uid, None)
            self._seen.pop(uid, None)
            self._ended.pop(uid, None)
        self._listed[kind] = uids
        for body in shown:
            self._read(body)

    def _read(self, body: Mapping[str, Any]) -> None:
        uid, version = _version_of(body)
        if uid not in self._ended and version > self._seen.get(uid, 0) and uid not in self._awaited:
            self._awaited[uid] = (version, self._monotonic(), str(body["metadata"].get("name")))

    def watched(self, body: Mapping[str, Any], *, gone: bool = False) -> None:
        """A watch brought an object, or its end."""
        uid, version = _version_of(body)
        self._seen[uid] = max(version, self._seen.get(uid, 0))
        if uid in self._awaited and (gone or self._awaited[uid][0] <= version):
            del self._awaited[uid]
        if gone:
            self._seen.pop(uid)
            self._end(uid)

    def _end(self, uid: str) -> None:
        """Remember an end until a list confirms it; an end that no list ever shows is forgotten with the oldest."""
        self._ended[uid] = None
        while len(self._ended) > ENDS_LIMIT:
            del self._ended[next(iter(self._ended))]

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
