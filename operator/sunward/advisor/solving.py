"""From a compiled problem to its optimum, the base's, and what both say about limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sunward.advisor.compiling.compile import as_grid_energy
from sunward.advisor.request.types import Code, NotSolvable
from sunward.domain.errors import SunwardError
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution, Status

Solve = Callable[[Problem], Solution]
"""Solves a problem exactly and verifies the solution."""
ROOM = 1e-9
"""Share of a limit by which an optimum may exceed it through rounding."""


class SolverFailed(SunwardError):
    """No exact optimum was found in the time; the advisor gives no other number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Solutions of the problem and of the base, and each limit with whether it is met."""

    solution: Solution
    base: Solution
    limits: tuple[dict[str, Any], ...]

    @property
    def value(self) -> float | None:
        """The optimum, in the objective's unit; None where no plan exists."""
        return self.solution.objective_grams

    @property
    def is_met(self) -> bool:
        """Whether there is a plan and it meets every limit."""
        return self.value is not None and all(limit["met"] for limit in self.limits)


def solved(
    problem: Problem, base: Problem, objective: str, limits: Iterable[Mapping[str, Any]], solve: Solve
) -> Outcome:
    """Solve both and judge the limits. Raises SolverFailed; NotSolvable for a limit that no optimum decides."""
    found = exact(problem, solve)
    before = found if base == problem else exact(base, solve)
    judged = tuple(_judged(limit, problem, found, objective, solve) for limit in limits)
    return Outcome(solution=found, base=before, limits=judged)


def exact(problem: Problem, solve: Solve) -> Solution:
    """A proven optimum, or the proof that there is no plan."""
    found = solve(problem)
    if found.status not in (Status.OPTIMAL, Status.INFEASIBLE) or (
        found.status is Status.INFEASIBLE and found.fallback
    ):
        why = found.fallback or found.status.value
        raise SolverFailed(f"the exact solver gave no proven optimum ({why}); try a longer --time-limit")
    return found


def _judged(
    limit: Mapping[str, Any], problem: Problem, found: Solution, objective: str, solve: Solve
) -> dict[str, Any]:
    if found.objective_grams is None:
        return {**limit, "met": False}
    if limit["limit"] == objective:
        return {**limit, "met": found.objective_grams <= limit["at_most"] * (1 + ROOM)}
    return {**limit, "met": _met_by_other(limit, problem, found, objective, solve)}


def _met_by_other(limit: Mapping[str, Any], problem: Problem, found: Solution, objective: str, solve: Solve) -> bool:
    """A limit on what is not minimised: met by this optimum, or out of reach of the other one, or not decided."""
    if objective == "grid-energy":
        question = "A limit in grams needs the objective of the lowest emissions. Is that objective meant?"
        raise NotSolvable(Code.NOT_EXPRESSIBLE, question)
    if grid_watt_hours(problem, found) <= limit["at_most"] * (1 + ROOM):
        return True
    least = exact(as_grid_energy(problem), solve).objective_grams
    if least is not None and least > limit["at_most"] * (1 + ROOM):
        return False
    most = f"{limit['at_most']:g} Wh"
    question = f"A plan with the least emissions takes more than {most}, another one less. Minimise grid energy?"
    raise NotSolvable(Code.NOT_EXPRESSIBLE, question, ("lowest grid energy", "lowest emissions without that limit"))


def grid_watt_hours(problem: Problem, solution: Solution) -> float:
    """Energy that a plan takes from the grid, transit of data included."""
    size = {job.name: job.gigabytes_per_batch for job in problem.jobs}
    moved = sum(row.batches * size[row.job] for row in solution.batches if row.home != row.on)
    nodes = sum(sum(row.grid_watt_hours) for row in solution.nodes)
    return nodes + moved * problem.network.transit_watt_hours_per_gigabyte
