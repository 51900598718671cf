"""Snapshot and forecasts -> plan. Pure: no clock, no network; the same input gives the same plan.

hold?  ->  compile  ->  solve, and the alternatives  ->  keep what need not change  ->  whole batches  ->  decisions
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.nodes import OverridePower, PowerState
from sunward.domain.plans import JobDirective, Plan, PlanStatus, SolverName, SolverReport
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.schemes import Scheme, with_mode
from sunward.optimisation.problem.solution import Solution, Status
from sunward.planning import hold, outlook, stability, wording
from sunward.planning.compile import Compiled, compile_problem
from sunward.planning.guards.case import Case
from sunward.planning.guards.rules_node import wants
from sunward.planning.guards.rules_work import holds_shard
from sunward.planning.jobs.assign import directive
from sunward.planning.jobs.prefetch import copied_first, seeded
from sunward.planning.ports import SolverPort
from sunward.planning.renewal import period_start
from sunward.planning.stability import Pattern
from sunward.planning.trade import transfers

SOLVER = "auto"
PLAN_STATUS = {
    Status.OPTIMAL: PlanStatus.OPTIMAL,
    Status.FEASIBLE: PlanStatus.FEASIBLE,
    Status.FALLBACK: PlanStatus.FALLBACK,
}
"""How a solver ended -> how the plan came about; an infeasible problem has no plan to report on."""

SHARE_OF_MAIN_SOLVE = 0.4
"""Share of the policy's time limit for the plan itself; the alternatives and the check for stability share the rest."""

SMALLEST_GAIN_RATIO = 1e-6
"""What a solver's tolerance may feign is no reason to change a plan, even for a policy that takes any gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A problem, the solution that counts, and those of the alternatives under the same forecast."""

    compiled: Compiled
    solution: Solution
    by_mode: Mapping[Scheme, Solution]


def plan(
    snapshot: Snapshot,
    forecasts: Forecasts,
    *,
    solver: SolverPort,
    previous: Plan | None,
    alternatives: bool = True,
) -> Plan:
    """The plan of the period that begins at the forecasts' start.

    With data too bad to decide by, the plan is a hold. Without a feasible plan, work goes on at home and no node newly
    sleeps. `previous` is the plan in force, kept where a change gains less than the policy's minimum. Without
    `alternatives` the other modes are not solved: the plan then tells no emissions by mode, and takes about half the
    time, which is what a simulation asks for that knows its savings from running every mode.
    """
    refusal = hold.hold_reason(snapshot, forecasts)
    if refusal is not None:
        return _held(snapshot, forecasts, PlanStatus.HELD, refusal)
    answer = _solve(snapshot, forecasts, solver, previous, alternatives=alternatives)
    if isinstance(answer, Solution):
        why = Cause(Reason.PLAN_INFEASIBLE, "no plan meets every limit")
        return _held(snapshot, forecasts, PlanStatus.INFEASIBLE, why, because=outlook.shortfalls(answer))
    return _decided(snapshot, answer, solver, previous)


def _solve(
    snapshot: Snapshot, forecasts: Forecasts, solver: SolverPort, previous: Plan | None, *, alternatives: bool
) -> Answer | Solution:
    """First with every wish, then without minimum asleep times and with deadlines as late as they have to be.

    Where even that has no plan, the solution that says what has to give.
    """
    limit = snapshot.policy.solver_time_limit_seconds
    for relaxed in (False, True):
        compiled = compile_problem(snapshot, forecasts, relaxed=relaxed)
        waits = any(part.may_wait for part in compiled.parts)
        start = outlook.on_pattern(previous, compiled) if waits else None
        solution = solver.solve(
            compiled.problem, solver=SOLVER, time_limit_seconds=SHARE_OF_MAIN_SOLVE * limit, start=start
        )
        if solution.status is not Status.INFEASIBLE:
            if not alternatives:
                return Answer(compiled=compiled, solution=solution, by_mode={})
            limit = _side_limit(snapshot)
            by_mode: Mapping[Scheme, Solution] = _alternatives(compiled, solution, solver, limit)
            best = _best(compiled, solution, by_mode)
            if (
                not relaxed and not waits
            ):  # the relaxed problem looks less far, and grams of two horizons do not compare
                by_mode = _with_all_awake(by_mode, compile_problem(snapshot, forecasts, relaxed=True), solver, limit)
            return Answer(compiled=compiled, solution=best, by_mode=by_mode)
    return solution


def _side_limit(snapshot: Snapshot) -> float:
    """Time for each of the solves beside the plan itself: up to four modes and the check for stability."""
    return (1 - SHARE_OF_MAIN_SOLVE) * snapshot.policy.solver_time_limit_seconds / (len(Scheme) + 1)


