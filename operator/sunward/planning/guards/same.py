"""Remember an answer for as long as it is asked about the very same values, however large they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

Value = TypeVar("Value")
Answer = TypeVar("Answer")


class Same(Generic[Value]):
    """A frozen value that is compared by identity: as a key it costs nothing, and it cannot be another meanwhile."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def once(function: Callable[[Value], Answer]) -> Callable[[Value], Answer]:
    """The function with its last few answers remembered. Its argument must be frozen, as every snapshot is."""
    answers: Callable[[Same[Value]], Answer] = lru_cache(maxsize=4)(lambda key: function(key.value))
    return lambda value: answers(Same(value))
