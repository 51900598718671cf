"""Battery R3: the operator dies before and after every write it makes; whoever comes next ends in the same order.

The operator is the real loop with the real planner and solver; the cluster around it is that of tests/support. In long
mode real processes are killed as well, at random times, before a real etcd and API server.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from batteries.outcome import Options, Outcome
from support.loop_crash import SCENARIOS, Figures, crash_everywhere, dies_again_and_again, misses

TITLE = "R3 crash points"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One scenario; `same_pod` restarts the container where otherwise another pod takes over."""

    scenario: str
    same_pod: bool
    stride: int = 1


SHORT = (Part(scenario="one-sleeper", same_pod=False), Part(scenario="slow-relay", same_pod=True, stride=6))
LONG = (
    Part(scenario="one-sleeper", same_pod=False),
    Part(scenario="slow-relay", same_pod=True),
    Part(scenario="whole-day", same_pod=True),
)
REPEATED_RUNS = 6
LONG_REPEATED_RUNS = 60


def run(options: Options) -> Outcome:
    """Every point of every scenario, then runs of repeated deaths."""
    parts = {part.scenario: asyncio.run(_everywhere(part)) for part in (LONG if options.long else SHORT)}
    runs = LONG_REPEATED_RUNS if options.long else REPEATED_RUNS
    violations = [why for name, figures in parts.items() for why in _violations(name, figures)]
    violations += asyncio.run(_storm(options.seed, runs))
    every = parts.values()
    return Outcome(
        battery="crash",
        title=TITLE,
        seed=options.seed,
        counts={
            "points": sum(figures.points for figures in every),
            "converged": sum(figures.converged for figures in every),
            "power_actions": sum(figures.power_actions for figures in every),
            "duplicate_power_actions": sum(figures.duplicate_power_actions for figures in every),
            "runs_of_repeated_deaths": runs,
        },
        violations=violations,
        worst_recovery_seconds=max(figures.slowest_seconds for figures in every),
        figures={name: figures.as_json() for name, figures in parts.items()},
    )


async def _everywhere(part: Part) -> Figures:
    return await crash_everywhere(SCENARIOS[part.scenario], same_name=part.same_pod, stride=part.stride)


def _violations(name: str, figures: Figures) -> list[str]:
    found = [f"{name}: {why}" for why in figures.violations]
    missing = figures.points - figures.converged
    return found + ([f"{name}: {missing} points did not converge"] if missing else [])


async def _storm(first: int, runs: int) -> list[str]:
    """Random deaths, several in each run; what was violated."""
    found: list[str] = []
    for seed in range(first, first + runs):
        world, auditor, good = await dies_again_and_again(SCENARIOS["whole-day"], seed)
        found += [f"seed {seed}: {why}" for why in auditor.violations]
        found += [] if good else [f"seed {seed}: {'; '.join(misses(world)) or 'never quiet'}"]
    return found
