"""The rows of the ledger: what is known of a period once its books are closed. Values only; `ledger` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

from sunward.accounting.values import Period
from sunward.domain.amounts import require_amount
from sunward.domain.cause import Cause
from sunward.domain.intensity import Basis
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason
from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR

CLOSING_TOLERANCE = 0.001
"""A ledger closes when what is unexplained is at most this share of what flowed."""

_NOTHING_WATT_HOURS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingNode:
    """A node whose energy of the period is not known in full: where it came from and what it emitted is then unknown.

    `load_watt_hours` and `harvest_watt_hours` are what was metered all the same.
    """

    node: str
    cause: Cause
    load_watt_hours: float | None = None
    harvest_watt_hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One node in one period. Energy in watt-hours, emissions in grams CO2e.

    Market view: grid + harvest used + stored + sent + discharge + received = load + charge + sent + residual, and
    harvest = used + stored + sent from harvest + curtailed. `harvest_sent` leaves out what an exporting battery gave.
    Emissions are None when the zone has no intensity; `emissions_missing` then says why. Embodied grams are None when
    nothing is stated of the machine.
    """

    node: str
    grid_zone: str
    load_watt_hours: float
    harvest_watt_hours: float
    harvest_used_watt_hours: float
    harvest_stored_watt_hours: float
    harvest_sent_watt_hours: float
    harvest_curtailed_watt_hours: float
    sent_physical_watt_hours: float
    sent_contractual_watt_hours: float
    received_physical_watt_hours: float
    received_contractual_watt_hours: float
    lost_watt_hours: float
    charge_watt_hours: float
    discharge_watt_hours: float
    stored_change_watt_hours: float
    grid_watt_hours: float
    grid_import_watt_hours: float
    fed_in_watt_hours: float
    location_grams: float | None
    market_grams: float | None
    embodied_grams: float | None
    residual_watt_hours: float
    throughput_watt_hours: float
    emissions_missing: Reason | None = None

    @property
    def closing_error_ratio(self) -> float:
        """Unexplained energy per energy that flowed, 0 for a perfect row, 1 where only unexplained energy exists."""
        return _ratio(self.residual_watt_hours, self.throughput_watt_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRow:
    """One pool in one period: what went in, what came out, what was lost on the way (Wh)."""

    pool: str
    kind: PoolKind
    sent_watt_hours: float
    drawn_watt_hours: float
    lost_watt_hours: float

    @property
    def residual_watt_hours(self) -> float:
        """What was sent and never drawn, or drawn and never sent."""
        return abs(self.sent_watt_hours - self.drawn_watt_hours)

    @property
    def closing_error_ratio(self) -> float:
        """Residual per energy that went through the pool."""
        return _ratio(self.residual_watt_hours, max(self.sent_watt_hours, self.drawn_watt_hours))


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the rows of a ledger. Grams of any kind are None as soon as those of one node are not known."""

    load_watt_hours: float
    harvest_watt_hours: float
    harvest_used_watt_hours: float
    harvest_stored_watt_hours: float
    harvest_sent_watt_hours: float
    harvest_curtailed_watt_hours: float
    received_watt_hours: float
    lost_watt_hours: float
    stored_change_watt_hours: float
    grid_watt_hours: float
    grid_import_watt_hours: float
    fed_in_watt_hours: float
    location_grams: float | None
    market_grams: float | None
    embodied_grams: float | None
    transit_grams: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transit:
    """Energy that the network outside the nodes spent on data in this period."""

    watt_hours: float = 0.0
    grams_per_kilowatt_hour: float = 0.0

    def __post_init__(self) -> None:
        require_amount("transit.watt_hours", self.watt_hours)
        require_amount("transit.grams_per_kilowatt_hour", self.grams_per_kilowatt_hour)

    @property
    def grams(self) -> float:
        """Emissions of that energy."""
        return self.watt_hours * self.grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodLedger:
    """The closed books of one period."""

    period: Period
    basis: Basis
    rows: tuple[LedgerRow, ...]
    pools: tuple[PoolRow, ...]
    missing: tuple[MissingNode, ...]
    totals: Totals

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node of the period, whether or not its energy is known."""
        return (*(row.node for row in self.rows), *(node.node for node in self.missing))

    @property
    def closing_error_ratio(self) -> float:
        """All unexplained energy, of nodes and pools, per energy that flowed through the nodes."""
        residual = fsum([*(r.residual_watt_hours for r in self.rows), *(p.residual_watt_hours for p in self.pools)])
        return _ratio(residual, fsum(r.throughput_watt_hours for r in self.rows))

    def closes(self, tolerance: float = CLOSING_TOLERANCE) -> bool:
        """Whether every row, every pool and the whole explain all energy but `tolerance` of it."""
        parts = [self.closing_error_ratio]
        parts += [row.closing_error_ratio for row in self.rows]
        parts += [pool.closing_error_ratio for pool in self.pools]
        return max(parts) <= tolerance


def _ratio(residual: float, throughput: float) -> float:
    if residual <= _NOTHING_WATT_HOURS:
        return 0.0
    return residual / max(residual, throughput)
