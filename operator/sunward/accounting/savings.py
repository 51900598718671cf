"""Savings: baseline minus actual, signed, with the method named and what the comparison leaves open said beside it.

A saving is a claim about what did not happen, so it never stands alone: the baseline's method, the energy that one side
has left in its batteries and the view (location or market) belong to it. Both sides are the same periods under the same
weather and basis. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class View(StrEnum):
    """Which of the two scope 2 accounts is meant."""

    LOCATION = "location"
    MARKET = "market"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What was saved against a baseline. Positive grams were avoided, negative ones caused.

    `stored_watt_hours` is how much more the actual side has in its batteries at the end; a negative value means that a
    part of the saving was only borrowed.
    """

    method: str
    view: View
    baseline_grams: float
    actual_grams: float
    stored_watt_hours: float

    @property
    def grams(self) -> float:
        """Baseline minus actual."""
        return self.baseline_grams - self.actual_grams

    @property
    def ratio(self) -> float | None:
        """Saving per baseline; None where the baseline emitted nothing."""
        return self.grams / self.baseline_grams if self.baseline_grams > 0.0 else None
