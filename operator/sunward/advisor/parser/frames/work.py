"""Readers of wishes about jobs: when, where, how much, with how many workers, and how much of their data may move."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sunward.advisor.parser.shape import word
from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, Token

_BOUNDS = ("by", "before", "until", "after", "from", "between", "rangeto", "extend", "earlystart")
_WINDOW = (
    *_BOUNDS,
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


_MODALS = (
    "must",
    "should",
    "may",
    "can",
    "could",
    "cannot",
    "will",
    "shall",
    "has",
    "have",
    "needs",
    "ought",
    "is",
    "are",
)
_WORK_NOUNS = ("work", "job", "jobs", "task", "tasks", "training", "workload", "workloads", "batches", "computation")


@dataclass(slots=True)
class _Bounds:
    """Pieces of the request for both ends of a window, and whether it may loosen."""

    not_before: list[Token]
    done_by: list[Token]
    is_bad: bool = False


def window(span: Span) -> Iterator[Reading | None]:
    """When a job may run; `may take until` and its like replace the deadline, everything else only tightens."""
    times = [*span.of(Kind.CLOCK, Kind.PART), *span.amounts("s")]
    if not times or span.of(Kind.NODES) or span.amounts("%", "x", "g", "Wh", "W", "g/kWh") or len(times) > 2:
        return
    if not _is_job_talk(span):
        return
    bounds = _bounds(span, sorted(times, key=lambda token: token.start))
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
        or (any(word(t) in ("later", "longer") for t in span.tokens[-2:]) and bool(span.amounts("s")))
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


def _may_start(span: Span, bounds: _Bounds) -> bool:
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


def _bounds(span: Span, times: list[Token]) -> _Bounds | None:
    found = _Bounds([], [])
    if len(times) == 2 and _is_range(span, times):
        if span.has("neg", "forbid"):
            return None
        lead = span.tokens[max(0, span.tokens.index(times[0]) - 1)]
        begin = lead if lead.concepts & {"between", "from"} else times[0]
        both = [t for t in span.tokens if begin.start <= t.start <= times[1].start]
        return _Bounds(both, both)
    before = -1
    for time in times:
        _bound(span, time, before, found)
        before = time.start
    return found


def _is_range(span: Span, times: list[Token]) -> bool:
    """`between 9 and 12`, `from 9 to 12`, `9-12`."""
    first, second = (span.tokens.index(time) for time in times)
    middle = span.tokens[first + 1 : second]
    lead = span.tokens[first - 1] if first else None
    joined = [word(t) for t in middle if word(t) not in ("the", "at")]
    opened = lead is not None and bool(lead.concepts & {"between", "from"})
    return (opened and joined in (["and"], ["to"], ["until"], ["till"], ["-"])) or joined == ["-"] or (joined == ["to"])


def _bound(span: Span, time: Token, after: int, found: _Bounds) -> None:
    """Which end a time bounds, by the words since the last one and right behind it."""
    at = span.tokens.index(time)
    lead = [t for t in span.tokens[:at] if t.start > after]
    tail = span.tokens[at + 1 : at + 4]
    side = _side(time, lead, tail)
    if side == "by" and _starts_later(lead):
        side = "after"
    negative = any("neg" in t.concepts for t in lead)
    if side == "before_negative" or side is None:
        found.is_bad = True
        return
    verbs = [t for t in (*lead, *tail) if t.concepts & {"start", "finish"}]
    verb = (
        verbs[-1].concepts
        if verbs and not (lead and lead[-1].concepts & {"after"} and "start" in lead[-1].concepts)
        else frozenset()
    )
    if negative:
        flipped = {
            "both": "both",
            "by": "after" if any(t.concepts & {"before", "until"} for t in lead) else None,
            "after": "by",
        }
        side = flipped.get(side)
    elif (
        side == "by"
        and "start" in verb
        and "finish" not in verb
        and "extend" not in {c for t in lead for c in t.concepts}
    ) or (side == "after" and verb & {"finish"} and not verb & {"start", "work"}):
        side = None
    quote = [
        *[
            t
            for t in lead
            if t.concepts & {"before", "after", "by", "until", "extend"}
            or word(t) in ("end", "within", "first", "last", "next", "earlier", "later", "forward", "brought forward")
        ],
        time,
        *[
            t
            for t in tail
            if word(t) in ("earlier", "later", "sooner", "longer", "tomorrow", "today") or t.concepts & {"tomorrow"}
        ],
    ]
    if negative and side == "both":
        quote = [*[t for t in lead if "neg" in t.concepts], *quote]
    if side is None:
        found.is_bad = True
    elif side == "both":
        found.not_before, found.done_by = quote, quote
    elif side == "after":
        found.is_bad |= bool(found.not_before)
        found.not_before = quote
    else:
        found.is_bad |= bool(found.done_by)
        found.done_by = quote


def _starts_later(lead: Sequence[Token]) -> bool:
    """`pushed to start at`: what is put off is the beginning."""
    pushed = [place for place, t in enumerate(lead) if "extend" in t.concepts]
    behind = lead[pushed[-1] + 1 :] if pushed else ()
    return any("start" in t.concepts and "finish" not in t.concepts for t in behind)


def _side(time: Token, lead: Sequence[Token], tail: Sequence[Token]) -> str | None:
    near = [
        t
        for t in lead
        if t.concepts & set(_BOUNDS) or word(t) in ("within", "in", "at", "during", "first", "last", "next")
    ]
    last = near[-1] if near else None
    right = tail[0] if tail else None
    if (
        last is not None
        and "until" in last.concepts
        and any(
            word(t) in ("hold", "wait", "waits", "held", "delay", "delayed", "postpone", "hold off", "back")
            for t in lead
        )
        and not any(word(t) == "deadline" for t in lead)
    ):
        return "after"
    if time.kind is Kind.QUANTITY:
        return _duration_side(lead, tail)
    if right is not None and word(right) in (
        "or later",
        "or after",
        "onwards",
        "onward",
        "and later",
        "at the earliest",
        "on",
        "earliest",
    ):
        return "after" if word(right) != "on" or (last is not None and "from" in last.concepts) else None
    if right is not None and word(right) in (
        "at the latest",
        "latest",
        "or earlier",
        "or sooner",
        "sharp at the latest",
        "at latest",
        "deadline",
        "max",
        "tops",
        "or before",
    ):
        return "by"
    if last is not None and last.concepts & {"by", "before", "until", "extend"}:
        return "by" if "earlystart" not in last.concepts else "after"
    if last is not None and last.concepts & {"after", "from", "earlystart"}:
        return "after"
    if time.kind is Kind.PART:
        return "both"
    if any("by" in t.concepts or "extend" in t.concepts for t in lead) or (
        right is not None and word(right) == "deadline"
    ):
        return "by"
    if any("finish" in t.concepts for t in lead):
        return "by"
    return "after" if any("start" in t.concepts or "earlystart" in t.concepts for t in lead) else None


def _duration_side(lead: Sequence[Token], tail: Sequence[Token]) -> str | None:
    """`within two hours`, `in the first 3 h`, `an hour earlier`, `in the last 2 hours`."""
    said = [word(t) for t in lead[-4:]]
    ahead = [word(t) for t in tail]
    if (
        any(w in ("earlier", "sooner", "later", "longer") for w in ahead)
        or "forward" in said
        or "brought forward" in said
    ):
        return "by"
    if "last" in said or "final" in said:
        return "after"
    if (
        "within" in said
        or "first" in said
        or "next" in said
        or ("in" in said and any("finish" in t.concepts for t in lead))
    ):
        return "by"
    return "after" if any(t.concepts & {"after"} for t in lead) else None


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
    general = (
        span.has("work")
        or bool([t for t in span.of(Kind.ALL) if word(t) in ("anything", "everything")])
        or (span.says("nothing", "nobody") and span.says("on", "to", "in"))
    )
    negative = bool(none) or span.has("neg", "forbid", "out", "off", "ignore")
    only = span.has("only")
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
        labels = ["*"] if general and not span.of(Kind.PRONOUN) and not lacks_subject(span) else labels
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


def lacks_subject(span: Span) -> bool:
    """`and must not touch the cabin`: what must not is the job that was named before."""
    first, *rest = [t for t in span.tokens if t.kind is not Kind.MARK]
    asked = rest and word(rest[0]) in (
        "we",
        "you",
        "i",
        "there",
        "all",
        "everything",
        "nothing",
        "anything",
        "no",
        "the",
    )
    return word(first) in _MODALS and not asked and not any(word(t) in _WORK_NOUNS for t in rest)


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
        quote = span.quote(span.words("home"))
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
    if (
        labels is None
        and (span.says("no") or any(word(t) in ("all", "every", "everything") for t in every))
        and span.has("data")
        and not span.of(Kind.PRONOUN)
    ):
        labels, missing = ["*"], set()
    found = span.reading(
        "move", [{"edit": "move", "jobs": labels, "at_most": quote}], allowed, [*named, *shares, *every], missing
    )
    if found is not None:
        yield found if span.has("move", "home") else replace(found, follows="move")


def _moves(span: Span) -> bool:
    return any("move" in t.concepts for t in span.tokens)


def _leaves(span: Span) -> bool:
    """`must not leave home`: leaving under a negation is staying."""
    return _moves(span)


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
        "to", "within", "in", "inside", "into", "between", "among", "onto", "out of", "on"
    ) or span.says("leave")
    explicit = span.says("movable", "moveable")
    stays = span.says("stay", "stays", "remain", "remains", "keep", "kept") and span.has("data")
    sent = span.has("data") and only and span.says("to", "into") and not negative
    leaving = negative and span.says("leave", "leaves", "leaving")
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


def workers(span: Span) -> Iterator[Reading | None]:
    """The least number of nodes that work on a job."""
    counts = span.amounts("")
    if (
        len(counts) != 1
        or span.has("sleep", "awake", "battery", "sun", "atmost", "exactly")
        or span.amounts("%", "x", "g", "Wh", "W", "s", "g/kWh")
        or span.hours()
    ):
        return
    general = [token for token in span.of(Kind.NODES) if token.names.labels == ("*",)]
    if span.of(Kind.NODES) and not general:
        return
    if span.has("neg") and not span.has("atleast"):
        return
    noun = span.has("worker") or span.says(
        "nodes", "boxes", "machines", "devices", "node", "box", "machine", "device", "boards", "hosts", "pis"
    )
    asks = (
        span.has("atleast")
        or span.says(
            "needs", "need", "requires", "require", "minimum", "wants", "want", "quorum", "must", "should", "demands"
        )
        or span.says("with")
        or (span.has("worker") and bool(span.of(Kind.JOBS)))
    )
    labels, named, missing = span.jobs_or_missing()
    if not (noun and asks) and not (named and span.has("atleast") and span.has("work", "neutral")):
        return
    if labels is None and span.has("work") and span.says("each", "every", "per"):
        labels, missing = ["*"], set()
    allowed = ("worker", "atleast", "work", "batch", "minimum", "may", "prep", "minimise", "neg", "initial", "all")
    yield span.reading(
        "minimum-workers",
        [{"edit": "minimum-workers", "jobs": labels, "workers": counts[0].text}],
        allowed,
        [*counts, *named, *general],
        missing,
    )


def work(span: Span) -> Iterator[Reading | None]:
    """How much there is to do: `20 % bigger`, `half the batches`, `twice as many crops`."""
    if (
        span.hours()
        or span.amounts("", "Wh", "W", "s", "g", "g/kWh")
        or span.has(
            "battery", "sun", "grid", "sleep", "export", "home", "atmost", "atleast", "neg", "cleaner", "dirtier"
        )
    ):
        return
    share = span.share(("less", "more", "reduced_to"))
    told = [token for token in span.tokens if token.kind is not Kind.MARK]
    if word(told[-1]) in ("twice", "thrice") or span.says("none"):
        return
    jobs = span.of(Kind.JOBS)
    nodes = span.of(Kind.NODES)
    if share is None or (not jobs and not span.has("batch") and not span.has("less", "more")):
        return
    if span.says("moved", "move", "moves", "leave", "travel", "elsewhere", "offloaded", "away") or (
        span.has("move") and span.has("may")
    ):
        return
    if not (
        span.has("batch", "less", "more", "reduced_to")
        or any(t.amount.is_word or t.amount.unit == "x" for t in span.amounts("%", "x"))
    ):
        return
    labels, named, missing = span.jobs_or_missing()
    if (
        labels is None
        and span.has("work")
        and any(word(t) in ("all", "everything", "every") for t in span.of(Kind.ALL))
    ):
        labels, missing = ["*"], set()
    if nodes and any(token.text in (",", ":") for token in span.of(Kind.MARK)):
        return
    quote, used = share
    edit = {"edit": "work", "jobs": labels, "nodes": span.labels(nodes) or ["*"], "percent": quote}
    allowed = (
        "less",
        "more",
        "reduced_to",
        "batch",
        "work",
        "data",
        "only",
        "prep",
        "capacity",
        "initial",
        "all",
        "home",
        "may",
        "draw",
        "produce",
        "budget",
    )
    yield span.reading("work", [edit], allowed, [*used, *named, *nodes, *span.of(Kind.ALL)], missing)


READERS = (window, place, move, movable_to, workers, work)
