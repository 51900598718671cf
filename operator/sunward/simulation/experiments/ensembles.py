"""Many sessions at once: which workers have sun, in which order regions join, and what each mode emits.

Randomness comes from one seed per run, so that every mode and every parameter meets the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from sunward.simulation.experiments.bench import Bench, Solver
from sunward.simulation.experiments.paper import REGIONS
from sunward.simulation.experiments.session import Mode, Session
from sunward.simulation.experiments.statistics import Estimate, points_gained, reduction_percent

CALIBRATED_HARVEST = 0.2703
"""Harvest over demand at which DETA gives 74.9 % with sun on five random workers and any harvest tradable."""


class Siting(StrEnum):
    """Who has sun. `exponential` draws each worker's harvest alone, so its sum varies with the seed."""

    UNIFORM = "uniform"
    FIVE = "five random workers"
    THREE = "three random workers"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Grams of each mode, (runs,) each in the order of the seeds; market- and location-based."""

    market: Mapping[Mode, tuple[float, ...]]
    location: Mapping[Mode, tuple[float, ...]]

    def reduction(self, mode: Mode) -> Estimate:
        """Market-based reduction against the mode `none`."""
        return reduction_percent(self.market[Mode.NONE], self.market[mode])

    def gained(self, mode: Mode, over: Mode) -> Estimate:
        """Points of the baseline that `mode` saves more than `over`, on the same seeds."""
        return points_gained(self.market[Mode.NONE], self.market[over], self.market[mode])

    def location_reduction(self, mode: Mode) -> Estimate:
        """Location-based reduction: contractual transfers lower nobody's emissions."""
        return reduction_percent(self.location[Mode.NONE], self.location[mode])


def harvest_ratios(siting: Siting, mean_ratio: float, workers: int, seed: int) -> tuple[float, ...]:
    """Harvest over own demand, (workers,); the mean over workers is `mean_ratio` (in expectation)."""
    generator = np.random.default_rng(seed)
    if siting is Siting.UNIFORM:
        return (mean_ratio,) * workers
    if siting is Siting.EXPONENTIAL:
        return tuple(float(value) for value in generator.exponential(mean_ratio, workers))
    count = min(workers, 5 if siting is Siting.FIVE else 3)
    lit = generator.choice(workers, count, replace=False)
    return tuple(mean_ratio * workers / count if k in lit else 0.0 for k in range(workers))


def half_lit(mean_ratio: float, workers: int, seed: int) -> tuple[float, ...]:
    """Harvest over own demand, (workers,), with sun on half of them (rounded up), chosen at random."""
    count = (workers + 1) // 2
    lit = np.random.default_rng(seed).choice(workers, count, replace=False)
    return tuple(mean_ratio * workers / count if k in lit else 0.0 for k in range(workers))


def ten_workers(siting: Siting, mean_ratio: float, **changes: Any) -> Callable[[int], Session]:
    """Sessions of ten workers in the ten regions, by seed; `changes` set fields of the session."""

    def build(seed: int) -> Session:
        ratios = harvest_ratios(siting, mean_ratio, len(REGIONS), seed)
        base = Session(intensities=tuple(REGIONS.values()), harvest_ratios=ratios)
        return replace(base, **changes)

    return build


def run_modes(
    build: Callable[[int], Session], seeds: Sequence[int], bench: Bench, modes: Sequence[Mode] = tuple(Mode)
) -> Runs:
    """Every mode on every seed; identical sessions (no randomness in them) are solved once."""
    sessions = [build(seed) for seed in seeds]
    pieces = tuple(dict.fromkeys((session, mode) for session in sessions for mode in modes))
    known = dict(zip(pieces, bench.each(_grams, pieces), strict=True))
    return Runs(
        market={mode: tuple(known[session, mode][0] for session in sessions) for mode in modes},
        location={mode: tuple(known[session, mode][1] for session in sessions) for mode in modes},
    )


def _grams(solve: Solver, piece: tuple[Session, Mode]) -> tuple[float, float]:
    """Market- and location-based grams of one session under one mode."""
    session, mode = piece
    found = session.emissions(mode, solve)
    return found.market_grams, found.location_grams
