"""The nodes' meters as the operator's loop asks for them: by EnergyNode, with limits taken from what people declared.

It must not know what is done with a reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sunward.domain.measurement import Absent, Metered, Window
from sunward.domain.nodes import MeterFacts, NodeSpec
from sunward.sources.plausible import NodeLimits
from sunward.sources.prometheus import PrometheusSource, WindowEnergy

HIGHEST_POWER_RATIO = 2.0
"""A node that seems to draw more than this many times its declared busy power has a meter in another unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusSensors:
    """Meters of EnergyNodes, through one Prometheus."""

    source: PrometheusSource

    @property
    def settle_delay_seconds(self) -> float:
        """How long after a period its last samples have certainly been scraped."""
        return self.source.settle_delay_seconds

    async def read(self, nodes: Sequence[NodeSpec], now: datetime) -> Mapping[str, MeterFacts]:
        """What the meters show now, by EnergyNode name; absent values with their reasons. Raises SourceUnavailable."""
        found = await self.source.meters({node.node_name: limits_of(node) for node in nodes}, now)
        return {node.name: found[node.node_name] for node in nodes}

    async def energy(self, nodes: Sequence[NodeSpec], start: datetime, end: datetime) -> Mapping[str, Metered]:
        """What the counters added in [start, end), by EnergyNode name. Raises SourceUnavailable.

        Ask `settle_delay_seconds` after the end or later; sooner, the last part of the period is a gap.
        """
        names = [node.node_name for node in nodes]
        load, harvest = await asyncio.gather(
            self.source.energy(names, start, end), self.source.harvest(names, start, end)
        )
        return {
            node.name: Metered(load=_window(load[node.node_name]), harvest=_window(harvest[node.node_name]))
            for node in nodes
        }


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
