"""Readers of wishes about the whole plan: switches, modes, which jobs, the objective, limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sunward.advisor.parser.frames.subject import lacks_subject
from sunward.advisor.parser.span import Reading, Span
from sunward.advisor.parser.tokens import Kind, Token, word

TOPICS = {
    "share": "share-energy",
    "offload": "offload",
    "sleep": "sleep",
    "shift": "shift-in-time",
    "embodied": "embodied",
}


_OFF = ("neg", "forbid", "off", "ignore")


_ON = ("on", "onp", "may")


_SWITCH_WORDS = ("or", "all", "only", "energy", "work", "emissions", "data", "grid", "intensity", "between")


def switch(span: Span) -> Iterator[Reading | None]:
    """A flag of the policy: `no sleeping`, `turn on sharing`; several flags may share one word for on or off."""
    every = [token for token in span.of(Kind.JOBS) if token.names.labels == ("*",)]
    if span.of(Kind.NODES, Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, Kind.UNKNOWN) or len(span.of(Kind.JOBS)) > len(
        every
    ):
        return
    if span.has("asap"):
        if not span.has(*_OFF):
            edits = [{"edit": "switch", "name": "shift-in-time", "on": False}]
            yield span.reading(
                "switch", edits, ("asap", "work", "start", "finish", "all"), [*every, *span.of(Kind.ALL)]
            )
        return
    if every and span.has("move") and span.has("neg", "forbid") and not span.has("data", "shift"):
        yield span.reading(
            "switch", [{"edit": "switch", "name": "offload", "on": False}], (*_OFF, "move", "work"), every
        )
        return
    topics = _topics(span)
    if not topics or (topics == ["sleep"] and lacks_subject(span)):
        return
    off, on = span.has(*_OFF), _turned_on(span)
    on = on and not (off and not span.has("on", "onp"))
    allowed = (*_OFF, *_ON, *TOPICS, *_SWITCH_WORDS)
    kept = span.says("keep", "kept", "keeps", "keeping")
    if (off and on) or (off and kept and any(token.value == "but" for token in span.of(Kind.MARK))):
        return
    on = on or (kept and not off)
    if not off and not on:
        if len([t for t in span.tokens if t.kind is Kind.WORD and not t.concepts & {"neutral"}]) == len(topics):
            yield span.reading(
                "switch", [{"edit": "switch", "name": t, "on": None} for t in topics], allowed, (), {"polarity"}
            )
        return
    yield _whole(span.reading("switch", [{"edit": "switch", "name": t, "on": not off} for t in topics], allowed, every))


def _topics(span: Span) -> list[str]:
    """Topics in their order; `energy` alone is none, and `power off` is sleep, not sharing."""
    found = []
    for token in span.tokens:
        names = [TOPICS[c] for c in ("shift", "embodied", "offload", "share", "sleep") if c in token.concepts]
        if word(token) in (
            "energy",
            "hardware",
            "on",
            "off",
            "down",
            "suspend",
            "rest",
            "dark",
            "offline",
            "turn off",
            "switch off",
            "turn on",
            "shut down",
            "turned off",
            "switched off",
        ) or (token.concepts & {"embodied"} and word(token) == "hardware"):
            continue
        found += names[:1]
    if not found and span.has("embodied") and span.has("emissions") and span.has("onp", "off"):
        found = ["embodied"]
    return list(dict.fromkeys(found))


def _turned_on(span: Span) -> bool:
    """Whether a word turns something on; under a negation right before it, it does not."""
    found = [n for n, t in enumerate(span.tokens) if not t.concepts.isdisjoint(_ON)]
    return any(n == 0 or "neg" not in span.tokens[n - 1].concepts for n in found) or span.says("with") or _we_do(span)


def _we_do(span: Span) -> bool:
    """`if we share`, `share energy`: doing it turns it on."""
    if word(span.tokens[0]) in ("share", "share energy") and not span.has("neg", "forbid", "off"):
        return True
    return span.says("we", "us", "they") and span.says("share", "offload") and not span.has("neg", "forbid", "off")


def mode(span: Span) -> Iterator[Reading | None]:
    """A mode of the method by its name."""
    modes = {
        "mode_none": (False, False, False),
        "mode_det": (True, False, False),
        "mode_dat": (False, True, True),
        "mode_deta": (True, True, True),
    }
    for concept, flags in modes.items():
        if span.has(concept):
            names = ("share-energy", "offload", "sleep")
            edits = [{"edit": "switch", "name": name, "on": on} for name, on in zip(names, flags, strict=True)]
            yield span.reading("switch", edits, (concept, "only"), ())


def _whole(reading: Reading | None) -> Reading | None:
    """A reading of every word, where a single unknown one could mean anything."""
    return reading if reading is not None and reading.cost == 0.0 else None


def plan_only(span: Span) -> Iterator[Reading | None]:
    """Jobs that stay in the plan: `plan only the birds`, `leave the logs out`."""
    named = span.of(Kind.JOBS)
    if not named or span.of(Kind.NODES, Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, Kind.PRONOUN):
        return
    ignore = span.has("ignore") or (
        ((span.says("without") or span.says("leave")) and not span.has("move"))
        or (span.says("leave") and span.says("out"))
        or span.says("excluded", "not included", "not counted")
    )
    if (ignore and not span.has("neg")) or (span.says("without") and not span.has("move", "data", "offload")):
        labels = span.labels(named)
        edits = [{"edit": "plan-only", "jobs": _others(span, named), "without": labels}]
        yield span.reading(
            "plan-only", edits, ("ignore", "out", "work", "neg", "move", "off", "batch", "less", "may", "forbid"), named
        )
        return
    if (span.has("planonly") or span.has("only")) and not span.has("neg", "forbid", "out", "may"):
        edits = [{"edit": "plan-only", "jobs": span.labels(named)}]
        yield span.reading("plan-only", edits, ("planonly", "only", "work", "batch", "neg", "emissions"), named)


def _others(span: Span, named: list[Token]) -> list[str]:
    gone = {name for token in named for name in token.names.names}
    return [name for name in span.index.jobs if name not in gone]


def objective(span: Span) -> Iterator[Reading | None]:
    """What to minimise: emissions or energy from the grid."""
    if span.of(Kind.JOBS, Kind.NODES, Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, Kind.UNKNOWN):
        return
    allowed = (
        "minimise",
        "grid",
        "energy",
        "emissions",
        "greenest",
        "ratherthan",
        "less",
        "neg",
        "atmost",
        "possible",
        "budget",
        "intensity",
        "draw",
        "all",
        "work",
        "cleaner",
        "may",
        "share",
        "only",
        "order",
        "asap",
        "from",
        "off",
    )
    energy = [
        t
        for t in span.words("grid", "energy")
        if ("emissions" not in t.concepts and word(t) not in ("use", "take", "taken", "takes", "usage"))
        or word(t) in ("usage",)
    ]
    carbon = span.words("emissions", "greenest")
    if span.has("greenest") and not energy:
        yield _objective(span, "emissions", allowed)
        return
    if not (span.has("minimise") or span.has("ratherthan") or span.says("as little as possible", "as little")) or not (
        energy or carbon
    ):
        return
    if energy and carbon:
        divider = [t for t in span.tokens if t.concepts & {"ratherthan", "neg"}]
        if not divider:
            return
        first = energy if span.is_before(energy[0], carbon[0]) else carbon
        begins = span.is_before(divider[0], first[0])
        chosen = (carbon if first is energy else energy) if begins else first
        yield _objective(span, "grid-energy" if chosen is energy else "emissions", allowed)
        return
    if span.has("neg", "ratherthan"):
        return
    yield _objective(span, "grid-energy" if energy else "emissions", allowed)


def _objective(span: Span, name: str, allowed: tuple[str, ...]) -> Reading | None:
    return None if span.cost(allowed, ()) else span.done("objective", objective=name)


def limit(span: Span) -> Iterator[Reading | None]:
    """A budget: `at most 40 g`, `no more than 150 Wh from the grid`."""
    grams, energy = span.amounts("g"), span.amounts("Wh")
    if len(grams) + len(energy) != 1 or span.of(Kind.JOBS, Kind.NODES) or span.has("battery", "atleast", "sun", "wake"):
        return
    asked = word(span.tokens[0]) in ("would", "will", "is", "are", "can", "could", "does", "do")
    if (
        not asked
        and not span.has("atmost", "budget", "may", "question")
        and not (span.has("only") or span.has("less") or span.has("neg"))
    ):
        return
    if span.has("neg") and not span.has("morethan", "atmost", "budget"):
        return
    allowed = (
        "atmost",
        "budget",
        "may",
        "grid",
        "energy",
        "emissions",
        "morethan",
        "neg",
        "only",
        "less",
        "draw",
        "intensity",
        "finish",
        "final",
        "all",
        "work",
        "initial",
    )
    name, token = ("emissions", grams[0]) if grams else ("grid-energy", energy[0])
    if span.cost(allowed, [token]) == 0.0:
        yield span.done("limit", limits=[{"limit": name, "at_most": token.text}])


def unchanged(span: Span) -> Iterator[Reading | None]:
    """`everything else as usual`, `jetson-a unchanged`: what shall stay as the base has it."""
    if not span.has("unchanged") or span.has("neg") or span.of(Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, Kind.UNKNOWN):
        return
    used = [*span.of(Kind.ALL, Kind.OTHERS, Kind.JOBS, Kind.NODES)]
    if span.cost(("unchanged", "grid", "sun", "battery", "work", "may", "either"), used) == 0.0:
        yield replace(span.done("unchanged"), jobs=(), nodes=())


READERS = (unchanged, switch, mode, plan_only, objective, limit)
