"""Readers of wishes about batteries: levels, capacity, charging from the grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, Token, word


def battery(span: Span) -> Iterator[Reading | None]:
    """Levels of batteries, their capacity, and whether they may charge from the grid."""
    named = span.of(Kind.NODES)
    if span.of(Kind.JOBS) or span.has("export"):
        return
    has_word = span.has("battery")
    follows = _follows(span, named, has_word=has_word)
    if (
        not has_word
        and not follows
        and not (named and all(set(t.names.names) & span.index.batteries for t in named))
        and not span.has("gridcharge")
    ):
        return
    nodes, missing = _batteries(span, named)
    dawn = _dawn(span)
    if span.has("gridcharge") or (
        span.has("grid")
        and any(word(t).startswith(("charg", "fill", "top up", "load")) for t in span.tokens)
        and not span.amounts("Wh", "%")
    ):
        yield _grid_charge(span, named, nodes, missing)
        return
    amounts = [*span.amounts("Wh", "%", "x")]
    states = [
        t
        for t in span.tokens
        if word(t)
        in (
            "full",
            "empty",
            "fully charged",
            "flat",
            "brimming",
            "drained",
            "completely full",
            "completely empty",
            "charged",
        )
    ]
    if amounts and any(not _belongs(span, amounts[0], state) for state in states):
        return
    if len(amounts) > 1 or span.amounts("W", "s", "g", "g/kWh", ""):
        return
    if not amounts and not states:
        return
    if not has_word and not dawn and not span.has("full", "final", "minimum", "initial"):
        return
    if follows:
        nodes, missing = None, {"nodes"}
    level = amounts[0] if amounts else states[0]
    clocks, field_name = span.of(Kind.CLOCK), _field(span, level)
    if dawn and field_name is None and not clocks:
        field_name = "final"
    if field_name is None and len(clocks) == 1 and (span.has("by", "before", "full", "atleast") or span.says("at")):
        field_name = "final"
    if field_name is None or len(clocks) > 1 or (clocks and field_name != "final"):
        return
    if field_name == "minimum" and span.has("atmost") and not span.has("atleast") and not span.has("neg"):
        return
    found = _level(span, named, nodes, missing, level, field_name)
    if found is not None:
        yield replace(found, follows="battery") if follows else found


def _belongs(span: Span, level: Token, state: Token) -> bool:
    """Whether `full` is a word of the same level: a comma or an `and` in between makes it another one."""
    first, second = sorted((span.tokens.index(level), span.tokens.index(state)))
    return not any(t.kind is Kind.MARK and (t.text == "," or t.value == "and") for t in span.tokens[first:second])


def _dawn(span: Span) -> list[Token]:
    """`by morning`, which is when a night's plan ends."""
    return [t for t in span.of(Kind.PART) if span.is_night and t.value == "morning" and span.has("by", "until")]


def _follows(span: Span, named: list[Token], *, has_word: bool) -> bool:
    """`never below 5 Wh`, `end at 60 Wh`: a level that only a sentence about a battery before it explains."""
    return (
        not has_word
        and not named
        and (bool(span.amounts("Wh", "%")) or span.says("full", "empty", "half full", "fully charged"))
        and (
            span.has("minimum", "final", "initial")
            or (span.has("atleast") and span.has("full"))
            or bool(span.of(Kind.CLOCK))
            or bool(_dawn(span))
        )
    )


def _batteries(span: Span, named: list[Token]) -> tuple[list[str] | None, set[str]]:
    if named:
        return span.labels(named), set()
    if span.of(Kind.PRONOUN) and not span.has("battery"):
        return None, {"nodes"}
    plural = span.says("batteries", "accumulators", "packs", "batts") or bool(span.of(Kind.ALL))
    if plural or len(span.index.batteries) == 1:
        return ["*"], set()
    return None, {"nodes"}


def _grid_charge(span: Span, named: list[Token], nodes: list[str] | None, missing: set[str]) -> Reading | None:
    if span.amounts("Wh", "%", "x", "W", "s", "g", "g/kWh", ""):
        return None
    on = not span.has("neg", "forbid", "off")
    if not on and any("onp" in t.concepts and word(t).startswith(("allow", "permit", "enable")) for t in span.tokens):
        return None
    if not named and not span.has("battery") and not span.of(Kind.PRONOUN):
        nodes, missing = ["*"], set()
    allowed = (
        "gridcharge",
        "may",
        "from",
        "initial",
        "capacity",
        "minimum",
        "energy",
        "neg",
        "forbid",
        "off",
        "on",
        "onp",
        "battery",
        "full",
        "all",
        "grid",
        "or",
    )
    edit = {"edit": "battery", "nodes": nodes, "charge_from_grid": "on" if on else "off"}
    return span.reading("battery", [edit], allowed, [*named, *span.of(Kind.ALL)], missing)


