"""Wishes that say what differs from the one before: `and barn-02 as well`, `the birds by five`, `then 10 % less`."""

from __future__ import annotations

from collections.abc import Sequence

from sunward.advisor.parser.span import Reading
from sunward.advisor.parser.tokens import Kind, Token, word
from sunward.advisor.parser.words import listed

_FILLERS = listed(
    "may; must; should; can; "
    "too; as well; also; likewise; either; neither; same; so; the; for; on; and; at; of; in; is; with; a; then; "
    "one; to; by; job; jobs; node; please; before; until; after; ones; ditto; the same goes for; same goes for; "
    "the same for; same for; the same applies to; same applies to; as do; as does; and so; so does; so do; "
    "similarly; equally; just like"
)
_BOUNDS = frozenset(("by", "before", "until", "after", "from", "between", "rangeto"))
_DIRECTIONS = frozenset(("less", "more", "cleaner", "dirtier", "worse", "better", "reduced_to"))
_AMOUNTS = (Kind.QUANTITY, Kind.NUMBER)


def renewed(tokens: Sequence[Token], last: Reading) -> list[Token]:
    """The tokens of the wish before with what is named here; empty where this is no such shortened wish."""
    slots = {slot for token in tokens if (slot := _slot(token)) is not None}
    values = {slot for token in tokens if (slot := _value_slot(token)) is not None}
    if not values or not slots <= values | {"time", "amount"} or not all(_fits(token, last) for token in tokens):
        return []
    if "time" in slots and "time" not in values:
        return []
    if "time" in values and not {"time"} <= {_value_slot(t) for t in last.tokens}:
        return []
    if "amount" in values and not _same_units(tokens, last.tokens):
        return []
    found = list(last.tokens)
    for slot in sorted(values):
        found = _put(found, [token for token in tokens if _slot(token) == slot], slot)
    return found


def _value_slot(token: Token) -> str | None:
    """What a token is a value of."""
    if token.kind in (Kind.CLOCK, Kind.PART):
        return "time"
    if token.kind in _AMOUNTS:
        return "amount"
    return {Kind.JOBS: "jobs", Kind.NODES: "nodes"}.get(token.kind)


def _slot(token: Token) -> str | None:
    """The slot of a value, and of the words that belong to it."""
    if token.concepts & _DIRECTIONS:
        return "amount"
    if token.concepts & _BOUNDS and token.kind is Kind.WORD:
        return "time"
    return _value_slot(token)


def _fits(token: Token, last: Reading) -> bool:
    if token.kind in (Kind.MARK, Kind.HORIZON):
        return token.value != "or"
    if _slot(token) is not None or word(token) in _FILLERS:
        return True
    if token.kind is Kind.WORD and token.concepts == frozenset({"neutral"}):
        return True
    return _is_repeated(token, last)


def _is_repeated(token: Token, last: Reading) -> bool:
    """`at most`, `at least`, `only`, where the wish before has a word of the same meaning."""
    shared = token.concepts & {"atmost", "atleast", "only", "data"}
    return bool(shared) and any(shared <= other.concepts for other in last.tokens)


def _same_units(tokens: Sequence[Token], before: Sequence[Token]) -> bool:
    units = {t.amount.unit for t in before if t.kind in _AMOUNTS}
    return all(t.amount.unit in units for t in tokens if t.kind in _AMOUNTS)


def _put(found: list[Token], new: list[Token], slot: str) -> list[Token]:
    """The row with the values of a slot replaced; empty where the wish before has no such slot or more of them."""
    directed = any(_value_slot(token) is None for token in new)
    old = [t for t in found if (_slot(t) if directed else _value_slot(t)) == slot]
    values = [t for t in new if _value_slot(t) == slot]
    if not old or len(values) > sum(_value_slot(t) == slot for t in old):
        return []
    if len(values) < sum(_value_slot(t) == slot for t in old):
        old = old[: len(values)] if slot != "amount" else old
    at = found.index(old[0])
    kept = [t for t in found if t not in old]
    return [*kept[:at], *new, *kept[at:]]
