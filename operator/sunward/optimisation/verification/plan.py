"""The check of a solution against its own rows: every constraint by its number, the objective, consistent claims.

Plain Python, no solver, no second plan; `verify.verify` adds what a second plan can refute.
"""

import math

from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.problem.violations import TOLERANCE, Findings, Violation
from sunward.optimisation.verification.energy import check_energy
from sunward.optimisation.verification.ledger import Ledger, objective_grams, read_ledger
from sunward.optimisation.verification.work import check_awake, check_work

GRAMS = 1e-7
"""Absolute part of the tolerance on grams."""
OPTIMAL_GAP = 1e-6
"""Largest relative gap that may be called optimal."""


def check_plan(problem: Problem, solution: Solution) -> tuple[Violation, ...]:
    """Every violation that the solution's own rows and numbers show; empty when there is none."""
    findings = Findings()
    if solution.status is Status.INFEASIBLE:
        _check_infeasible(solution, findings)
        return tuple(findings.found)
    ledger = read_ledger(problem, solution, findings)
    if ledger is not None:
        check_work(problem, ledger, findings, rounded=solution.rounded)
        check_awake(problem, ledger, findings)
        check_energy(problem, ledger, findings)
        _check_objective(problem, solution, ledger, findings)
    _check_claims(problem, solution, findings)
    return tuple(findings.found)


def _check_infeasible(solution: Solution, findings: Findings) -> None:
    if not solution.infeasible_because:
        findings.fault("status", "infeasible_because", "infeasible without a reason", 1.0)
    if solution.batches or solution.sends or solution.draws:
        findings.fault("status", "batches", "infeasible, yet it has a plan", 1.0)


def _check_objective(problem: Problem, solution: Solution, ledger: Ledger, findings: Findings) -> None:
    claimed = solution.objective_grams
    if claimed is None or not math.isfinite(claimed):
        findings.fault("objective", "objective_grams", "missing", math.inf)
        return
    recomputed = objective_grams(problem, ledger)
    off = abs(claimed - recomputed)
    if off > TOLERANCE * max(abs(claimed), abs(recomputed)) + GRAMS:
        findings.fault("objective", "objective_grams", f"rows give {recomputed:.9g}, not {claimed:.9g}", off)


def _check_claims(problem: Problem, solution: Solution, findings: Findings) -> None:
    objective, bound = solution.objective_grams, solution.lower_bound_grams
    if solution.infeasible_because:
        findings.fault("status", "infeasible_because", f"{solution.status} with reasons for infeasibility", 1.0)
    if solution.rounded and solution.status is Status.OPTIMAL:
        findings.fault("status", "status", "a rounded plan is feasible, not optimal", 1.0)
    _check_prices(problem, solution, findings)
    if objective is None:
        return
    if bound is None:
        if solution.status is not Status.FALLBACK:
            findings.fault("bound", "lower_bound_grams", "missing", math.inf)
        return
    slack = TOLERANCE * abs(objective) + GRAMS
    if not bound <= objective + slack:
        findings.fault("bound", "lower_bound_grams", "above the objective", bound - objective)
    apart = max(0.0, objective - bound)
    gap = apart / objective if objective > 0 else math.inf if apart else 0.0
    claimed = math.nan if solution.relative_gap is None else solution.relative_gap
    if not abs(claimed * objective - apart) <= slack:
        findings.fault("bound", "relative_gap", f"is {gap:.3g} by objective and bound", gap)
    if solution.status is Status.OPTIMAL and objective - bound > OPTIMAL_GAP * abs(objective) + GRAMS:
        findings.fault("status", "status", f"optimal with a gap of {gap:.3g}", gap)


def _check_prices(problem: Problem, solution: Solution, findings: Findings) -> None:
    pools = {pool.name for pool in problem.energy_pools}
    for pool, prices in solution.prices.energy_grams_per_watt_hour.items():
        if pool not in pools or len(prices) != problem.period_count:
            findings.fault("format", f"prices of {pool}", "unknown pool or wrong number of periods", 1.0)
    for job in set(solution.prices.offload_cap_grams) - {job.name for job in problem.jobs}:
        findings.fault("format", f"prices of {job}", "unknown job", 1.0)
