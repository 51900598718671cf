"""What tokens mean together: particles, merged names, lists, exceptions, the rest, events that only give a reason."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.tokens import Kind, Names, Token

EVENTS = frozenset(
    [
        "demo",
        "demonstration",
        "meeting",
        "visit",
        "visitors",
        "visitor",
        "lesson",
        "lessons",
        "class",
        "classes",
        "lecture",
        "inspection",
        "inspector",
        "inspectors",
        "vet",
        "doctor",
        "audit",
        "presentation",
        "call",
        "lunch",
        "dinner",
        "breakfast",
        "party",
        "match",
        "game",
        "bus",
        "flight",
        "boss",
        "customer",
        "customers",
        "review",
        "exam",
        "exams",
        "milking",
        "feeding",
        "delivery",
        "concert",
        "wedding",
        "workshop",
        "conference",
        "farmer",
        "guests",
        "guest",
        "kids",
        "children",
        "tour",
        "interview",
        "show",
        "standup",
        "launch",
        "opening",
        "closing",
        "auditors",
        "ceremony",
        "event",
        "talk",
        "session",
        "webinar",
        "seminar",
        "festival",
        "fair",
        "appointment",
        "briefing",
        "handover",
        "minister",
        "mayor",
        "director",
        "manager",
        "colleagues",
        "colleague",
        "pupils",
        "students",
        "student",
        "teacher",
        "teachers",
        "lorry",
        "truck",
        "technician",
        "electrician",
        "plumber",
        "harvesters",
        "tractor",
        "football",
        "briefings",
        "school",
        "breaks",
        "press",
        "journalists",
        "reporters",
        "parents",
        "committee",
        "panel's",
        "report",
        "presentation's",
        "dinner's",
        "meal",
        "supper",
        "barbecue",
        "rehearsal",
        "curfew",
        "ferry",
        "train",
        "plane",
        "choir",
        "yoga",
        "painter",
        "painters",
        "cleaner",
        "cleaners",
        "mechanic",
        "engineer",
        "engineers",
        "neighbour",
        "neighbours",
        "owner",
        "client's",
        "deadline's",
    ]
)
"""Nouns whose times are a reason and no wish."""
_EXCEPT = {
    "except",
    "except for",
    "other than",
    "apart from",
    "besides",
    "save",
    "excluding",
    "bar",
    "but",
    "save for",
    "aside from",
    "not counting",
}
_DETERMINERS = {
    "the",
    "a",
    "an",
    "our",
    "my",
    "its",
    "their",
    "your",
    "his",
    "her",
    "that",
    "this",
    "all",
    "both",
    "any",
    "either",
    "each",
    "for",
}
_GOING = ("go", "goes", "carry", "run")
_ENTITIES = (Kind.JOBS, Kind.NODES)


def word(token: Token) -> str:
    """The token's text in small letters."""
    return token.text.lower()


def shaped(tokens: Sequence[Token], index: NameIndex, *, joins: str) -> list[Token]:
    """Tokens after all passes. `joins` says which marks make a list of names: "all", "and" or "none"."""
    found = _without_events(_by_then(list(tokens)))
    found = _particles(_without_contrast(found))
    found = _merged(found)
    found = _excepted(_excepted_first(found, index), index)
    if joins != "none":
        found = _lists(found, commas=joins == "all")
    found = _excepted(found, index)
    return _counted(_quantified(_others(found, index)))


