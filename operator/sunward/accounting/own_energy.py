"""What saving costs: the energy of the planner itself, and savings after it and after induced demand. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sunward.accounting.savings import Saving
from sunward.domain.amounts import require_amount, require_finite
from sunward.domain.errors import InvalidInput
from sunward.domain.units import JOULES_PER_WATT_HOUR, WATT_HOURS_PER_KILOWATT_HOUR


def processor_watt_hours(processor_seconds: float, *, idle_watts: float, busy_watts: float, cores: int) -> float:
    """Energy above idle of so much processor time: seconds x (busy - idle) / cores, the span shared evenly by cores.

    The machine's idle power is not the program's, for it runs anyway; a machine kept only for the program has it too.
    Raises InvalidInput for negative amounts, a busy power below idle, or no core.
    """
    for name, value in (("processor_seconds", processor_seconds), ("idle_watts", idle_watts)):
        require_amount(name, value)
    if busy_watts < idle_watts:
        raise InvalidInput("busy_watts", f"{busy_watts} is below idle, {idle_watts}")
    if cores < 1:
        raise InvalidInput("cores", f"{cores}: a machine has one at least")
    return processor_seconds * (busy_watts - idle_watts) / cores / JOULES_PER_WATT_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSaving:
    """A saving after the energy that finding it took."""

    gross: Saving
    own_watt_hours: float
    own_grams: float

    @property
    def grams(self) -> float:
        """Signed: below zero the planner emitted more than it saved."""
        return self.gross.grams - self.own_grams

    @property
    def overhead_ratio(self) -> float | None:
        """The planner's own grams per gram saved; None where nothing was saved."""
        return self.own_grams / self.gross.grams if self.gross.grams > 0.0 else None


def after_own_energy(gross: Saving, *, own_watt_hours: float, grams_per_kilowatt_hour: float) -> NetSaving:
    """A saving less the planner's own emissions at the intensity of where it runs.

    Raises InvalidInput for a negative amount.
    """
    require_amount("own_watt_hours", own_watt_hours)
    require_amount("grams_per_kilowatt_hour", grams_per_kilowatt_hour)
    return NetSaving(
        gross=gross,
        own_watt_hours=own_watt_hours,
        own_grams=own_watt_hours * grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR,
    )


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
