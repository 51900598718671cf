"""I16: no secret stands where people and machines may read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator

from sunward_audit import facts
from sunward_audit.events import Event, LogLine, ObjectSeen
from sunward_audit.verdicts import Check, Verdict
from sunward_audit.view import View

SHAPES = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a bearer token": re.compile(r"[Bb]earer\s+[A-Za-z0-9_\-.=]{16,}"),
    "a signed token": re.compile(r"eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}"),
    "a password in an address": re.compile(r"[a-z]+://[^/\s:@]+:[^/\s:@]+@"),
}
WATCHED = ("events", "energynodes", "energyplans", "energypolicies", "trainingjobs", "nodes")
SHORTEST = 6
"""Shorter values stand in any text by chance."""


def no_shapes(view: View, event: Event) -> Iterator[Verdict]:
    """Nothing that looks like a secret stands in a log, an event or a status."""
    del view
    yield from _search(event, lambda text: (what for what, shape in SHAPES.items() if shape.search(text)))


def no_values(values: Iterable[str]) -> Check:
    """A check for known secret values; what it reports never repeats them."""
    known = [value for value in values if len(value) >= SHORTEST]

    def check(view: View, event: Event) -> Iterator[Verdict]:
        del view
        yield from _search(event, lambda text: ("a known secret value" for value in known if value in text))

    return check


def _search(event: Event, find: Callable[[str], Iterable[str]]) -> Iterator[Verdict]:
    told = _text(event)
    if told is None:
        return
    subject, text = told
    found = sorted(set(find(text)))
    yield from (Verdict(subject=subject, broken=f"shows {what}") for what in found)
    if not found:
        yield Verdict(subject=subject)


def _text(event: Event) -> tuple[str, str] | None:
    if isinstance(event, LogLine):
        return event.source, event.text
    if not isinstance(event, ObjectSeen) or event.kind not in WATCHED or event.gone:
        return None
    shown = event.body if event.kind == "events" else event.body.get("status")
    return f"{event.kind} {facts.key_of(event.body)}", json.dumps(shown, ensure_ascii=False)
