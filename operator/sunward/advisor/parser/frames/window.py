"""Readers of wishes about when a job runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sunward.advisor.parser.frames.times import BOUNDS, Bounds, bounds_of
from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, Token, word

_WINDOW = (
    *BOUNDS,
    "tillend",
    "start",
    "finish",
    "sameday",
    "tomorrow",
    "work",
    "only",
    "may",
    "neg",
    "within",
    "atmost",
    "initial",
    "final",
    "minimum",
    "all",
    "batch",
    "planonly",
    "earlier",
    "later",
    "morethan",
    "budget",
    "more",
    "less",
)


def window(span: Span) -> Iterator[Reading | None]:
    """When a job may run; `may take until` and its like replace the deadline, everything else only tightens."""
    times = [*span.of(Kind.CLOCK, Kind.PART), *span.amounts("s")]
    if not times or span.of(Kind.NODES) or span.amounts("%", "x", "g", "Wh", "W", "g/kWh") or len(times) > 2:
        return
    if not _is_job_talk(span):
        return
    if any({first.kind, second.kind} == {Kind.CLOCK, Kind.PART} for first, second in itertools.pairwise(span.tokens)):
        return
    bounds = bounds_of(span, sorted(times, key=lambda token: token.start))
    if bounds is None or bounds.is_bad:
        return
    labels, named, missing = span.jobs_or_missing()
    alone = named and (lead := span.previous(named[0])) is not None and "only" in lead.concepts
    if alone and all(token.kind is Kind.PART for token in times):
        return
    used = [*named, *times]
    if labels is None and any(word(t) in ("everything", "all", "anything") for t in span.of(Kind.ALL)):
        labels, missing, used = ["*"], set(), [*used, *span.of(Kind.ALL)]
    if labels is None and _no_job(span):
        labels, missing = ["*"], set()
    grants = (
        span.has("until") and (span.has("may") or span.says("give", "gives", "given")) and not span.has("neg", "by")
    )
    loosens = (
        span.has("extend")
        or grants
        or (span.says("deadline") and span.has("move"))
        or (any("later" in t.concepts for t in span.tokens[-2:]) and bool(span.amounts("s")))
        or ((span.has("earlystart") or _may_start(span, bounds)) and not span.has("neg"))
    ) and not span.has("only")
    edit = {"edit": "extend" if loosens else "window", "jobs": labels}
    edit |= {"not_before": span.quote(bounds.not_before), "done_by": span.quote(bounds.done_by)}
    yield span.reading(
        "window",
        [edit],
        (*_WINDOW, "earlier", "later", *(("move",) if span.says("deadline") else ())),
        [*used, *_counted(span)],
        missing,
    )


def _may_start(span: Span, bounds: Bounds) -> bool:
    """`may start straight from 8` grants an earlier start; `may start after 8` does not."""
    if not bounds.not_before or bounds.done_by:
        return False
    said = {c for t in span.tokens if t.start < bounds.not_before[-1].start for c in t.concepts}
    return {"may", "start", "from"} <= said and not said & {"after", "before"}


def _no_job(span: Span) -> bool:
    """`no job may start before seven` is about every job."""
    pairs = itertools.pairwise(word(token) for token in span.tokens)
    return any(
        first == "no" and second in ("job", "jobs", "task", "tasks", "training", "work") for first, second in pairs
    )


def _counted(span: Span) -> list[Token]:
    """`first` and `last` beside a length of time count hours, not turns."""
    return (
        [token for token in span.tokens if word(token) in ("first", "last", "next", "final")]
        if span.amounts("s")
        else []
    )


def _is_job_talk(span: Span) -> bool:
    """Whether the hours can be those of a job: what it does, and not sun, grids, batteries or sleep."""
    other = any(word(t).startswith(("export", "offload", "share", "sharing")) for t in span.tokens)
    rests = span.has("sleep", "awake", "wake") and not span.of(Kind.JOBS)
    return not other and not rests and not span.has("sun", "grid", "battery", "embodied")


READERS = (window,)
