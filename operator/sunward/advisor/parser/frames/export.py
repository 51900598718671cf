"""Readers of wishes about export: how much of their harvest nodes send to others, and which may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sunward.advisor.parser.frames.subject import lacks_subject
from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, word


def export(span: Span) -> Iterator[Reading | None]:
    """How much of their harvest nodes may send to others."""
    if (
        not (exports(span) or span.has("selfuse"))
        or (span.of(Kind.JOBS) or span.hours())
        or span.amounts("x", "Wh", "W", "s", "g", "g/kWh", "")
        or span.has("surplus", "battery", "anyharvest", "nogrid")
    ):
        return
    if not any(word(t).startswith("export") for t in span.tokens) and not (
        span.of(Kind.NODES) or (span.has("sun") and span.of(Kind.ALL, Kind.QUANTITY))
    ):
        return
    named, shares = span.of(Kind.NODES), span.amounts("%")
    every = list(span.of(Kind.ALL))
    if named and any(mark.value == "but" and span.is_before(mark, named[0]) for mark in span.of(Kind.MARK)):
        return
    negative = span.has("neg", "forbid", "off")
    keeps = any(word(t).startswith(("keep", "kept")) for t in span.words("selfuse"))
    own = span.words("selfuse") if (span.has("sun") or keeps) and not negative and not shares else []
    if own:
        quote = own[0].text
    elif len(shares) == 1 and not (negative and not span.has("morethan", "atmost")):
        quote = shares[0].text
    elif every and negative and not all(word(t) in ("any", "anything") for t in every):
        return
    elif negative and not shares:
        quote = span.quote(span.words("neg", "forbid", "off")[:1])
    elif not shares and every and not negative:
        quote = every[-1].text
    elif not shares and span.has("freely") and not negative:
        quote = span.quote(span.words("freely")[:1])
    else:
        return
    if span.has("atleast", "exactly") or (span.has("less", "more") and not (shares and span.is_level(shares[0]))):
        return
    told_before = (span.of(Kind.PRONOUN) and not span.has("sun")) or lacks_subject(span)
    missing = {"nodes"} if not named and told_before else set()
    nodes = span.labels(named) or (None if missing else ["*"])
    allowed = (
        "export",
        "atmost",
        "may",
        "sun",
        "only",
        "neg",
        "forbid",
        "off",
        "freely",
        "all",
        "morethan",
        "energy",
        "home",
        "reduced_to",
        "share",
        "produce",
        "initial",
        "capacity",
        "budget",
        "or",
        "less",
        "move",
        "more",
        "onp",
        "grid",
        "intensity",
        "from",
        "selfuse",
    )
    yield span.reading(
        "export", [{"edit": "export", "nodes": nodes, "at_most": quote}], allowed, [*named, *shares, *every], missing
    )


def exports(span: Span) -> bool:
    """Whether nodes give to others, and not panels what they produce: `the panels give half` is harvest."""
    sun = [t for t in span.words("sun") if "export" not in t.concepts]
    return any(
        not (
            "produce" in t.concepts
            and sun
            and span.is_before(sun[0], t)
            and (span.has("more", "less") or not span.has("atmost", "may"))
        )
        for t in span.words("export")
    )


def export_again(span: Span) -> Iterator[Reading | None]:
    """`and waw-1 nothing`, `the cabin at most 20 %`: another node's share, behind a sentence about exports."""
    named, shares, every = span.of(Kind.NODES), span.amounts("%"), span.of(Kind.ALL)
    none = span.words("neg")
    if len(named) != 1 or len(shares) + len(every) + len(none) != 1 or span.has("atleast", "battery", "sun", "grid"):
        return
    edit = {"edit": "export", "nodes": span.labels(named), "at_most": (shares or every or none)[0].text}
    used = [*named, *shares, *every, *none]
    found = span.reading("export", [edit], ("atmost", "only", "may"), used)
    if found is not None and found.cost == 0.0:
        yield replace(found, follows="export")


def export_rule(span: Span) -> Iterator[Reading | None]:
    """Who may export: any node with harvest, or only one that takes nothing from the grid."""
    if (span.of(Kind.JOBS, Kind.NODES, Kind.QUANTITY, Kind.NUMBER) or span.hours()) and not [
        t for t in span.of(Kind.NODES) if t.names.labels == ("*",)
    ]:
        return
    allowed = (
        "export",
        "surplus",
        "anyharvest",
        "rule",
        "only",
        "may",
        "nogrid",
        "all",
        "conditional",
        "share",
        "sun",
        "energy",
        "move",
        "onp",
        "work",
        "planonly",
        "from",
    )
    used = [*span.of(Kind.ALL), *span.of(Kind.NODES)]
    if span.has("anyharvest") and not span.has("neg"):
        yield span.reading("export-rule", [{"edit": "export-rule", "rule": "any-harvest"}], allowed, used)
    elif (
        (span.has("surplus") or (span.has("nogrid") and span.has("export")))
        and (span.has("only") or span.has("rule") or any("only" in word(t) for t in span.tokens))
        and not span.has("neg")
    ):
        yield span.reading("export-rule", [{"edit": "export-rule", "rule": "surplus-only"}], allowed, used)


READERS = (export, export_again, export_rule)
