"""Solves a problem of several periods, batteries, jobs or pools by prices, with a small linear program per block.

Worth its rounds where one model no longer fits or nodes keep their data; small problems are faster solved whole.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sunward.domain.plans import SolverName
from sunward.optimisation.decomposition.cancellation import settle
from sunward.optimisation.decomposition.errors import InfeasibleBlockError, NoWholePlanError, OutOfTimeError
from sunward.optimisation.decomposition.linear import Chosen, LinearFleet, choose
from sunward.optimisation.decomposition.master import PerCoupling
from sunward.optimisation.decomposition.rounds import Effort, Rounds
from sunward.optimisation.decomposition.run import (
    SETTLING_SECONDS,
    Heuristic,
    Run,
    begun,
    finished,
    judged,
    label_of,
    priced,
    prices_by_pool,
    resettled,
    written,
)
from sunward.optimisation.decomposition.split import Split, unsplittable
from sunward.optimisation.model.draft import Label
from sunward.optimisation.model.matrix import Arrays, PerColumn, scaled
from sunward.optimisation.model.plan_model import Pair, PlanModel
from sunward.optimisation.model.solvers import Backend, solve_model
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.verification.check import check

CAUTION = 0.3
"""The coordinator's `caution`: replies of linear programs jump from corner to corner, and so would the prices."""
SEARCH_COLUMNS = 40_000
"""Columns of the largest model in which the neighbourhood of the blocks' choices is searched in one piece."""
AGREED = 1e-6
"""Where mixture and choice of an integer differ by less, they agree on it."""


def unsupported_linear(problem: Problem) -> str | None:
    """Why the nodes of this problem cannot be split by prices; None when they can."""
    if not problem.policy.shift_in_time and problem.period_count > 1:
        return "the policy does not shift work in time, which ranks schedules before emissions"
    return None


def solve_linear(
    problem: Problem,
    *,
    heuristic: Heuristic,
    time_limit_seconds: float,
    relative_gap: float,
    search_columns: int = SEARCH_COLUMNS,
) -> Solution:
    """Plans by prices with linear programs as replies; `unsupported_linear` must be None.

    Raises `OutOfTimeError`, `InfeasibleBlockError` and `NoWholePlanError` where there is no plan to return.
    """
    began = time.perf_counter()
    effort = Effort(
        relative_gap=relative_gap,
        began=began,
        deadline=began + time_limit_seconds,
        caution=CAUTION,
        search_columns=search_columns,
    )
    tied = unsplittable(problem) is not None
    run = begun(_untied(problem) if tied else problem, heuristic, effort)
    parts = run.split()
    rounds = priced(run, parts)
    if tied:
        return _with_rounds(begun(problem, heuristic, effort), run, parts, rounds)
    return _planned(run, parts, rounds, rounds.coordinator.bounds.lower)


def _planned(run: Run, parts: Split, rounds: Rounds[LinearFleet], lower: float) -> Solution:
    """The plan that follows the prices, under a bound on the whole problem."""
    if not run.plan.matrix.arrays().integer.any():
        return judged(finished(run, parts, rounds, lower))
    return _with_choices(run, parts, rounds, lower)


def _untied(problem: Problem) -> Problem:
    """The problem without common rounds: its optimum is a bound on the problem's."""
    return replace(problem, jobs=tuple(replace(job, synchronous=False) for job in problem.jobs))


def _with_rounds(tied: Run, free: Run, parts: Split, relaxed: Rounds[LinearFleet]) -> Solution:
    """The best of the plans whose rounds are as the free shards on average choose, or as in the greedy plan."""
    lower, prices = relaxed.coordinator.bounds.lower, relaxed.coordinator.best_prices
    if free.plan.matrix.arrays().integer.any():
        chosen = choose(parts, prices, free.effort, grams=free.grams)
        lower = lower if chosen is None else max(lower, chosen.lower)
    mixture = relaxed.fleet.values(relaxed.coordinator.weights(), len(free.plan.matrix.lower))
    settle(free.plan, mixture, {})
    greedy = _greedy(tied, lower)
    found = [_in_rounds(replace(tied, shares=shares), lower) for shares in _rounds_of(free, tied, mixture, greedy)]
    found += [_whole(tied, parts, prices, lower), greedy]
    plans = [plan for plan in found if plan is not None and not check(tied.problem, plan, tied.reference)]
    if not plans:
        raise NoWholePlanError("two-price: no rounds were found that every shard can follow")
    return judged(min(plans, key=lambda plan: plan.objective_grams or 0.0))


def _in_rounds(run: Run, lower: float) -> Solution | None:
    """A plan with given rounds, where there is one."""
    parts = run.split()
    try:
        return _planned(run, parts, priced(run, parts), lower)
    except (InfeasibleBlockError, NoWholePlanError, OutOfTimeError):
        return None


