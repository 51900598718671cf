"""Worlds that tempt a planner to flap: suns and grids that change as fast and as awkwardly as they can."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import solve_exact
from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.planned import Operated
from sunward.simulation.scenario import Scenario
from sunward.simulation.simulator import simulate
from sunward.simulation.snapshots import Allowed

NODES = ("a", "b", "c", "d")
PODS_PER_NODE = 2
PODS = PODS_PER_NODE * len(NODES)
MINUTES = 24 * 60
RESONANT_MINUTES = (10, 15, 30, 45, 60)
"""The guards' own times and sums of them: dwell 10, asleep 15, awake 30 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Minute by minute: output of each node's panel per nameplate, and grams per kilowatt-hour of each node's zone."""

    name: str
    sun: Mapping[str, tuple[float, ...]]
    grid: Mapping[str, tuple[float, ...]]


def weather(number: int) -> Weather:
    """The trace of that number, in turn: oscillating suns, noise at a threshold, grids in resonance with the guards."""
    generator = random.Random(f"churn {number}")
    return (_oscillating, _noisy, _resonant)[number % 3](number, generator)


def _oscillating(number: int, generator: random.Random) -> Weather:
    """Suns that go on and off with periods of 1 to 60 minutes, each node in its own phase."""
    period = generator.randint(1, 60)
    phases = {node: generator.randrange(period) for node in NODES}
    sun = {n: tuple(float((t + phases[n]) % period * 2 < period) for t in range(MINUTES)) for n in NODES}
    return Weather(name=f"{number}: sun every {period} min", sun=sun, grid=_flat(300.0))


def _noisy(number: int, generator: random.Random) -> Weather:
    """Grids that differ by noise alone, so that the best node is another one in every period."""
    spread = generator.choice((1.0, 10.0, 30.0))
    grid = {n: tuple(300.0 + spread * generator.gauss(0.0, 1.0) for _ in range(MINUTES)) for n in NODES}
    grid = {n: tuple(max(0.0, value) for value in values) for n, values in grid.items()}
    return Weather(name=f"{number}: grids with noise of {spread:g} g/kWh", sun=_flat(0.0), grid=grid)


def _resonant(number: int, generator: random.Random) -> Weather:
    """Grids that turn over just when a node may sleep or wake again."""
    period = generator.choice(RESONANT_MINUTES)
    late = generator.randrange(period)
    grid = {
        n: tuple(600.0 if ((t + late) // period + k) % 2 else 30.0 for t in range(MINUTES)) for k, n in enumerate(NODES)
    }
    return Weather(name=f"{number}: grids that turn over every {period} min", sun=_flat(0.0), grid=grid)


def _flat(value: float) -> Mapping[str, tuple[float, ...]]:
    return dict.fromkeys(NODES, (value,) * MINUTES)


def scenario(seen: Weather, folder: Path, **operator: Any) -> Scenario:
    """A day of four boards with two ordinary pods each and work for a third of their time, planned every 5 minutes."""
    files = {"solar_file": folder / "sun.csv", "intensity_file": folder / "grid.csv"}
    _write(files["solar_file"], seen.sun)
    _write(files["intensity_file"], seen.grid)
    raw = {
        "schema": "sunward.dev/scenario/v1alpha1",
        "name": "churn",
        "start": "2026-06-21T00:00:00Z",
        "period_seconds": 300,
        "periods": MINUTES // 5,
        **files,
        "zones": {node: {"trace": node} for node in NODES},
        "profiles": {
            "p": {"idle_watts": 2.7, "busy_watts": 6.4, "asleep_watts": 0.1, "boot_watts": 4.5, "boot_seconds": 45}
        },
        "nodes": {
            n: {
                "zone": n,
                "site": "s",
                "profile": "p",
                "pods": PODS_PER_NODE,
                "harvest": {"city": n, "nameplate_watts": 8},
            }
            for n in NODES
        },
        "pools": {"wire": {"kind": "physical"}},
        "jobs": {"training": {"batches": dict.fromkeys(NODES, 800), "seconds_per_batch": 36, "deadline_hours": 24}},
        "operator": operator,
    }
    return Scenario.model_validate(raw)


def _write(path: Path, series: Mapping[str, tuple[float, ...]]) -> None:
    rows = (",".join([str(60 * t), *(repr(series[node][t]) for node in NODES)]) for t in range(MINUTES))
    path.write_text("\n".join([",".join(["seconds", *NODES]), *rows]) + "\n", encoding="utf-8")


def operated(world: Scenario) -> Outcome:
    """The day under the operator."""
    return simulate(world, _operator(offload=True), _solve)


def held(world: Scenario) -> Outcome:
    """The same day when the operator changes nothing: all awake, work at home, energy still shared."""
    return simulate(world, _operator(offload=False), _solve)


@cache
def _operator(*, offload: bool) -> Operated:
    allowed = Allowed(share_energy=True, offload_tasks=offload, sleep=offload, shift_in_time=False)
    return Operated(name="operator", source="the product", solve=_solve, allowed=allowed)


def _solve(problem: Problem) -> Solution:
    return solve_exact(problem, relative_gap=1e-4, time_limit_seconds=20.0)
