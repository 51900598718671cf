"""Energy of one finished period: what meters counted, what was settled for each node, and what pools carried.

One set of values from the meters to the books. They refuse what can never be true (NaN, infinities, negative energy)
where they are made. They must not know where a number was read or which plan caused it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sunward.domain.amounts import require_amount, require_efficiency, require_finite
from sunward.domain.nodes import NodeSpec
from sunward.domain.policy import PoolKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredNode:
    """What a node's meters counted in a period. A node that was not metered is left out, never given as zero.

    `stored_change_watt_hours` is what the battery holds more (or, negative, less) than at the start. `awake_hours` is
    how long the node's own meter ran, `awake_watt_hours` what it counted then. `unseen_harvest_watt_hours` estimates
    what its source offered while the node was off (None where nothing says how much): the baseline, in which it stays
    awake, would have used that.
    """

    spec: NodeSpec
    load_watt_hours: float
    harvest_watt_hours: float = 0.0
    stored_change_watt_hours: float = 0.0
    awake_hours: float = 0.0
    awake_watt_hours: float = 0.0
    unseen_harvest_watt_hours: float | None = 0.0

    @property
    def charge_watt_hours(self) -> float:
        """Energy into the battery at its terminals that explains the change."""
        efficiency = self.spec.battery.charge_efficiency if self.spec.battery else 1.0
        return max(0.0, self.stored_change_watt_hours) / efficiency

    @property
    def discharge_watt_hours(self) -> float:
        """Energy out of the battery at its terminals that explains the change, as far as the node could use it."""
        efficiency = self.spec.battery.discharge_efficiency if self.spec.battery else 1.0
        return min(self.load_watt_hours, max(0.0, -self.stored_change_watt_hours) * efficiency)

    @property
    def above_idle_watt_hours(self) -> float:
        """What it drew above idle while its own meter ran; never negative."""
        return max(0.0, self.awake_watt_hours - self.spec.power.idle_watts * self.awake_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFlow:
    """What one node gave to and took from one pool in one period.

    `drawn_watt_hours` is counted before the loss of the way: the node receives `efficiency` times as much.
    """

    pool: str
    kind: PoolKind
    node: str
    sent_watt_hours: float = 0.0
    drawn_watt_hours: float = 0.0
    efficiency: float = 1.0

    def __post_init__(self) -> None:
        require_amount("sent_watt_hours", self.sent_watt_hours)
        require_amount("drawn_watt_hours", self.drawn_watt_hours)
        require_efficiency("efficiency", self.efficiency)

    @property
    def received_watt_hours(self) -> float:
        """What arrived at the node."""
        return self.efficiency * self.drawn_watt_hours

    @property
    def lost_watt_hours(self) -> float:
        """What was drawn and did not arrive; booked on the node that drew it."""
        return (1.0 - self.efficiency) * self.drawn_watt_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePeriod:
    """Energy of one node in one period, as metered and settled.

    `load_watt_hours` is all that the node consumed: idle, asleep, work, waking, moving data. `harvest_watt_hours`
    is what its source offered; `harvest_drawn_watt_hours` the part that was consumed, stored or sent. Charge and
    discharge are counted at the battery's terminals, `stored_change_watt_hours` inside it (signed).
    `grid_watt_hours` is the settlement's grid energy, in which contractual transfers count; a meter at the grid's
    side, where there is one, sees the wires only, and belongs in `metered_grid_watt_hours`. Embodied grams are None
    where nothing is stated of the making of the machine.
    """

    node: str
    grid_zone: str
    load_watt_hours: float
    harvest_watt_hours: float
    harvest_drawn_watt_hours: float
    grid_watt_hours: float
    charge_watt_hours: float = 0.0
    discharge_watt_hours: float = 0.0
    stored_change_watt_hours: float = 0.0
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0
    metered_grid_watt_hours: float | None = None
    reserved_hours: float = 0.0
    embodied_grams_per_hour: float | None = None

    def __post_init__(self) -> None:
        for name in _AMOUNTS:
            require_amount(f"{self.node}.{name}", getattr(self, name))
        for name in ("metered_grid_watt_hours", "embodied_grams_per_hour"):
            if getattr(self, name) is not None:
                require_amount(f"{self.node}.{name}", getattr(self, name))
        require_finite(f"{self.node}.stored_change_watt_hours", self.stored_change_watt_hours)
        require_efficiency(f"{self.node}.charge_efficiency", self.charge_efficiency)
        require_efficiency(f"{self.node}.discharge_efficiency", self.discharge_efficiency)


_AMOUNTS = (
    "load_watt_hours",
    "harvest_watt_hours",
    "harvest_drawn_watt_hours",
    "grid_watt_hours",
    "charge_watt_hours",
    "discharge_watt_hours",
    "reserved_hours",
)
