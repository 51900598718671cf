"""What a check says: it held, or it was broken and this is the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from sunward_audit.events import Event
from sunward_audit.view import View


class Source(StrEnum):
    """Where events come from; a check that lacks its source cannot judge."""

    OBJECTS = "the objects of the API server"
    ORDERS = "a relay journal"
    REQUESTS = "the API server's audit log"
    LOGS = "log files"
    SECRETS = "the secret values to look for"
    CALM = "word of when the last disturbance was"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One judgement about one subject; `broken` says what must not be, None that it held.

    `subject` and `broken` together name a violation: as long as it lasts it is reported once.
    """

    subject: str
    broken: str | None = None
    evidence: str = ""


Check = Callable[[View, Event], Iterable[Verdict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A sentence that must always hold, the checks that judge it, and what they cannot see.

    `needs` are sources without which nothing is judged. `helped_by` pairs a source with what stays unjudged without it,
    and `blind_to` names what cannot be observed from outside.
    """

    id: str
    sentence: str
    checks: tuple[Check, ...]
    needs: frozenset[Source] = frozenset({Source.OBJECTS})
    helped_by: tuple[tuple[Source, str], ...] = ()
    blind_to: str = ""
