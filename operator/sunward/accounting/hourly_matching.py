"""The 24/7 carbon-free energy score from ledgers: which load, hour by hour, was covered without carbon.

Google, "24/7 Carbon-Free Energy: Methodologies and Metrics", 2021: hourly, per grid, a surplus is capped and helps no
other hour. Here a node's own harvest covers its own load first; what was stored counts when it is discharged, in the
proportion in which the battery was charged from harvest. Contracts count in the market view only, for the wires never
carried them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sunward.accounting.ledger import LedgerRow, PeriodLedger
from sunward.accounting.measures import Hour, carbon_free_energy_score
from sunward.accounting.savings import View

GridShare = Callable[[str, datetime], float]
"""Carbon-free share of a zone's grid in the hour that begins at a time, in [0, 1]."""


def score(ledgers: Sequence[PeriodLedger], grid_share: GridShare, *, view: View = View.LOCATION) -> float | None:
    """The score of all loads in the ledgers; None without load, or while a node's energy is missing.

    Raises InvalidInput for a share outside [0, 1].
    """
    if any(ledger.missing for ledger in ledgers):
        return None
    return carbon_free_energy_score(hours_of(ledgers, grid_share, view=view))


def hours_of(ledgers: Sequence[PeriodLedger], grid_share: GridShare, *, view: View) -> tuple[Hour, ...]:
    """Loads and what covered them, per zone and clock hour; a period belongs to the hour in which it begins.

    Ledgers come in the order of time, for a battery's content has a history. What it held before the first ledger
    counts as grid energy.
    """
    load: defaultdict[tuple[datetime, str], float] = defaultdict(float)
    covered: defaultdict[tuple[datetime, str], float] = defaultdict(float)
    batteries: defaultdict[str, _Charged] = defaultdict(_Charged)
    for ledger in ledgers:
        hour = ledger.period.start.replace(minute=0, second=0, microsecond=0)
        for row in ledger.rows:
            load[hour, row.grid_zone] += row.load_watt_hours
            covered[hour, row.grid_zone] += _covered(row, batteries[row.node], view)
            batteries[row.node].take(row)
    return tuple(
        Hour(load_watt_hours=load[key], matched_watt_hours=covered[key], grid_share=grid_share(key[1], key[0]))
        for key in sorted(load)
    )


@dataclass(slots=True)
class _Charged:
    """What went into a battery so far, and how much of it was harvest."""

    harvest_watt_hours: float = field(default=0.0)
    all_watt_hours: float = field(default=0.0)

    @property
    def share(self) -> float:
        return self.harvest_watt_hours / self.all_watt_hours if self.all_watt_hours > 0.0 else 0.0

    def take(self, row: LedgerRow) -> None:
        self.harvest_watt_hours += row.harvest_stored_watt_hours
        self.all_watt_hours += row.charge_watt_hours


def _covered(row: LedgerRow, battery: _Charged, view: View) -> float:
    """Load of one node that no grid energy served (Wh). Harvest sold on paper still ran through its own wires."""
    contract = row.received_contractual_watt_hours
    if view is View.LOCATION:
        contract = min(row.sent_contractual_watt_hours, row.harvest_sent_watt_hours)
    own = row.harvest_used_watt_hours + row.discharge_watt_hours * battery.share
    return min(row.load_watt_hours, own + row.received_physical_watt_hours + contract)