def _alternatives(compiled: Compiled, solution: Solution, solver: SolverPort, limit: float) -> dict[Scheme, Solution]:
    """A plan for every mode; one that may do more is never worse than one that may do less, time limit or not."""
    found: dict[Scheme, Solution] = {}
    for mode in Scheme:
        problem = with_mode(compiled.problem, mode)
        known = solution if problem.policy == compiled.problem.policy else None
        found[mode] = known or solver.solve(problem, solver=SOLVER, time_limit_seconds=limit)
        found[mode] = min((found[less] for less in found if _covers(mode, less)), key=_grams)
    return found


def _with_all_awake(
    by_mode: Mapping[Scheme, Solution], relaxed: Compiled, solver: SolverPort, limit: float
) -> Mapping[Scheme, Solution]:
    """Modes without a plan because a node must stay asleep for a while, told as if it need not.

    Without moving work every home must be awake; a baseline that cannot be told would make every saving unknown.
    """
    return {
        mode: solver.solve(with_mode(relaxed.problem, mode), solver=SOLVER, time_limit_seconds=limit)
        if solution.status is Status.INFEASIBLE
        else solution
        for mode, solution in by_mode.items()
    }


def _best(compiled: Compiled, solution: Solution, by_mode: Mapping[Scheme, Solution]) -> Solution:
    """The plan, or that of a mode within the policy which turned out better when time was short."""
    policy = compiled.problem.policy
    allowed = [
        by_mode[mode]
        for mode in Scheme
        if (policy.share_energy or mode in (Scheme.NONE, Scheme.DAT))
        and ((policy.offload_tasks and policy.sleep) or mode in (Scheme.NONE, Scheme.DET))
    ]
    return min((solution, *allowed), key=_grams)


def _covers(mode: Scheme, less: Scheme) -> bool:
    """Whether whatever *less* may do, *mode* may do too."""
    return less in (Scheme.NONE, mode) or mode is Scheme.DETA


def _grams(solution: Solution) -> float:
    return math.inf if solution.objective_grams is None else solution.objective_grams


def _decided(snapshot: Snapshot, answer: Answer, solver: SolverPort, previous: Plan | None) -> Plan:
    compiled, free = answer.compiled, _free_pattern(snapshot, answer)
    pattern, solution, problem = free, answer.solution, compiled.problem
    kept = _keep(snapshot, answer, free, solver, previous)
    if kept is not None:
        pattern, solution, problem = kept
    pattern = replace(pattern, jobs=seeded(pattern.jobs, compiled.parts, solution.batches, pattern.awake))
    moved = transfers(problem, solution, period=1)
    decisions = (
        *wording.node_decisions(snapshot, compiled, solution, pattern),
        *wording.job_decisions(pattern.jobs),
        *wording.transfer_decisions(moved),
    )
    return Plan(
        name=plan_name(compiled.horizon.start),
        start=compiled.horizon.start,
        period=compiled.horizon.period,
        awake=pattern.awake,
        jobs=pattern.jobs,
        transfers=moved,
        decisions=decisions,
        solver=_report(solution, answer.solution),
        emissions_by_mode_grams=wording.by_mode(answer.by_mode),
        prices=outlook.prices(answer.solution, compiled.parts),
        sleeps=outlook.planned_sleeps(pattern.awake, solution, compiled.horizon),
        input_digest=digest(compiled.problem, snapshot),
        made_at=snapshot.taken_at,
        reach=compiled.horizon.end,
    )


def _keep(
    snapshot: Snapshot, answer: Answer, free: Pattern, solver: SolverPort, previous: Plan | None
) -> tuple[Pattern, Solution, Problem] | None:
    """The previous pattern with what it emits now, unless the free plan is the same or gains enough."""
    before = stability.kept(previous, answer.compiled)
    if before is None or any(part.may_wait for part in answer.compiled.parts):
        return None  # a plan over a job's whole life counts what every change in it costs
    pattern, problem = before.pattern(free), before.problem
    if stability.same(pattern, free):
        return None
    solution = solver.solve(problem, solver=SOLVER, time_limit_seconds=_side_limit(snapshot))
    best, now = answer.solution.objective_grams, solution.objective_grams
    worth = max(snapshot.policy.minimum_gain_ratio, SMALLEST_GAIN_RATIO)
    if best is None or now is None or now - best >= worth * now > 0:
        return None
    return pattern, solution, problem


def _free_pattern(snapshot: Snapshot, answer: Answer) -> Pattern:
    """What the solution asks for, in whole batches and whole periods."""
    compiled, rows = answer.compiled, answer.solution.batches
    up = {node.name for node in snapshot.nodes if node.record.power_state is PowerState.AWAKE} & compiled.workers.keys()
    kept_on = {row.name for row in answer.solution.nodes if row.on[0]}
    jobs = []
    for job in {part.job.spec.key: part.job for part in compiled.parts}.values():
        parts = [part for part in compiled.parts if part.job.spec.key == job.spec.key]
        jobs.append(copied_first(directive(job, parts, rows), parts, rows, up, kept_on))
    paused = [hold.paused(entry) for entry in compiled.waiting]
    ordered = tuple(sorted((*jobs, *paused), key=lambda entry: entry.job))
    return Pattern(awake=_awake(snapshot, answer, ordered), jobs=ordered)


