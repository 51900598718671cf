"""Pieces of a request that say how much, as numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from sunward.advisor.parser.lex import lex
from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.tokens import Kind, Token, word
from sunward.advisor.request.types import Code, NotSolvable

_ALL_WORDS = {
    "all",
    "everything",
    "every",
    "full",
    "freely",
    "anything",
    "any",
    "whole",
    "entirely",
    "completely",
    "fully",
    "unlimited",
    "both",
}
_NONE_CONCEPTS = {"neg", "forbid", "home", "dead", "off", "empty", "selfuse"}


_BORROWED = re.compile(r"^([\d.,]+) \.\.\. +(\S+)$")
"""`8 ... Wh`: a number whose unit stands at another amount of the request."""


class Amounts:
    """Reads quantities of one request; collects how it understood them."""

    def __init__(self, index: NameIndex) -> None:
        self.index = index
        self.notes: list[str] = []

    def share(self, quote: str, *, most: int | None = None, worse_is_more: bool = False) -> float:
        """A percentage: `20 % less` is 80, `at 60 %` is 60, `twice` is 200, `none` is 0.

        A bare number comes from a correction of a share: `20 %... no, 15`. `at least 70 % at home` is
        a share of what may leave: 30."""
        tokens = lex(quote, self.index)
        value = self._share(quote, tokens, worse_is_more=worse_is_more)
        if value < 0 or (most is not None and value > most):
            limits = f"from 0 to {most} %" if most is not None else "of 0 % or more"
            raise NotSolvable(Code.IMPOSSIBLE_VALUE, f"{quote!r} gives {float(value):g} %; a value {limits} is needed.")
        self.notes.append(f"{quote!r} is {float(value):g} %")
        return plain(value)

    def _share(self, quote: str, tokens: Sequence[Token], *, worse_is_more: bool) -> Fraction:
        shares = [t for t in tokens if t.kind is Kind.QUANTITY and t.amount.unit in ("%", "x")]
        bare = [t for t in tokens if t.kind is Kind.NUMBER]
        if not shares and len(bare) == 1:
            shares = [replace(bare[0], kind=Kind.QUANTITY, value=replace(bare[0].amount, unit="%"))]
            tokens = [shares[0] if t is bare[0] else t for t in tokens]
        if not shares:
            return self._word_share(quote, tokens)
        token = shares[0]
        amount = token.amount.value * (100 if token.amount.unit == "x" else 1)
        before = word(tokens[tokens.index(token) - 1]) if tokens.index(token) else ""
        level = before in ("to", "at", "only", "just") or any("reduced_to" in t.concepts for t in tokens)
        less, more = self._directions(tokens, worse_is_more=worse_is_more)
        if token.amount.unit == "x":
            if less:
                raise NotSolvable(Code.AMBIGUOUS, f"{quote!r} may be read in two ways; give a percentage of the base.")
            return amount
        concepts = {concept for t in tokens for concept in t.concepts}
        if {"atleast", "home"} <= concepts and token.amount.unit == "%":
            return 100 - amount
        if level and not (before == "to" and amount < 0) and not (before == "at" and _is_direction(tokens, token)):
            return amount
        if less and more:
            raise NotSolvable(Code.AMBIGUOUS, f"{quote!r} says both less and more. Which one?")
        if amount < 0 or less:
            return 100 - abs(amount)
        return 100 + amount if more else amount

    def _directions(self, tokens: Sequence[Token], *, worse_is_more: bool) -> tuple[bool, bool]:
        concepts = {concept for token in tokens for concept in token.concepts}
        words = {word(token) for token in tokens}
        less = bool(concepts & {"less", "cleaner"}) or ("better" if worse_is_more else "worse") in concepts
        more = (
            bool(concepts & {"more", "dirtier"})
            or ("worse" if worse_is_more else "better") in concepts
            or "up" in words
        )
        return less, more

    def _word_share(self, quote: str, tokens: Sequence[Token]) -> Fraction:
        if any(t.concepts & _NONE_CONCEPTS for t in tokens):
            return Fraction(0)
        if any(word(t) in _ALL_WORDS or "freely" in t.concepts or "full" in t.concepts for t in tokens):
            return Fraction(100)
        raise NotSolvable(Code.MISSING_VALUE, f"{quote!r} gives no share. How many percent?")

    def quantity(self, quote: str, *units: str) -> tuple[float, str]:
        """A number with one of these units. Raises NotSolvable for another unit or a negative number."""
        quote = _BORROWED.sub(r"\1 \2", quote)
        if quote.strip().lower() == "one" and "" in units:
            return 1, ""
        for token in lex(quote, self.index):
            if token.kind in (Kind.QUANTITY, Kind.NUMBER) and token.amount.unit in units:
                if token.amount.value < 0:
                    raise NotSolvable(
                        Code.IMPOSSIBLE_VALUE, f"{quote!r} is negative; an amount of 0 or more is needed."
                    )
                return plain(token.amount.value), token.amount.unit
        raise NotSolvable(
            Code.MISSING_VALUE, f"{quote!r} has no amount in {' or '.join(u or 'a number' for u in units)}. How much?"
        )

    def level(self, quote: str) -> dict[str, float]:
        """A level of a battery: watt-hours, or a percentage of its capacity."""
        quote = _BORROWED.sub(r"\1 \2", quote)
        tokens = lex(quote, self.index)
        if any(t.kind is Kind.QUANTITY and t.amount.unit == "Wh" for t in tokens):
            return {"watt_hours": self.quantity(quote, "Wh")[0]}
        return {"percent": self.share(quote, most=100)}

    def capacity(self, quote: str) -> dict[str, float]:
        """A capacity: watt-hours, or a percentage of the base's."""
        tokens = lex(quote, self.index)
        if any(t.kind is Kind.QUANTITY and t.amount.unit == "Wh" for t in tokens):
            return {"watt_hours": self.quantity(quote, "Wh")[0]}
        return {"percent": self.share(quote)}

    def counts(self, quote: str) -> list[tuple[Fraction, str]]:
        """All numbers and shares of a piece, in order."""
        kinds = (Kind.QUANTITY, Kind.NUMBER)
        if quote.strip().lower() == "one":
            return [(Fraction(1), "")]
        return [(t.amount.value, t.amount.unit) for t in lex(quote, self.index) if t.kind in kinds]


def _is_direction(tokens: Sequence[Token], share: Token) -> bool:
    """`at 15 % dirtier`: the word right behind a share says that it is a difference."""
    after = tokens[tokens.index(share) + 1 :][:1]
    return bool(after) and bool(after[0].concepts & {"less", "more", "cleaner", "dirtier", "worse", "better"})


def plain(value: Fraction) -> float:
    """A fraction as JSON shows it: whole numbers without a point."""
    return int(value) if value.denominator == 1 else float(value)
