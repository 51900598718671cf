"""Why a problem has no plan, in the problem's own words: elastic models that miss one kind of constraint at a time."""

import time

from sunward.optimisation.model.build import build
from sunward.optimisation.model.matrix import PerColumn, scaled
from sunward.optimisation.model.plan_model import PlanModel, Relaxed
from sunward.optimisation.model.solvers import Backend, Outcome, solve_model
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import InfeasibilityCause, Shortfall

_ALONE = (
    Relaxed.BATTERY,
    Relaxed.SLEEP_LIMIT,
    Relaxed.NO_WORKER,
    Relaxed.WORKERS,
    Relaxed.STORAGE,
    Relaxed.OFFLOAD,
    Relaxed.TIME,
)
_MEANING = {
    Relaxed.UNSERVED: InfeasibilityCause.DEADLINE,
    Relaxed.TIME: InfeasibilityCause.DEADLINE,
    Relaxed.NO_WORKER: InfeasibilityCause.NO_WORKER,
    Relaxed.OFFLOAD: InfeasibilityCause.OFFLOAD,
    Relaxed.STORAGE: InfeasibilityCause.STORAGE,
    Relaxed.WORKERS: InfeasibilityCause.WORKERS,
    Relaxed.SLEEP_LIMIT: InfeasibilityCause.SLEEP_LIMIT,
    Relaxed.BATTERY: InfeasibilityCause.BATTERY,
}
_OF_JOBS = (Relaxed.UNSERVED, Relaxed.OFFLOAD)
"""Constraints of every shard that are told as one of their job."""
_LEAST = 1e-7
"""Misses below this share of a constraint's range are a solver's rounding."""


_NOTHING = 1e-9
"""Misses below this are nothing, whatever the constraint."""
_FAINT = 0.01
"""Where all misses are rounding, those below this share of the largest are not told."""


def explain_infeasible(problem: Problem, *, seconds: float) -> tuple[Shortfall, ...]:
    """What has to give: each constraint that would suffice alone, else the least that must give together.

    Empty when nothing has to give, that is, when the problem is feasible after all or no elastic model was solved.
    """
    deadline = time.perf_counter() + seconds
    if _missed(problem, frozenset(), deadline) is not None:
        return ()
    found: list[Shortfall] = []
    for kind in _ALONE:
        missed = _missed(problem, frozenset({kind}), deadline)
        if missed and kind is Relaxed.TIME:
            missed = _late(problem, deadline) or missed
        found.extend(missed or ())
    if found:
        return tuple(found)
    everything = frozenset(Relaxed) - {Relaxed.TIME}
    return tuple(_missed(problem, everything, deadline) or _missed(problem, everything, deadline, faint=True) or ())


def _late(problem: Problem, deadline: float) -> list[Shortfall]:
    """The same shortage of time, told in batches that miss the deadline."""
    missed = _missed(problem, frozenset({Relaxed.UNSERVED, Relaxed.WORKERS}), deadline)
    return [row for row in missed or () if row.constraint is InfeasibilityCause.DEADLINE]


def _missed(
    problem: Problem, relaxed: frozenset[Relaxed], deadline: float, *, faint: bool = False
) -> list[Shortfall] | None:
    """The least that the relaxed constraints miss; None when there is no plan even so.

    `faint` also tells misses of a solver's rounding: a problem on the very edge has no others.
    """
    plan = build(problem, relaxed)
    arrays = plan.matrix.arrays()
    model = scaled(arrays, 1.0)
    # Both solvers of integers have called models with a solution infeasible.
    for backend in (Backend.HIGHS, Backend.GSCIP) if arrays.integer.any() else (Backend.GLOP,):
        answer = solve_model(model, backend, seconds=deadline - time.perf_counter(), relative_gap=1e-6)
        if answer.outcome in (Outcome.OPTIMAL, Outcome.FEASIBLE) and answer.values is not None:
            return _shortfalls(plan, answer.values, faint=faint)
    return None


def _shortfalls(plan: PlanModel, values: PerColumn, *, faint: bool) -> list[Shortfall]:
    largest = max((float(values[column]) for column in plan.slacks.values()), default=0.0)
    names = [node.name for node in plan.problem.nodes]
    jobs = [job.name for job in plan.problem.jobs]
    missed: dict[tuple[InfeasibilityCause, str | None, str | None], float] = {}
    for (kind, j, i), column in sorted(plan.slacks.items()):
        floor = _FAINT * largest if faint else max(_LEAST * plan.matrix.upper[column], _NOTHING)
        if values[column] > floor:
            node = names[i] if i >= 0 and kind not in _OF_JOBS else None
            where = (_MEANING[kind], jobs[j] if j >= 0 else None, node)
            missed[where] = missed.get(where, 0.0) + float(values[column])
    return [
        Shortfall(constraint=constraint, job=job, node=node, shortfall=shortfall)
        for (constraint, job, node), shortfall in missed.items()
    ]
