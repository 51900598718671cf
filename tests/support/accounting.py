"""Builders for the accounts' inputs: a node that balances unless a test says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any

from hypothesis import strategies as st

from sunward.accounting.values import Period, ZoneFactor
from sunward.domain.energy import NodePeriod, PoolFlow
from sunward.domain.policy import PoolKind

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUARTER_HOUR = Period(start=START, end=START + timedelta(minutes=15))
CLEAN = ZoneFactor(grid_zone="clean", grams_per_kilowatt_hour=24.0)
DIRTY = ZoneFactor(grid_zone="dirty", grams_per_kilowatt_hour=560.0)


def node_period(node: str = "pi-01", *, load: float = 1.0, harvest: float = 0.0, **given: Any) -> NodePeriod:
    """A node without trade that uses its harvest first and takes the rest from the grid."""
    drawn = given.pop("harvest_drawn_watt_hours", min(load, harvest))
    grid = given.pop("grid_watt_hours", load - min(load, harvest))
    return NodePeriod(
        node=node,
        grid_zone=given.pop("grid_zone", "dirty"),
        load_watt_hours=load,
        harvest_watt_hours=harvest,
        harvest_drawn_watt_hours=drawn,
        grid_watt_hours=grid,
        **given,
    )


def flow(node: str, kind: PoolKind = PoolKind.PHYSICAL, pool: str = "roof", **given: float) -> PoolFlow:
    """What `node` sends into and draws from the pool."""
    return PoolFlow(
        pool=pool,
        kind=kind,
        node=node,
        sent_watt_hours=given.get("sent", 0.0),
        drawn_watt_hours=given.get("drawn", 0.0),
        efficiency=given.get("efficiency", 1.0),
    )


AMOUNTS = st.floats(0.0, 100.0)
EFFICIENCIES = st.floats(0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Nodes whose books balance by construction, and what they traded."""

    nodes: tuple[NodePeriod, ...]
    flows: tuple[PoolFlow, ...]


@st.composite
def settlements(draw: st.DrawFn, kinds: tuple[PoolKind, ...] = tuple(PoolKind)) -> Settlement:
    """Any number of nodes with harvest, batteries and pools of the given kinds, settled without error."""
    names = [f"pi-{number:02d}" for number in range(1, draw(st.integers(1, 5)) + 1)]
    pools = [(f"pool-{number}", kind, draw(EFFICIENCIES)) for number, kind in enumerate(kinds)]
    flows = [flow for pool in pools for flow in draw(_pool_flows(names, *pool))]
    return Settlement(nodes=tuple(draw(_settled(name, flows)) for name in names), flows=tuple(flows))


@st.composite
def _pool_flows(draw: st.DrawFn, names: list[str], pool: str, kind: PoolKind, efficiency: float) -> list[PoolFlow]:
    """What every node gives to a pool, shared out again by drawn weights."""
    sent = [draw(AMOUNTS) for _ in names]
    weights = [draw(st.floats(0.1, 1.0)) for _ in names]
    total = fsum(sent)
    return [
        PoolFlow(
            pool=pool,
            kind=kind,
            node=name,
            sent_watt_hours=given_away,
            drawn_watt_hours=total * weight / fsum(weights),
            efficiency=efficiency,
        )
        for name, given_away, weight in zip(names, sent, weights, strict=True)
    ]


@st.composite
def _settled(draw: st.DrawFn, name: str, flows: list[PoolFlow]) -> NodePeriod:
    """A node whose grid energy is what its balance leaves open; harvest grows where the balance would be negative."""
    own = [flow for flow in flows if flow.node == name]
    sent = fsum(flow.sent_watt_hours for flow in own)
    received = fsum(flow.received_watt_hours for flow in own)
    load, charge, discharge = draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS)
    into, out = draw(EFFICIENCIES), draw(EFFICIENCIES)
    drawn = charge + sent + draw(AMOUNTS)
    open_balance = load + charge + sent - drawn - discharge - received
    return NodePeriod(
        node=name,
        grid_zone=draw(st.sampled_from(["clean", "dirty"])),
        load_watt_hours=load + max(0.0, -open_balance),
        harvest_watt_hours=drawn + draw(AMOUNTS),
        harvest_drawn_watt_hours=drawn,
        grid_watt_hours=max(0.0, open_balance),
        charge_watt_hours=charge,
        discharge_watt_hours=discharge,
        stored_change_watt_hours=into * charge - discharge / out,
        charge_efficiency=into,
        discharge_efficiency=out,
    )
