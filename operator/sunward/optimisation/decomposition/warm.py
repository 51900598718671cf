"""A linear program that is solved again and again while only its costs or rows change: warm first, then cold.

Knows no price and no block.
"""

from dataclasses import dataclass
from functools import partial

from ortools.math_opt.python import mathopt

CANDID = mathopt.SolveParameters()
CANDID.glop.change_status_to_imprecise = False
"""GLOP disowns answers whose objective is far below 1, such as those of a problem that emits nothing; these serve,
because its word is not relied on: bounds are recomputed from duals, plans are verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """Neither start gave a primal and a dual solution: what the last one said, and whether it called it impossible."""

    message: str
    is_infeasible: bool


def solve_again(model: mathopt.Model, solver: mathopt.IncrementalSolver) -> mathopt.SolveResult | NoAnswer:
    """The model's solution by its own incremental solver, or from a cold start, because a warm one can mislead.

    Imprecise answers serve: their bounds are recomputed from the duals.
    """
    message, is_infeasible = "", False
    cold = partial(mathopt.solve, model, mathopt.SolverType.GLOP)
    for solve in (solver.solve, cold):
        try:
            result = solve(params=CANDID)
        except (AttributeError, RuntimeError, ValueError) as error:  # a status that MathOpt cannot represent
            message = f"{type(error).__name__}: {error}"
            continue
        if result.has_primal_feasible_solution() and result.has_dual_feasible_solution():
            return result
        is_infeasible = result.termination.reason == mathopt.TerminationReason.INFEASIBLE
        message = f"{result.termination.reason.name} {result.termination.detail}"
    return NoAnswer(message=message, is_infeasible=is_infeasible)
