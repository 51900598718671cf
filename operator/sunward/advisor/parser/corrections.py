"""A later word of the same kind replaces an earlier one: `50 Wh... no, 18 Wh`, `the crops, sorry, the birds`."""

from __future__ import annotations

from dataclasses import replace

from sunward.advisor.parser.tokens import JOINED, Amount, Clock, Kind, Token, word

_STRONG = frozenset(
    [
        "scratch that",
        "strike that",
        "make that",
        "make it",
        "i mean",
        "or rather",
        "no wait",
        "wait no",
        "sorry",
        "oops",
        "correction",
        "hang on",
        "hold on",
        "wait",
        "on second thoughts",
        "on second thought",
        "my mistake",
        "better make it",
        "no make it",
        "i meant",
        "that should be",
        "should be",
        "rather",
        "actually",
        "better",
        "no",
        "nope",
        "nah",
        "pardon",
        "excuse me",
        "apologies",
        "let us say",
        "let's say",
        "say",
        "make them",
        "hmm",
        "hm",
        "erm",
        "um",
        "uh",
    ]
)
_ERASING = {
    "scratch that",
    "strike that",
    "forget that",
    "forget it",
    "never mind that",
    "ignore that",
    "forget about that",
    "never mind",
    "disregard that",
    "that's history",
    "that is history",
    "forget that one",
    "ignore that one",
    "that no longer holds",
    "cancel that",
}
_VALUES = (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, Kind.JOBS, Kind.NODES, Kind.PART, Kind.ALL)
_WEAK = {
    "no",
    "nope",
    "nah",
    "not",
    "better",
    "rather",
    "wait",
    "actually",
    "make it",
    "should be",
    "say",
    "let us say",
    "let's say",
    "make them",
    "hmm",
    "hm",
    "erm",
    "um",
    "uh",
}


def corrected(tokens: list[Token]) -> list[Token]:
    """The tokens with each correction carried out, from left to right."""
    place = 0
    while place < len(tokens):
        size, markers = _markers(tokens, place)
        if size:
            tokens, place = _apply(tokens, place, size, markers)
        else:
            place += 1
    return tokens


def _markers(tokens: list[Token], place: int) -> tuple[int, list[str]]:
    """A run of words that announce a correction, with the marks among them: how many tokens, and which words."""
    found: list[str] = []
    at, end = place, place
    while at < len(tokens):
        if tokens[at].kind is Kind.MARK and found and tokens[at].value != "and":
            at += 1
            continue
        size, phrase = _phrase(tokens, at)
        if not size:
            break
        found.append(phrase)
        at += size
        end = at
    while found and end < len(tokens) and tokens[end].kind is Kind.MARK and tokens[end].text in (",", ":", "...", "-"):
        end += 1
    return end - place, found


def _phrase(tokens: list[Token], place: int) -> tuple[int, str]:
    for size in (4, 3, 2, 1):
        text = " ".join(word(token) for token in tokens[place : place + size])
        if place + size <= len(tokens) and (text in _STRONG or text in _ERASING):
            return size, text
    return 0, ""


def _apply(tokens: list[Token], place: int, size: int, markers: list[str]) -> tuple[list[Token], int]:
    if any(marker in _ERASING for marker in markers):
        begin = _clause_begin(tokens, place)
        if not any(token.kind in _VALUES for token in tokens[begin:place]):
            return tokens, place + size
        replaced = _replaced(tokens, place, size) if markers[-1] in ("scratch that", "strike that") else None
        return (replaced, place) if replaced is not None else (tokens[:begin] + tokens[place + size :], begin)
    after_mark = place > 0 and tokens[place - 1].kind is Kind.MARK
    ends_in_mark = tokens[place + size - 1].kind is Kind.MARK
    weak = all(marker in _WEAK for marker in markers)
    if weak and (not after_mark or tokens[place - 1].value == "and"):
        return tokens, place + size
    if (
        weak
        and markers[-1] in ("no", "not", "better", "actually", "say", "rather", "hmm", "hm", "erm", "um", "uh")
        and not ends_in_mark
        and not _value_follows(tokens, place + size)
    ):
        return tokens, place + size
    replaced = _replaced(tokens, place, size)
    if replaced is None and not weak and _is_between(tokens, place, size):
        return [*tokens[:place], _unclear(tokens, place, size), *tokens[place + size :]], place + 1
    return (replaced, place) if replaced is not None else (tokens, place + size)


