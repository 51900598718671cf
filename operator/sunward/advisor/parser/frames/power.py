"""Readers of wishes about what nodes draw while idle or asleep, and what waking takes."""

from __future__ import annotations

from collections.abc import Iterator

from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, Token, word


def node_power(span: Span) -> Iterator[Reading | None]:
    """What nodes draw while idle or asleep, and what waking takes."""
    watts, seconds, energy, shares = span.amounts("W"), span.amounts("s"), span.amounts("Wh"), span.amounts("%", "x")
    if (
        (span.of(Kind.JOBS) or span.hours())
        or span.has(
            "battery",
            "sun",
            "atmost" if not _within(span) else "sun",
            "atleast",
            "neg",
            "grid" if not span.has("idle", "wake") else "battery",
        )
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
        "atmost" if _within(span) else "idle",
        "may",
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


def _within(span: Span) -> bool:
    """`wakes within 20 seconds`: how long it takes, and no limit."""
    return span.has("wake") and [word(t) for t in span.words("atmost")] == ["within"]


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


READERS = (node_power,)
