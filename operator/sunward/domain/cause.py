"""Why something is as it is: an enumerated reason for programs, a sentence for people. One value, carried whole."""

from __future__ import annotations

from dataclasses import dataclass

from sunward.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason and its message, in that order; the message holds the details that the reason leaves out."""

    reason: Reason
    message: str

    def __str__(self) -> str:
        """The reason and the message on one line."""
        return f"{self.reason}: {self.message}" if self.message else str(self.reason)