def _awake(snapshot: Snapshot, answer: Answer, jobs: Sequence[JobDirective]) -> dict[str, bool]:
    """Who is awake in this period. Whoever works or has a shard to hand over is; who is not counted on is left as it
    is."""
    on = {row.name: row.on[0] for row in answer.solution.nodes}
    working = {row.node for entry in jobs for row in entry.assignments} | _senders(snapshot, jobs)
    awake: dict[str, bool] = {}
    for node in snapshot.nodes:
        if node.name in answer.compiled.left_out:
            awake[node.name] = hold.stays_awake(node, snapshot)
        elif wants(Case(node=node, snapshot=snapshot, now=snapshot.taken_at), OverridePower.ASLEEP):
            awake[node.name] = bool(answer.compiled.obstacles[node.name])
        else:
            must = bool(answer.compiled.obstacles[node.name])
            awake[node.name] = node.name in working or must or on.get(node.name, True)
    return dict(sorted(awake.items()))


def _senders(snapshot: Snapshot, jobs: Sequence[JobDirective]) -> set[str]:
    """Homes that another node has to fetch a shard from: the model counts a shard that one node holds as copied, but
    another one that is to work on it still needs its home."""
    views = {job.spec.key: job for job in snapshot.jobs}
    return {
        row.from_node
        for entry in jobs
        for row in entry.assignments
        if row.node != row.from_node and not holds_shard(views[entry.job], row.node, row.shard)
    }


def _held(
    snapshot: Snapshot, forecasts: Forecasts, status: PlanStatus, why: Cause, *, because: tuple[str, ...] = ()
) -> Plan:
    """Everything as it is, with the reason. No solver found a plan, so that nothing is known of its emissions."""
    pattern = hold.held_pattern(snapshot)
    decisions = (
        *wording.held_decisions(snapshot, pattern, why),
        *wording.job_decisions(pattern.jobs),
    )
    return Plan(
        name=plan_name(forecasts.start),
        start=forecasts.start,
        period=forecasts.period,
        awake=pattern.awake,
        jobs=pattern.jobs,
        transfers=(),
        decisions=decisions,
        solver=SolverReport(status=status, cause=why, infeasible_because=because),
        input_digest=_hashed(why.reason, sorted(pattern.awake.items()), pattern.jobs),
        made_at=snapshot.taken_at,
    )


def failed(snapshot: Snapshot, why: Cause) -> Plan:
    """The plan of a period for which none could be made: everything as it is. Whatever cannot be decided is left out.

    A node that is left out keeps its state, and a job its assignments.
    """
    start, period = period_start(snapshot), timedelta(seconds=snapshot.policy.planning_period_seconds)
    nothing = Forecasts(start=start, period=period, harvest_watt_hours={}, intensity_grams_per_kilowatt_hour={})
    try:
        return _held(snapshot, nothing, PlanStatus.HELD, why)
    except Exception:  # a fault in the snapshot itself, which `why` names: nodes are still stepped
        return Plan(
            name=plan_name(start),
            start=start,
            period=period,
            awake={},
            jobs=(),
            transfers=(),
            decisions=(),
            solver=SolverReport(status=PlanStatus.HELD, cause=why),
            made_at=snapshot.taken_at,
        )


def plan_name(start: datetime) -> str:
    """Name of the plan of the period that begins at *start*: one per period."""
    return f"plan-{start:%Y%m%d-%H%M%S}"


def digest(problem: Problem, snapshot: Snapshot) -> str:
    """Hash of all that decides a plan: equal for equal inputs, in whatever order they came."""
    jobs = sorted((job.spec.key, job.assignments, job.spec.disruption) for job in snapshot.jobs)
    return _hashed(problem.to_json(), jobs, snapshot.policy.minimum_gain_ratio)


def _hashed(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()


def _report(solution: Solution, best: Solution) -> SolverReport:
    """How good the plan is: its own emissions against the bound of the free problem."""
    objective, bound = solution.objective_grams, best.lower_bound_grams
    if objective is not None and bound is not None:
        bound = min(bound, objective)
    status = PLAN_STATUS[best.status] if solution is best else PlanStatus.FEASIBLE
    return SolverReport(
        status=status,
        cause=Cause(Reason.SOLVER_FALLBACK, best.fallback or "") if status is PlanStatus.FALLBACK else None,
        solver=SolverName(best.solver) if best.solver in list(SolverName) else None,
        method=best.method,
        objective_grams=objective,
        lower_bound_grams=bound,
        relative_gap=_gap(objective, bound),
        solve_seconds=best.solve_seconds,
    )


def _gap(objective: float | None, bound: float | None) -> float | None:
    """By which share of its emissions the plan may be above the least possible; a plan without any is the least."""
    if objective is None or bound is None:
        return None
    return (objective - bound) / objective if objective > 0 else 0.0
