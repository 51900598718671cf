"""The independent check of a solution: everything its rows show, and everything a simple second plan refutes.

Plain Python, no solver. Everything the product ever applies passes here first. That nothing better exists cannot be
proven from a file; but a greedy plan that beats a claimed bound or optimum, or exists at all, refutes the claim.
"""

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.problem.violations import Violation
from sunward.optimisation.verification.check import check
from sunward.optimisation.verification.plan import GRAMS, OPTIMAL_GAP

__all__ = ["GRAMS", "OPTIMAL_GAP", "Violation", "verify"]


def verify(problem: Problem, solution: Solution, *, reference: Solution | None = None) -> tuple[Violation, ...]:
    """Every violation of a solution; empty when it is correct as far as a file can tell.

    `reference` is a greedy solution of the same problem where the caller has one already.
    """
    return check(problem, solution, solve_greedy(problem) if reference is None else reference)
