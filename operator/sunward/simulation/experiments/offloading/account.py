"""What a training takes: seconds of the processor, watt-hours, grams, with the method named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WATTS_PER_BUSY_CORE: Final = 10.0
"""Declared, not metered: a server core with its share of memory and losses."""
CALIFORNIA_GRAMS_PER_KILOWATT_HOUR: Final = 205.2
"""codecarbon's factor for California, which the paper's two numbers imply."""
METHOD: Final = "processor seconds x 10 W per busy core (declared) x 205.2 g/kWh (California in codecarbon)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Energy and emissions of a training."""

    watt_hours: float
    grams: float


def of_energy(watt_hours: float, grams_per_kilowatt_hour: float = CALIFORNIA_GRAMS_PER_KILOWATT_HOUR) -> Training:
    """The account of an energy that is known."""
    return Training(watt_hours=watt_hours, grams=watt_hours * grams_per_kilowatt_hour / 1000.0)


def of_seconds(processor_seconds: float) -> Training:
    """The account of processor seconds."""
    return of_energy(processor_seconds * WATTS_PER_BUSY_CORE / 3600.0)
