"""What a solution says beyond the first period's decisions: later sleeps, prices, and what has to give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from sunward.domain.plans import Plan, PlannedSleep, Prices
from sunward.optimisation.problem.instance import OnPattern
from sunward.optimisation.problem.solution import InfeasibilityCause, Shortfall, Solution
from sunward.planning.compile import Compiled
from sunward.planning.jobs.parts import Horizon, JobPart

UNITS = {
    InfeasibilityCause.DEADLINE: "batches",
    InfeasibilityCause.NO_WORKER: "batches",
    InfeasibilityCause.OFFLOAD: "batches",
    InfeasibilityCause.STORAGE: "GB",
    InfeasibilityCause.WORKERS: "batches",
    InfeasibilityCause.SLEEP_LIMIT: "nodes",
    InfeasibilityCause.BATTERY: "Wh",
}
"""Unit in which each constraint of a problem is missed."""


def planned_sleeps(awake: Mapping[str, bool], solution: Solution, horizon: Horizon) -> tuple[PlannedSleep, ...]:
    """When each node sleeps within the horizon, in order of name and time.

    `awake` decides the first period, which is what is carried out. A node that the solution knows nothing of keeps
    that state for as long as can be seen.
    """
    later = {row.name: row.on[1:] for row in solution.nodes}
    return tuple(
        sleep
        for name, is_awake in sorted(awake.items())
        for sleep in _sleeps(name, (is_awake, *later.get(name, (is_awake,) * (horizon.periods - 1))), horizon)
    )


def _sleeps(name: str, on: Sequence[bool], horizon: Horizon) -> Iterator[PlannedSleep]:
    for is_on, periods in groupby(range(len(on)), key=lambda period: on[period]):
        spell = list(periods)
        if not is_on:
            end = spell[-1] + 1
            yield PlannedSleep(
                node=name,
                start=horizon.start + spell[0] * horizon.period,
                until=horizon.start + end * horizon.period if end < len(on) else None,
            )


def on_pattern(previous: Plan | None, compiled: Compiled) -> OnPattern | None:
    """When the previous plan has each node on, on the present grid; None where it has nothing to say, and where a job
    has come that it did not know."""
    if previous is None or not previous.solver.status.is_planned or previous.reach is None:
        return None
    if not {part.job.spec.key for part in compiled.parts} <= {directive.job for directive in previous.jobs}:
        return None
    sleeps: dict[str, list[PlannedSleep]] = defaultdict(list)
    for sleep in previous.sleeps:
        sleeps[sleep.node].append(sleep)
    grid = compiled.horizon
    moments = [
        grid.start + k * grid.period for k in range(grid.periods) if grid.start + k * grid.period < previous.reach
    ]
    return {
        node.name: [not any(_asleep_at(moment, sleep) for sleep in sleeps[node.name]) for moment in moments]
        for node in compiled.problem.nodes
        if node.name in previous.awake
    }


def _asleep_at(moment: datetime, sleep: PlannedSleep) -> bool:
    return sleep.start <= moment and (sleep.until is None or moment < sleep.until)


def prices(solution: Solution, parts: Iterable[JobPart]) -> Prices:
    """Shadow prices of the first period. A job that is planned in parts has the sum of theirs."""
    energy = solution.prices.energy_grams_per_watt_hour
    jobs = {part.name: part.job.spec.key for part in parts}
    offload: dict[str, float] = defaultdict(float)
    for entry, grams in solution.prices.offload_cap_grams.items():
        if entry in jobs:
            offload[jobs[entry]] += grams
    return Prices(
        energy_grams_per_watt_hour={pool: values[0] for pool, values in sorted(energy.items()) if values},
        offload_grams=dict(sorted(offload.items())),
    )


def shortfalls(solution: Solution) -> tuple[str, ...]:
    """What has to give before there is a plan, a line for each constraint that is missed."""
    return tuple(_line(row) for row in solution.infeasible_because)


def _line(row: Shortfall) -> str:
    whose = row.job or row.node
    what = f"{row.constraint} of {whose}" if whose else str(row.constraint)
    return f"{what}: short by {row.shortfall:.6g} {UNITS[row.constraint]}"
