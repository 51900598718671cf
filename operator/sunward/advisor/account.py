"""What an answer took: processor seconds by stage, energy, grams. Unknown stays unknown, never zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR

DECLARED_WATTS_PER_CORE = 5.0
"""Of a busy core where nothing else is declared; of the order of a small board's core."""
CpuSeconds = Callable[[], float]
"""Processor seconds so far, of this process and of its children."""


@dataclass(slots=True)
class Meter:
    """Counts the stages of one answer. `intensity` is that of this machine's grid in g/kWh, None where unknown."""

    cpu_seconds: CpuSeconds
    watts_per_core: float = DECLARED_WATTS_PER_CORE
    intensity_grams_per_kilowatt_hour: float | None = None
    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what runs inside as one stage, also where it ends with a question."""
        before = self.cpu_seconds()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + max(0.0, self.cpu_seconds() - before)

    def account(self) -> dict[str, Any]:
        """The account of the stages so far, as JSON shows it."""
        seconds = sum(self.stages.values())
        watt_hours = seconds * self.watts_per_core / SECONDS_PER_HOUR
        intensity = self.intensity_grams_per_kilowatt_hour
        return {
            "cpu_seconds": round(seconds, 4),
            "energy_watt_hours": watt_hours,
            "emissions_grams": None if intensity is None else watt_hours / WATT_HOURS_PER_KILOWATT_HOUR * intensity,
            "method": f"declared {self.watts_per_core:g} W per busy core",
            "intensity_grams_per_kilowatt_hour": intensity,
            "drafter": "parser",
            "model": None,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "joules_per_token": None,
            "stages": {name: round(value, 4) for name, value in self.stages.items()},
        }
