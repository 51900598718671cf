"""What can go wrong between the operator and the API server, as values; `fault_proxy` does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Body = dict[str, Any]
SLOW_SECONDS: Final = 10.0
RETRY_AFTER_SECONDS: Final = 1
_SUBRESOURCES_OF_NAMESPACES: Final = ("status", "finalize")


class Kind(StrEnum):
    """Kinds of faults."""

    TOO_MANY = "429"
    INTERNAL = "500"
    UNAVAILABLE = "503"
    FORBIDDEN = "403"
    UNAUTHORISED = "401"
    CONFLICT = "409"
    INVALID = "422"
    RESET = "reset"
    SLOW = "slow"
    HALF_OPEN = "half-open"
    GARBAGE = "garbage"
    ERROR_EVENT = "error-event"
    GONE = "410"
    SILENT = "silent"

    @property
    def status(self) -> int | None:
        """The HTTP status that a refused request gets; None for a fault that is no answer."""
        return int(self) if self.value.isdigit() else None

    @property
    def is_of_writes(self) -> bool:
        """Whether only writes can meet it: nobody conflicts with a reader."""
        return self in (Kind.CONFLICT, Kind.INVALID)

    @property
    def is_of_watches(self) -> bool:
        """Whether only watches can meet it."""
        return self in (Kind.GARBAGE, Kind.ERROR_EVENT, Kind.GONE, Kind.SILENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request by what it asks for. `name` is empty for a collection, `sub` without a subresource."""

    verb: str
    path: str
    plural: str
    namespace: str
    name: str
    sub: str
    query: Mapping[str, str]

    @classmethod
    def of(cls, verb: str, path: str, query: Mapping[str, str]) -> Ask:
        """Take a path of the Kubernetes API apart; other paths (`/version`) have an empty plural."""
        parts = path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else []
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in _SUBRESOURCES_OF_NAMESPACES:
            namespace, rest = rest[1], rest[2:]
        plural, name, sub = (*rest, "", "", "")[:3]
        return cls(verb=verb, path=path, plural=plural, namespace=namespace, name=name, sub=sub, query=dict(query))

    @property
    def is_watch(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.query.get("watch") in ("true", "1")

    @property
    def is_list(self) -> bool:
        """Whether a whole collection is asked for; one cut down to some objects by a field is a look at those."""
        whole = not self.name and "fieldSelector" not in self.query
        return self.verb == "GET" and bool(self.plural) and whole and not self.is_watch

    @property
    def is_write(self) -> bool:
        """Whether the request changes something."""
        return self.verb not in ("GET", "HEAD", "OPTIONS")


def everything(_: Ask) -> bool:
    """Every request."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fault:
    """One fault while it is in force: a kind, the requests it hits, and whether the server hears them first.

    With `answer_lost`, a reset or half-open connection breaks only after the server has done what was asked. With
    `ends_watches`, open watches that it concerns are cut at its beginning, so that they meet it when they come back.
    """

    kind: Kind
    hits: Callable[[Ask], bool] = everything
    answer_lost: bool = False
    ends_watches: bool = False

    def concerns(self, ask: Ask) -> bool:
        """Whether this request meets the fault."""
        if self.kind.is_of_writes and not ask.is_write:
            return False
        return (ask.is_watch or not self.kind.is_of_watches) and self.hits(ask)


def refusal(code: int, message: str = "injected by a test") -> Body:
    """A `Status` as the API server writes it."""
    details = {"retryAfterSeconds": RETRY_AFTER_SECONDS} if code == 429 else {}
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**head, "message": message, "reason": f"Injected{code}", "details": details, "code": code}


def line_of(kind: Kind) -> bytes | None:
    """What an open watch receives when the fault begins; None when it receives nothing."""
    match kind:
        case Kind.GARBAGE:
            return b'{"type": "MODIFIED", "object": {"kind\n'
        case Kind.ERROR_EVENT:
            return _event(refusal(500))
        case Kind.GONE:
            return _event(refusal(410, "too old resource version"))
        case _:
            return None


def _event(status: Body) -> bytes:
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