def _without_events(tokens: list[Token]) -> list[Token]:
    """`for the demo at 15:30` is a reason and goes; `before the demo at 15:30` keeps its time."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        noun = place + 1
        while noun < len(tokens) and (word(tokens[noun]) in _DETERMINERS or tokens[noun].kind in _ENTITIES):
            noun += 1
        is_event = noun < len(tokens) and word(tokens[noun]) in EVENTS
        if is_event and word(tokens[place]) in ("for", "in time for"):
            after = noun + 1
            if (
                after + 1 < len(tokens)
                and word(tokens[after]) in ("at", "is", "from", "starting at", "on", "starts")
                and tokens[after + 1].kind is Kind.CLOCK
            ):
                after += 2
            elif after < len(tokens) and tokens[after].kind is Kind.CLOCK:
                after += 1
            clocks = [t for t in tokens[noun:after] if t.kind is Kind.CLOCK]
            if word(tokens[place]) == "in time for" and clocks:
                found += [tokens[place], *clocks]
            place = after
            continue
        bounded = is_event and bool(tokens[place].concepts & {"before", "by", "after", "until"})
        at_clock = (
            noun + 2 < len(tokens)
            and word(tokens[noun + 1]) in ("at", "starts at", "is at", "from")
            and tokens[noun + 2].kind is Kind.CLOCK
        )
        if bounded and at_clock:
            found.append(tokens[place])
            place = noun + 2
            continue
        found.append(tokens[place])
        place += 1
    return found


def _by_then(tokens: list[Token]) -> list[Token]:
    """`by then` has the time that was named last."""
    found: list[Token] = []
    for token in tokens:
        clock = next((t for t in reversed(found) if t.kind is Kind.CLOCK), None)
        bounded = bool(found) and bool(found[-1].concepts & {"by", "before", "until", "after"})
        if word(token) == "then" and bounded and clock is not None:
            token = clock
        found.append(token)
    return found


def _is_prep(token: Token, after: Token | None, is_direct: bool) -> bool:
    if after is None:
        return False
    named = after.kind in (*_ENTITIES, Kind.PRONOUN, Kind.UNKNOWN, Kind.OTHERS)
    if word(token) == "off":
        return named
    said = bool(after.concepts & {"worker", "sun", "grid", "only", "atleast", "atmost"})
    return named or said or (not is_direct and "neutral" in after.concepts)


def _without_contrast(tokens: list[Token]) -> list[Token]:
    """`50 Wh instead of 40`: the second amount is what holds no longer."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        amount = after is not None and after.kind in (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK)
        if word(tokens[place]) in ("instead of", "rather than", "in place of") and amount:
            place += 2
            continue
        size = _contrast(tokens, place)
        if size:
            place += size
            continue
        found.append(tokens[place])
        place += 1
    return found


def _contrast(tokens: list[Token], place: int) -> int:
    """How many tokens `, not 40` or `, not the birds` takes; 0 where it is a wish of its own."""
    if tokens[place].kind is not Kind.MARK or place + 2 >= len(tokens) or word(tokens[place + 1]) != "not":
        return 0
    at = place + 2
    while at < len(tokens) and word(tokens[at]) in _DETERMINERS:
        at += 1
    last = at + 1 >= len(tokens) or tokens[at + 1].kind is Kind.MARK
    kinds = (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, *_ENTITIES)
    if at >= len(tokens) or not last or tokens[at].kind not in kinds:
        return 0
    like = any(t.kind is tokens[at].kind or {t.kind, tokens[at].kind} <= set(kinds[:2]) for t in tokens[:place])
    return at + 1 - place if like else 0


