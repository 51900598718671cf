"""A sysfs tree to measure, a clock that only tests move, and a sampler between the two."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from pathlib import Path

from sunward_exporter.discovery import Places
from sunward_exporter.sampler import Clock, Sampler, Settings

START_UNIX_SECONDS = 1_795_348_800.0
"""Wall clock of a fresh `ManualClock`: some day in November 2026."""


@dataclass(slots=True)
class ManualClock:
    """Time that passes only when told; sleeping passes it, and sets `alarm` once `alarm_at` is reached."""

    now: float = 0.0
    alarm_at: float = math.inf
    alarm: threading.Event = field(default_factory=threading.Event)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.now

    def wall(self) -> float:
        """Unix seconds."""
        return START_UNIX_SECONDS + self.now

    def sleep(self, seconds: float) -> None:
        """Pass time."""
        self.now += seconds
        if self.now >= self.alarm_at:
            self.alarm.set()

    def port(self) -> Clock:
        """The clock as the sampler wants it."""
        return Clock(monotonic=self.monotonic, wall=self.wall, sleep=self.sleep)


@dataclass(frozen=True, slots=True)
class Sysfs:
    """A sysfs of one's own."""

    root: Path

    def write(self, path: str, content: object) -> Path:
        """Set one attribute below class/, with the newline of the kernel."""
        file = self.root / "class" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n", encoding="ascii")
        return file

    def node(self, watts: float) -> None:
        """The lab's meter of the node."""
        self.write("hwmon/hwmon0/name", "sunward_node")
        self.write("hwmon/hwmon0/power1_label", "node")
        self.write("hwmon/hwmon0/power1_input", round(watts * 1e6))

    def harvest(self, watts: float) -> None:
        """The lab's meter of the harvest."""
        self.write("hwmon/hwmon1/name", "sunward_harvest")
        self.write("hwmon/hwmon1/power1_label", "harvest")
        self.write("hwmon/hwmon1/power1_input", round(watts * 1e6))

    def battery(self, *, stored_watt_hours: float, capacity_watt_hours: float) -> None:
        """The lab's fuel gauge."""
        values = {
            "type": "Battery",
            "present": 1,
            "energy_now": round(stored_watt_hours * 1e6),
            "energy_full": round(capacity_watt_hours * 1e6),
            "capacity": round(100 * stored_watt_hours / capacity_watt_hours),
        }
        for name, value in values.items():
            self.write(f"power_supply/battery/{name}", value)


@dataclass(slots=True)
class Bench:
    """A tree, a clock and a sampler that reads the one by the other."""

    sysfs: Sysfs
    settings: Settings
    clock: ManualClock = field(default_factory=ManualClock)
    battery_due: float = 0.0

    def sampler(self) -> Sampler:
        """A sampler that has looked for its meters."""
        sampler = Sampler(self.settings, self.clock.port())
        sampler.look()
        return sampler


def bench(root: Path, **settings: object) -> Bench:
    """A bench at a folder; settings are those of the sampler."""
    return Bench(sysfs=Sysfs(root), settings=Settings(places=Places(root=root), **settings))  # type: ignore[arg-type]


def sample(at: Bench, sampler: Sampler) -> None:
    """Read every meter once, as its thread would."""
    sampler.watch()
    for probe in (sampler.node, sampler.harvest):
        probe.step(at.clock.now, at.clock.wall())
    if at.clock.now >= at.battery_due:
        at.battery_due = at.clock.now + 1.0
        sampler.battery.step(at.clock.now, at.clock.wall())
