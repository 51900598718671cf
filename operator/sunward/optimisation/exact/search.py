"""The exact solver: proven optimum of the whole model, or the best plan in the time with an honest bound.

Linear models go to GLOP; with integers HiGHS or GSCIP searches and GLOP settles the rest. Bounds of linear models are
recomputed from the duals here, so that "optimal" never rests on a solver's word alone.
"""

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sunward.domain.errors import SunwardError
from sunward.domain.plans import SolverName
from sunward.optimisation.exact.patterns import pattern_search, sleepers
from sunward.optimisation.model.build import build
from sunward.optimisation.model.draft import Label, OnOff, finish
from sunward.optimisation.model.draft import relative_gap as gap_between
from sunward.optimisation.model.extract import ZERO_TOLERANCE, draft_of, implied_integers, on_columns, tidy_sleep
from sunward.optimisation.model.infeasible import explain_infeasible
from sunward.optimisation.model.matrix import Arrays, PerColumn, fits, scaled
from sunward.optimisation.model.plan_model import PlanModel
from sunward.optimisation.model.prices import prices_of
from sunward.optimisation.model.solvers import Answer, Backend, Outcome, solve_model
from sunward.optimisation.model.work import add_soonest_cost
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import NO_PRICES, Prices, Shortfall, Solution, Status
from sunward.optimisation.problem.violations import TOLERANCE
from sunward.optimisation.verification.plan import OPTIMAL_GAP, check_plan

RESERVED = 0.08
"""Share of the time limit in which a plan found by the search for integers is settled and written."""


ON_FROM = (0.5, 0.2, ZERO_TOLERANCE)
"""Shares of a period from which a relaxation's node counts as on, in the order tried."""

SHORT_PERIODS = 4
"""Periods up to which a search for integers is quick."""

PATTERN_SOLVES = 400
"""Linear models that are solved to find good patterns of sleep: about a second of one core for ten nodes."""

SOONEST_SHARE = 0.3
"""Share of the remaining time for the plan in which no work waits, where work may."""

SOONEST = "soonest"
"""How the method of a solution names that plan."""

PATTERNS = "patterns"
"""How the method of a solution names that search."""

FREE_PERIODS = 6
"""Periods whose integers are chosen anew where a plan is known: it is made again before the others come."""

TOLERANCE_OF_FIT = 1e-9
"""Share of a row's largest possible term by which values with implied integers may miss it."""


class SolveError(SunwardError):
    """No trustworthy answer: why, in one line."""


@dataclass(slots=True, kw_only=True)
class _Search:
    """State of one exact solve."""

    problem: Problem
    plan: PlanModel
    backend: Backend
    gap: float
    deadline: float
    reserve: float  # seconds kept from every search, to settle the rest
    reference: Solution | None
    best: Solution | None = None
    bound: float = 0.0
    hint: PerColumn | None = None  # columns of the best plan that a linear model gave
    start: OnPattern | None = None
    node_limit: int | None = None
    used: list[str] = field(default_factory=list)

    def left(self) -> float:
        """Seconds that remain."""
        return self.deadline - time.perf_counter()


def search(
    problem: Problem,
    *,
    reference: Solution,
    time_limit_seconds: float = 30.0,
    relative_gap: float = 1e-6,
    backend: Backend | None = None,
    start: OnPattern | None = None,
    node_limit: int | None = None,
) -> Solution:
    """Solve a checked problem; status optimal, feasible (with bound and gap) or infeasible (with reasons).

    `reference` is any solution of the same problem: where it has a plan, the search starts from it and measures its
    gap on its scale. `relative_gap` is where the search may stop; "optimal" needs 1e-6 whatever it is. `backend`
    searches for integers, None picks the one that was faster on such problems. `start` and `node_limit` as in
    `solve_exact`. Raises SolveError when the time ends
    without any plan, or when solvers contradict each other.
    """
    began = time.perf_counter()
    plan = build(problem)
    state = _Search(
        problem=problem,
        plan=plan,
        backend=backend or _faster(problem),
        gap=relative_gap,
        deadline=began + time_limit_seconds,
        reserve=RESERVED * time_limit_seconds,
        reference=reference if reference.status is not Status.INFEASIBLE else None,
        start=start,
        node_limit=node_limit,
    )
    because = _run(state)
    seconds = time.perf_counter() - began
    if because:
        return Solution.infeasible(because, solver=SolverName.EXACT, method=_method(state), seconds=seconds)
    return _stamped(state, seconds)


