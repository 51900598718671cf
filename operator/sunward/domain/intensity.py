"""What a number of grid intensity means: which question it answers, and which emissions are in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sunward.domain.errors import InvalidInput


class Signal(StrEnum):
    """What a grid intensity answers: the mix as it is, or the plant that reacts to one more watt-hour."""

    AVERAGE = "average"
    MARGINAL = "marginal"


class FactorScope(StrEnum):
    """Which emissions a factor holds: those of the chimney, or those of the whole life of the plant."""

    DIRECT = "direct"
    LIFECYCLE = "lifecycle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What an intensity means. Numbers of different bases are never added."""

    signal: Signal = Signal.AVERAGE
    scope: FactorScope = FactorScope.LIFECYCLE

    def __str__(self) -> str:
        return f"{self.signal}-{self.scope}"

    @classmethod
    def parse(cls, text: str) -> Basis:
        """Read "average-lifecycle" and the like; raises InvalidInput for any other word."""
        signal, _, scope = text.partition("-")
        try:
            return cls(signal=Signal(signal), scope=FactorScope(scope))
        except ValueError:
            raise InvalidInput("basis", f"{text!r} is not one of {', '.join(BASES)}") from None


BASES = tuple(f"{signal}-{scope}" for signal in Signal for scope in FactorScope)
"""Every basis that can be named."""

DEFAULT_BASIS = Basis()
"""What numbers mean whose source says nothing else: average and over the whole life of the plant."""
