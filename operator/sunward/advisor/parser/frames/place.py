"""Readers of wishes about where a job runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sunward.advisor.parser.frames.subject import lacks_subject
from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, Token, word


def reserved(span: Span) -> Iterator[Reading | None]:
    """`school-01 is reserved for the birds`: the other jobs do not work there."""
    nodes, jobs = span.of(Kind.NODES), span.of(Kind.JOBS)
    if len(nodes) != 1 or len(jobs) != 1 or not span.has("reserved") or span.has("neg", "battery", "sun"):
        return
    others = [name for name in span.index.jobs if name not in jobs[0].names.names]
    if others and span.is_before(nodes[0], jobs[0]):
        edit = {"edit": "no-work-on", "jobs": others, "nodes": span.labels(nodes)}
        yield span.reading("no-work-on", [edit], ("reserved", "work", "only", "all"), [*nodes, *jobs])


def place(span: Span) -> Iterator[Reading | None]:
    """Nodes that must not, or alone may, work on a job."""
    nodes, none = span.of(Kind.NODES), [t for t in span.amounts("%") if word(t) == "none"]
    if (
        not nodes
        or len(span.amounts("%", "x", "", "Wh", "W", "s", "g", "g/kWh")) > len(none)
        or (none and not (span.has("work") and span.of(Kind.JOBS)))
        or span.hours()
        or span.has("battery", "sun", "grid", "sleep", "export")
        or any("work" not in token.concepts for token in span.words("data"))
    ):
        return
    jobs = span.of(Kind.JOBS)
    lead = span.previous(nodes[0])
    if not jobs and lead is not None and word(lead) in ("to", "into") and not span.has("work", "home"):
        return
    general = (
        span.has("work")
        or bool([t for t in span.of(Kind.ALL) if word(t) in ("anything", "everything")])
        or (span.says("nothing", "nobody") and span.says("on", "to", "in", "there"))
    )
    negative = bool(none) or span.has("neg", "forbid", "out", "off", "ignore")
    only = span.has("only") or span.says("only the")
    if only and span.has("move") and span.says("to", "into"):
        return
    trailing = bool(jobs) and span.is_before(nodes[0], jobs[-1]) and _is_only_behind(span, jobs[-1])
    if only and trailing:
        return
    stays = span.says(
        "keep", "stay", "stays", "keeps", "remain", "remains", "kept", "must", "belongs", "has to", "confined", "on"
    ) and not span.has("may")
    missing: set[str] = set()
    labels = span.labels(jobs)
    if not jobs:
        if not general:
            missing = {"jobs"}
        there = span.says("nothing") and all(word(t) == "there" for t in span.of(Kind.PRONOUN))
        labels = ["*"] if general and (there or not span.of(Kind.PRONOUN)) and not lacks_subject(span) else labels
        missing = missing if labels else {"jobs"}
    allowed = (
        "neg",
        "forbid",
        "out",
        "off",
        "only",
        "work",
        "may",
        "ignore",
        "move",
        "home",
        "or",
        "prep",
        "all",
        "batch",
        "less",
        "planonly",
        "worker",
        "idle",
        "both",
        "onp",
        "atmost",
        "from",
    )
    used = [*nodes, *jobs, *none, *span.of(Kind.ALL)]
    if negative and not only:
        if span.has("may") and not span.has("neg", "forbid"):
            return
        edit = {"edit": "no-work-on", "jobs": labels or None, "nodes": span.labels(nodes)}
        yield span.reading("no-work-on", [edit], allowed, used, missing)
    elif (only and not negative) or (stays and jobs and not negative and not span.has("awake")):
        if only and jobs and _only_of_job(span, jobs[0], nodes[0]):
            others = [name for name in span.index.jobs if name not in jobs[0].names.names]
            edit = {"edit": "no-work-on", "jobs": others, "nodes": span.labels(nodes)}
            if span.has("work"):
                yield span.reading("no-work-on", [edit], allowed, used)
            return
        if not only and not span.says("on", "in", "to", "within", "at"):
            return
        edit = {"edit": "only-on", "jobs": labels or None, "nodes": span.labels(nodes)}
        yield span.reading("only-on", [edit], allowed, used, missing)


def _is_only_behind(span: Span, job: Token) -> bool:
    """`par-1 for traffic only` leaves open what is alone: the node or the job."""
    at = span.tokens.index(job) + 1
    while at < len(span.tokens) and "work" in span.tokens[at].concepts:
        at += 1
    return at < len(span.tokens) and "only" in span.tokens[at].concepts


def _only_of_job(span: Span, job: Token, node: Token) -> bool:
    """`only the birds may use school-01` is about the other jobs."""
    before = span.previous(job)
    return before is not None and "only" in before.concepts and span.is_before(job, node) and span.has("may")


def only_does(span: Span) -> Iterator[Reading | None]:
    """`the schools only do birds`: what else there is does not work on them."""
    nodes, jobs, only = span.of(Kind.NODES), span.of(Kind.JOBS), span.words("only")
    if len(nodes) != 1 or len(jobs) != 1 or len(only) != 1 or span.has("neg", "move", "may"):
        return
    ordered = span.is_before(nodes[0], only[0]) and span.is_before(only[0], jobs[0])
    between = [t for t in span.tokens if only[0].start < t.start < jobs[0].start]
    verb = any("work" in t.concepts and word(t) not in ("on", "for") for t in between)
    others = [name for name in span.index.jobs if name not in jobs[0].names.names]
    if ordered and verb and others:
        edit = {"edit": "no-work-on", "jobs": others, "nodes": span.labels(nodes)}
        found = span.reading("no-work-on", [edit], ("only", "work", "batch"), [*nodes, *jobs])
        if found is not None:
            yield replace(found, cost=found.cost - 0.1)


READERS = (reserved, only_does, place)
