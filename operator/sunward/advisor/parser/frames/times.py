"""Which end of a stretch of time each hour of a wish bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sunward.advisor.parser.span import Span
from sunward.advisor.parser.tokens import Kind, Token, word

BOUNDS = ("by", "before", "until", "after", "from", "between", "rangeto", "extend", "earlystart")


@dataclass(slots=True)
class Bounds:
    """Pieces of the request for both ends of a window, and whether it may loosen."""

    not_before: list[Token]
    done_by: list[Token]
    is_bad: bool = False


def bounds_of(span: Span, times: list[Token]) -> Bounds | None:
    """Both ends of the times of a wish; None where they are not understood."""
    found = Bounds([], [])
    if len(times) == 2 and _is_range(span, times):
        if span.has("neg", "forbid"):
            return None
        lead = span.tokens[max(0, span.tokens.index(times[0]) - 1)]
        begin = lead if lead.concepts & {"between", "from"} else times[0]
        both = [t for t in span.tokens if begin.start <= t.start <= times[1].start]
        return Bounds(both, both)
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


def _bound(span: Span, time: Token, after: int, found: Bounds) -> None:
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
            if t.concepts & {"before", "after", "by", "until", "extend", "earlier", "later"}
            or word(t) in ("end", "within", "first", "last", "next", "earlier", "later", "forward", "brought forward")
        ],
        time,
        *[t for t in tail if word(t) == "today" or t.concepts & {"tomorrow", "earlier", "later", "tillend"}],
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


_DELAYING = frozenset(("delay", "delayed", "delays", "delaying", "defer", "deferred", "hold back", "held back"))
"""Words that put off the beginning, where others (`postpone`, `push`) put off the end."""


def _side(time: Token, lead: Sequence[Token], tail: Sequence[Token]) -> str | None:
    near = [
        t
        for t in lead
        if t.concepts & set(BOUNDS) or word(t) in ("within", "in", "at", "during", "first", "last", "next")
    ]
    last = near[-1] if near else None
    right = tail[0] if tail else None
    if (
        last is not None
        and "until" in last.concepts
        and any(
            word(t) in ("hold", "wait", "waits", "held", "delay", "delayed", "postpone", "hold off", "back")
            or "defer" in t.concepts
            for t in lead
        )
        and not any(word(t) == "deadline" for t in lead)
    ):
        return "after"
    if time.kind is Kind.QUANTITY:
        return _duration_side(time, lead, tail)
    if time.kind is Kind.CLOCK and lead and word(lead[-1]) == "to" and any(word(t) in _DELAYING for t in lead):
        return "after" if not any(word(t) == "deadline" for t in lead) else "by"
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


def _duration_side(time: Token, lead: Sequence[Token], tail: Sequence[Token]) -> str | None:
    """`within two hours`, `in the first 3 h`, `an hour earlier`, `in the last 2 hours`."""
    said, ahead = [word(t) for t in lead[-4:]], [word(t) for t in tail]
    shifted = any(t.concepts & {"earlier", "later", "tillend"} for t in (time, *tail, *lead)) or any(
        "extend" in t.concepts for t in lead
    )
    if any("by" in t.concepts for t in lead[-2:]) and ahead[:1] == ["from now"]:
        return "by"
    if shifted or "forward" in said or "brought forward" in said:
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
