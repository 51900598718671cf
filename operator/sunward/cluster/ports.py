"""What the global loop needs from other rooms, declared where it is consumed.

`sources` measures, `telemetry` publishes; neither is imported here. The composition root (cli/wiring.py) wires them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sunward.accounting.ledger import PeriodLedger
from sunward.domain.cause import Cause
from sunward.domain.measurement import Metered
from sunward.domain.nodes import MeterFacts, NodeSpec, NodeView
from sunward.domain.pins import PinnedNode
from sunward.domain.plans import Plan
from sunward.domain.policy import PolicySpec
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.domain.steps import PowerReading, Step


class Sensors(Protocol):
    """Meters of nodes, read through Prometheus."""

    async def read(self, nodes: Sequence[NodeSpec], now: datetime) -> Mapping[str, MeterFacts]:
        """Readings by EnergyNode name; a node without a series gets Absent. Raises SourceUnavailable."""

    async def energy(self, nodes: Sequence[NodeSpec], start: datetime, end: datetime) -> Mapping[str, Metered]:
        """Watt-hours in [start, end) by EnergyNode name. Raises SourceUnavailable."""

    @property
    def settle_delay_seconds(self) -> float:
        """How long after a period its last samples have certainly been scraped."""


class Intensities(Protocol):
    """Grid intensity by zone."""

    async def read(self, source: str, zones: Sequence[str], now: datetime) -> Mapping[str, ZoneIntensity]:
        """Now and forecast for every zone asked; a zone without a source is Absent inside its value. Never raises."""


class Forecaster(Protocol):
    """Snapshot -> expectations on the planning grid; it remembers what it was shown."""

    def __call__(self, snapshot: Snapshot, start: datetime) -> Forecasts: ...
    def remember(self, snapshot: Snapshot) -> None: ...


class PowerDriver(Protocol):
    """Switches one machine and proves its state. No driver has an open port towards the cluster."""

    async def read(self) -> PowerReading | None:
        """Proof of the state now; None when the driver does not answer."""

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Ask for the state; the proof comes from `read`. Raises SourceUnavailable when it was not accepted."""


class Drivers(Protocol):
    """Finds the driver of a machine among the administrator's relays."""

    def of(self, node: NodeView) -> PowerDriver | None:
        """The node's driver; None when it has none or its relay is not in the settings."""

    def at(self, name: str) -> PowerDriver | None:
        """The driver of a relay, whatever node it belongs to; None for a name that is not in the settings."""


class Reporter(Protocol):
    """Where numbers about the operator's own doing go (metrics and the canonical log line)."""

    def planned(self, plan: Plan, snapshot: Snapshot, seconds: float) -> None: ...
    def stepped(self, step: Step) -> None: ...
    def settled(self, ledger: PeriodLedger, baseline_grams: float | None) -> None: ...
    def observed(self, snapshot: Snapshot) -> None: ...
    def pinned(self, nodes: Sequence[PinnedNode], grams: Mapping[str, float], policy: PolicySpec) -> None: ...
    def failed(self, where: str, error: Exception) -> None: ...
    def contained(self, part: str, subject: str, cause: Cause, error: Exception | None) -> None: ...
