"""The none baseline of one metered period: the same work at home, every node awake, own harvest first, no sharing.

Method "same-work-at-home": what a worker drew above idle is the work's energy; it is given back to the home nodes of
the shards in proportion to their batches, scaled by the homes' own draw above idle. Everything else a node drew above
idle stays where it was. Nodes idle for the whole period, as they do without an operator that puts them to sleep.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
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
    """Grams CO2e per node in the baseline; a node whose figure is not known is left out.

    That is a node whose zone has no intensity (g/kWh), whose harvest while it was off cannot be estimated, or whose
    work was done on a node that was not metered.
    """
    loads = baseline_loads(nodes, work, hours)
    metered = {node.spec.name for node in nodes}
    unknown = {item.home for item in work if item.node not in metered and item.batches > 0.0}
    found: dict[str, float] = {}
    for node in nodes:
        grid = _grid_watt_hours(node, loads[node.spec.name])
        intensity = intensities.get(node.spec.grid_zone)
        if grid is not None and intensity is not None and node.spec.name not in unknown:
            found[node.spec.name] = grid * intensity / WATT_HOURS_PER_KILOWATT_HOUR
    return found


def total_grams(grams: Mapping[str, float], nodes: Collection[str]) -> float | None:
    """The baseline of all nodes of a period together; None when one of them has none, or there is no node."""
    if not nodes or not set(nodes) <= grams.keys():
        return None
    return sum(grams[node] for node in nodes)


def _grid_watt_hours(node: MeteredNode, load_watt_hours: float) -> float | None:
    """Battery flows are taken as they were, in both accounts; harvest is what an awake node would have had."""
    if node.unseen_harvest_watt_hours is None:
        return None
    need = load_watt_hours + node.charge_watt_hours - node.discharge_watt_hours
    return max(0.0, need - node.harvest_watt_hours - node.unseen_harvest_watt_hours)
