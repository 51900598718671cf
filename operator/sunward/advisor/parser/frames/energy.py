"""Readers of wishes about energy: export, batteries, harvest, grid intensity, what nodes draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sunward.advisor.parser.frames.work import lacks_subject
from sunward.advisor.parser.shape import word
from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, Token

_TIMES = ("from", "between", "after", "before", "until", "by", "rangeto", "within", "sameday", "tomorrow")


def export(span: Span) -> Iterator[Reading | None]:
    """How much of their harvest nodes may send to others."""
    if (
        not (_exports(span) or span.has("selfuse"))
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


def _exports(span: Span) -> bool:
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
    if field_name is None and len(clocks) == 1 and span.has("by", "before", "full", "atleast"):
        field_name = "final"
    if field_name is None or len(clocks) > 1 or (clocks and field_name != "final"):
        return
    if field_name == "minimum" and span.has("atmost") and not span.has("atleast") and not span.has("neg"):
        return
    found = _level(span, named, nodes, missing, level, field_name)
    if found is not None:
        yield replace(found, follows="battery") if follows else found


def _dawn(span: Span) -> list[Token]:
    """`by morning`, which is when a night's plan ends."""
    return [t for t in span.of(Kind.PART) if span.is_night and t.value == "morning" and span.has("by", "until")]


def _follows(span: Span, named: list[Token], *, has_word: bool) -> bool:
    """`never below 5 Wh`, `end at 60 Wh`: a level that only a sentence about a battery before it explains."""
    return (
        not has_word
        and not named
        and bool(span.amounts("Wh", "%"))
        and (span.has("minimum", "final", "initial") or bool(_dawn(span)))
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
        "may" if field_name == "capacity" else "battery",
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


def harvest(span: Span) -> Iterator[Reading | None]:
    """More or less sun or wind than the base expects, at some nodes, in some hours."""
    if (
        not span.has("sun")
        or span.of(Kind.JOBS)
        or _exports(span)
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
    from sunward.advisor.parser.frames.work import _bounds

    times = [
        *span.of(Kind.CLOCK),
        *(t for t in span.of(Kind.PART) if not (span.is_night and "overnight" in t.concepts)),
    ]
    times = sorted(times, key=lambda token: token.start)
    if not times:
        return [], {"from": "", "to": ""}
    if len(times) > 2 or (span.has("finish") and not span.has("dead")):
        return times, None
    lead = _bounds_of(span, times)
    bounds = _bounds(lead, times)
    if bounds is None or bounds.is_bad:
        return times, None
    return times, {"from": span.quote(bounds.not_before), "to": span.quote(bounds.done_by)}


def _bounds_of(span: Span, times: list[Token]) -> Span:
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
        or span.amounts("", "Wh", "W", "s", "g")
    ):
        return
    absolute, share = (
        span.amounts("g/kWh"),
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


def _only_zones(span: Span) -> bool:
    """`Ireland 10 % worse`, behind a sentence about another grid."""
    places = span.of(Kind.NODES)
    directed = span.has("worse", "better", "less", "more")
    return bool(places) and directed and all(token.names.is_place for token in places)


def node_power(span: Span) -> Iterator[Reading | None]:
    """What nodes draw while idle or asleep, and what waking takes."""
    watts, seconds, energy, shares = span.amounts("W"), span.amounts("s"), span.amounts("Wh"), span.amounts("%", "x")
    if (
        (span.of(Kind.JOBS) or span.hours())
        or span.has("battery", "sun", "atmost", "atleast", "neg", "grid" if not span.has("idle", "wake") else "battery")
        or span.amounts("", "g", "g/kWh")
    ):
        return
    if span.has("wake") and len(seconds) == len(energy) == 1 and not watts and not shares and span.of(Kind.NODES):
        yield _waking(span, seconds[0], energy[0])
        return
    if len(watts) + len(seconds) + len(energy) + len(shares) != 1:
        return
    named = span.of(Kind.NODES)
    everything = list(span.of(Kind.ALL))
    general = span.says("nodes", "boxes", "machines", "computers", "boards") and not span.of(Kind.PRONOUN)
    missing = set() if named or everything or general else {"nodes"}
    field_name = _power_field(span, watts, seconds, energy)
    if field_name is None:
        return
    token = (watts or seconds or energy or shares)[0]
    quote, used = token.text, [token]
    if shares:
        share = span.share(("less", "more", "reduced_to"))
        assert share is not None
        quote, used = share
    labels = span.labels(named) or (["*"] if everything or general else None)
    allowed = (
        "idle",
        "asleepw",
        "wake" if field_name.startswith("wake") else "idle",
        "draw",
        "only",
        "sleep",
        "less",
        "more",
        "reduced_to",
        "energy",
        "all",
        "prep",
        "finish",
        "start",
        "initial",
        "on",
        "off",
        "capacity",
    )
    yield span.reading(
        "node-power",
        [{"edit": "node-power", "nodes": labels, field_name: quote}],
        allowed,
        [*used, *named, *everything],
        missing,
    )


def _waking(span: Span, seconds: Token, energy: Token) -> Reading | None:
    """What waking takes, in time and energy at once."""
    named = span.of(Kind.NODES)
    edit = {"edit": "node-power", "nodes": span.labels(named)}
    edits = [{**edit, "wake_seconds": seconds.text}, {**edit, "wake_watt_hours": energy.text}]
    return span.reading("node-power", edits, ("wake", "draw", "energy"), [seconds, energy, *named])


def _power_field(span: Span, watts: list[Token], seconds: list[Token], energy: list[Token]) -> str | None:
    asleep, idle, waking = span.has("asleepw"), span.has("idle"), span.has("wake")
    if watts:
        if idle and asleep and not span.says("standby", "stand-by"):
            return None
        return "idle_watts" if idle and not span.says("standby", "stand-by") else "asleep_watts" if asleep else None
    if waking:
        if seconds:
            return "wake_seconds"
        if energy:
            return "wake_watt_hours"
        if span.says("time") or any("time" in word(t) for t in span.words("wake")):
            return "wake_seconds"
        return (
            "wake_watt_hours" if span.says("energy") or any("energy" in word(t) for t in span.words("wake")) else None
        )
    if seconds or energy:
        return None
    if idle and span.amounts("%", "x"):
        return "idle_watts"
    return "asleep_watts" if asleep and span.amounts("%", "x") and span.has("draw") else None


READERS = (export, export_again, export_rule, battery, harvest, intensity, node_power)
