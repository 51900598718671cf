"""The nodes' meters as the operator's loop asks for them: by EnergyNode, with limits taken from what people declared.

It must not know what is done with a reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from sunward.domain.measurement import Absent, Metered, Reading, Window
from sunward.domain.nodes import MeterFacts, NodeSpec
from sunward.sources.mapped import MappedSource
from sunward.sources.plausible import NodeLimits
from sunward.sources.prometheus import PrometheusSource, WindowEnergy
from sunward.sources.sensor_maps import Measures

_FIELDS: Final = {
    Measures.POWER: "power_watts",
    Measures.HARVEST: "harvest_watts",
    Measures.BATTERY: "battery_ratio",
}
HIGHEST_POWER_RATIO = 2.0
"""A node that seems to draw more than this many times its declared busy power has a meter in another unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusSensors:
    """Meters of EnergyNodes, through one Prometheus: our own exporter's, and series that the admin mapped.

    Where a mapping covers a node's meter it takes the place of our exporter's; the first one that does is used.
    """

    source: PrometheusSource
    mapped: Sequence[MappedSource] = ()

    @property
    def settle_delay_seconds(self) -> float:
        """How long after a period its last samples have certainly been scraped."""
        return max([self.source.settle_delay_seconds, *(one.settle_delay_seconds for one in self.mapped)])

    async def read(self, nodes: Sequence[NodeSpec], now: datetime) -> Mapping[str, MeterFacts]:
        """What the meters show now, by EnergyNode name; absent values with their reasons. Raises SourceUnavailable."""
        limits = {node.node_name: limits_of(node) for node in nodes}
        asked = (one.readings(_limits_for(one.mapping.measures, limits), now) for one in self.mapped)
        found, others = await asyncio.gather(self.source.meters(limits, now), asyncio.gather(*asked))
        return {node.name: self._with_mapped(found[node.node_name], node.node_name, others) for node in nodes}

    async def energy(self, nodes: Sequence[NodeSpec], start: datetime, end: datetime) -> Mapping[str, Metered]:
        """What the counters added in [start, end), by EnergyNode name. Raises SourceUnavailable.

        Ask `settle_delay_seconds` after the end or later; sooner, the last part of the period is a gap.
        """
        names = [node.node_name for node in nodes]
        counting = [one for one in self.mapped if one.mapping.measures is not Measures.BATTERY]
        load, harvest, others = await asyncio.gather(
            self.source.energy(names, start, end),
            self.source.harvest(names, start, end),
            asyncio.gather(*(one.energy(names, start, end) for one in counting)),
        )
        for one, found in reversed(list(zip(counting, others, strict=True))):
            (load if one.mapping.measures is Measures.POWER else harvest).update(found)
        return {
            node.name: Metered(load=_window(load[node.node_name]), harvest=_window(harvest[node.node_name]))
            for node in nodes
        }

    def _with_mapped(self, facts: MeterFacts, node: str, found: Sequence[Mapping[str, Reading]]) -> MeterFacts:
        """The node's readings; a mapping that covers one of them takes its place."""
        for one, readings in reversed(list(zip(self.mapped, found, strict=True))):
            if node in readings:
                taken: dict[str, Any] = {_FIELDS[one.mapping.measures]: readings[node]}
                facts = replace(facts, **taken)
        return facts


def _limits_for(measures: Measures, limits: Mapping[str, NodeLimits]) -> dict[str, float | None]:
    if measures is Measures.BATTERY:
        return dict.fromkeys(limits)
    is_power = measures is Measures.POWER
    return {node: one.power_watts if is_power else one.harvest_watts for node, one in limits.items()}


def limits_of(node: NodeSpec) -> NodeLimits:
    """What the meters of a node can show, from its declared power and harvest."""
    return NodeLimits(
        power_watts=HIGHEST_POWER_RATIO * node.power.busy_watts, harvest_watts=node.harvest_nameplate_watts
    )


def _window(found: WindowEnergy | Absent) -> Window | None:
    if isinstance(found, Absent):
        return None
    gaps = tuple((_moment(gap.start_seconds), _moment(gap.end_seconds)) for gap in found.gaps)
    return Window(watt_hours=found.watt_hours, gaps=gaps)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
