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

from sunward.accounting.values import (
    Basis,
    NodePeriod,
    Period,
    PoolFlow,
    ZoneFactor,
    require_amount,
)
from sunward.domain.errors import InvalidInput
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason

CLOSING_TOLERANCE = 0.001
"""A ledger closes when what is unexplained is at most this share of what flowed."""

_NOTHING_WATT_HOURS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingNode:
    """A node whose energy of the period is not known."""

    node: str
    reason: Reason
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One node in one period. Energy in watt-hours, emissions in grams CO2e.

    Market view: grid + harvest used + stored + sent + discharge + received = load + charge + sent + residual, and
    harvest = used + stored + sent from harvest + curtailed. `harvest_sent` leaves out what an exporting battery gave.
    Emissions are None when the zone has no intensity; `emissions_missing` then says why.
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
    embodied_grams: float
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
    """Sums over the rows of a ledger. Emissions are None as soon as one row with grid energy has none."""

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
    embodied_grams: float
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
        return self.watt_hours * self.grams_per_kilowatt_hour / 1000.0


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
    def complete(self) -> bool:
        """Whether every node is in the books and every gram is known."""
        return not self.missing and self.totals.location_grams is not None

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
    harvest_grams = node.harvest_drawn_watt_hours * harvest_factor / 1000.0
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
        embodied_grams=node.embodied_grams_per_hour * node.reserved_hours,
        residual_watt_hours=_residual(node, flows, grid_import),
        throughput_watt_hours=_throughput(node, flows),
        emissions_missing=Reason.UNKNOWN_ZONE if needs_grid and factor is None else None,
    )


def _grams(watt_hours: float, factor: float | None, harvest_grams: float) -> float | None:
    if factor is None:
        return None if watt_hours > 0.0 else harvest_grams
    return watt_hours * factor / 1000.0 + harvest_grams


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

    def grams(column: str) -> float | None:
        values = [getattr(row, column) for row in rows]
        unknown = bool(missing) or any(value is None for value in values)
        return None if unknown else fsum([*values, transit.grams])

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
        location_grams=grams("location_grams"),
        market_grams=grams("market_grams"),
        embodied_grams=total("embodied_grams"),
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
    strangers = sorted({flow.node for flow in flows} - names.keys())
    if strangers:
        raise InvalidInput("flows", f"{', '.join(strangers)} trade but are not in the books of this period")


def _ratio(residual: float, throughput: float) -> float:
    if residual <= _NOTHING_WATT_HOURS:
        return 0.0
    return residual / max(residual, throughput)
