"""A reading is a number that passed its checks, or the reason why there is none.

The same checks for every kind of meter. Missing is never zero, and NaN never gets past this module.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

NOISE_RATIO = 0.01
"""A meter may read this share of its nameplate below zero: noise around zero, which counts as zero."""
TOLERANCE_RATIO = 0.05
"""A meter may read this share above its nameplate before it is refused."""
GAUGE_TOLERANCE_RATIO = 0.10
"""A worn battery may hold this share more than its gauge says that it can: full. More is a wrong unit."""
NOISE_WATTS = 0.05
"""Noise around zero where no nameplate is known, in watts."""
LARGEST_WATTS = 20_000.0
"""No node and no panel of one reaches this: larger without a nameplate is a wrong unit or a driver's "no value"."""


class Refusal(StrEnum):
    """Why there is no number; the `reason` label of `sunward_node_sensor_errors_total`."""

    DATA_MISSING = "DataMissing"
    UNREADABLE = "Unreadable"
    PERMISSION_DENIED = "PermissionDenied"
    TIMED_OUT = "TimedOut"
    NOT_A_NUMBER = "NotANumber"
    NEGATIVE_VALUE = "NegativeValue"
    ABOVE_NAMEPLATE = "AboveNameplate"
    SHUNT_VALUE = "ShuntValue"
    RAMP_TOO_STEEP = "RampTooSteep"
    IMPLAUSIBLE_UNIT = "ImplausibleUnit"
    NO_METER = "NoMeter"
    NOT_OF_THE_MACHINE = "NotOfTheMachine"
    DEVICE_NOT_FOUND = "DeviceNotFound"
    AMBIGUOUS_METER = "AmbiguousMeter"
    SAMPLES_LOST = "SamplesLost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a channel can truly show; None where no nameplate is given.

    `nameplate_watts` is the most the machine can draw or the panel can give; `ramp_watts_per_second` is the steepest
    change that is physically possible. `default_shunt_watts` is the most that is believed of a meter whose driver was
    not told its shunt: ten times too much is the known fault.
    """

    nameplate_watts: float | None = None
    default_shunt_watts: float | None = None
    ramp_watts_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a meter gives at once: power in watts and, where it counts, the energy since its last reading in joules."""

    watts: float
    joules: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Power at one moment. `seconds` is monotonic and only good for differences; `joules` as in `Reading`."""

    seconds: float
    watts: float
    joules: float | None = None


def check_power(
    reading: Reading | Refusal, seconds: float, previous: Sample | None, limits: Limits
) -> Sample | Refusal:
    """The sample at that moment, or why it cannot be true; noise just below zero becomes zero."""
    if isinstance(reading, Refusal):
        return reading
    refusal = _implausible(reading.watts, limits)
    if refusal is not None:
        return refusal
    sample = Sample(seconds=seconds, watts=max(0.0, reading.watts), joules=reading.joules)
    return Refusal.RAMP_TOO_STEEP if _too_steep(sample, previous, limits) else sample


def _implausible(watts: float, limits: Limits) -> Refusal | None:
    nameplate_watts = limits.nameplate_watts
    if not math.isfinite(watts):
        return Refusal.NOT_A_NUMBER
    if watts < -(NOISE_WATTS if nameplate_watts is None else NOISE_RATIO * nameplate_watts):
        return Refusal.NEGATIVE_VALUE
    if limits.default_shunt_watts is not None and watts > limits.default_shunt_watts * (1.0 + TOLERANCE_RATIO):
        return Refusal.SHUNT_VALUE
    if nameplate_watts is not None and watts > nameplate_watts * (1.0 + TOLERANCE_RATIO):
        return Refusal.ABOVE_NAMEPLATE
    return Refusal.IMPLAUSIBLE_UNIT if watts > LARGEST_WATTS and nameplate_watts is None else None


def _too_steep(sample: Sample, previous: Sample | None, limits: Limits) -> bool:
    """Judged against the last accepted sample, so that a lasting change is accepted after a while."""
    if previous is None or limits.ramp_watts_per_second is None:
        return False
    allowed = limits.ramp_watts_per_second * (sample.seconds - previous.seconds)
    return abs(sample.watts - previous.watts) > allowed


def check_ratio(value: float | Refusal) -> float | Refusal:
    """A state of charge in [0, 1]; what a worn or noisy gauge shows beyond both ends is cut off, more is refused."""
    if isinstance(value, Refusal):
        return value
    if not math.isfinite(value):
        return Refusal.NOT_A_NUMBER
    if value <= -NOISE_RATIO:
        return Refusal.NEGATIVE_VALUE
    if value > 1.0 + GAUGE_TOLERANCE_RATIO:
        return Refusal.IMPLAUSIBLE_UNIT
    return min(1.0, max(0.0, value))
