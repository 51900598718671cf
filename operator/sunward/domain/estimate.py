"""A figure that is learned from observations, small enough to be kept in a status and to go on from there."""

from __future__ import annotations

import math
from dataclasses import dataclass

MEMORY = 32
"""Observations that count: from here on each new one has the weight of one among so many, so that old ones fade and a
machine that changes over the months is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean and spread (standard deviation) of observations, in the unit of the field that holds it, and their number.

    The number grows without end; how much an observation weighs does not fall below one in `MEMORY`.
    """

    mean: float
    spread: float
    observations: int

    def after(self, value: float) -> Estimate:
        """The estimate with one more observation."""
        weight = 1.0 / min(self.observations + 1, MEMORY)
        distance = value - self.mean
        variance = (1.0 - weight) * (self.spread**2 + weight * distance**2)
        return Estimate(
            mean=self.mean + weight * distance, spread=math.sqrt(variance), observations=self.observations + 1
        )


def updated(before: Estimate | None, value: float) -> Estimate:
    """An estimate with one more observation, which may be the first."""
    return Estimate(mean=value, spread=0.0, observations=1) if before is None else before.after(value)
