"""What a meter can truly show. Values outside are refused with a reason; they are never bent into range to be used.

Pure; it must not know where a value came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason

NOISE_RATIO = 0.01
"""A meter may read this share of its nameplate below zero; that is noise around zero and counts as zero."""
TOLERANCE_RATIO = 0.05
"""A meter may read this share above its nameplate; more is refused."""
NOISE_WATTS = 0.05
"""The noise around zero of a meter without a nameplate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLimits:
    """What a node's meters can truly show, in watts; None where it is not declared, and then no value is too large."""

    power_watts: float | None = None
    harvest_watts: float | None = None


def check_amount(value: float, nameplate: float | None) -> float | Cause:
    """The value, noise around zero as zero, or why no such meter can show it."""
    noise = NOISE_WATTS if nameplate is None else NOISE_RATIO * nameplate
    if value < -noise:
        return Cause(Reason.NEGATIVE_VALUE, f"{value:g} is below zero")
    if nameplate is not None and value > nameplate * (1.0 + TOLERANCE_RATIO):
        return Cause(Reason.ABOVE_NAMEPLATE, f"{value:g} is above the nameplate {nameplate:g}")
    return max(0.0, value)


def check_ratio(value: float) -> float | Cause:
    """The ratio, noise around 0 and 1 cut off, or why it is none (a percentage, for example)."""
    if value < -NOISE_RATIO:
        return Cause(Reason.NEGATIVE_VALUE, f"{value:g} is below zero")
    if value > 1.0 + NOISE_RATIO:
        return Cause(Reason.IMPLAUSIBLE_UNIT, f"{value:g} is above 1; a ratio is expected, not percent")
    return min(1.0, max(0.0, value))
