"""Readers of wishes about harvest and grid intensity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sunward.advisor.parser.frames.export import exports
from sunward.advisor.parser.frames.times import bounds_of
from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, Token, word

_TIMES = ("from", "between", "after", "before", "until", "by", "rangeto", "within", "sameday", "tomorrow")


def harvest(span: Span) -> Iterator[Reading | None]:
    """More or less sun or wind than the base expects, at some nodes, in some hours."""
    if (
        not (span.has("sun") or (span.has("weather") and span.amounts("%", "x")))
        or span.of(Kind.JOBS)
        or exports(span)
        or span.has("battery", "surplus", "sleep" if span.has("may") else "battery")
        or span.amounts("", "Wh", "W", "s", "g", "g/kWh")
    ):
        return
    if span.has("share") and not span.of(Kind.QUANTITY):
        return
    named = list(span.of(Kind.NODES))
    share = span.share(("less", "more", "reduced_to", "worse", "better"))
    dead = [t for t in span.words("dead") if "less" not in t.concepts or share is None]
    times, pieces = _times(span)
    if pieces is None:
        return
    if share is not None and not span.has("neg", "forbid"):
        quote, used = share
    elif (
        share is None
        and (span.has("neg") != bool(dead and word(dead[0]) not in ("nothing",)))
        and (span.has("neg") or dead)
        and not span.amounts("%", "x")
    ):
        marks = span.words("neg") if span.has("neg") else dead[:1]
        quote, used = span.quote(marks[:1]), list(marks)
    else:
        return
    allowed = (
        "sun",
        "less",
        "more",
        "reduced_to",
        "worse",
        "better",
        "dead",
        "neg",
        "weather",
        "produce",
        "export",
        "only",
        "energy",
        "all",
        "prep",
        "atmost" if not span.has("atmost") else "sun",
        *_TIMES,
    )
    edit = {"edit": "harvest", "nodes": span.labels(named) or ["*"], "percent": quote, **pieces}
    yield span.reading("harvest", [edit], allowed, [*used, *named, *times, *span.of(Kind.ALL)])


def _times(span: Span) -> tuple[list[Token], dict[str, str] | None]:
    """The hours of a change: tokens and pieces for both ends; None for the pieces where they are not understood."""

    times = [
        *span.of(Kind.CLOCK),
        *(t for t in span.of(Kind.PART) if not (span.is_night and "overnight" in t.concepts)),
    ]
    times = sorted(times, key=lambda token: token.start)
    if not times:
        return [], {"from": "", "to": ""}
    if len(times) > 2 or (span.has("finish") and not span.has("dead")):
        return times, None
    lead = _time_span(span, times)
    bounds = bounds_of(lead, times)
    if bounds is None or bounds.is_bad:
        return times, None
    return times, {"from": span.quote(bounds.not_before), "to": span.quote(bounds.done_by)}


def _time_span(span: Span, times: list[Token]) -> Span:
    """The span as a reader of times sees it: a `no` that belongs to the sun turns no time round."""
    kept = [
        t
        for t in span.tokens
        if t in times
        or not t.concepts & {"neg", "start", "finish", "dead", "final", "initial"}
        or t.concepts & {"after", "before", "by", "until", "from"}
    ]
    return Span(text=span.text, tokens=kept, index=span.index, is_night=span.is_night)


def intensity(span: Span) -> Iterator[Reading | None]:
    """A grid that is cleaner or dirtier than the base expects, in some zones, in some hours."""
    if (
        span.of(Kind.JOBS)
        or span.has("battery", "export", "sun", "minimise", "gridcharge")
        or span.amounts("", "Wh", "W", "s")
        or (span.amounts("g") and not _is_of_grid(span))
    ):
        return
    absolute, share = (
        span.amounts("g/kWh", "g"),
        span.share(("less", "more", "cleaner", "dirtier", "worse", "better", "reduced_to")),
    )
    directed = span.has("cleaner", "dirtier")
    if not absolute and not (share is not None and (directed or span.has("grid", "intensity") or _only_zones(span))):
        return
    zones = span.of(Kind.NODES)
    if (
        any(not token.names.zones and token.names.labels != ("*",) for token in zones)
        or len(absolute) > 1
        or (absolute and span.amounts("%", "x"))
    ):
        return
    general = span.has("grid", "intensity", "emissions") or span.of(Kind.ALL) or span.says("everywhere")
    if not zones and not general:
        return
    times, pieces = _times(span)
    if pieces is None or span.has("neg", "atmost", "atleast"):
        return
    labels = list(dict.fromkeys(zone for token in zones for zone in token.names.zones)) or ["*"]
    edit = {"edit": "intensity", "zones": labels, **pieces}
    if absolute:
        used = [absolute[0]]
        edit["grams_per_kilowatt_hour"] = absolute[0].text
        if directed or span.has("less", "more"):
            return
    else:
        assert share is not None
        edit["percent"], used = share
    allowed = (
        "grid",
        "intensity",
        "less",
        "more",
        "cleaner",
        "dirtier",
        "worse",
        "better",
        "reduced_to",
        "energy",
        "emissions",
        "only",
        "all",
        "prep",
        "produce",
        "draw",
        "budget",
        *_TIMES,
    )
    found = span.reading("intensity", [edit], allowed, [*used, *zones, *times, *span.of(Kind.ALL)])
    if found is not None:
        elliptic = not absolute and not directed and not span.has("grid", "intensity")
        yield replace(found, follows="intensity") if elliptic else found


def _is_of_grid(span: Span) -> bool:
    """`the Polish grid at 650 g`: grams that a named grid has are those of a kilowatt-hour."""
    places = [token for token in span.of(Kind.NODES) if token.names.is_place]
    return bool(places) and span.has("grid", "intensity") and not span.has("budget", "emissions", "atmost")


def _only_zones(span: Span) -> bool:
    """`Ireland 10 % worse`, behind a sentence about another grid."""
    places = span.of(Kind.NODES)
    directed = span.has("worse", "better", "less", "more")
    return bool(places) and directed and all(token.names.is_place for token in places)


READERS = (harvest, intensity)
