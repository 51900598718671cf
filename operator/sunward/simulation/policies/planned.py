"""Policies that ask the planner: one model, and what each mode may not do.

Modes none, DET, DAT and DETA are the paper's; the others are ablations of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sunward.optimisation.problem import Problem
from sunward.optimisation.solution import Solution, Status
from sunward.simulation.compile import task_name
from sunward.simulation.policies.base import Orders, View
from sunward.simulation.policies.ready import catch_up
from sunward.simulation.tasks import Work

Solve = Callable[[Problem], Solution]
_LEAST_BATCHES = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The planner under a policy of its own; an answer that is no plan makes everything run at once."""

    name: str
    source: str
    solve: Solve
    share_energy: bool
    offload_tasks: bool
    sleep: bool
    shift_in_time: bool
    oracle: bool = False
    unbounded: bool = False

    def decide(self, view: View, periods: int) -> tuple[Orders, ...]:
        """The first periods of the plan over the horizon."""
        if not view.problem.jobs and not self.sleep:
            return (Orders(share_energy=self.share_energy),)
        solution = self.solve(self._restricted(view.problem))
        if solution.status is Status.INFEASIBLE:
            return (replace(catch_up(view, sleep=self.sleep), share_energy=self.share_energy, fallback=True),)
        count = min(periods, view.problem.period_count)
        return tuple(self._orders(solution, period) for period in range(1, count + 1))

    def _orders(self, solution: Solution, period: int) -> Orders:
        return Orders(
            work=_work(solution, period),
            awake_hours={row.name: row.awake_hours[period - 1] for row in solution.nodes} if self.sleep else {},
            share_energy=self.share_energy,
            fallback=solution.status is Status.FALLBACK,
        )

    def _restricted(self, problem: Problem) -> Problem:
        policy = replace(
            problem.policy,
            share_energy=self.share_energy,
            offload_tasks=self.offload_tasks,
            sleep=self.sleep,
            shift_in_time=self.shift_in_time,
        )
        return replace(problem, policy=policy)


def _work(solution: Solution, period: int) -> tuple[Work, ...]:
    """The rows of a period (from 1); the two jobs of a task are added up again."""
    total: dict[tuple[str, str, str], float] = {}
    for row in solution.batches:
        if row.period == period and row.batches > _LEAST_BATCHES:
            key = (task_name(row.job), row.home, row.on)
            total[key] = total.get(key, 0.0) + row.batches
    return tuple(Work(task=task, home=home, on=on, batches=b) for (task, home, on), b in total.items())
