"""What a plan's numbers mean: what each mode would have emitted, what the caps and one more watt-hour are worth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sunward.optimisation.model.build import build
from sunward.optimisation.model.matrix import PerColumn, PerRow, scaled
from sunward.optimisation.model.plan_model import PlanModel
from sunward.optimisation.model.solvers import Backend, solve_model
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.schemes import Scheme, with_mode
from sunward.optimisation.problem.solution import Prices, Solution, Status
from sunward.optimisation.solve import solve


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One mode's outcome. `lost_by_grams` is how much more than the plan it emits; None where it has no plan."""

    mode: Scheme
    status: Status
    objective_grams: float | None
    lower_bound_grams: float | None
    lost_by_grams: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a plan is as it is. Harvest values are grams saved by one more watt-hour at a node, per period."""

    solution: Solution
    alternatives: tuple[Alternative, ...]
    prices: Prices
    harvest_grams_per_watt_hour: dict[str, tuple[float, ...]]


Solve = Callable[[Problem], Solution]


def explain(problem: Problem, *, solve_with: Solve = solve) -> Explanation:
    """Solve the problem and its four modes and compare; `solve_with` turns a problem into a solution.

    An infeasible problem gets its alternatives (a wider mode may be feasible) and no prices.
    """
    solution = solve_with(problem)
    alternatives = tuple(_alternative(problem, mode, solution, solve_with) for mode in Scheme)
    values = harvest_values(problem, solution) if solution.status is not Status.INFEASIBLE else {}
    return Explanation(
        solution=solution,
        alternatives=alternatives,
        prices=solution.prices,
        harvest_grams_per_watt_hour=values,
    )


def _alternative(problem: Problem, mode: Scheme, solution: Solution, solve_with: Solve) -> Alternative:
    other = with_mode(problem, mode)
    found = solution if other.policy == problem.policy else solve_with(other)
    lost = None
    if found.objective_grams is not None and solution.objective_grams is not None:
        lost = found.objective_grams - solution.objective_grams
    return Alternative(
        mode=mode,
        status=found.status,
        objective_grams=found.objective_grams,
        lower_bound_grams=found.lower_bound_grams,
        lost_by_grams=lost,
    )


def harvest_values(problem: Problem, solution: Solution, *, seconds: float = 10.0) -> dict[str, tuple[float, ...]]:
    """Grams that one more watt-hour of harvest would save at each node in each period, all on/off choices kept.

    From the duals of the linear model in which the integers have the solution's values: what harvest itself saves and
    what a higher export allowance adds. Empty where that model could not be solved in time.
    """
    plan = build(problem)
    _keep_integers(plan, solution)
    model = plan.matrix.arrays()
    largest = float(np.max(np.abs(model.cost) * model.upper, initial=0.0))
    answer = solve_model(scaled(model, largest), Backend.GLOP, seconds=seconds)
    if answer.duals is None or answer.values is None:
        return {}
    reduced = model.cost - model.transposed_times(answer.duals)
    return {
        node.name: tuple(_harvest_value(plan, answer.duals, reduced, i, t) for t in plan.periods)
        for i, node in enumerate(problem.nodes)
    }


def _harvest_value(plan: PlanModel, duals: PerRow, reduced: PerColumn, i: int, t: int) -> float:
    column = plan.harvest[i, t]
    node = plan.problem.nodes[i]
    value = 0.0
    if plan.matrix.upper[column] >= node.harvest_watt_hours[t]:
        value = max(0.0, -float(reduced[column]))
    if (i, t) in plan.ratio_rows:
        value += node.maximum_export_ratio * max(0.0, -float(duals[plan.ratio_rows[i, t]]))
    return value


def _keep_integers(plan: PlanModel, solution: Solution) -> None:
    """Fix every integer column to what the solution does, so that a linear model remains."""
    index = {node.name: i for i, node in enumerate(plan.problem.nodes)}
    kept = {**_workers_in(plan, solution), **_exports_in(plan, solution, index), **_switches_in(plan, solution, index)}
    for column, value in kept.items():
        plan.matrix.lower[column] = plan.matrix.upper[column] = float(value)
        plan.matrix.integer[column] = False


def _workers_in(plan: PlanModel, solution: Solution) -> dict[int, bool]:
    """Which nodes work on which jobs, by column."""
    worked = {(row.job, row.on) for row in solution.batches if row.batches > 0}
    jobs, nodes = plan.problem.jobs, plan.problem.nodes
    return {column: (jobs[j].name, nodes[k].name) in worked for (j, k), column in plan.works.items()}


def _exports_in(plan: PlanModel, solution: Solution, index: Mapping[str, int]) -> dict[int, bool]:
    """Which nodes send harvest in which periods, by column."""
    sent: dict[tuple[int, int], float] = {}
    for send in solution.sends:
        place = (index[send.node], send.period - 1)
        sent[place] = sent.get(place, 0.0) + send.watt_hours
    return {column: sent.get(place, 0.0) > 0 for place, column in plan.exports.items()}


def _switches_in(plan: PlanModel, solution: Solution, index: Mapping[str, int]) -> dict[int, bool]:
    """Which nodes are on, start and charge in which periods, by column; on and start only where they are integers."""
    rows = {index[row.name]: row for row in solution.nodes}
    found = {column: rows[i].charge_watt_hours[t] > 0 for (i, t), column in plan.charging.items()}
    for i, row in rows.items():
        before = plan.problem.nodes[i].initially_awake
        for t, on in enumerate(row.on):
            for columns, value in ((plan.on, on), (plan.start, on and not before)):
                column = columns.get((i, t))
                if column is not None and plan.matrix.integer[column]:
                    found[column] = value
            before = on
    return found
