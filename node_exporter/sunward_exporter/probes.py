"""A probe joins a meter, which may come and go, to the channel that remembers what it said.

One thread steps a probe and another offers it what was found, so a channel is replaced under a lock. No lock is held
while a meter is read: a driver may hang for as long as it likes.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import replace

from sunward_exporter.channels import BatteryChannel, PowerChannel
from sunward_exporter.discovery import Found
from sunward_exporter.gauges import Battery
from sunward_exporter.meters import PowerMeter
from sunward_exporter.readings import Limits, Refusal

READ_TIMEOUT_SECONDS = 5.0
"""A read that takes longer counts as TimedOut, once; the thread that waits for it goes on when it returns."""


class Probe(ABC):
    """What is common: when the last read began, and that a hanging one is counted."""

    def __init__(self) -> None:
        self.delivers = False
        self._lock = threading.Lock()
        self._reading_since: float | None = None

    @property
    @abstractmethod
    def is_point(self) -> bool:
        """Whether its readings are worth spreading within their periods."""

    def step(self, monotonic: float, wall: float) -> None:
        """Read once. Never raises for what a meter does."""
        self._reading_since = monotonic
        self._read(monotonic, wall)
        self._reading_since = None

    def watch(self, monotonic: float) -> None:
        """Count a read that does not return."""
        since = self._reading_since
        if since is not None and monotonic - since > READ_TIMEOUT_SECONDS:
            self._reading_since = None
            self.delivers = False
            with self._lock:
                self._refuse(Refusal.TIMED_OUT)

    @abstractmethod
    def _read(self, monotonic: float, wall: float) -> None:
        """Read the meter, if there is one, and replace the channel."""

    @abstractmethod
    def _refuse(self, reason: Refusal) -> None:
        """Count a reason in the channel."""


class PowerProbe(Probe):
    """Node or harvest. With `source` set the series keeps that name whatever the meter is called.

    `optional` is what need not be there: nothing is shown of it until it was found once.
    """

    def __init__(self, *, limits: Limits, source: str | None = None, optional: bool = False) -> None:
        super().__init__()
        self.channel: PowerChannel | None = None
        self._limits = limits
        self._source = source
        self._optional = optional
        self._meter: PowerMeter | None = None
        self._default_shunt = False

    @property
    def is_point(self) -> bool:
        """That of its meter."""
        return self._meter is not None and self._meter.is_point

    def offer(self, found: Found | Refusal) -> None:
        """Adopt a meter that discovery found. One that works is kept, for some meters remember their last value."""
        with self._lock:
            if self.delivers:
                return
            if isinstance(found, Refusal):
                self._meter = None
                if self.channel is not None or not (self._optional and found is Refusal.DATA_MISSING):
                    self._refuse(found)
                return
            self._meter = found.meter
            self._default_shunt = found.default_shunt
            if self.channel is None or self.channel.source != (self._source or found.source):
                self.channel = self._new(found.source)

    def _read(self, monotonic: float, wall: float) -> None:
        meter = self._meter
        answer = None if meter is None else meter.read(monotonic)
        with self._lock:
            if answer is None or meter is not self._meter or self.channel is None:
                return
            before = self.channel.samples
            self.channel = self.channel.take(answer, monotonic, wall)
            self.delivers = self.channel.samples > before

    def _refuse(self, reason: Refusal) -> None:
        self.channel = (self.channel or self._new("node")).refuse(reason)

    def _new(self, meter: str) -> PowerChannel:
        limits = self._limits if self._default_shunt else replace(self._limits, default_shunt_watts=None)
        return PowerChannel(source=self._source or meter, limits=limits)


class BatteryProbe(Probe):
    """The battery."""

    is_point = False

    def __init__(self) -> None:
        super().__init__()
        self.channel: BatteryChannel | None = None
        self._gauge: Battery | None = None

    def offer(self, found: Battery | Refusal) -> None:
        """Adopt a gauge that discovery found."""
        with self._lock:
            if self.delivers:
                return
            if isinstance(found, Refusal):
                self._gauge = None
                if self.channel is not None or found is not Refusal.DATA_MISSING:
                    self._refuse(found)
                return
            self._gauge = found
            self.channel = self.channel or BatteryChannel()

    def _read(self, _monotonic: float, wall: float) -> None:
        gauge = self._gauge
        if gauge is None:
            return
        answer = gauge.read()
        with self._lock:
            if gauge is self._gauge and self.channel is not None:
                self.channel = self.channel.take(answer, wall)
                self.delivers = self.channel.ratio is not None

    def _refuse(self, reason: Refusal) -> None:
        self.channel = (self.channel or BatteryChannel()).refuse(reason)
