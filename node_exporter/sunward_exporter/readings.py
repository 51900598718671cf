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
NOISE_WATTS = 0.05
"""Noise around zero where no nameplate is known, in watts."""


class Refusal(StrEnum):
    """Why there is no number; the `reason` label of `sunward_node_sensor_errors_total`."""

    DATA_MISSING = "DataMissing"
    UNREADABLE = "Unreadable"
    NOT_A_NUMBER = "NotANumber"
    NEGATIVE_VALUE = "NegativeValue"
    ABOVE_NAMEPLATE = "AboveNameplate"
    RAMP_TOO_STEEP = "RampTooSteep"
    IMPLAUSIBLE_UNIT = "ImplausibleUnit"
    AMBIGUOUS_METER = "AmbiguousMeter"
    SAMPLES_LOST = "SamplesLost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a channel can truly show; None where no nameplate is given.

    `nameplate_watts` is the most the machine can draw or the panel can give; `ramp_watts_per_second` is the steepest
    change that is physically possible.
    """

    nameplate_watts: float | None = None
    ramp_watts_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Power at one moment. `seconds` is monotonic and only good for differences."""

    seconds: float
    watts: float


def check_power(watts: float | Refusal, seconds: float, previous: Sample | None, limits: Limits) -> Sample | Refusal:
    """The sample at that moment, or why it cannot be true; noise just below zero becomes zero."""
    if isinstance(watts, Refusal):
        return watts
    if not math.isfinite(watts):
        return Refusal.NOT_A_NUMBER
    nameplate = limits.nameplate_watts
    if watts < -(NOISE_WATTS if nameplate is None else NOISE_RATIO * nameplate):
        return Refusal.NEGATIVE_VALUE
    if nameplate is not None and watts > nameplate * (1.0 + TOLERANCE_RATIO):
        return Refusal.ABOVE_NAMEPLATE
    sample = Sample(seconds=seconds, watts=max(0.0, watts))
    return Refusal.RAMP_TOO_STEEP if _too_steep(sample, previous, limits) else sample


def _too_steep(sample: Sample, previous: Sample | None, limits: Limits) -> bool:
    """Judged against the last accepted sample, so that a lasting change is accepted after a while."""
    if previous is None or limits.ramp_watts_per_second is None:
        return False
    allowed = limits.ramp_watts_per_second * (sample.seconds - previous.seconds)
    return abs(sample.watts - previous.watts) > allowed


def check_ratio(value: float | Refusal) -> float | Refusal:
    """A state of charge in [0, 1]; noise at both ends is cut off, anything beyond is a wrong unit."""
    if isinstance(value, Refusal):
        return value
    if not math.isfinite(value):
        return Refusal.NOT_A_NUMBER
    if value < -NOISE_RATIO:
        return Refusal.NEGATIVE_VALUE
    if value > 1.0 + TOLERANCE_RATIO:
        return Refusal.IMPLAUSIBLE_UNIT
    return min(1.0, max(0.0, value))
