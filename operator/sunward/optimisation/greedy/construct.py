"""A good plan in milliseconds without a solver: the best of a few simple ones, each checked by the verifier.

Stands ready whenever a solver fails, is late or is refused. Never worse than doing nothing: every node awake (as far as
the policy forces it), all work at home as soon as possible, own harvest first, nothing shared.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sunward.domain.plans import SolverName
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.greedy.energy import grid_grams, power
from sunward.optimisation.greedy.moves import to_cleaner, with_room
from sunward.optimisation.greedy.sleep import on_periods
from sunward.optimisation.greedy.slots import slot_schedule
from sunward.optimisation.greedy.work import Schedule, WorkSplit, at_home, schedule
from sunward.optimisation.model.draft import Draft, Label, NodePeriods, OnOff, finish, needs
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.schemes import Scheme, with_mode
from sunward.optimisation.problem.solution import InfeasibilityCause, Shortfall, Solution, Status
from sunward.optimisation.verification.plan import check_plan

UNPROVEN = "no simple plan found, which proves nothing"
"""The method of an answer that has no plan and no proof that there is none."""
SHARES = (1.0, 0.5)
"""Shares of the movable work that are tried."""


def solve_greedy(problem: Problem) -> Solution:
    """The best simple plan of a checked problem; its bound is 0, since it proves nothing.

    Status infeasible means that no simple plan was found, not that none exists; the reasons are what found no place.
    """
    began = time.perf_counter()
    found: list[Solution] = []
    late: tuple[Shortfall, ...] = ()
    for asked in _policies(problem):
        for plan in _schedules(asked):
            if plan.late:
                late = late or _shortfalls(asked, plan)
                continue
            found.extend(_plans(asked, plan))
    found.sort(key=_grams)
    best = next((each for each in found if not check_plan(problem, each)), None)
    seconds = time.perf_counter() - began
    label = Label(status=Status.FEASIBLE, solver=SolverName.GREEDY, seconds=seconds)
    return _stamped(best, label) if best else _nothing(problem, late, seconds)


def _policies(problem: Problem) -> Iterator[Problem]:
    """The problem, and the same with nothing shared, moved or asleep: what a policy allows may lead a rule astray."""
    yield problem
    nothing = with_mode(problem, Scheme.NONE)
    if nothing != problem:
        yield nothing


def _grams(solution: Solution) -> float:
    assert solution.objective_grams is not None
    return solution.objective_grams


def _stamped(solution: Solution, label: Label) -> Solution:
    return replace(solution, solve_seconds=label.seconds)


def _schedules(problem: Problem) -> Iterator[Schedule]:
    """Ways to do the work, from doing nothing to moving all that pays."""
    home = at_home(problem)
    base = home
    plan = schedule(home)
    if not plan.late and _enough_workers(home):
        yield plan
    else:
        base = with_room(home)
        yield schedule(base)
    if problem.policy.shift_in_time:
        yield from _cheaper(problem, base)


def _cheaper(problem: Problem, base: WorkSplit) -> Iterator[Schedule]:
    prices = grid_grams(problem).tolist()
    yield schedule(base, prices)
    yield slot_schedule(problem)
    if problem.policy.offload_tasks:
        for share in SHARES:
            moved = to_cleaner(base, prices, share=share)
            yield schedule(moved)
            yield schedule(moved, prices)


def _enough_workers(assignment: WorkSplit) -> bool:
    for j, job in enumerate(assignment.problem.jobs):
        loads = assignment.loads[j]
        least = job.minimum_batches_per_worker
        if loads and least > 0 and (min(loads.values()) < least or len(loads) < job.minimum_workers):
            return False
    return True


def _plans(problem: Problem, plan: Schedule) -> Iterator[Solution]:
    """A schedule with its sleep and, in turn, idle and working batteries."""
    shape = (len(problem.nodes), problem.period_count)
    draft = _draft(plan, np.ones(shape, dtype=bool))
    awake_before = needs(problem, draft).hours
    for i, node in enumerate(problem.nodes):
        if not node.initially_awake:
            awake_before[i, 0] -= node.wake_seconds / SECONDS_PER_HOUR
    awake_before[np.abs(awake_before) < 1e-15] = 0.0
    on = on_periods(problem, awake_before, grid_grams(problem).tolist())
    if on is None:
        return
    for use_battery in (False, True) if any(node.battery for node in problem.nodes) else (False,):
        draft = _draft(plan, on.copy())
        draft.awake = _awake(problem, draft)
        if power(problem, draft, use_battery=use_battery):
            yield finish(problem, draft, Label(status=Status.FEASIBLE, solver=SolverName.GREEDY, bound=0.0))


def _draft(plan: Schedule, on: OnOff) -> Draft:
    zero = np.zeros(on.shape)
    return Draft(
        flows=dict(plan.flows),
        on=on,
        awake=zero.copy(),
        harvest=zero.copy(),
        charge=zero.copy(),
        discharge=zero.copy(),
    )


def _awake(problem: Problem, draft: Draft) -> NodePeriods:
    """Awake as long as needed where that is allowed and saves energy, else all period while on."""
    busy = np.minimum(needs(problem, draft).hours, problem.period_hours)
    awake = np.where(draft.on, problem.period_hours, 0.0)
    for i, node in enumerate(problem.nodes):
        naps = problem.policy.sleep and node.can_sleep and problem.policy.partial_period_sleep
        if naps and node.idle_watts >= node.asleep_watts:
            awake[i] = busy[i]
    return awake


def _shortfalls(problem: Problem, plan: Schedule) -> tuple[Shortfall, ...]:
    missing: dict[int, float] = {}
    for (j, _), batches in plan.late.items():
        missing[j] = missing.get(j, 0.0) + batches
    return tuple(
        Shortfall(constraint=InfeasibilityCause.DEADLINE, job=problem.jobs[j].name, shortfall=batches)
        for j, batches in sorted(missing.items())
    )


def _nothing(problem: Problem, late: tuple[Shortfall, ...], seconds: float) -> Solution:
    workers = tuple(
        Shortfall(constraint=InfeasibilityCause.WORKERS, job=job.name, shortfall=float(job.minimum_workers))
        for job in problem.jobs
    )
    other = (Shortfall(constraint=InfeasibilityCause.BATTERY, shortfall=0.0),)
    return Solution.infeasible(late or workers or other, solver=SolverName.GREEDY, method=UNPROVEN, seconds=seconds)
