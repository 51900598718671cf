"""Readers of wishes about sleep: nodes that stay awake, and how many may sleep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sunward.advisor.parser.frames.subject import lacks_subject
from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, word


def awake(span: Span) -> Iterator[Reading | None]:
    """Nodes that never sleep: `keep barn-03 on`, `the cabin must not sleep`."""
    named = span.of(Kind.NODES)
    if named and span.has("neg") and not span.has("awake", "sleep"):
        found = span.reading("awake", [{"edit": "awake", "nodes": span.labels(named)}], ("neg",), named)
        if found is not None and not span.of(Kind.JOBS):
            yield replace(found, follows="asleep-limit")
    if (
        span.of(Kind.JOBS, Kind.NUMBER, Kind.QUANTITY)
        or span.has("only")
        or not (span.has("awake") or span.has("sleep"))
    ):
        return
    negative = span.has("neg", "forbid")
    if negative and span.of(Kind.MARK):
        return
    on = span.has("awake") and not span.has("sleep")
    if on == negative or (span.has("off") and not span.has("sleep")) or (on and span.has("may")):
        return
    everything = [token for token in span.of(Kind.ALL) if word(token) in ("everything", "all", "anything")]
    if not named and not everything:
        if span.of(Kind.PRONOUN) or span.says("too", "as well") or lacks_subject(span):
            yield span.reading("awake", [{"edit": "awake", "nodes": None}], _AWAKE, (), {"nodes"})
        return
    labels = span.labels(named) if named else ["*"]
    yield span.reading("awake", [{"edit": "awake", "nodes": labels}], _AWAKE, [*named, *everything])


_AWAKE = ("awake", "sleep", "neg", "forbid", "off", "may", "minimum", "or", "on", "all", "asleepw", "onp")


def may_sleep(span: Span) -> Iterator[Reading | None]:
    """Nodes that may sleep: nothing to do, or refused where the base keeps them awake."""
    named = span.of(Kind.NODES)
    if (
        named
        and span.has("sleep")
        and span.has("may")
        and not span.has("neg", "forbid")
        and not span.of(Kind.JOBS, Kind.NUMBER, Kind.QUANTITY)
    ):
        rest = all(word(token).startswith(("rest", "other", "remaining")) for token in named)
        edits = [] if rest else [{"edit": "may-sleep", "nodes": span.labels(named)}]
        yield span.reading("may-sleep", edits, ("sleep", "may", "asleepw", "off", "onp"), named)


def asleep_limit(span: Span) -> Iterator[Reading | None]:
    """How many nodes may sleep at once: `at most two asleep`, `at least six of the eight boxes awake`."""
    if not span.has("sleep", "awake") or span.of(Kind.JOBS) or span.has("worker", "idle"):
        return
    counts = [*span.amounts("", "%")]
    named = [token for token in span.of(Kind.NODES) if token.names.labels == ("*",)]
    if not counts or len(counts) > 2 or (span.of(Kind.NODES) and not named):
        return
    sleeping = span.has("sleep")
    negative = span.has("neg", "forbid")
    least, most = span.has("atleast"), span.has("atmost", "only")
    if negative and not (sleeping and span.has("morethan")):
        return
    most = most or negative or (sleeping and span.has("may") and not least)
    least = least or (not sleeping and not most)
    if least == most or (sleeping and least) or (not sleeping and most):
        return
    field_name = "at_most" if sleeping else "at_least_awake"
    quote = span.quote(counts) if len(counts) == 2 else counts[0].text
    allowed = (
        "sleep",
        "awake",
        "atleast",
        "atmost",
        "only",
        "may",
        "on",
        "asleepw",
        "minimum",
        "worker",
        "off",
        "neg",
        "morethan",
        "work",
        "all",
        "asap",
        "onp",
    )
    yield span.reading("asleep-limit", [{"edit": "asleep-limit", field_name: quote}], allowed, [*counts, *named])


READERS = (awake, may_sleep, asleep_limit)
