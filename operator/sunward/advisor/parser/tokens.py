"""Tokens: what a word or phrase of a request is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

JOINED = " ... "
"""Between the pieces of a quote that do not stand side by side in the request."""


class Kind(StrEnum):
    """What a token is."""

    WORD = "word"
    NUMBER = "number"
    QUANTITY = "quantity"
    CLOCK = "clock"
    PART = "part"
    HORIZON = "horizon"
    JOBS = "jobs"
    NODES = "nodes"
    ALL = "all"
    OTHERS = "others"
    PRONOUN = "pronoun"
    MARK = "mark"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names of the base that a token means. `labels` are as a draft writes them: names, `zone:Z`, `pool:P` or `*`."""

    labels: tuple[str, ...]
    names: tuple[str, ...]
    zones: tuple[str, ...] = ()
    is_place: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A number with its unit: %, g, Wh, W, s, g/kWh, x (times) or none."""

    value: Fraction
    unit: str = ""
    is_word: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A time of day; `is_twelve` where the twelve-hour half is not said."""

    hour: int
    minute: int
    is_twelve: bool = False


Value = Names | Amount | Clock | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token with its piece of the request (half-open), its value by kind, and the concepts of its words."""

    kind: Kind
    text: str
    start: int
    end: int
    value: Value = None
    concepts: frozenset[str] = frozenset()
    is_capital: bool = False

    @property
    def amount(self) -> Amount:
        """The value of a number or quantity."""
        assert isinstance(self.value, Amount)
        return self.value

    @property
    def names(self) -> Names:
        """The value of a token that names jobs or nodes."""
        assert isinstance(self.value, Names)
        return self.value


def word(token: Token) -> str:
    """The token's text in small letters."""
    return token.text.lower()
