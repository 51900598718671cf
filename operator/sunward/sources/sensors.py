"""The nodes' meters as the operator's loop asks for them: by EnergyNode, with limits taken from what people declared.

It must not know what is done with a reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sunward.domain.measurement import Absent, Quality
from sunward.domain.nodes import MeterFacts, NodeSpec
from sunward.sources.plausible import NodeLimits
from sunward.sources.prometheus import PrometheusSource, WindowEnergy

HIGHEST_POWER_RATIO = 2.0
"""A node that seems to draw more than this many times its declared busy power has a meter in another unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredEnergy:
    """What one node's meters counted in a period.

    `load_watt_hours` is what was metered and nothing more: during `load_gap_seconds` nothing is known of the load (a
    node that sleeps is not metered), and the caller, who knows whether the node slept, decides what that cost.
    Battery ratios are those of the samples nearest to the edges, None without a battery or a fresh sample.
    """

    load_watt_hours: float
    load_gap_seconds: float
    load_quality: Quality
    harvest_watt_hours: float | None
    harvest_gap_seconds: float
    battery_ratio_start: float | None
    battery_ratio_end: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusSensors:
    """Meters of EnergyNodes, through one Prometheus; a battery sample may be `freshest_seconds` away from an edge."""

    source: PrometheusSource
    freshest_seconds: float = 60.0

    async def read(self, nodes: Sequence[NodeSpec], now: datetime) -> Mapping[str, MeterFacts]:
        """What the meters show now, by EnergyNode name; absent values with their reasons. Raises SourceUnavailable."""
        found = await self.source.meters({node.node_name: limits_of(node) for node in nodes}, now)
        return {node.name: found[node.node_name] for node in nodes}

    async def energy(
        self, nodes: Sequence[NodeSpec], start: datetime, end: datetime
    ) -> Mapping[str, MeteredEnergy | None]:
        """Energy in [start, end) by EnergyNode name; None where no load was metered. Raises SourceUnavailable."""
        names = [node.node_name for node in nodes]
        limits = {name: NodeLimits() for name in names}
        load, harvest, before, after = await asyncio.gather(
            self.source.energy(names, start, end),
            self.source.harvest(names, start, end),
            self.source.meters(limits, start),
            self.source.meters(limits, end),
        )
        return {
            node.name: _metered(
                load[node.node_name],
                harvest[node.node_name],
                self._ratio(before[node.node_name], start),
                self._ratio(after[node.node_name], end),
            )
            for node in nodes
        }

    def _ratio(self, facts: MeterFacts, at: datetime) -> float | None:
        found = facts.battery_ratio
        if isinstance(found, Absent) or abs(found.age(at).total_seconds()) > self.freshest_seconds:
            return None
        return found.value


def limits_of(node: NodeSpec) -> NodeLimits:
    """What the meters of a node can show, from its declared power and harvest."""
    return NodeLimits(
        power_watts=HIGHEST_POWER_RATIO * node.power.busy_watts, harvest_watts=node.harvest_nameplate_watts
    )


def _metered(
    load: WindowEnergy | Absent,
    harvest: WindowEnergy | Absent,
    ratio_start: float | None,
    ratio_end: float | None,
) -> MeteredEnergy | None:
    if isinstance(load, Absent):
        return None
    metered_harvest = None if isinstance(harvest, Absent) else harvest
    return MeteredEnergy(
        load_watt_hours=load.watt_hours,
        load_gap_seconds=load.gap_seconds,
        load_quality=load.quality,
        harvest_watt_hours=metered_harvest.watt_hours if metered_harvest else None,
        harvest_gap_seconds=metered_harvest.gap_seconds if metered_harvest else 0.0,
        battery_ratio_start=ratio_start,
        battery_ratio_end=ratio_end,
    )
