"""The driver of nodes without a switch."""

from __future__ import annotations

from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.steps import PowerReading
from sunward.power.relay import Clock


class CordonOnlyDriver:
    """No switch at all: a node is drained and stays powered, so its state is what the record says."""

    def __init__(self, node: NodeView, clock: Clock) -> None:
        self._node = node
        self._clock = clock

    async def read(self) -> PowerReading | None:
        """Mirror the record."""
        off = self._node.record.power_state in (PowerState.POWER_OFF_REQUESTED, PowerState.ASLEEP)
        return PowerReading(is_on=not off, watts=None, time=self._clock())

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Nothing to switch."""
