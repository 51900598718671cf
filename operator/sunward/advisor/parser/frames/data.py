"""Readers of wishes about how much of the data of a job may move, and where to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, word


def move(span: Span) -> Iterator[Reading | None]:
    """How much of a job's data may be processed elsewhere: a share, all of it, nothing."""
    if (
        (span.of(Kind.NODES) or span.hours())
        or span.amounts("x", "Wh", "W", "s", "g", "g/kWh", "")
        or span.has("sun", "battery", "grid", "export", "asap", "shift")
    ):
        return
    follows = span.has("data") and bool(span.of(Kind.JOBS)) and bool(span.amounts("%"))
    if not span.has("move", "home") and not follows:
        return
    if (
        any(token.names.labels == ("*",) for token in span.of(Kind.JOBS))
        and not span.has("data")
        and not span.amounts("%")
    ):
        return
    if (
        not span.of(Kind.JOBS, Kind.PRONOUN)
        and (
            not span.has("data")
            or any(
                "offload" in t.concepts and not word(t).startswith("offload ")
                for t in span.tokens
                if word(t).endswith("ing")
            )
        )
        and not span.amounts("%")
    ):
        return
    shares = span.amounts("%")
    labels, named, missing = span.jobs_or_missing()
    negative = span.has("neg", "forbid")
    allowed = [
        "move",
        "home",
        "data",
        "atmost",
        "may",
        "batch",
        "work",
        "only",
        "freely",
        "all",
        "morethan",
        "neg",
        "forbid",
        "out",
        "less",
        "more",
        "batch",
        "prep",
        "or",
        "budget",
        "reduced_to",
        "limit",
    ]
    stays = (
        span.has("home")
        and not span.has("data")
        and span.says("put")
        and not span.says("stay", "stays", "stay put", "stays put")
    )
    least = span.words("atleast")
    if least and span.has("home") and len(shares) == 1 and not negative and not stays:
        edit = {"edit": "move", "jobs": labels, "at_most": span.quote([*least, *shares, *span.words("home")])}
        yield span.reading("move", [edit], (*allowed, "atleast"), [*named, *shares], missing)
        return
    if stays or (span.has("atleast", "exactly")):
        return
    every = [t for t in span.of(Kind.ALL) if word(t) in ("all", "everything", "any", "anything", "every")]
    if span.has("less", "more") and not (len(shares) == 1 and span.is_level(shares[0])):
        return
    if len(shares) == 1:
        if negative and not span.has("morethan"):
            return
        quote = shares[0].text
    elif shares:
        return
    elif (
        span.has("home")
        and (
            span.says(
                "stay",
                "stays",
                "keep",
                "keeps",
                "kept",
                "remain",
                "remains",
                "leave",
                "must",
                "only",
                "staying",
                "left",
            )
            or span.has("neg")
        )
        and not (span.has("neg") and not _leaves(span))
    ):
        quote = span.quote(span.words("neg")[:1] or span.words("home"))
        if span.has("move") and not span.has("neg", "forbid") and _moves(span):
            return
    elif negative and _moves(span) and not [t for t in every if word(t) in ("all", "everything")]:
        quote = span.quote(span.words("neg", "forbid")[:1])
    elif not negative and _moves(span) and span.has("may") and (every or span.has("freely")):
        quote = span.quote(every[:1] or span.words("freely")[:1])
    elif not negative and _moves(span) and span.has("freely"):
        quote = span.quote(span.words("freely")[:1])
    else:
        return
    if labels is None and (span.says("no") or _all_data(span)) and span.has("data") and not span.of(Kind.PRONOUN):
        labels, missing = ["*"], set()
    found = span.reading(
        "move", [{"edit": "move", "jobs": labels, "at_most": quote}], allowed, [*named, *shares, *every], missing
    )
    if found is not None:
        yield found if span.has("move", "home") else replace(found, follows="move")


