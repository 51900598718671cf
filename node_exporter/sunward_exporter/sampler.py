"""Reads the meters at a steady rate and publishes one immutable snapshot after another.

One thread samples, any thread reads `snapshot`: a whole object replaces another, so no reader waits for a meter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sunward_exporter.channels import Snapshot
from sunward_exporter.discovery import HARVEST, Choice, discover
from sunward_exporter.probes import BatteryProbe, PowerProbe
from sunward_exporter.readings import Limits

DISCOVERY_SECONDS = 10.0
"""How soon a meter that was plugged in, or came back, is found."""
LONGEST_LAG_SECONDS = 1.0
"""A sampler that is further behind its schedule starts a new one instead of catching up in a burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time as a port: `monotonic` for differences, `wall` (Unix seconds) for time stamps, `sleep` to wait."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to sample and how. Raises ValueError for a rate outside 0.1 to 1000 Hz."""

    sysfs_root: Path = Path("/sys")
    rate_hertz: float = 10.0
    choice: Choice = field(default_factory=Choice)
    node_limits: Limits = field(default_factory=Limits)
    harvest_limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0.1 <= self.rate_hertz <= 1000.0:
            raise ValueError(f"the rate must lie between 0.1 and 1000 Hz, got {self.rate_hertz:g}")


class Sampler:
    """Steps through time; `step` is one sample of everything, `run` repeats it until told to stop."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._node = PowerProbe(limits=settings.node_limits)
        self._harvest = PowerProbe(limits=settings.harvest_limits, source=HARVEST)
        self._battery = BatteryProbe()
        self._look(self._clock.monotonic())
        self._snapshot = self._publish(self._clock.monotonic())

    @property
    def snapshot(self) -> Snapshot:
        """The state after the last step."""
        return self._snapshot

    def step(self) -> None:
        """Read every meter once. Never raises for what a meter does."""
        if self._clock.monotonic() >= self._next_look:
            self._look(self._clock.monotonic())
        for probe in (self._node, self._harvest, self._battery):
            probe.step(self._clock.monotonic(), self._clock.wall())
        self._snapshot = self._publish(self._clock.monotonic())

    def run(self, stop: threading.Event) -> None:
        """Step at the rate asked for, on a fixed schedule so that the mean rate is exact."""
        period = 1.0 / self._settings.rate_hertz
        due = self._clock.monotonic()
        while not stop.is_set():
            self.step()
            due += period
            lag = self._clock.monotonic() - due
            if lag > LONGEST_LAG_SECONDS:
                due += lag
            elif lag < 0.0:
                self._clock.sleep(-lag)

    def _look(self, monotonic: float) -> None:
        self._next_look = monotonic + DISCOVERY_SECONDS
        if self._node.delivers and self._harvest.delivers and self._battery.delivers:
            return
        found = discover(self._settings.sysfs_root, self._settings.choice)
        self._node.offer(found.node)
        self._harvest.offer(found.harvest)
        self._battery.offer(found.battery)

    def _publish(self, monotonic: float) -> Snapshot:
        return Snapshot(
            monotonic=monotonic,
            node=self._node.channel,
            harvest=self._harvest.channel,
            battery=self._battery.channel,
        )
