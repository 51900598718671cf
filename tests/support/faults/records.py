"""What a proxy saw: every write with its answer, every event of a watch, and how often an object was written."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from support.faults.kinds import Ask, Kind

Body = dict[str, Any]
REFUSED = 0
"""The status of a request that got no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write that reached the proxy. `status` is what the operator was told, REFUSED when it was told nothing."""

    seconds: float
    ask: Ask
    digest: str
    status: int
    fault: Kind | None

    @property
    def address(self) -> str:
        """The object written to, without its subresource."""
        return "/".join(part for part in (self.ask.plural, self.ask.namespace, self.ask.name) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a watch. `number` counts all events of a proxy; `passed` is False for one that was dropped."""

    number: int
    seconds: float
    plural: str
    kind: str
    namespace: str
    name: str
    revision: int
    passed: bool

    @property
    def pair(self) -> tuple[str, str]:
        """Its kind as a test of lost events counts kinds: resource and type."""
        return self.plural, self.kind


@dataclass(slots=True)
class Records:
    """Everything that was seen, oldest first; appended to by the proxy's thread, read by the test's."""

    writes: list[Write] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    watches: list[tuple[float, str]] = field(default_factory=list)
    lists: list[tuple[float, str]] = field(default_factory=list)

    def writes_per_minute(self) -> Counter[tuple[str, int]]:
        """Writes that were done, by object and minute since the process' clock began; Leases are not counted."""
        done = (write for write in self.writes if 200 <= write.status < 300 and write.ask.plural != "leases")
        return Counter((write.address, int(write.seconds // 60)) for write in done)

    def watches_since(self, seconds: float) -> list[str]:
        """Resources whose watch was opened anew after a time of the monotonic clock."""
        return [plural for opened, plural in self.watches if opened >= seconds]


def digest_of(body: bytes) -> str:
    """Short name of a request's body."""
    return hashlib.sha256(body).hexdigest()[:16]


def event_of(number: int, ask: Ask, line: Body, *, passed: bool) -> Event:
    """An event as it stands in a stream; a bookmark has a revision and no name."""
    body: Body = line.get("object") or {}
    metadata = body.get("metadata") or {}
    return Event(
        number=number,
        seconds=time.monotonic(),
        plural=ask.plural,
        kind=str(line.get("type", "")),
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        revision=int(metadata.get("resourceVersion") or 0),
        passed=passed,
    )


def duplicates(keys: Iterable[object]) -> list[object]:
    """What stands more than once, each once."""
    return [key for key, count in Counter(keys).items() if count > 1]