def move_again(span: Span) -> Iterator[Reading | None]:
    """`and nothing of traffic`, `nothing moved`: no data of another job, or of the one that was named."""
    none = [t for t in span.tokens if word(t) in ("nothing", "none", "not")]
    named = span.of(Kind.JOBS)
    if len(none) != 1 or len(named) > 1 or span.of(Kind.NODES, Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, Kind.ALL):
        return
    if not named and (not span.has("move") or span.has("offload") or word(none[0]) not in ("nothing", "none")):
        return
    edit = {"edit": "move", "jobs": span.labels(named) or None, "at_most": none[0].text}
    found = span.reading("move", [edit], ("neg", "move", "data"), named, () if named else {"jobs"})
    if found is not None and found.cost == 0.0:
        yield replace(found, follows="move" if named else None)


def _all_data(span: Span) -> bool:
    """`all data`, `every job's data`; in `the data may all move` it is the share."""
    places = [n for n, t in enumerate(span.tokens) if t.kind is Kind.ALL and word(t) in ("all", "every", "everything")]
    return any("data" in t.concepts for n in places for t in span.tokens[n + 1 : n + 4])


def _moves(span: Span) -> bool:
    return any("move" in t.concepts for t in span.tokens)


def _leaves(span: Span) -> bool:
    """`must not leave home`: leaving under a negation is staying."""
    return _moves(span)


_STAYING = ("stay", "stays", "remain", "remains", "keep", "kept", "stay within", "keep within")


def movable_to(span: Span) -> Iterator[Reading | None]:
    """Where a job's data may go: `may only go to school-02`, `data must not leave the Netherlands`."""
    nodes = span.of(Kind.NODES)
    if (
        not nodes
        or span.hours()
        or span.amounts("%", "x", "", "Wh", "W", "s", "g", "g/kWh")
        or span.has("battery", "sun", "sleep", "export")
    ):
        return
    labels, named, missing = span.jobs_or_missing()
    goes, only, negative = span.has("move"), span.has("only"), span.has("neg", "forbid")
    targets = span.says(
        "to", "within", "stay within", "in", "inside", "into", "between", "among", "onto", "out of", "on"
    ) or span.says("leave")
    explicit = span.says("movable", "moveable")
    stays = span.says(*_STAYING) and span.has("data")
    sent = span.has("data") and only and span.says("to", "into") and not negative
    if only and not goes and not named and not negative and span.says("to", "into") and not span.has("work", "data"):
        edit = {"edit": "movable-to", "jobs": None, "nodes": span.labels(nodes)}
        found = span.reading("movable-to", [edit], ("only", "prep", "may", "or"), nodes, {"jobs"})
        if found is not None:
            yield replace(found, follows="move")
        return
    leaving = negative and span.says("leave", "leaves", "leaving", "cross", "crosses", "crossing")
    if not (
        (goes and (only or explicit or (span.has("may") and span.has("data") and only)) and targets and not negative)
        or (stays and not negative and targets)
        or sent
        or (leaving and (nodes[0].names.is_place or nodes[0].names.labels[0].startswith("pool:")))
    ):
        return
    allowed = (
        "move",
        "only",
        "data",
        "may",
        "work",
        "batch",
        "neg",
        "forbid",
        "out",
        "home",
        "prep",
        "all",
        "or",
        "between",
        "atmost",
    )
    yield span.reading(
        "movable-to",
        [{"edit": "movable-to", "jobs": labels, "nodes": span.labels(nodes)}],
        allowed,
        [*named, *nodes, *span.of(Kind.ALL)],
        missing,
    )


def move_share(span: Span) -> Iterator[Reading | None]:
    """`a quarter at most`, behind where data may go: how much of it."""
    shares = span.amounts("%")
    if len(shares) != 1 or not span.has("atmost", "only") or span.of(Kind.NODES, Kind.JOBS, Kind.CLOCK, Kind.ALL):
        return
    edit = {"edit": "move", "jobs": None, "at_most": shares[0].text}
    found = span.reading("move", [edit], ("atmost", "only", "data", "may"), shares, {"jobs"})
    if found is not None and found.cost == 0.0:
        yield replace(found, follows="movable-to")


READERS = (move, move_again, move_share, movable_to)