def _faster(problem: Problem) -> Backend:
    """HiGHS where nodes sleep for whole periods; else GSCIP, which took a fifth of its time (10 nodes, 24 periods)."""
    return Backend.HIGHS if problem.policy.sleep and not problem.policy.partial_period_sleep else Backend.GSCIP


def _run(search: _Search) -> tuple[Shortfall, ...]:
    """Search; returns the reasons of infeasibility, empty when there is (or may be) a plan."""
    if not search.problem.policy.shift_in_time:
        because = _fix_soonest(search)
        if because:
            return because
    _accept_reference(search)
    model = search.plan.matrix.arrays()
    began = time.perf_counter()
    relaxed = _solve_early(search, model, Backend.GLOP)
    search.reserve = min(max(search.reserve, 1.5 * (time.perf_counter() - began)), 0.5 * max(0.0, search.left()))
    if relaxed.outcome is Outcome.INFEASIBLE:
        return _confirm_infeasible(search, relaxed)
    search.bound = max(search.bound, relaxed.bound)
    if not model.integer.any():
        _offer(search, relaxed)
    elif relaxed.values is not None:
        _offer_implied(search, model, relaxed)
    if _has_patterns(search) and not _done(search):
        _offer_soonest(search)
        _search_patterns(search, model)
        if search.node_limit is not None and search.best is not None:
            return ()
    if model.integer.any() and search.start is not None:
        model = _around_start(search, model, search.start)
    if model.integer.any() and not _done(search):
        return _search_integers(search, model)
    return ()


def _has_patterns(search: _Search) -> bool:
    """Whether nodes sleep for whole periods over more of them than a search for integers is quick with."""
    policy = search.problem.policy
    whole = policy.sleep and not policy.partial_period_sleep
    return whole and search.problem.period_count > SHORT_PERIODS and bool(sleepers(search.plan))


def _offer_soonest(search: _Search) -> None:
    """Offer the best plan in which no work waits: where work may wait as well, a plan is never worse for want of time.

    Such a plan is correct in both problems, and the search for patterns starts from it.
    """
    policy = search.problem.policy
    if not policy.shift_in_time or not search.problem.jobs:
        return
    soonest = replace(search.problem, policy=replace(policy, shift_in_time=False))
    seconds = SOONEST_SHARE * (search.left() - search.reserve)
    state = _Search(
        problem=soonest,
        plan=build(soonest),
        backend=search.backend,
        gap=search.gap,
        deadline=time.perf_counter() + seconds,
        reserve=RESERVED * seconds,
        reference=search.reference,
        node_limit=search.node_limit,
    )
    with contextlib.suppress(SolveError):  # no time to find it: the plan that waits stands by itself
        _run(state)
    if state.best is not None:
        _keep(search, state.best)
    search.used.append(SOONEST)


def _search_patterns(search: _Search, model: Arrays) -> None:
    """Offer the best plan that small changes of the known ones lead to."""
    chosen = sleepers(search.plan)
    known = [found.nodes for found in (search.best, search.reference) if found is not None]
    starts = [np.array([rows[i].on for i in chosen], dtype=np.bool_) for rows in known]
    if search.start is not None:
        starts.insert(0, _from_start(search, chosen, search.start))
    grams = _typical_grams(search, model)
    found = pattern_search(search.plan, grams, limit=PATTERN_SOLVES, left=lambda: search.left() - search.reserve)
    found.run(starts)
    search.used.append(PATTERNS)
    if found.best is not None:
        names = [search.problem.nodes[i].name for i in chosen]
        _offer_pattern(search, model, dict(zip(names, found.best.tolist(), strict=True)))


def _from_start(search: _Search, chosen: Sequence[int], start: OnPattern) -> OnOff:
    pattern = np.ones((len(chosen), search.problem.period_count), dtype=np.bool_)
    for row, i in enumerate(chosen):
        known = list(start.get(search.problem.nodes[i].name, ()))[: pattern.shape[1]]
        pattern[row, : len(known)] = known
    return pattern


def _offer_pattern(search: _Search, model: Arrays, pattern: OnPattern) -> None:
    """Offer the plan with these nodes on, with the other integers as its flows imply them, else searched for."""
    kept = _kept_on(model, on_columns(search.plan, pattern, after=0))
    relaxed = _solve(search, kept, Backend.GLOP)
    if relaxed.values is None:
        return
    implied = implied_integers(search.plan, relaxed.values, on_from=ON_FROM[0])
    for integers in (_rounded_up(model, relaxed.values), implied):
        settled = _solve(search, _fixed(model, integers), Backend.GLOP)
        if settled.values is not None:
            _offer(search, settled)
            search.hint = settled.values
            return
    _offer(search, _solve_early(search, kept, search.backend))


