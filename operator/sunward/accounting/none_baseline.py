"""The none baseline of one metered period: the same work at home, every node awake, own harvest first, no sharing.

Method "same-work-at-home": what a worker drew above idle is the work's energy; it is given back to the home nodes of
the shards in proportion to their batches, scaled by the homes' own draw above idle. Everything else a node drew above
idle stays where it was. Nodes idle for the whole period, as they do when nobody puts them to sleep.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sunward.domain.amounts import require_amount
from sunward.domain.energy import MeteredNode
from sunward.domain.nodes import PowerProfile
from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR

METHOD = "same-work-at-home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Batches of shards that live on `home`, done on `node` in the period."""

    node: str
    home: str
    batches: float

    def __post_init__(self) -> None:
        require_amount("batches", self.batches)


def baseline_loads(nodes: Sequence[MeteredNode], work: Sequence[Work], hours: float) -> dict[str, float]:
    """Watt-hours that each node had drawn in a period of *hours*, had everybody stayed awake and worked at home."""
    by_name = {node.spec.name: node for node in nodes}
    loads = {node.spec.name: node.spec.power.idle_watts * hours for node in nodes}
    done: dict[str, float] = defaultdict(float)
    for item in work:
        done[item.node] += item.batches
    for node in nodes:
        if done[node.spec.name] <= 0.0:
            loads[node.spec.name] += node.above_idle_watt_hours
    for item in work:
        worker, home = by_name.get(item.node), by_name.get(item.home)
        if worker is not None and home is not None and done[item.node] > 0.0:
            above_idle = item.batches / done[item.node] * worker.above_idle_watt_hours
            loads[item.home] += above_idle * _relative_draw(home.spec.power, worker.spec.power)
    return loads


def _relative_draw(home: PowerProfile, worker: PowerProfile) -> float:
    """How much more the home draws for the same work; machines without a known span count as equal."""
    span = worker.busy_watts - worker.idle_watts
    return (home.busy_watts - home.idle_watts) / span if span > 0.0 else 1.0


def baseline_grams(
    nodes: Sequence[MeteredNode], work: Sequence[Work], hours: float, intensities: Mapping[str, float]
) -> dict[str, float]:
    """Grams CO2e per node in the baseline; a node whose zone has no intensity (g/kWh) is left out."""
    loads = baseline_loads(nodes, work, hours)
    return {
        node.spec.name: _grid_watt_hours(node, loads[node.spec.name])
        * intensities[node.spec.grid_zone]
        / WATT_HOURS_PER_KILOWATT_HOUR
        for node in nodes
        if node.spec.grid_zone in intensities
    }


def _grid_watt_hours(node: MeteredNode, load_watt_hours: float) -> float:
    """Battery flows are taken as they were, in both accounts; harvest is what an awake node would have had."""
    need = load_watt_hours + node.charge_watt_hours - node.discharge_watt_hours
    return max(0.0, need - node.harvest_watt_hours - node.unseen_harvest_watt_hours)
