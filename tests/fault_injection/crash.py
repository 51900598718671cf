"""Suite R3: the operator dies before and after every write it makes; whoever comes next ends in the same order.

The operator is the real loop with the real planner and solver; the cluster around it is that of tests/support. In long
mode real processes are killed as well, at random times, before a real etcd and API server.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from signal import Signals

from support.faults.outcome import Options, Outcome
from support.loop.crash import SCENARIOS, Figures, crash_everywhere, dies_again_and_again, misses
from support.real.cluster import obstacle, real_cluster
from support.real.journal import duplicates, fencing

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
KILLS = 100
READY_SECONDS = 180.0
SETTLE_SECONDS = 240.0


@dataclass(slots=True)
class Killed:
    """What came of processes that were killed; `not_run` tells why none was."""

    kills: int = 0
    power_actions: int = 0
    recovery_seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    not_run: str = ""


def run(options: Options) -> Outcome:
    """Every point of every scenario, runs of repeated deaths, and in long mode real processes."""
    parts = {part.scenario: asyncio.run(_everywhere(part)) for part in (LONG if options.long else SHORT)}
    runs = LONG_REPEATED_RUNS if options.long else REPEATED_RUNS
    violations = [why for name, figures in parts.items() for why in _violations(name, figures)]
    violations += asyncio.run(_storm(options.seed, runs))
    every = parts.values()
    real = _killed(options.seed) if options.long else Killed(not_run="short")
    violations += real.violations
    return Outcome(
        suite="crash",
        title=TITLE,
        seed=options.seed,
        counts={
            "points": sum(figures.points for figures in every),
            "converged": sum(figures.converged for figures in every),
            "power_actions": sum(figures.power_actions for figures in every),
            "duplicate_power_actions": sum(figures.duplicate_power_actions for figures in every),
            "runs_of_repeated_deaths": runs,
            "killed_processes": real.kills,
            "their_power_actions": real.power_actions,
        },
        violations=violations,
        worst_recovery_seconds=max(figures.slowest_seconds for figures in every),
        figures={
            **{name: figures.as_json() for name, figures in parts.items()},
            "killed": {"recovery_seconds": real.recovery_seconds, "not_run": real.not_run},
        },
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


def _killed(seed: int) -> Killed:
    """SIGKILL at random times while nodes are sent to sleep and woken, then rest: no order twice, nothing left over."""
    why = obstacle()
    if why is not None:
        return Killed(not_run=why)
    dice, seen = random.Random(seed), Killed()
    with real_cluster(nodes=4) as world:
        operator = world.operator("a")
        with operator.supervised():
            operator.wait_ready(READY_SECONDS)
            while seen.kills < KILLS:
                world.allow_asleep(dice.choice((0, 1, 2, 2)))
                time.sleep(dice.uniform(0.2, 4.0))  # the dice's time of the disruption
                if operator.alive:
                    operator.send(Signals.SIGKILL)
                    seen.kills += 1
            begun = time.monotonic()
            try:
                for sleepers in (2, 0):
                    world.allow_asleep(sleepers)
                    world.wait_asleep(sleepers, SETTLE_SECONDS)
                world.wait(lambda: not world.marked() and not world.not_ready(), 60.0, "every node given back")
            except TimeoutError as late:
                seen.violations.append(f"killed: {late}")
            seen.recovery_seconds = time.monotonic() - begun
        switches = world.journal.switches()
    seen.power_actions = len(switches)
    seen.violations += [f"killed: {found}" for found in (*duplicates(switches), *fencing(switches))]
    return seen