def _around_start(search: _Search, model: Arrays, start: OnPattern) -> Arrays:
    """Offer the known plan; the model that remains keeps to it beyond the next periods, unless that is impossible."""
    answer = _solve(search, _kept_on(model, on_columns(search.plan, start, after=0)), Backend.GLOP)
    if answer.values is not None:
        settled = _solve(search, _fixed(model, _rounded_up(model, answer.values)), Backend.GLOP)
        _offer(search, settled)
        search.hint = settled.values if settled.values is not None else search.hint
    near = _kept_on(model, on_columns(search.plan, start, after=FREE_PERIODS))
    if answer.values is None and _solve(search, near, Backend.GLOP).values is None:
        search.start = None
        return model
    return near


def _kept_on(model: Arrays, on: Mapping[int, bool]) -> Arrays:
    """The model with these columns fixed."""
    lower, upper = model.lower.copy(), model.upper.copy()
    for column, value in on.items():
        if lower[column] < upper[column]:
            lower[column] = upper[column] = float(value)
    return replace(model, lower=lower, upper=upper)


def _rounded_up(model: Arrays, values: PerColumn) -> PerColumn:
    """Integers that allow at least what a relaxation does."""
    return np.where(model.integer, np.ceil(values - ZERO_TOLERANCE), values)


def _solve(search: _Search, model: Arrays, backend: Backend, *, cost_unit: float | None = None) -> Answer:
    grams = cost_unit if cost_unit is not None else _typical_grams(search, model)
    search.used.append(backend.value)
    measured = scaled(model, grams)
    return solve_model(
        measured,
        backend,
        seconds=search.left(),
        relative_gap=search.gap / 2,
        hint=search.hint,
        node_limit=search.node_limit,
    )


def _typical_grams(search: _Search, model: Arrays) -> float:
    """What a plan emits, or could at most where none is known: the unit of costs."""
    reference = search.best or search.reference
    finite = np.where(np.isfinite(model.upper), model.upper, 0.0)
    return (reference.objective_grams if reference else None) or float(np.max(np.abs(model.cost) * finite, initial=0.0))


def _solve_early(search: _Search, model: Arrays, backend: Backend) -> Answer:
    """Solve, but leave the reserve: solvers rarely look at the clock, and answers have to be written."""
    search.deadline -= search.reserve
    try:
        return _solve(search, model, backend)
    finally:
        search.deadline += search.reserve


def _search_integers(search: _Search, model: Arrays) -> tuple[Shortfall, ...]:
    answer = _solve_early(search, model, search.backend)
    if answer.outcome in (Outcome.FAILED, Outcome.INFEASIBLE):
        answer = _solve(search, model, _other(search.backend))
    if answer.outcome is Outcome.INFEASIBLE:
        return _confirm_infeasible(search, answer)
    if math.isfinite(answer.bound) and search.start is None:
        search.bound = max(search.bound, answer.bound)
    if answer.values is None:
        return ()
    settled = _solve(search, _fixed(model, answer.values), Backend.GLOP)
    _offer(search, settled)
    if settled.values is None or search.best is None:
        _offer(search, answer)
    return ()


def _other(backend: Backend) -> Backend:
    """Who is asked where a solver of integers fails or calls a problem infeasible: each has been wrong about that."""
    return Backend.GSCIP if backend is Backend.HIGHS else Backend.HIGHS


def _offer_implied(search: _Search, model: Arrays, relaxed: Answer) -> None:
    """Offer the relaxation with the integers that its flows imply: as it is where these fit, else settled anew.

    Nodes that sleep for whole periods are on from one half upwards; where that leaves too few on, from less.
    """
    assert relaxed.values is not None
    whole = search.problem.policy.sleep and not search.problem.policy.partial_period_sleep
    for least in ON_FROM if whole else ON_FROM[-1:]:
        implied = implied_integers(search.plan, relaxed.values, on_from=least)
        values = np.where(model.integer, implied, relaxed.values)
        if fits(model, values, TOLERANCE_OF_FIT):
            _offer(search, replace(relaxed, values=values))
        if _done(search):
            return
        settled = _solve(search, _fixed(model, implied), Backend.GLOP)
        if settled.values is not None:
            _offer(search, settled)
            search.hint = settled.values
            return


