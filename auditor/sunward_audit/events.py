"""What the auditor is shown, in the order in which it happened. Times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Body = Mapping[str, Any]
"""An object as the API server sends it; read, never changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSeen:
    """The state of an object from a list or a watch; `gone` with its last state when it was deleted.

    `kind` is the plural resource name ("nodes"). `listed` marks the first state that was seen of an object that is
    older than the audit: it tells what is, not what changed.
    """

    time: datetime
    kind: str
    body: Body
    gone: bool = False
    listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOrder:
    """A request to a relay to switch. `operation` and `token` are what it said of itself; None when it said nothing.

    `process` tells the senders apart (a peer's address); "" when unknown.
    """

    time: datetime
    relay: str
    node: str
    on: bool
    operation: str | None = None
    token: int | None = None
    process: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRead:
    """What a relay shows: its output and the draw in watts, None for a meter that says nothing."""

    time: datetime
    relay: str
    node: str
    on: bool
    watts: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One write that the API server has answered, from its audit log.

    `code` is the HTTP status. `body` is what was sent: None when the log does not keep it.
    """

    time: datetime
    user: str
    verb: str
    kind: str
    namespace: str = ""
    name: str = ""
    sub: str = ""
    body: Any = None
    code: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of a log, of a metrics page, or of anything else in which no secret may stand."""

    time: datetime
    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time passed and nothing else."""

    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiescence:
    """From here on no fault is injected and no wish changes: after `settle` the cluster has reached its goal, and
    for `quiet` after that nothing is written but the Lease. Any further change of a spec withdraws it."""

    time: datetime
    settle: timedelta = timedelta(seconds=120)
    quiet: timedelta = timedelta(seconds=120)


Event = ObjectSeen | RelayOrder | RelayRead | Request | LogLine | Tick | Quiescence
