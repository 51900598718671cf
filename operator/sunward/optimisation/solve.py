"""One door to all solvers, in this process. Long-lived programs use `guarded.GuardedSolver` instead."""

import time
from enum import StrEnum

from sunward.optimisation.decomposition.errors import UnsupportedError
from sunward.optimisation.decomposition.periods import SEARCH_COLUMNS
from sunward.optimisation.decomposition.two_price import closed_form, decompose, supports
from sunward.optimisation.exact.search import SolveError, search
from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.model.solvers import Backend
from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution

MANY_NODES = 2000
"""From here the coordinator of two prices is faster than the exact model, where nodes reply in closed form."""


__all__ = ["SolveError", "Solver", "closed_form", "solve", "solve_exact", "solve_greedy", "solve_two_price", "supports"]


class Solver(StrEnum):
    """auto picks exact, or two-price for large fleets; greedy uses no solver at all."""

    AUTO = "auto"
    EXACT = "exact"
    TWO_PRICE = "two-price"
    GREEDY = "greedy"


def solve(
    problem: Problem,
    *,
    solver: Solver | str = Solver.AUTO,
    time_limit_seconds: float = 30.0,
    many_nodes: int = MANY_NODES,
    start: OnPattern | None = None,
) -> Solution:
    """Check and solve a problem; from `many_nodes` on, auto takes prices where nodes reply in closed form.

    `start` is for the exact solver, see there.

    Raises ProblemError for a wrong problem, ValueError for an unknown solver or a problem that the chosen one does not
    support, and SolveError when the exact solver ends without a trustworthy answer.
    """
    check_problem(problem)
    chosen = Solver(solver)
    if chosen is Solver.AUTO:
        large = len(problem.nodes) >= many_nodes and closed_form(problem)
        chosen = Solver.TWO_PRICE if large else Solver.EXACT
    if chosen is Solver.GREEDY:
        return solve_greedy(problem)
    if chosen is Solver.EXACT:
        return solve_exact(problem, time_limit_seconds=time_limit_seconds, start=start)
    why_not = supports(problem)
    if why_not is not None:
        raise UnsupportedError(f"two-price does not support this problem: {why_not}")
    return solve_two_price(problem, time_limit_seconds=time_limit_seconds)


def solve_exact(
    problem: Problem,
    *,
    time_limit_seconds: float = 30.0,
    relative_gap: float = 1e-6,
    backend: Backend | None = None,
    start: OnPattern | None = None,
    node_limit: int | None = None,
) -> Solution:
    """The proven optimum, or the best plan in the time with its bound; starts from the greedy plan.

    `relative_gap` is where the search may stop, `backend` what searches for integers (None picks one). A known plan's
    `start` bounds the answer from above, and beyond the next periods its nodes stay on when they are on there: what is
    far away is decided again before its time comes. `node_limit` ends the search for integers after so many nodes of
    its tree, which does not depend on the machine. Raises SolveError when the time ends without any plan, or when
    solvers contradict each other.
    """
    began = time.perf_counter()
    reference = solve_greedy(problem)
    left = time_limit_seconds - (time.perf_counter() - began)
    return search(
        problem,
        reference=reference,
        time_limit_seconds=left,
        relative_gap=relative_gap,
        backend=backend,
        start=start,
        node_limit=node_limit,
    )


def solve_two_price(
    problem: Problem,
    *,
    time_limit_seconds: float,
    relative_gap: float = 1e-7,
    search_columns: int = SEARCH_COLUMNS,
) -> Solution:
    """Plans by price decomposition, to a certified relative gap or as far as the time allows.

    `search_columns` are those of the largest model in which integers are also searched in one piece.

    Raises UnsupportedError with the reason when `supports` gives one, OutOfTimeError when the time ends before a plan,
    and the other errors of `decomposition.errors` when a block fails or integer choices could not be rounded.
    """
    return decompose(
        problem,
        heuristic=solve_greedy,
        time_limit_seconds=time_limit_seconds,
        relative_gap=relative_gap,
        search_columns=search_columns,
    )