def _particles(tokens: list[Token]) -> list[Token]:
    """`on` before a name is a preposition; elsewhere it says that something runs, or is enabled."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        before = found[-1] if found else None
        if (
            word(token) == "on"
            and before is not None
            and (before.kind in (Kind.CLOCK, Kind.PART) or word(before) in _GOING)
        ):
            found.append(replace(token, concepts=frozenset({"neutral"})))
            continue
        commanded = bool(found) and word(found[-1]) in ("turn", "switch", "shut", "power", "turned", "switched")
        if word(token) in ("on", "off") and not (word(token) == "off" and commanded):
            after = place + 1
            while after < len(tokens) and (
                (word(tokens[after]) in _DETERMINERS and word(tokens[after]) != "for")
                or tokens[after].kind in (Kind.ALL, Kind.NUMBER)
            ):
                after += 1
            following = tokens[after] if after < len(tokens) else None
            if _is_prep(token, following, after == place + 1):
                token = replace(token, concepts=frozenset({"neutral", "prep"} if word(token) == "on" else {"out"}))
            elif word(token) == "on":
                token = replace(token, concepts=frozenset({"awake", "on"}))
        found.append(token)
    return found


def _merged(tokens: list[Token]) -> list[Token]:
    """Two names side by side where one is part of the other: `cow audio`, `Danish school-02`."""
    found: list[Token] = []
    for token in tokens:
        before = found[-1] if found else None
        if (
            before is not None
            and before.kind is token.kind
            and token.kind in _ENTITIES
            and "work" not in before.concepts
        ):
            small = min((before, token), key=lambda one: len(one.names.names))
            common = set(before.names.names) & set(token.names.names)
            if common == set(small.names.names):
                found[-1] = replace(small, text=f"{before.text} {token.text}", start=before.start, end=token.end)
                continue
        found.append(token)
    return found


def _excepted_first(tokens: list[Token], index: NameIndex) -> list[Token]:
    """`Except for keyboard, everything is done by 1pm`: the exception stands before what it is taken from."""
    for place, token in enumerate(tokens):
        at_begin = place == 0 or tokens[place - 1].value in ("hard", "but")
        named = next((t for t in tokens[place + 1 : place + 3] if t.kind in _ENTITIES), None)
        if word(token) not in _EXCEPT or token.kind is Kind.MARK or not at_begin or named is None:
            continue
        behind = tokens.index(named) + 1
        end = next((n for n in range(behind, len(tokens)) if tokens[n].value == "hard"), len(tokens))
        whole = next((n for n in range(behind, end) if _is_whole(tokens[n], named)), None)
        if whole is not None:
            rest = _complement(tokens[whole], named, index)
            rest = replace(rest, start=tokens[whole].start, end=tokens[whole].end, text=tokens[whole].text)
            return [*tokens[:place], *tokens[behind + 1 : whole], rest, *tokens[whole + 1 :]]
    return tokens


def _excepted(tokens: list[Token], index: NameIndex) -> list[Token]:
    """`all nodes except barn-03`: a name for what is left. `anywhere but X` is `not X`."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        after = place + 1
        while after < len(tokens) and word(tokens[after]) in (*_DETERMINERS, "on", "in"):
            after += 1
        named = tokens[after] if after < len(tokens) and tokens[after].kind in _ENTITIES else None
        at = _whole_before(found, named) if named is not None and word(token) in _EXCEPT else None
        if named is not None and at is not None:
            whole, rest = found[at], found[at + 1 :]
            found = found[:at]
            if word(whole) in ("anywhere", "everywhere"):
                found += [replace(whole, concepts=frozenset({"neg"})), named]
            else:
                found.append(_complement(whole, named, index))
            found += rest
            place = after + 1
            relative = [t for t in tokens[place : place + 2] if t.kind is not Kind.MARK][:1]
            if relative and word(relative[0]) in ("which", "who", "they", "it", "these", "those"):
                found += [mark for mark in tokens[place : place + 1] if mark.kind is Kind.MARK] + [named]
                place += 1 if tokens[place].kind is Kind.MARK else 0
            continue
        found.append(token)
        place += 1
    return found


def _whole_before(found: list[Token], named: Token) -> int | None:
    """Where the names stand that an exception is taken from: in the same stretch, nearest first."""
    for at in range(len(found) - 1, -1, -1):
        if found[at].kind is Kind.MARK and not (at == len(found) - 1 and found[at].text == ","):
            return None
        if _is_whole(found[at], named):
            return at
    return None


def _is_whole(token: Token, named: Token) -> bool:
    if word(token) in ("anywhere", "everywhere"):
        return True
    return token.kind is Kind.ALL or (token.kind is named.kind and set(named.names.names) <= set(token.names.names))


def _complement(whole: Token, named: Token, index: NameIndex) -> Token:
    every = whole.names.names if whole.kind in _ENTITIES else (index.jobs if named.kind is Kind.JOBS else index.nodes)
    names = tuple(name for name in every if name not in named.names.names)
    return replace(
        named, text=f"{whole.text} except {named.text}", start=whole.start, value=Names(labels=names, names=names)
    )


