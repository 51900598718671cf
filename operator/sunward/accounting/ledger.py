"""The ledger: where every watt-hour of a period came from and went to, and what it emitted.

One row per node, closed against itself: sources equal uses, harvest is used, sent, stored or curtailed and nothing
twice, pools give what they take. Two views are kept apart. The market view counts contractual transfers; the location
view sees what the wires carried, so a contract never changes it. The ledger must not know plans, meters or clocks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import fsum

from sunward.accounting.rows import (
    CLOSING_TOLERANCE,
    LedgerRow,
    MissingNode,
    PeriodLedger,
    PoolRow,
    Totals,
    Transit,
)
from sunward.accounting.values import Period, ZoneFactor
from sunward.domain.amounts import require_amount
from sunward.domain.energy import NodePeriod, PoolFlow
from sunward.domain.errors import InvalidInput
from sunward.domain.intensity import Basis
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason
from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR

__all__ = [
    "CLOSING_TOLERANCE",
    "LedgerRow",
    "MissingNode",
    "PeriodLedger",
    "PoolRow",
    "Totals",
    "Transit",
    "close",
]


def close(
    period: Period,
    nodes: Sequence[NodePeriod],
    flows: Sequence[PoolFlow] = (),
    factors: Iterable[ZoneFactor] = (),
    *,
    missing: Sequence[MissingNode] = (),
    harvest_grams_per_kilowatt_hour: float = 0.0,
    transit: Transit | None = None,
) -> PeriodLedger:
    """Close the books of one period.

    `harvest_grams_per_kilowatt_hour` is the factor of harvested energy (0 in scope 2; the plant's life cycle where
    asked for), booked where it was harvested. Nodes without energy data go into `missing`, never into `nodes` as 0.
    Raises InvalidInput for a node named twice, a flow of a node that is not in the books, or mixed bases.
    """
    require_amount("harvest_grams_per_kilowatt_hour", harvest_grams_per_kilowatt_hour)
    by_zone = {zone.grid_zone: zone for zone in factors}
    basis = _one_basis(by_zone.values())
    _require_known_nodes(nodes, flows)
    by_node: defaultdict[str, list[PoolFlow]] = defaultdict(list)
    for flow in flows:
        by_node[flow.node].append(flow)
    rows = tuple(
        _row(n, _Flows.sum_of(by_node[n.node]), by_zone.get(n.grid_zone), harvest_grams_per_kilowatt_hour)
        for n in nodes
    )
    return PeriodLedger(
        period=period,
        basis=basis,
        rows=rows,
        pools=_pool_rows(flows),
        missing=tuple(missing),
        totals=_totals(rows, missing, transit or Transit()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flows:
    """The flows of one node, summed per kind."""

    sent: Mapping[PoolKind, float]
    received: Mapping[PoolKind, float]
    lost: float

    @classmethod
    def sum_of(cls, own: Sequence[PoolFlow]) -> _Flows:
        return cls(
            sent={kind: fsum(f.sent_watt_hours for f in own if f.kind is kind) for kind in PoolKind},
            received={kind: fsum(f.received_watt_hours for f in own if f.kind is kind) for kind in PoolKind},
            lost=fsum(f.lost_watt_hours for f in own),
        )

    @property
    def all_sent(self) -> float:
        return fsum(self.sent.values())

    @property
    def all_received(self) -> float:
        return fsum(self.received.values())


def _row(node: NodePeriod, flows: _Flows, factor: ZoneFactor | None, harvest_factor: float) -> LedgerRow:
    """Split, balance and price one node; long because a row has many columns, each computed once."""
    stored = min(node.charge_watt_hours, node.harvest_drawn_watt_hours)
    sent_from_harvest = min(flows.all_sent, node.harvest_drawn_watt_hours - stored)
    # A contract moves no energy: what was sold on paper still served the seller's wires, what was bought came from
    # the grid. The net of the period is what the grid's side of the meter saw; a surplus earns no negative grams.
    wires = fsum(
        (
            node.grid_watt_hours,
            flows.received[PoolKind.CONTRACTUAL],
            -flows.sent[PoolKind.CONTRACTUAL],
        )
    )
    grid_import = max(0.0, wires)
    needs_grid = max(grid_import, node.grid_watt_hours) > 0.0
    rate = node.embodied_grams_per_hour
    harvest_grams = node.harvest_drawn_watt_hours * harvest_factor / WATT_HOURS_PER_KILOWATT_HOUR
    return LedgerRow(
        node=node.node,
        grid_zone=node.grid_zone,
        load_watt_hours=node.load_watt_hours,
        harvest_watt_hours=node.harvest_watt_hours,
        harvest_used_watt_hours=node.harvest_drawn_watt_hours - stored - sent_from_harvest,
        harvest_stored_watt_hours=stored,
        harvest_sent_watt_hours=sent_from_harvest,
        harvest_curtailed_watt_hours=max(0.0, node.harvest_watt_hours - node.harvest_drawn_watt_hours),
        sent_physical_watt_hours=flows.sent[PoolKind.PHYSICAL],
        sent_contractual_watt_hours=flows.sent[PoolKind.CONTRACTUAL],
        received_physical_watt_hours=flows.received[PoolKind.PHYSICAL],
        received_contractual_watt_hours=flows.received[PoolKind.CONTRACTUAL],
        lost_watt_hours=flows.lost,
        charge_watt_hours=node.charge_watt_hours,
        discharge_watt_hours=node.discharge_watt_hours,
        stored_change_watt_hours=node.stored_change_watt_hours,
        grid_watt_hours=node.grid_watt_hours,
        grid_import_watt_hours=grid_import,
        fed_in_watt_hours=max(0.0, -wires),
        location_grams=_grams(grid_import, factor.grams_per_kilowatt_hour if factor else None, harvest_grams),
        market_grams=_grams(node.grid_watt_hours, factor.residual_mix if factor else None, harvest_grams),
        embodied_grams=None if rate is None else rate * node.reserved_hours,
        residual_watt_hours=_residual(node, flows, grid_import),
        throughput_watt_hours=_throughput(node, flows),
        emissions_missing=Reason.UNKNOWN_ZONE if needs_grid and factor is None else None,
    )


def _grams(watt_hours: float, factor: float | None, harvest_grams: float) -> float | None:
    if factor is None:
        return None if watt_hours > 0.0 else harvest_grams
    return watt_hours * factor / WATT_HOURS_PER_KILOWATT_HOUR + harvest_grams


def _residual(node: NodePeriod, flows: _Flows, grid_import: float) -> float:
    """Everything about one node that does not add up (Wh): its balance, its harvest, its battery, its meter."""
    balance = fsum(
        (
            node.grid_watt_hours,
            node.harvest_drawn_watt_hours,
            node.discharge_watt_hours,
            flows.all_received,
            -node.load_watt_hours,
            -node.charge_watt_hours,
            -flows.all_sent,
        )
    )
    overdrawn = max(0.0, node.harvest_drawn_watt_hours - node.harvest_watt_hours)
    explained_change = (
        node.charge_efficiency * node.charge_watt_hours - node.discharge_watt_hours / node.discharge_efficiency
    )
    battery = node.stored_change_watt_hours - explained_change
    metered = node.metered_grid_watt_hours
    meter = 0.0 if metered is None else metered - grid_import
    return fsum((abs(balance), overdrawn, abs(battery), abs(meter)))


def _throughput(node: NodePeriod, flows: _Flows) -> float:
    """All energy that entered the node, or left it where that is more (Wh); harvest that was curtailed included."""
    curtailed = max(0.0, node.harvest_watt_hours - node.harvest_drawn_watt_hours)
    sources = (node.grid_watt_hours, node.harvest_watt_hours, node.discharge_watt_hours, flows.all_received)
    uses = (node.load_watt_hours, node.charge_watt_hours, flows.all_sent, curtailed)
    return max(fsum(sources), fsum(uses))


def _pool_rows(flows: Sequence[PoolFlow]) -> tuple[PoolRow, ...]:
    ordered = sorted(flows, key=lambda flow: (flow.pool, flow.kind))
    return tuple(
        PoolRow(
            pool=pool,
            kind=kind,
            sent_watt_hours=fsum(flow.sent_watt_hours for flow in group),
            drawn_watt_hours=fsum(flow.drawn_watt_hours for flow in group),
            lost_watt_hours=fsum(flow.lost_watt_hours for flow in group),
        )
        for (pool, kind), group in (
            (key, tuple(members)) for key, members in groupby(ordered, key=lambda flow: (flow.pool, flow.kind))
        )
    )


def _totals(rows: Sequence[LedgerRow], missing: Sequence[MissingNode], transit: Transit) -> Totals:
    def total(column: str) -> float:
        return fsum(getattr(row, column) for row in rows)

    def grams(column: str, beside: float = 0.0) -> float | None:
        values = [getattr(row, column) for row in rows]
        unknown = bool(missing) or any(value is None for value in values)
        return None if unknown else fsum([*values, beside])

    return Totals(
        load_watt_hours=total("load_watt_hours"),
        harvest_watt_hours=total("harvest_watt_hours"),
        harvest_used_watt_hours=total("harvest_used_watt_hours"),
        harvest_stored_watt_hours=total("harvest_stored_watt_hours"),
        harvest_sent_watt_hours=total("harvest_sent_watt_hours"),
        harvest_curtailed_watt_hours=total("harvest_curtailed_watt_hours"),
        received_watt_hours=total("received_physical_watt_hours") + total("received_contractual_watt_hours"),
        lost_watt_hours=total("lost_watt_hours"),
        stored_change_watt_hours=total("stored_change_watt_hours"),
        grid_watt_hours=total("grid_watt_hours"),
        grid_import_watt_hours=total("grid_import_watt_hours"),
        fed_in_watt_hours=total("fed_in_watt_hours"),
        location_grams=grams("location_grams", transit.grams),
        market_grams=grams("market_grams", transit.grams),
        embodied_grams=grams("embodied_grams"),
        transit_grams=transit.grams,
    )


def _one_basis(zones: Iterable[ZoneFactor]) -> Basis:
    bases = sorted({zone.basis for zone in zones}, key=str)
    if len(bases) > 1:
        raise InvalidInput("factors", f"bases differ ({', '.join(map(str, bases))}); use one source for a ledger")
    return bases[0] if bases else Basis()


def _require_known_nodes(nodes: Sequence[NodePeriod], flows: Sequence[PoolFlow]) -> None:
    names = Counter(node.node for node in nodes)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise InvalidInput("nodes", f"{', '.join(twice)} named more than once")
    unknown = sorted({flow.node for flow in flows} - names.keys())
    if unknown:
        raise InvalidInput("flows", f"{', '.join(unknown)} trade but are not in the books of this period")
