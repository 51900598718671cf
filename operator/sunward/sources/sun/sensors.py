"""Meters with a forecast of each panel's output beside them.

A service that fails or is slow costs its forecast and nothing else: the meters are read as ever, and the operator's own
expectation takes over. Panels in the same place and position are asked about once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Metered, Series
from sunward.domain.nodes import MeterFacts, NodeSpec, Panel
from sunward.sources.sensors import PrometheusSensors
from sunward.sources.sun.section import SunService

FIRST_RETRY_SECONDS = 300.0
"""After a failure the service is asked again this soon, or when it says."""
LONGEST_PAUSE_SECONDS = 86_400.0
"""The longest time that a service may ask to be left alone; a longer one is cut to this."""
LONGEST_USE = timedelta(hours=12)
"""A forecast that was fetched longer ago than this is not used."""


@dataclass(slots=True, kw_only=True)
class _Memory:
    """The last forecast of one panel as a share of its nameplate, and when to ask again."""

    due: datetime | None = None
    found: Series | None = None


@dataclass(slots=True, kw_only=True)
class ForecastedSensors:
    """The meters of `inner`, with forecasts from `service`, asked once per `refresh_seconds` and panel."""

    inner: PrometheusSensors
    service: SunService
    refresh_seconds: float
    longest_wait_seconds: float = 1.0
    _panels: dict[Panel, _Memory] = field(default_factory=dict)
    _asking: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def settle_delay_seconds(self) -> float:
        """As for the meters."""
        return self.inner.settle_delay_seconds

    async def read(self, nodes: Sequence[NodeSpec], now: datetime) -> Mapping[str, MeterFacts]:
        """The meters, with the forecast of each node that names its place. Raises SourceUnavailable for the meters."""
        panels = {node.panel for node in nodes if node.panel is not None}
        self._panels = {panel: self._panels.get(panel, _Memory()) for panel in panels}
        asking = {asyncio.create_task(self._refresh(*one, now)) for one in self._panels.items() if _is_due(one[1], now)}
        found = await self.inner.read(nodes, now)
        await self._wait(asking)
        return {node.name: replace(found[node.name], harvest_forecast_watts=self._of(node, now)) for node in nodes}

    async def energy(self, nodes: Sequence[NodeSpec], start: datetime, end: datetime) -> Mapping[str, Metered]:
        """As for the meters."""
        return await self.inner.energy(nodes, start, end)

    async def _wait(self, asking: set[asyncio.Task[None]]) -> None:
        """Wait a moment for the service; a slower answer is used in a later reading."""
        for task in asking:
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        if asking:
            await asyncio.wait(asking, timeout=self.longest_wait_seconds)

    async def _refresh(self, panel: Panel, memory: _Memory, now: datetime) -> None:
        memory.due = now + timedelta(seconds=self.refresh_seconds)
        try:
            found = await self.service.ratio(panel, now)
        except Exception as error:  # the shell around one service: whatever it does, the meters are read
            asked_for = error.retry_after_seconds if isinstance(error, SourceUnavailable) else None
            pause = max(FIRST_RETRY_SECONDS, min(asked_for or 0.0, LONGEST_PAUSE_SECONDS))
            memory.due = now + timedelta(seconds=pause)
            return
        memory.found = found or memory.found

    def _of(self, node: NodeSpec, now: datetime) -> Series | None:
        """Watts of a node's panel, from a forecast that covers now."""
        most = node.harvest_nameplate_watts
        ratios = None if node.panel is None else self._panels[node.panel].found
        if most is None or ratios is None or not ratios.start <= now < ratios.end:
            return None
        if now - ratios.issued_at > LONGEST_USE:
            return None
        return replace(ratios, values=tuple(most * ratio for ratio in ratios.values))


def _is_due(memory: _Memory, now: datetime) -> bool:
    """Whether to ask again. A clock that is put back ends a pause, rather than prolong it."""
    due = memory.due
    return due is None or not due - timedelta(seconds=LONGEST_PAUSE_SECONDS) <= now < due
