"""A probe joins a meter, which may come and go, to the channel that remembers what it said."""

from __future__ import annotations

from sunward_exporter.channels import BatteryChannel, PowerChannel
from sunward_exporter.meters import Battery, PowerMeter
from sunward_exporter.readings import Limits, Refusal

BATTERY_SECONDS = 1.0
"""A state of charge moves slowly; reading it at 1 kHz would only cost power."""


class PowerProbe:
    """Node or harvest. With `source` set the series keeps that name whatever the meter is called."""

    def __init__(self, *, limits: Limits, source: str | None = None) -> None:
        self.channel: PowerChannel | None = None
        self.delivers = False
        self._limits = limits
        self._source = source
        self._meter: PowerMeter | None = None

    def offer(self, found: PowerMeter | Refusal) -> None:
        """Adopt a meter that discovery found. One that works is kept, for some meters remember their last value."""
        if self.delivers:
            return
        if isinstance(found, Refusal):
            self._meter = None
            if self.channel is not None or found is not Refusal.DATA_MISSING:
                self.channel = (self.channel or self._new("unknown")).refuse(found)
            return
        self._meter = found
        if self.channel is None or self.channel.source != (self._source or found.source):
            self.channel = self._new(found.source)

    def step(self, monotonic: float, wall: float) -> None:
        """Read once. Never raises."""
        if self._meter is None or self.channel is None:
            return
        before = self.channel.samples
        self.channel = self.channel.take(self._meter.read(), monotonic, wall)
        self.delivers = self.channel.samples > before

    def _new(self, meter: str) -> PowerChannel:
        return PowerChannel(source=self._source or meter, limits=self._limits)


class BatteryProbe:
    """The battery, read once a second at most."""

    def __init__(self) -> None:
        self.channel: BatteryChannel | None = None
        self.delivers = False
        self._gauge: Battery | None = None
        self._due = float("-inf")

    def offer(self, found: Battery | Refusal) -> None:
        """Adopt a gauge that discovery found."""
        if self.delivers:
            return
        if isinstance(found, Refusal):
            self._gauge = None
            if self.channel is not None or found is not Refusal.DATA_MISSING:
                self.channel = (self.channel or BatteryChannel()).refuse(found)
            return
        self._gauge = found
        self.channel = self.channel or BatteryChannel()

    def step(self, monotonic: float, wall: float) -> None:
        """Read once if it is time. Never raises."""
        if self._gauge is None or self.channel is None or monotonic < self._due:
            return
        self._due = monotonic + BATTERY_SECONDS
        self.channel = self.channel.take(self._gauge.read(), wall)
        self.delivers = self.channel.ratio is not None
