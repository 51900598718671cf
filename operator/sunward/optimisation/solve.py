"""One door to all solvers, in this process. Long-lived programs use `guarded.GuardedSolver` instead."""

from enum import StrEnum

from sunward.optimisation.decomposition.two_price import closed_form, solve_two_price, supports
from sunward.optimisation.exact.search import solve_exact
from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution

MANY_NODES = 2000
"""From here the coordinator of two prices is faster than the exact model, where nodes reply in closed form."""


class Solver(StrEnum):
    """auto picks exact, or two-price for large fleets; greedy uses no solver at all."""

    AUTO = "auto"
    EXACT = "exact"
    TWO_PRICE = "two-price"
    GREEDY = "greedy"


def solve(problem: Problem, *, solver: Solver | str = Solver.AUTO, time_limit_seconds: float = 30.0) -> Solution:
    """Check and solve a problem.

    Raises ProblemError for a wrong problem, ValueError for an unknown solver or a problem that the chosen one does not
    support, and SolveError when the exact solver ends without a trustworthy answer.
    """
    problem.check()
    chosen = Solver(solver)
    if chosen is Solver.AUTO:
        large = len(problem.nodes) >= MANY_NODES and closed_form(problem)
        chosen = Solver.TWO_PRICE if large else Solver.EXACT
    if chosen is Solver.GREEDY:
        return solve_greedy(problem)
    if chosen is Solver.EXACT:
        return solve_exact(problem, time_limit_seconds=time_limit_seconds)
    why_not = supports(problem)
    if why_not is not None:
        raise ValueError(f"two-price does not support this problem: {why_not}")
    return solve_two_price(problem, time_limit_seconds=time_limit_seconds)
