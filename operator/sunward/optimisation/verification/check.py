"""What a plan's rows show, and what a second plan of the same problem refutes. Plain Python, no solver."""

from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.problem.violations import TOLERANCE, Findings, Violation
from sunward.optimisation.verification.ledger import read_ledger, soonest_sum
from sunward.optimisation.verification.plan import GRAMS, check_plan


def check(problem: Problem, solution: Solution, reference: Solution) -> tuple[Violation, ...]:
    """Every violation of a solution, given a second solution of the same problem; empty when there is none.

    A reference that is infeasible refutes nothing; one that beats a claimed bound or optimum, or exists where the
    solution claims infeasibility, refutes the claim.
    """
    found = check_plan(problem, solution)
    if reference.status is Status.INFEASIBLE or reference.objective_grams is None:
        return found
    findings = Findings()
    if solution.status is Status.INFEASIBLE:
        findings.fault("status", "status", "infeasible, yet a simple plan exists", 1.0)
    elif problem.policy.shift_in_time:
        _compare_grams(solution, reference.objective_grams, findings)
    elif not found:
        _compare_times(problem, solution, reference, findings)
    return (*found, *findings.found)


def _compare_grams(solution: Solution, grams: float, findings: Findings) -> None:
    slack = TOLERANCE * grams + GRAMS
    bound, objective = solution.lower_bound_grams, solution.objective_grams
    if bound is not None and bound > grams + slack:
        findings.fault("bound", "lower_bound_grams", f"a simple plan emits only {grams:.9g} g", bound - grams)
    if solution.status is Status.OPTIMAL and objective is not None and objective > grams + slack:
        findings.fault("status", "status", f"optimal, yet a simple plan emits only {grams:.9g} g", objective - grams)


def _compare_times(problem: Problem, solution: Solution, other: Solution, findings: Findings) -> None:
    """Without shifting in time, work is done as soon as possible: a plan that does it sooner refutes this one."""
    ignored = Findings()
    mine, theirs = (read_ledger(problem, each, ignored) for each in (solution, other))
    if mine is None or theirs is None:
        return
    late, soon = soonest_sum(mine), soonest_sum(theirs)
    whole = problem.period_count * len(solution.batches) if solution.rounded else 0
    if late > soon * (1 + 2 * TOLERANCE) + whole:
        findings.fault("11", "batches", "the work could be done sooner", late - soon)
