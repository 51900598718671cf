"""Savings: baseline minus actual, signed, with the method named and what the comparison leaves open said beside it.

A saving is a claim about what did not happen, so it never stands alone: the baseline's method, the energy that one side
has left in its batteries and the view (location or market) belong to it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import fsum

from sunward.accounting.ledger import PeriodLedger
from sunward.domain.errors import InvalidInput


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

    def __str__(self) -> str:
        percent = "" if self.ratio is None else f" ({self.ratio:+.1%})"
        return f"{self.grams:+.3f} g CO2e{percent}, {self.view}-based, against {self.method}"


def saving(
    baseline: Sequence[PeriodLedger], actual: Sequence[PeriodLedger], *, method: str, view: View
) -> Saving | None:
    """The saving over the same periods of two accounts; None as soon as either has a gram that nobody knows.

    Raises InvalidInput where the periods or the bases differ, because then the two sides had different weather.
    """
    if [ledger.period for ledger in baseline] != [ledger.period for ledger in actual]:
        raise InvalidInput("actual", "covers other periods than the baseline")
    bases = {ledger.basis for ledger in (*baseline, *actual)}
    if len(bases) > 1:
        raise InvalidInput("actual", f"mixes intensities of different bases: {', '.join(sorted(map(str, bases)))}")
    before, after = _grams(baseline, view), _grams(actual, view)
    if before is None or after is None:
        return None
    return Saving(
        method=method,
        view=view,
        baseline_grams=before,
        actual_grams=after,
        stored_watt_hours=_stored(actual) - _stored(baseline),
    )


def _grams(ledgers: Sequence[PeriodLedger], view: View) -> float | None:
    if view is View.LOCATION:
        grams = [ledger.totals.location_grams for ledger in ledgers]
    else:
        grams = [ledger.totals.market_grams for ledger in ledgers]
    return None if None in grams else fsum(value for value in grams if value is not None)


def _stored(ledgers: Sequence[PeriodLedger]) -> float:
    return fsum(ledger.totals.stored_change_watt_hours for ledger in ledgers)