def _lists(tokens: list[Token], *, commas: bool) -> list[Token]:
    """Names of one kind with commas and `and` between them become one token; with `or` after a `not` or an `only`."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.kind in _ENTITIES:
            place, token = _list_from(tokens, place, commas=commas, negative=_is_negative(found))
        else:
            place += 1
        found.append(token)
    return found


def _is_negative(found: Sequence[Token]) -> bool:
    for token in reversed(found):
        if token.kind is Kind.MARK and token.value == "hard":
            return False
        if token.concepts & {"neg", "forbid", "only"}:
            return True
    return False


def _list_from(tokens: list[Token], place: int, *, commas: bool, negative: bool) -> tuple[int, Token]:
    token = tokens[place]
    after = place + 1
    while after < len(tokens):
        at = after
        while at < len(tokens) and _divides(tokens[at], commas, negative):
            at += 1
        if at == after:
            break
        while at < len(tokens) and (
            word(tokens[at]) in _DETERMINERS
            or (
                word(tokens[at]) in ("on", "of", "job", "jobs", "node", "nodes")
                and at + 1 < len(tokens)
                and word(tokens[at]) == "on"
            )
        ):
            at += 1
        if at >= len(tokens) or tokens[at].kind is not token.kind:
            break
        other = tokens[at]
        labels = tuple(dict.fromkeys((*token.names.labels, *other.names.labels)))
        names = tuple(dict.fromkeys((*token.names.names, *other.names.names)))
        zones = tuple(dict.fromkeys((*token.names.zones, *other.names.zones)))
        value = Names(labels=labels, names=names, zones=zones, is_place=token.names.is_place and other.names.is_place)
        token = replace(token, text=f"{token.text}, {other.text}", end=other.end, value=value)
        after = at + 1
    return after, token


def _divides(token: Token, commas: bool, negative: bool) -> bool:
    if token.kind is not Kind.MARK:
        return word(token) in ("as well as", "together with", "plus")
    if token.text == ",":
        return commas
    return (
        token.value == "and"
        or token.text == "&"
        or (token.value == "or" and negative)
        or (token.text == "/" and commas)
    )


def _counted(tokens: list[Token]) -> list[Token]:
    """`three Warsaw boxes` where there are three: the number only repeats the name."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        repeats = token.kind is Kind.NUMBER and after is not None and after.kind is Kind.NODES
        if (
            repeats
            and after is not None
            and token.amount.value == len(after.names.names)
            and len(after.names.names) > 1
        ):
            continue
        found.append(token)
    return found


def _quantified(tokens: list[Token]) -> list[Token]:
    """`all`, `both`, `each` beside a name only stress it."""
    found: list[Token] = []
    for place, token in enumerate(tokens):
        before = next((t for t in reversed(found) if word(t) not in _DETERMINERS and word(t) != "of"), None)
        after = next((t for t in tokens[place + 1 :] if word(t) not in _DETERMINERS and word(t) != "of"), None)
        beside = (after is not None and after.kind in _ENTITIES) or (
            before is not None and before.kind in (*_ENTITIES, Kind.PRONOUN) and word(token) in ("both", "all", "each")
        )
        if (
            token.kind is Kind.ALL
            and word(token) not in ("anything", "everything")
            and beside
            and not _is_share(tokens, place)
        ):
            continue
        found.append(token)
    return found


def _is_share(tokens: Sequence[Token], place: int) -> bool:
    """`all of the crops`, `all crops data`: how much of it, not which."""
    ahead = tokens[place + 1 : place + 5]
    of_job = (
        word(tokens[place]) == "all"
        and bool(ahead)
        and word(ahead[0]) == "of"
        and any(t.kind is Kind.JOBS for t in ahead)
    )
    return of_job or any(t.kind is Kind.JOBS and "data" in after.concepts for t, after in itertools.pairwise(ahead))


def _others(tokens: list[Token], index: NameIndex) -> list[Token]:
    """`the other jobs`: all but those that were named last."""
    found: list[Token] = []
    for token in tokens:
        if token.kind is Kind.OTHERS:
            wanted = {"jobs": Kind.JOBS, "nodes": Kind.NODES}.get(str(token.value))
            last = next((t for t in reversed(found) if t.kind in _ENTITIES and wanted in (None, t.kind)), None)
            if last is not None:
                every = index.jobs if last.kind is Kind.JOBS else index.nodes
                names = tuple(name for name in every if name not in last.names.names)
                token = replace(token, kind=last.kind, value=Names(labels=names, names=names))
        found.append(token)
    return found