def _fixed(model: Arrays, values: PerColumn) -> Arrays:
    """The linear model that remains when every integer keeps its value."""
    whole = np.round(values)
    return Arrays(
        lower=np.where(model.integer, whole, model.lower),
        upper=np.where(model.integer, whole, model.upper),
        cost=model.cost,
        integer=np.zeros_like(model.integer),
        row_lower=model.row_lower,
        row_upper=model.row_upper,
        rows=model.rows,
        columns=model.columns,
        values=model.values,
    )


def _offer(search: _Search, answer: Answer) -> None:
    """Keep the plan an answer describes when it is correct and better than the best so far."""
    if answer.values is None:
        return
    prices = NO_PRICES if answer.duals is None else prices_of(search.plan, answer.duals)
    for tidy in (True, False):
        draft = draft_of(search.plan, answer.values)
        if tidy:
            tidy_sleep(search.plan, draft)
        _keep(search, finish(search.problem, draft, _label(search, prices)))
        if search.best is not None:
            return


def _keep(search: _Search, found: Solution) -> None:
    if check_plan(search.problem, found):
        return
    objective, best = found.objective_grams, search.best.objective_grams if search.best else None
    if objective is not None and (best is None or objective <= best * (1 + 1e-9)):
        search.best = found


def _label(search: _Search, prices: Prices) -> Label:
    return Label(
        status=Status.FEASIBLE, solver=SolverName.EXACT, method=_method(search), bound=search.bound, prices=prices
    )


def _method(search: _Search) -> str:
    """The backends that were asked, in order."""
    return "+".join(dict.fromkeys(search.used))


def _done(search: _Search) -> bool:
    objective = search.best.objective_grams if search.best else None
    return objective is not None and gap_between(objective, search.bound) <= search.gap


def _accept_reference(search: _Search) -> None:
    """The greedy plan is the first incumbent, except where it may not finish as soon as possible."""
    if search.reference is not None and search.problem.policy.shift_in_time:
        search.best = search.reference


def _fix_soonest(search: _Search) -> tuple[Shortfall, ...]:
    """Minimise `sum of t * batches` first and keep it as a row: the policy does not shift work in time."""
    terms = add_soonest_cost(search.plan)
    model = search.plan.matrix.arrays()
    cost = np.zeros_like(model.cost)
    for column, weight in terms:
        cost[column] = weight
    typical = max(1e-9, sum(job.total_batches for job in search.problem.jobs))
    stage = Arrays(
        lower=model.lower,
        upper=model.upper,
        cost=cost,
        integer=model.integer,
        row_lower=model.row_lower,
        row_upper=model.row_upper,
        rows=model.rows,
        columns=model.columns,
        values=model.values,
    )
    gap, search.gap = search.gap, 1e-9
    whole = bool(model.integer.any())
    answer = _solve(search, stage, search.backend if whole else Backend.GLOP, cost_unit=typical)
    if whole and answer.outcome in (Outcome.FAILED, Outcome.INFEASIBLE):
        answer = _solve(search, stage, _other(search.backend), cost_unit=typical)
    search.gap = gap
    if answer.outcome is Outcome.INFEASIBLE:
        return _confirm_infeasible(search, answer)
    if answer.outcome is not Outcome.OPTIMAL:
        raise SolveError(f"no time to find the soonest schedule: {answer.reason}")
    search.plan.matrix.add_row(terms, upper=answer.bound * (1 + TOLERANCE))
    return ()


def _has_plan(search: _Search) -> bool:
    """Whether a plan is at hand, by which a solver that calls the problem infeasible is wrong."""
    return search.reference is not None or search.best is not None


def _confirm_infeasible(search: _Search, answer: Answer) -> tuple[Shortfall, ...]:
    """One solver's word is not enough: a plan in hand refutes it, an elastic model has to name what is missing."""
    if _has_plan(search):
        raise SolveError(f"a solver calls a problem infeasible that has a plan: {answer.reason}")
    because = explain_infeasible(search.problem, seconds=max(1.0, search.left()))
    if not because:
        raise SolveError(f"a solver calls a problem infeasible and another does not: {answer.reason}")
    return because


def _stamped(search: _Search, seconds: float) -> Solution:
    """The best plan with the final bound, gap and status."""
    best = search.best
    if best is None or best.objective_grams is None:
        raise SolveError(f"no plan within the time limit (exact: {_method(search)})")
    objective = best.objective_grams
    bound = max(0.0, min(search.bound, objective))
    gap = gap_between(objective, bound)
    return replace(
        best,
        status=Status.OPTIMAL if gap <= OPTIMAL_GAP else Status.FEASIBLE,
        lower_bound_grams=bound,
        relative_gap=gap,
        solver=SolverName.EXACT,
        method=_method(search),
        solve_seconds=seconds,
    )
