"""Builders for the accounts' inputs: a node that balances unless a test says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sunward.accounting.values import NodePeriod, Period, PoolFlow, ZoneFactor
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