def _rounds_of(free: Run, tied: Run, mixture: PerColumn, greedy: Solution | None) -> list[dict[Pair, float]]:
    """Shares of every round: the average of the free shards', and the greedy plan's."""
    mean: defaultdict[Pair, float] = defaultdict(float)
    simple: defaultdict[Pair, float] = defaultdict(float)
    for flows in (free.plan.at_home, free.plan.arriving):
        for (j, _, t), column in flows.items():
            mean[j, t] += float(mixture[column])
    names = {job.name: j for j, job in enumerate(free.problem.jobs)}
    for row in greedy.batches if greedy is not None else ():
        simple[names[row.job], row.period - 1] += row.batches
    return [_normalised(tied.plan, sums) for sums in ([mean, simple] if simple else [mean])]


def _normalised(plan: PlanModel, batches: Mapping[Pair, float]) -> dict[Pair, float]:
    totals: defaultdict[int, float] = defaultdict(float)
    for j, t in plan.share:
        totals[j] += batches.get((j, t), 0.0)
    return {(j, t): batches.get((j, t), 0.0) / totals[j] for j, t in plan.share if totals[j] > 0}


def _with_choices(run: Run, parts: Split, relaxed: Rounds[LinearFleet], least: float) -> Solution:
    """The best of three plans under one bound: choices held and priced again, their neighbourhood, the greedy plan.

    `least` bounds the whole problem; the choices of the blocks raise it where the rounds are not given.
    """
    prices = relaxed.coordinator.best_prices
    chosen = choose(parts, prices, run.effort, grams=run.grams)
    if chosen is None:
        raise OutOfTimeError("two-price: no time left to choose integers")
    lower = max(least, chosen.lower) if run.shares is None else least
    found = [_held(run, parts, chosen, lower)]
    if found[0] is None or found[0].status is not Status.OPTIMAL:
        found += [_near(run, parts, relaxed, replace(chosen, lower=lower)), _greedy(run, lower)]
    plans = [plan for plan in found if plan is not None and not check(run.problem, plan, run.reference)]
    if not plans:
        raise NoWholePlanError("two-price: the choices of the blocks lead to no common plan")
    return min(plans, key=lambda plan: plan.objective_grams or 0.0)


def _held(run: Run, parts: Split, chosen: Chosen, lower: float) -> Solution | None:
    try:
        return judged(finished(run, parts, priced(run, chosen.split), lower))
    except (InfeasibleBlockError, NoWholePlanError, OutOfTimeError):
        return None


def _near(run: Run, parts: Split, relaxed: Rounds[LinearFleet], chosen: Chosen) -> Solution | None:
    """The best plan that keeps every choice on which the mixture and the blocks agree, for models of moderate size."""
    model = run.plan.matrix.arrays()
    if len(model.lower) > run.effort.search_columns:
        return None
    mixture = relaxed.fleet.values(relaxed.coordinator.weights(), len(model.lower))
    choices = np.zeros(len(model.lower))
    for block, values in zip(parts.blocks, chosen.values, strict=True):
        choices[block.columns] = values
    agreed = model.integer & (np.abs(mixture - choices) < AGREED)
    near = replace(model, lower=np.where(agreed, choices, model.lower), upper=np.where(agreed, choices, model.upper))
    prices = prices_by_pool(run, parts, relaxed.coordinator.best_prices)
    return _searched(run, near, label_of(run, chosen.lower, prices, len(relaxed.coordinator.history)))


def _whole(run: Run, parts: Split, prices: PerCoupling, lower: float) -> Solution | None:
    """The best plan with free rounds that a search of the whole model finds, for models of moderate size."""
    model = run.plan.matrix.arrays()
    if len(model.lower) > run.effort.search_columns:
        return None
    return _searched(run, model, label_of(run, lower, prices_by_pool(run, parts, prices), 0))


def _searched(run: Run, model: Arrays, label: Label) -> Solution | None:
    seconds = max(SETTLING_SECONDS, run.effort.seconds_left / 2)  # the other half settles and verifies what it finds
    answer = solve_model(scaled(model, run.grams), Backend.HIGHS, seconds=seconds, relative_gap=1e-6)
    if answer.values is None:
        return None
    anew = resettled(run, answer.values, seconds=max(SETTLING_SECONDS, run.effort.seconds_left))
    return judged(written(run, answer.values if anew is None else anew, label, trimmed=False))


def _greedy(run: Run, lower: float) -> Solution | None:
    plan = run.reference
    if plan.objective_grams is None:
        return None
    bound = max(0.0, min(lower, plan.objective_grams))
    gap = 0.0 if plan.objective_grams <= bound else 1 - bound / plan.objective_grams
    return replace(
        plan,
        status=Status.FEASIBLE,
        lower_bound_grams=bound,
        relative_gap=gap,
        solver=SolverName.TWO_PRICE,
        method="its bound, with the greedy plan",
        solve_seconds=run.effort.seconds_spent,
    )
