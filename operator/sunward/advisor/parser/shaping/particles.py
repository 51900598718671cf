"""`on` and `off`, and amounts that hold no longer."""

from __future__ import annotations

from dataclasses import replace

from sunward.advisor.parser.shaping.common import DETERMINERS, ENTITIES
from sunward.advisor.parser.tokens import Kind, Token, word

_GOING = ("go", "goes", "carry", "run")


def _is_prep(token: Token, after: Token | None, is_direct: bool) -> bool:
    if after is None:
        return False
    named = after.kind in (*ENTITIES, Kind.PRONOUN, Kind.UNKNOWN, Kind.OTHERS)
    if word(token) == "off":
        return named
    said = bool(after.concepts & {"worker", "sun", "grid", "only", "atleast", "atmost"})
    return named or said or (not is_direct and "neutral" in after.concepts)


def without_contrast(tokens: list[Token]) -> list[Token]:
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
    while at < len(tokens) and word(tokens[at]) in DETERMINERS:
        at += 1
    last = at + 1 >= len(tokens) or tokens[at + 1].kind is Kind.MARK
    kinds = (Kind.QUANTITY, Kind.NUMBER, Kind.CLOCK, *ENTITIES)
    if at >= len(tokens) or not last or tokens[at].kind not in kinds:
        return 0
    like = any(t.kind is tokens[at].kind or {t.kind, tokens[at].kind} <= set(kinds[:2]) for t in tokens[:place])
    return at + 1 - place if like else 0


def particles(tokens: list[Token]) -> list[Token]:
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
        if word(token) == "up" and before is not None and before.kind is Kind.QUANTITY:
            found.append(replace(token, concepts=frozenset({"more"})))
            continue
        if word(token) == "over" and place + 1 < len(tokens) and tokens[place + 1].kind in ENTITIES:
            found.append(replace(token, concepts=frozenset({"neutral"})))
            continue
        commanded = bool(found) and word(found[-1]) in ("turn", "switch", "shut", "power", "turned", "switched")
        if word(token) in ("on", "off") and not (word(token) == "off" and commanded):
            after = place + 1
            while after < len(tokens) and (
                (word(tokens[after]) in DETERMINERS and word(tokens[after]) != "for")
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