def _field(span: Span, level: Token) -> str | None:
    """Which level is meant; None where it is not said or two are."""
    final = list(span.words("final"))
    first = list(span.words("initial"))
    low = list(span.words("minimum"))
    worn = any(word(t) in ("worn", "worn out", "aged", "degraded", "old") for t in span.tokens)
    if worn:
        return "capacity"
    size = [
        t
        for t in span.tokens
        if word(t) in ("capacity", "capacities", "usable capacity", "storage capacity", "capacity of", "size")
        or (
            "capacity" in t.concepts
            and (
                t.concepts & {"more", "less"}
                or word(t)
                in (
                    "new",
                    "replaced",
                    "replace",
                    "swapped",
                    "swap",
                    "degraded",
                    "worn",
                    "aged",
                    "old",
                    "as big",
                    "as large",
                    "health",
                )
            )
        )
    ]
    if span.has("full") and not size:
        size = []
    of_capacity = any(word(t) in ("of its capacity", "of their capacity", "of capacity") for t in span.tokens)
    if size and not final and not low and not of_capacity:
        return "capacity"
    if final and not first:
        return "final"
    if first and not final and not (low and span.has("neg")):
        return "initial" if not low else None
    if (low or (span.has("neg") and span.says("below", "under"))) and not final:
        return "minimum"
    if _is_of_battery(span, level) or (span.says("holds", "stores") and not span.has("atleast", "atmost")):
        return "capacity"
    if level.amount.unit != "x" if level.kind is Kind.QUANTITY else False:
        if span.has("atleast") and span.says(
            "keep", "keeps", "hold", "stay", "leave", "have", "kept", "maintain", "in", "remain", "must", "always"
        ):
            return "minimum"
        if (
            span.says("of")
            and not span.has("full", "atleast", "atmost")
            and level.amount.unit == "Wh"
            and not span.says("with")
        ):
            return "capacity"
    return None


def _is_of_battery(span: Span, level: Token) -> bool:
    """`a 60 Wh battery`: its size."""
    at = span.tokens.index(level) + 1
    return (
        level.kind is Kind.QUANTITY
        and level.amount.unit == "Wh"
        and at < len(span.tokens)
        and "battery" in span.tokens[at].concepts
    )


def _level(
    span: Span, named: list[Token], nodes: list[str] | None, missing: set[str], level: Token, field_name: str
) -> Reading | None:
    allowed = [
        "battery",
        "produce",
        "full",
        "final",
        "finish",
        "atleast",
        "minimum",
        "neg",
        "capacity",
        "initial",
        "start",
        "reduced_to",
        "only",
        "all",
        "less",
        "more",
        "energy",
        "prep",
        "empty",
        "budget",
        "by",
        "may" if field_name != "minimum" else "battery",
        "minimise",
        "move" if field_name == "final" else "battery",
        "exactly",
    ]
    if field_name == "minimum":
        allowed += ["atmost", "may", "less"] if span.has("neg") else []
        if any(word(t) in ("drop below", "fall below", "go below", "dip below") for t in span.tokens) and not span.has(
            "neg"
        ):
            return None
    elif span.has("neg") and not span.has("atleast"):
        return None
    if (
        field_name in ("final", "minimum")
        and span.has("less", "more")
        and not span.has("atleast", "minimum")
        and level.kind is Kind.QUANTITY
        and field_name == "final"
        and span.has("more")
    ):
        return None
    quote = level.text
    used = [level]
    if field_name == "capacity" and level.kind is Kind.QUANTITY and level.amount.unit in ("%", "x"):
        share = span.share(("less", "more", "reduced_to"))
        if share is not None:
            quote, used = share
    clocks = span.of(Kind.CLOCK)
    dawn = _dawn(span) if field_name == "final" else []
    unit_field = {field_name: quote, **({"at": span.quote(clocks)} if clocks else {})}
    edit = {"edit": "battery", "nodes": nodes, **unit_field}
    return span.reading("battery", [edit], allowed, [*named, *used, *clocks, *dawn, *span.of(Kind.ALL)], missing)


READERS = (battery,)
