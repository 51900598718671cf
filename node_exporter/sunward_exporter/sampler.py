"""Reads the meters at a steady rate; the snapshot is what they said last.

Each meter has a thread of its own, so that one that hangs delays no other, and any thread reads `snapshot`: whole
objects are exchanged for others, so no reader waits for a meter.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sunward_exporter.boards import largest_watts, shown_model, supply_watts
from sunward_exporter.channels import Snapshot
from sunward_exporter.discovery import HARVEST, Choice, Places, discover
from sunward_exporter.pace import Pace
from sunward_exporter.probes import BatteryProbe, PowerProbe, Probe
from sunward_exporter.readings import Limits

DISCOVERY_SECONDS = 5.0
"""How soon a meter that was plugged in, or came back, is found."""
POINT_HERTZ = 100.0
"""By default a meter that shows one moment is sampled so often: at 10 Hz a burst or a ripple needs hours to average."""
MEAN_HERTZ = 10.0
"""By default a meter that averages or counts is read so often: nothing is lost in between."""
HARVEST_HERTZ = 10.0
"""The most at which a harvest is sampled: it follows the sky, and each wake-up of a thread costs power."""
BATTERY_HERTZ = 1.0
"""A state of charge moves slowly; reading it more often would only cost power."""
WATCH_SECONDS = 0.5
"""Between looks at whether a read hangs."""
FIRST_SECONDS = 1.0
"""How long the first reading of the node is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time as a port: `monotonic` for differences, `wall` (Unix seconds) for time stamps, `sleep` to wait."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to sample and how; without `rate_hertz` by the kind of meter. Raises ValueError outside 0.1 to 1000 Hz."""

    places: Places = field(default_factory=Places)
    rate_hertz: float | None = None
    choice: Choice = field(default_factory=Choice)
    node_limits: Limits = field(default_factory=Limits)
    harvest_limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.rate_hertz is not None and not 0.1 <= self.rate_hertz <= 1000.0:
            raise ValueError(f"the rate must lie between 0.1 and 1000 Hz, got {self.rate_hertz:g}")


class Sampler:
    """`look` finds meters, `keep_sampling` reads one of them over time; `start` does both for all of them."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self.node = PowerProbe(limits=_with_board(settings))
        self.harvest = PowerProbe(limits=settings.harvest_limits, source=HARVEST, optional=True)
        self.battery = BatteryProbe()
        self._choices: tuple[str, ...] = ()
        self._board = shown_model(settings.places.root)
        self._first = threading.Event()
        self._started_at = self._clock.monotonic()
        self._seed = random.getrandbits(32)  # one for all: meters of one rate are read at the same moments
        self._watched_at = self._clock.monotonic()

    @property
    def snapshot(self) -> Snapshot:
        """What every meter said last; `monotonic` is when they were last watched."""
        return Snapshot(
            monotonic=self._watched_at,
            node=self.node.channel,
            harvest=self.harvest.channel,
            battery=self.battery.channel,
            choices=self._choices,
            board=self._board,
        )

    def look(self) -> None:
        """Look for the meters that do not deliver. May hang with a driver."""
        if self.node.delivers and self.harvest.delivers and self.battery.delivers:
            return
        found = discover(self._settings.places, self._settings.choice)
        self._choices = found.choices
        self.node.offer(found.node)
        self.harvest.offer(found.harvest)
        self.battery.offer(found.battery)

    def watch(self) -> None:
        """Count reads that hang."""
        self._watched_at = self._clock.monotonic()
        for probe in self._probes():
            probe.watch(self._watched_at)

    def keep_sampling(self, probe: Probe, stop: threading.Event) -> None:
        """Read one meter at the rate that was asked for, as far as it answers in time."""
        clock = self._clock
        pace = self._pace(probe)
        while not stop.is_set():
            if pace.rate_hertz != self._rate(probe):
                pace = self._pace(probe)  # another meter was found
            wait = pace.next(clock.monotonic(), spread=probe.is_point) - clock.monotonic()
            if wait > 0.0:
                clock.sleep(wait)
            probe.step(clock.monotonic(), clock.wall())
            if self.node.channel is not None and (self.node.channel.sampled_at or self.node.channel.refusals):
                self._first.set()

    def start(self, stop: threading.Event) -> None:
        """All of it until *stop*, each part in a thread that dies with the process.

        Returns when the node's meter was read or refused once, so that the first scrape already shows it, or soon
        after where it hangs.
        """
        for probe in self._probes():
            threading.Thread(target=self.keep_sampling, args=(probe, stop), daemon=True).start()
        threading.Thread(target=self._keep_looking, args=(stop,), daemon=True).start()
        self._first.wait(FIRST_SECONDS)

    def _keep_looking(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.look()
            stop.wait(DISCOVERY_SECONDS)

    def _probes(self) -> tuple[Probe, ...]:
        return (self.node, self.harvest, self.battery)

    def _pace(self, probe: Probe) -> Pace:
        return Pace(self._rate(probe), self._started_at, random.Random(self._seed).random)

    def _rate(self, probe: Probe) -> float:
        limits = {self.harvest: HARVEST_HERTZ, self.battery: BATTERY_HERTZ}
        by_meter = POINT_HERTZ if probe.is_point else MEAN_HERTZ
        return min(self._settings.rate_hertz or by_meter, limits.get(probe, math.inf))


def _with_board(settings: Settings) -> Limits:
    """The node's limits; without a nameplate, what its board can draw."""
    limits, root = settings.node_limits, settings.places.root
    if limits.nameplate_watts is not None:
        return replace(limits, default_shunt_watts=limits.nameplate_watts)
    return replace(limits, nameplate_watts=largest_watts(root), default_shunt_watts=supply_watts(root))
