"""What really happened, written beside what was shown: so that a test can hold the product's ledger to it.

The product never reads these files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sunward.simulation import world

from .machine import Machine
from .scenario import Scenario
from .weather import Weather

SCHEMA: Final = "sunward.dev/lab-truth/v1alpha1"
LATEST: Final = "world-truth.json"
HISTORY: Final = "world-truth.jsonl"
_RESUME_WITHIN_SECONDS: Final = 600.0


def truth_of(scenario: Scenario, weather: Weather, machines: Mapping[str, Machine], now: float) -> dict[str, Any]:
    """All counters of all nodes at one instant; energies in watt-hours since the world began."""
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "epoch": weather.epoch,
        "unix": now,
        "time": datetime.fromtimestamp(now, UTC).isoformat(),
        "trace_hours": weather.trace_hours(now),
        "nodes": {name: _node(machine) for name, machine in machines.items()},
    }


def write_latest(folder: Path, truth: Mapping[str, Any]) -> None:
    """Replace `world-truth.json` in one move."""
    temporary = folder / f"{LATEST}.part"
    temporary.write_text(json.dumps(truth), encoding="utf-8")
    os.replace(temporary, folder / LATEST)


def append_history(folder: Path, truth: Mapping[str, Any]) -> None:
    """Add one line to `world-truth.jsonl`."""
    with (folder / HISTORY).open("a", encoding="utf-8") as file:
        file.write(json.dumps(truth) + "\n")


def earlier_truth(folder: Path, scenario: Scenario, now: float) -> dict[str, Any] | None:
    """The truth that a world of the same scenario left less than ten minutes ago, or None."""
    try:
        truth: Any = json.loads((folder / LATEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(truth, dict) or truth.get("schema") != SCHEMA:
        return None
    fresh = 0.0 <= now - float(truth["unix"]) <= _RESUME_WITHIN_SECONDS
    return truth if fresh and truth["scenario"] == scenario.name else None


def resume(machines: Mapping[str, Machine], truth: Mapping[str, Any]) -> None:
    """Let every node that an earlier world knew go on counting from there."""
    for name, row in truth["nodes"].items():
        if name in machines:
            machines[name].resume(
                flows=world.Flows(**row["watt_hours"]),
                stored_watt_hours=row["stored_watt_hours"],
                grid_grams=row["grid_grams"],
            )


def _node(machine: Machine) -> dict[str, Any]:
    return {
        "zone": machine.place.zone,
        "site": machine.place.site,
        "power": str(machine.state.power),
        "draw_watts": machine.state.draw_watts,
        "busy_ratio": machine.busy_ratio,
        "cpu_seconds": machine.cpu_seconds,
        "harvest_watts": machine.harvest_watts,
        "battery_watts": machine.state.battery_watts,
        "stored_watt_hours": machine.state.stored_watt_hours,
        "intensity_grams_per_kilowatt_hour": machine.intensity_grams_per_kilowatt_hour,
        "grid_grams": machine.grid_grams,
        "watt_hours": asdict(machine.state.flows),
    }
