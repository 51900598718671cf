"""What saving costs: the energy of the planner itself, and savings after it and after induced demand. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sunward.accounting.savings import Saving
from sunward.domain.amounts import require_amount, require_finite
from sunward.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSaving:
    """A saving after the emissions of the planner that found it."""

    gross: Saving
    own_grams: float

    @property
    def grams(self) -> float:
        """Signed: below zero the planner emitted more than it saved."""
        return self.gross.grams - self.own_grams

    @property
    def overhead_ratio(self) -> float | None:
        """The planner's own grams per gram saved; None where nothing was saved."""
        return self.own_grams / self.gross.grams if self.gross.grams > 0.0 else None


def after_induced_demand(reduction_ratio: float, elasticity: float) -> float:
    """Reduction in all when cheaper runs are run more often: 1 - (1 - x)(1 + e x).

    Emissions per run fall by the ratio x and the number of runs grows by e x. Zero elasticity gives x back; with one,
    a cut by half leaves a quarter. Raises InvalidInput for a ratio above one, or a negative elasticity.
    """
    require_finite("reduction_ratio", reduction_ratio)
    require_amount("elasticity", elasticity)
    if reduction_ratio > 1.0:
        raise InvalidInput("reduction_ratio", f"{reduction_ratio} would emit less than nothing")
    return 1.0 - (1.0 - reduction_ratio) * (1.0 + elasticity * max(0.0, reduction_ratio))
