"""Why something is as it is: an enumerated reason for programs, a sentence for people. One value, carried whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sunward.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason and its message, in that order; the message holds the details that the reason leaves out."""

    reason: Reason
    message: str = ""

    def prefixed(self, words: str) -> Cause:
        """The same reason, with *words* before the message."""
        return Cause(self.reason, f"{words}{self.message}")

    def __str__(self) -> str:
        """The reason and the message on one line."""
        return f"{self.reason}: {self.message}" if self.message else str(self.reason)


def joined(causes: Sequence[Cause]) -> Cause | None:
    """The first cause's reason with the messages of all; None without any cause."""
    return Cause(causes[0].reason, "; ".join(cause.message for cause in causes)) if causes else None
