"""Meters: one number each, in base units, from the attributes of one device.

A meter knows its files and units and nothing of plausibility, time series or metrics.
Units of the kernel: hwmon gives microwatts, millivolts and milliamperes; power_supply gives microwatt-hours,
microampere-hours and percent; powercap gives microjoules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from sunward_exporter.readings import Refusal
from sunward_exporter.sysfs import read_number, read_text

MICRO = 1e-6
MILLI = 1e-3


class PowerMeter(Protocol):
    """Something that tells a power in watts."""

    @property
    def source(self) -> str:
        """Name of the meter, the `source` label."""

    def read(self) -> float | Refusal:
        """Watts now, or why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFile:
    """A device that computes power itself: `power*_input` in microwatts."""

    source: str
    power: Path

    @classmethod
    def at(cls, device: Path, number: str, source: str) -> Self | None:
        """The meter of one channel of a hwmon device; None where the device does not compute power."""
        power = device / f"power{number}_input"
        return cls(source=source, power=power) if power.exists() else None

    def read(self) -> float | Refusal:
        """Watts now."""
        value = read_number(self.power)
        return value if isinstance(value, Refusal) else value * MICRO


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltageTimesCurrent:
    """A device that shows `in*_input` in millivolts and `curr*_input` in milliamperes (POWER-Z, many INA chips)."""

    source: str
    voltage: Path
    current: Path

    @classmethod
    def at(cls, device: Path, number: str, source: str) -> Self | None:
        """The meter of one channel of a hwmon device; None where one of the two numbers is not there.

        POWER-Z meters count voltage from 0 and current from 1, hence the second guess for the voltage.
        """
        current = device / f"curr{number}_input"
        for voltage in (device / f"in{number}_input", device / f"in{int(number) - 1}_input"):
            if current.exists() and voltage.exists():
                return cls(source=source, voltage=voltage, current=current)
        return None

    def read(self) -> float | Refusal:
        """Watts now; both numbers are needed."""
        volts, amperes = read_number(self.voltage), read_number(self.current)
        if isinstance(volts, Refusal):
            return volts
        if isinstance(amperes, Refusal):
            return amperes
        return (volts * MILLI) * (amperes * MILLI)


CHANNEL_METERS: tuple[Callable[[Path, str, str], PowerMeter | None], ...] = (PowerFile.at, VoltageTimesCurrent.at)
"""Every way to read the power of one hwmon channel, the best first; each takes device, number and source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Several rails of one machine; one silent rail makes the sum unknown."""

    source: str
    meters: Sequence[PowerMeter]

    def read(self) -> float | Refusal:
        """Watts of all rails together."""
        total = 0.0
        for meter in self.meters:
            watts = meter.read()
            if isinstance(watts, Refusal):
                return watts
            total += watts
        return total


class EnergyCounters:
    """Counters of joules (RAPL): power is their growth over time, with the wrap at `max_energy_range_uj`."""

    def __init__(self, zones: Sequence[Path], monotonic: Callable[[], float], source: str = "rapl") -> None:
        self._zones = zones
        self._monotonic = monotonic
        self._last: tuple[float, tuple[float, ...]] | None = None
        self._source = source

    @property
    def source(self) -> str:
        """Name of the meter."""
        return self._source

    def read(self) -> float | Refusal:
        """Mean watts since the last call; the first call has nothing to compare with and is DATA_MISSING."""
        now = self._monotonic()
        counters: list[float] = []
        for zone in self._zones:
            counter = read_number(zone / "energy_uj")
            if isinstance(counter, Refusal):
                return counter
            counters.append(counter)
        last, self._last = self._last, (now, tuple(counters))
        if last is None or now <= last[0]:
            return Refusal.DATA_MISSING
        grown = sum(self._growth(*pair) for pair in zip(self._zones, last[1], counters, strict=True))
        return grown * MICRO / (now - last[0])

    @staticmethod
    def _growth(zone: Path, before: float, after: float) -> float:
        if after >= before:
            return after - before
        span = read_number(zone / "max_energy_range_uj")
        return 0.0 if isinstance(span, Refusal) else after - before + span


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """A power_supply device of type Battery; by energy where it tells, else by charge, else by percent."""

    device: Path
    source: str = "battery"

    def read(self) -> float | Refusal:
        """State of charge as a ratio; DATA_MISSING where the battery is not present."""
        if read_text(self.device / "present") == "0":
            return Refusal.DATA_MISSING
        for now, full in (("energy_now", "energy_full"), ("charge_now", "charge_full")):
            stored, capacity = read_number(self.device / now), read_number(self.device / full)
            if not isinstance(stored, Refusal) and not isinstance(capacity, Refusal) and capacity > 0.0:
                return stored / capacity
        percent = read_number(self.device / "capacity")
        return percent if isinstance(percent, Refusal) else percent / 100.0
