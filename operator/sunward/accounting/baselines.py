"""The world without Sunward: every node stands alone, awake, with its own work, its own sun and its own battery.

Given what each node would have consumed (see `none_baseline` for how that follows from what was metered), a node uses
its harvest first, then its battery, then the grid, and stores what is left: self-consumption, as any charge controller
does it. The result is a ledger like any other, so that it closes and can be compared row by row. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sunward.accounting.ledger import PeriodLedger, close
from sunward.accounting.values import Period, ZoneFactor
from sunward.domain.amounts import require_amount, require_efficiency, require_finite
from sunward.domain.energy import NodePeriod
from sunward.domain.errors import InvalidInput

METHOD = "alone-awake-self-consumption"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineBattery:
    """A battery in the baseline; `stored_watt_hours` is what it held when the comparison began."""

    capacity_watt_hours: float
    minimum_watt_hours: float
    stored_watt_hours: float
    charge_efficiency: float
    discharge_efficiency: float
    maximum_charge_watts: float
    maximum_discharge_watts: float

    def __post_init__(self) -> None:
        for name in ("capacity_watt_hours", "minimum_watt_hours", "maximum_charge_watts", "maximum_discharge_watts"):
            require_amount(name, getattr(self, name))
        require_efficiency("charge_efficiency", self.charge_efficiency)
        require_efficiency("discharge_efficiency", self.discharge_efficiency)
        require_finite("stored_watt_hours", self.stored_watt_hours)
        if not 0.0 <= self.stored_watt_hours <= self.capacity_watt_hours:
            raise InvalidInput("stored_watt_hours", f"{self.stored_watt_hours} is outside 0 to the capacity")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineNode:
    """What one node would have consumed and could have harvested in one period."""

    node: str
    grid_zone: str
    load_watt_hours: float
    harvest_watt_hours: float

    def __post_init__(self) -> None:
        require_amount(f"{self.node}.load_watt_hours", self.load_watt_hours)
        require_amount(f"{self.node}.harvest_watt_hours", self.harvest_watt_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselinePeriod:
    """One period of the baseline: the same weather and the same grid as in the actual one."""

    period: Period
    nodes: Sequence[BaselineNode]
    factors: Iterable[ZoneFactor]


def none_ledgers(
    periods: Sequence[BaselinePeriod],
    batteries: Mapping[str, BaselineBattery],
    *,
    harvest_grams_per_kilowatt_hour: float = 0.0,
) -> tuple[PeriodLedger, ...]:
    """The books of the baseline; batteries begin as given and carry on from period to period."""
    stored = {name: battery.stored_watt_hours for name, battery in batteries.items()}
    ledgers = []
    for one in periods:
        rows = []
        for node in one.nodes:
            battery = batteries.get(node.node)
            row = _alone(node, battery, stored.get(node.node, 0.0), one.period.hours)
            stored[node.node] = stored.get(node.node, 0.0) + row.stored_change_watt_hours
            rows.append(row)
        ledgers.append(
            close(
                one.period,
                rows,
                factors=one.factors,
                harvest_grams_per_kilowatt_hour=harvest_grams_per_kilowatt_hour,
            )
        )
    return tuple(ledgers)


def _alone(node: BaselineNode, battery: BaselineBattery | None, stored: float, hours: float) -> NodePeriod:
    """Harvest first, then the battery, then the grid."""
    used = min(node.load_watt_hours, node.harvest_watt_hours)
    charge, discharge = _battery(battery, stored, node.harvest_watt_hours - used, node.load_watt_hours - used, hours)
    into = battery.charge_efficiency if battery else 1.0
    out = battery.discharge_efficiency if battery else 1.0
    return NodePeriod(
        node=node.node,
        grid_zone=node.grid_zone,
        load_watt_hours=node.load_watt_hours,
        harvest_watt_hours=node.harvest_watt_hours,
        harvest_drawn_watt_hours=used + charge,
        grid_watt_hours=max(0.0, node.load_watt_hours - used - discharge),
        charge_watt_hours=charge,
        discharge_watt_hours=discharge,
        stored_change_watt_hours=into * charge - discharge / out,
        charge_efficiency=into,
        discharge_efficiency=out,
    )


def _battery(
    battery: BaselineBattery | None, stored: float, surplus: float, deficit: float, hours: float
) -> tuple[float, float]:
    """Charge and discharge at the terminals (Wh): one of them is zero."""
    if battery is None:
        return 0.0, 0.0
    room = max(0.0, battery.capacity_watt_hours - stored) / battery.charge_efficiency
    charge = min(surplus, room, battery.maximum_charge_watts * hours)
    usable = max(0.0, stored - battery.minimum_watt_hours) * battery.discharge_efficiency
    discharge = min(deficit, usable, battery.maximum_discharge_watts * hours)
    return charge, discharge
