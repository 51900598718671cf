"""Policies that ask the planner: the operator itself, and the optimiser without the operator's caution.

`Operated` is the product: `planning.decide` on a snapshot, with guards, budgets, hysteresis and whole batches; the
simulator then runs the sleep state machine and the rounds of training. `Pure` is the same problem, from the same
`planning.compile`, with every rule lifted that the paper's model does not have; see `simulation.compile`. Modes none,
DET, DAT and DETA are the paper's; the others are ablations of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sunward.optimisation.problem.solution import Solution, Status
from sunward.planning import decide
from sunward.simulation.compile import Part, pure_problem
from sunward.simulation.policies.base import Orders, View
from sunward.simulation.policies.ready import catch_up
from sunward.simulation.snapshots import Allowed
from sunward.simulation.solving import Solve, SolverFunction
from sunward.simulation.tasks import Work

_LEAST_BATCHES = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Operated:
    """The operator as it runs in a cluster."""

    name: str
    source: str
    solve: Solve
    allowed: Allowed
    oracle: bool = False
    unbounded: bool = False

    def decide(self, view: View, periods: int) -> tuple[Orders, ...]:
        """The operator's plan of one planning period.

        Raises ValueError when the view holds no observation of the cluster.
        """
        del periods
        if view.observation is None:
            raise ValueError(f"{self.name} plans from a snapshot")
        seen = view.observation
        plan = decide.plan(
            seen.snapshot,
            seen.forecasts,
            solver=SolverFunction(self.solve),
            previous=seen.previous,
            alternatives=False,
        )
        return (Orders(share_energy=self.allowed.share_energy, fallback=plan.hold is not None, plan=plan),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pure:
    """The optimiser under a mode; an answer that is no plan makes everything run at once."""

    name: str
    source: str
    solve: Solve
    may: Allowed
    oracle: bool = False
    unbounded: bool = False
    allowed: None = None

    def decide(self, view: View, periods: int) -> tuple[Orders, ...]:
        """The first periods of the plan over the horizon."""
        problem, parts = pure_problem(view.scenario, view.tasks, view.states, view.outlook, view.period, self.may)
        if not problem.jobs and not self.may.sleep:
            return (Orders(share_energy=self.may.share_energy),)
        solution = self.solve(problem)
        if solution.status is Status.INFEASIBLE:
            orders = catch_up(view, sleep=self.may.sleep)
            return (replace(orders, share_energy=self.may.share_energy, fallback=True),)
        count = min(periods, problem.period_count)
        return tuple(self._orders(solution, parts, period) for period in range(1, count + 1))

    def _orders(self, solution: Solution, parts: Mapping[str, Part], period: int) -> Orders:
        return Orders(
            work=_work(solution, parts, period),
            awake_hours={row.name: row.awake_hours[period - 1] for row in solution.nodes} if self.may.sleep else {},
            share_energy=self.may.share_energy,
            fallback=solution.status is Status.FALLBACK,
        )


def _work(solution: Solution, parts: Mapping[str, Part], period: int) -> tuple[Work, ...]:
    """The rows of a period (from 1), as batches of their tasks."""
    return tuple(
        Work(task=parts[row.job].task.name, home=row.home, on=row.on, batches=row.batches)
        for row in solution.batches
        if row.period == period and row.batches > _LEAST_BATCHES
    )
