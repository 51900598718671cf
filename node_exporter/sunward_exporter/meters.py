"""Meters: power in watts, and energy in joules where a device counts it, from the attributes of one device.

A meter knows its files and units and nothing of plausibility, time series or metrics.
Units of the kernel: hwmon gives microwatts, millivolts, milliamperes and microjoules; powercap gives microjoules; IIO
gives milliwatts, millivolts and milliamperes after its scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sunward_exporter.readings import LARGEST_WATTS, Reading, Refusal
from sunward_exporter.sysfs import Attribute

MICRO = 1e-6
MILLI = 1e-3
LARGEST_VOLTS = 1000.0
"""No chip that the kernel knows measures more directly; a larger number has a wrong unit."""
NAME_SECONDS = 0.05
"""Between looks at a device's name, so that fast sampling does not read it each time."""
STUCK_SECONDS = 5.0
"""A counter that stands still for so long beside a power of some size does not count."""
STUCK_WATTS = 0.5
"""The least power beside which a counter must move; it lies above what one step of a coarse counter hides."""


class PowerMeter(Protocol):
    """Something that measures a power."""

    @property
    def is_point(self) -> bool:
        """Whether a reading is the power at one moment, and not a mean or a growth since the last one."""

    def read(self, now: float) -> Reading | Refusal | None:
        """Power now, or why not; None where a first reading only begins a comparison. `now` is monotonic seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """One number of a device in base units: the attribute's integer times `unit`."""

    attribute: Attribute
    unit: float

    def read(self) -> float | Refusal:
        """The number now, in base units."""
        value = self.attribute.number()
        return value if isinstance(value, Refusal) else value * self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A number that no device measures: the nominal voltage of a supply that shows its current only."""

    value: float

    def read(self) -> float | Refusal:
        """The number."""
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFile:
    """A device that computes power itself.

    Chips of the INA2xx family compute it without a sign: where the `current` of the channel shows that it flows the
    other way, so does the power.
    """

    power: Scaled
    current: Scaled | None = None
    is_point: bool = True

    def read(self, now: float) -> Reading | Refusal:
        """Watts now."""
        del now  # it shows this moment
        watts = self.power.read()
        if isinstance(watts, Refusal):
            return watts
        if self.current is not None:
            amperes = self.current.read()
            if not isinstance(amperes, Refusal) and amperes < 0.0:
                watts = -abs(watts)
        return Reading(watts=watts)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltageTimesCurrent:
    """A device that shows a voltage and a current (POWER-Z, many INA chips)."""

    voltage: Scaled | Constant
    current: Scaled
    is_point: bool = True

    def read(self, now: float) -> Reading | Refusal:
        """Watts now; both numbers are needed."""
        del now  # it shows this moment
        volts, amperes = self.voltage.read(), self.current.read()
        if isinstance(volts, Refusal):
            return volts
        if isinstance(amperes, Refusal):
            return amperes
        return Refusal.IMPLAUSIBLE_UNIT if abs(volts) > LARGEST_VOLTS else Reading(watts=volts * amperes)


class Counter:
    """A counter of energy: power is its growth over time.

    It may start again at zero, when its driver does or when it has reached `span`: the growth is taken to the end of
    the span where that makes a plausible power, otherwise the counter was reset and only what it shows is certain.
    """

    is_point = False

    def __init__(self, counter: Scaled, span: Scaled | None) -> None:
        self._counter = counter
        self._span = span
        self._last: tuple[float, float] | None = None

    def read(self, now: float) -> Reading | Refusal | None:
        """Mean watts and joules since the last call; None at the first one."""
        joules = self._counter.read()
        if isinstance(joules, Refusal):
            return joules
        last = self._last
        if last is None:
            self._last = (now, joules)
            return None
        seconds = now - last[0]
        if seconds <= 0.0:
            return None
        self._last = (now, joules)
        growth = joules - last[1] if joules >= last[1] else self._restarted(last[1], joules, seconds)
        return Reading(watts=growth / seconds, joules=growth)

    def forget(self) -> None:
        """Begin the comparison anew: the next call gives None."""
        self._last = None

    def _restarted(self, before: float, after: float, seconds: float) -> float:
        span = self._span.read() if self._span is not None else Refusal.DATA_MISSING
        if isinstance(span, Refusal):
            return after
        wrapped = span - before + after
        return wrapped if 0.0 <= wrapped <= LARGEST_WATTS * seconds else after


class Counted:
    """A device that shows power and counts energy: the power it shows, with the energy that it counted."""

    is_point = False

    def __init__(self, power: PowerMeter, counter: Counter) -> None:
        self._power = power
        self._counter = counter
        self._still_since: float | None = None
        self._counts = True

    def read(self, now: float) -> Reading | Refusal | None:
        """Watts now and joules since the last call; joules are absent while the counter does not count."""
        shown, counted = self._power.read(now), self._counter.read(now)
        if not isinstance(shown, Reading) or not isinstance(counted, Reading):
            if isinstance(counted, Refusal):
                self._counter.forget()  # the time until it answers is integrated from the power
            return shown
        self._watch(now, shown.watts, counted.joules or 0.0)
        return Reading(watts=shown.watts, joules=counted.joules if self._counts else None)

    def _watch(self, now: float, watts: float, joules: float) -> None:
        if joules > 0.0 or watts < STUCK_WATTS:
            self._still_since, self._counts = None, True
        elif self._still_since is None:
            self._still_since = now
        elif now - self._still_since > STUCK_SECONDS:
            self._counts = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Several rails or supplies of one machine; one silent one makes the sum unknown."""

    meters: Sequence[PowerMeter]

    @property
    def is_point(self) -> bool:
        """Whether any of them shows one moment only."""
        return any(meter.is_point for meter in self.meters)

    def read(self, now: float) -> Reading | Refusal | None:
        """Watts of all together, and joules where all count them. All are read, for some compare with the last time."""
        answers = [meter.read(now) for meter in self.meters]
        readings = [answer for answer in answers if isinstance(answer, Reading)]
        if len(readings) < len(answers):
            return next((answer for answer in answers if isinstance(answer, Refusal)), None)
        joules = [reading.joules for reading in readings if reading.joules is not None]
        total = sum(joules) if len(joules) == len(readings) else None
        return Reading(watts=sum(reading.watts for reading in readings), joules=total)


class Followed:
    """A meter whose device is looked at again by its name: a driver may be bound anew under the same folder."""

    def __init__(self, meter: PowerMeter, name: Attribute, expected: str) -> None:
        self._meter = meter
        self._name = name
        self._expected = expected
        self._seen_at = float("-inf")

    @property
    def is_point(self) -> bool:
        """That of the meter."""
        return self._meter.is_point

    def read(self, now: float) -> Reading | Refusal | None:
        """What the meter reads; DATA_MISSING where another device answers, or none."""
        if now - self._seen_at >= NAME_SECONDS:
            if self._name.text() != self._expected:
                return Refusal.DATA_MISSING
            self._seen_at = now
        return self._meter.read(now)