def _is_between(tokens: list[Token], place: int, size: int) -> bool:
    """Whether values stand on both sides: one of them is withdrawn, and which is not clear."""
    before = tokens[_clause_begin(tokens, place) : place]
    behind = tokens[place + size : place + size + 4]
    amounts = (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK)
    return all(any(t.kind in amounts or "neg" in t.concepts for t in side) for side in (before, behind))


def _unclear(tokens: list[Token], place: int, size: int) -> Token:
    """A word that no reader understands, so that the wish is asked about."""
    first, last = tokens[place], tokens[place + size - 1]
    return replace(first, kind=Kind.WORD, value=None, end=last.end, concepts=frozenset({"correction"}))


def _clause_begin(tokens: list[Token], place: int) -> int:
    at = place - 1
    while at >= 0 and tokens[at].kind is Kind.MARK:
        at -= 1
    while at >= 0 and not (tokens[at].kind is Kind.MARK and tokens[at].value in ("hard", "soft", "but")):
        at -= 1
    return at + 1


def _value_follows(tokens: list[Token], place: int) -> bool:
    return place < len(tokens) and tokens[place].kind in (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK)


def _replaced(tokens: list[Token], place: int, size: int) -> list[Token] | None:
    """The tokens with the value behind the marker in the place of the last one like it; None where there is none."""
    at = place + size
    skipped = 0
    while at < len(tokens) and tokens[at].kind not in _VALUES:
        if tokens[at].kind is Kind.MARK or skipped >= 4 or tokens[at].concepts & {"onp", "off", "neg", "forbid", "may"}:
            return None
        at += 1
        skipped += 1
    if at >= len(tokens):
        return None
    new = tokens[at]
    last = next((n for n in range(place - 1, -1, -1) if tokens[n].kind is not Kind.MARK), None)
    if last is not None and tokens[last].kind is Kind.WORD and not tokens[last].concepts:
        return [*tokens[:last], new, *tokens[at + 1 :]]
    for old in range(place - 1, -1, -1):
        if _alike(tokens[old], new):
            value = _with_unit(tokens[old], new)
            middle = tokens[old + 1 : place]
            while middle and middle[-1].kind is Kind.MARK:
                middle = middle[:-1]
            return [*tokens[:old], value, *middle, *tokens[at + 1 :]]
    return None


def _alike(old: Token, new: Token) -> bool:
    if old.kind is Kind.CLOCK and new.kind is Kind.NUMBER:
        return True
    numeric = (Kind.QUANTITY, Kind.NUMBER, Kind.ALL)
    if old.kind in numeric and new.kind in numeric and not (old.kind is Kind.ALL and new.kind is Kind.ALL):
        if old.kind is Kind.ALL or new.kind is Kind.ALL:
            return {old.kind, new.kind} == {Kind.ALL, Kind.QUANTITY}
        units = {old.amount.unit, new.amount.unit}
        return len(units) == 1 or "" in units or units == {"%", "x"}
    if {old.kind, new.kind} <= {Kind.CLOCK, Kind.PART, Kind.NUMBER}:
        return old.kind is not Kind.NUMBER
    return old.kind is new.kind


def _with_unit(old: Token, new: Token) -> Token:
    """A bare number behind a correction has the unit of what it corrects."""
    if new.kind is Kind.NUMBER and old.kind is Kind.CLOCK:
        hour = int(new.amount.value) if 0 <= new.amount.value <= 24 else 99
        return replace(
            new, kind=Kind.CLOCK, value=Clock(hour=hour % 24 if hour <= 24 else 99, minute=0, is_twelve=1 <= hour <= 12)
        )
    if new.kind is Kind.NUMBER and old.kind is Kind.QUANTITY:
        value = Amount(value=new.amount.value, unit=old.amount.unit)
        unit = old.text.lstrip("0123456789., ")
        text = f"{new.text}{JOINED}{unit}" if unit.lower() in ("wh", "w", "g") else new.text
        return replace(new, kind=Kind.QUANTITY, value=value, text=text)
    return new
