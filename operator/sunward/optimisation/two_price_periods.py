"""Solves a problem of several periods, batteries, jobs or pools by prices, with a small linear program per block.

Uses the same model as the exact solver, cut into blocks, and the same finish: flows are paired and energy balanced
there. Worth its rounds where one model no longer fits or nodes keep their data; small problems are faster solved whole.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from sunward.optimisation.build import build
from sunward.optimisation.draft import Label, finish
from sunward.optimisation.extract import draft_of, tidy_sleep
from sunward.optimisation.greedy import solve_greedy
from sunward.optimisation.matrix import Floats, scaled
from sunward.optimisation.model import PlanModel
from sunward.optimisation.problem import Problem
from sunward.optimisation.solution import Prices, Solution, Status
from sunward.optimisation.solvers import Backend, solve_model
from sunward.optimisation.two_price_columns import OPTIMAL_GAP
from sunward.optimisation.two_price_errors import InfeasibleBlockError, NoWholePlanError
from sunward.optimisation.two_price_levelling import settle, trim
from sunward.optimisation.two_price_linear import Chosen, LinearFleet, choose
from sunward.optimisation.two_price_rounds import Effort, Rounds
from sunward.optimisation.two_price_split import Split, split, unsplittable
from sunward.optimisation.verify import verify

BLOCKS = 32
"""Blocks at most: every block has its own cuts, so more of them mean fewer rounds and a larger master."""
CAUTION = 0.3
NEIGHBOURHOOD_COLUMNS = 40_000
"""Columns of the largest model in which the neighbourhood of the blocks' choices is searched in one piece."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    problem: Problem
    plan: PlanModel
    scales: Floats
    grams: float
    effort: Effort


def unsupported_linear(problem: Problem) -> str | None:
    """Why the nodes of this problem cannot be split by prices; None when they can."""
    if not problem.policy.shift_in_time and problem.period_count > 1:
        return "the policy does not shift work in time, which ranks schedules before emissions"
    return unsplittable(problem)


def solve_linear(problem: Problem, *, time_limit_seconds: float, relative_gap: float) -> Solution:
    """Plans by prices with linear programs as replies; `unsupported_linear` must be None.

    Raises `TimeoutError`, `InfeasibleBlockError` and `NoWholePlanError` where there is no plan to return.
    """
    began = time.perf_counter()
    effort = Effort(relative_gap=relative_gap, deadline=began + time_limit_seconds, caution=CAUTION)
    plan = build(problem)
    parts = split(plan, nodes_per_block=max(1, -(-len(problem.nodes) // BLOCKS)))
    run = _Run(problem=problem, plan=plan, scales=_scales(problem, parts), grams=_typical(problem), effort=effort)
    rounds = _priced(run, parts)
    if not plan.matrix.arrays().integer.any():
        return _judged(_finished(run, parts, rounds, rounds.coordinator.bounds.lower, began))
    return _with_choices(run, parts, rounds, began)


def _with_choices(run: _Run, parts: Split, relaxed: Rounds[LinearFleet], began: float) -> Solution:
    """The best of three plans under one bound: choices held and priced again, their neighbourhood, the greedy plan."""
    prices = relaxed.coordinator.best_prices
    chosen = choose(parts, prices, grams=run.grams, deadline=run.effort.deadline)
    if chosen is None:
        raise TimeoutError("two-price: no time left to choose integers")
    lower = max(relaxed.coordinator.bounds.lower, chosen.lower)
    found = [_held(run, parts, chosen, lower, began)]
    if found[0] is None or found[0].status is not Status.OPTIMAL:
        found += [_near(run, parts, relaxed, replace(chosen, lower=lower), began), _greedy(run, lower, began)]
    plans = [plan for plan in found if plan is not None and not verify(run.problem, plan)]
    if not plans:
        raise NoWholePlanError("two-price: the choices of the blocks lead to no common plan")
    return min(plans, key=lambda plan: plan.objective_grams or 0.0)


def _held(run: _Run, parts: Split, chosen: Chosen, lower: float, began: float) -> Solution | None:
    try:
        return _judged(_finished(run, parts, _priced(run, chosen.split), lower, began))
    except (InfeasibleBlockError, NoWholePlanError, TimeoutError):
        return None


def _near(run: _Run, parts: Split, relaxed: Rounds[LinearFleet], chosen: Chosen, began: float) -> Solution | None:
    """The best plan that keeps every choice on which the mixture and the blocks agree, for models of moderate size."""
    model = run.plan.matrix.arrays()
    if len(model.lower) > NEIGHBOURHOOD_COLUMNS:
        return None
    mixture = relaxed.fleet.values(relaxed.coordinator.weights(), len(model.lower))
    choices = np.zeros(len(model.lower))
    for block, values in zip(parts.blocks, chosen.values, strict=True):
        choices[block.columns] = values
    agreed = model.integer & (np.abs(mixture - choices) < 1e-6)
    near = replace(model, lower=np.where(agreed, choices, model.lower), upper=np.where(agreed, choices, model.upper))
    seconds = max(1.0, (run.effort.deadline - time.perf_counter()) / 2)
    answer = solve_model(scaled(near, run.grams), Backend.HIGHS, seconds=seconds, relative_gap=1e-6)
    if answer.values is None:
        return None
    prices = _prices(run, parts, relaxed.coordinator.best_prices)
    label = _label(chosen.lower, prices, len(relaxed.coordinator.history), began)
    return _judged(_written(run, _resettled(run, answer.values), label, trimmed=False))


def _greedy(run: _Run, lower: float, began: float) -> Solution | None:
    plan = solve_greedy(run.problem)
    if plan.objective_grams is None:
        return None
    bound = max(0.0, min(lower, plan.objective_grams))
    gap = 0.0 if plan.objective_grams <= bound else 1 - bound / plan.objective_grams
    return replace(
        plan,
        status=Status.FEASIBLE,
        lower_bound_grams=bound,
        relative_gap=gap,
        solver="two-price (bound) with the greedy plan",
        solve_seconds=time.perf_counter() - began,
    )


def _judged(solution: Solution) -> Solution:
    gap = solution.relative_gap
    return replace(solution, status=Status.OPTIMAL) if gap is not None and gap <= OPTIMAL_GAP else solution


def _priced(run: _Run, parts: Split) -> Rounds[LinearFleet]:
    rounds = Rounds(LinearFleet(parts, scales=run.scales, grams=run.grams), run.effort, grams=run.grams)
    rounds.go()
    if rounds.coordinator.out_of_reach:
        raise NoWholePlanError("two-price: no prices bring enough supply")
    if not np.isfinite(rounds.coordinator.bounds.upper):
        raise TimeoutError("two-price: no plan within the time limit")
    return rounds


def _finished(run: _Run, parts: Split, rounds: Rounds[LinearFleet], lower: float, began: float) -> Solution:
    values = rounds.fleet.values(rounds.coordinator.weights(), len(run.plan.matrix.lower))
    settle(run.plan, values)
    prices = _prices(run, parts, rounds.coordinator.best_prices)
    label = _label(lower, prices, len(rounds.coordinator.history), began)
    solution = _written(run, values, label, trimmed=True)
    if verify(run.problem, solution):
        solution = _written(run, _resettled(run, values), label, trimmed=False)
    faults = verify(run.problem, solution)
    if faults:
        raise NoWholePlanError(f"two-price: {faults[0]}")
    return solution


def _written(run: _Run, values: Floats, label: Label, *, trimmed: bool) -> Solution:
    draft = draft_of(run.plan, values)
    if trimmed:
        trim(run.plan, draft)
    tidy_sleep(run.plan, draft)
    return finish(run.problem, draft, label)


def _resettled(run: _Run, values: Floats) -> Floats:
    """The same work with its energy settled anew: batches taken home may leave a battery with nothing to feed."""
    model = run.plan.matrix.arrays()
    held = model.integer.copy()
    for flows in (run.plan.at_home, run.plan.leaving, run.plan.arriving):
        held[list(flows.values())] = True
    fixed = np.clip(np.where(model.integer, np.round(values), values), model.lower, model.upper)
    settled = replace(
        model,
        lower=np.where(held, fixed, model.lower),
        upper=np.where(held, fixed, model.upper),
        integer=np.zeros_like(model.integer),
    )
    seconds = max(1.0, run.effort.deadline - time.perf_counter())
    answer = solve_model(scaled(settled, run.grams), Backend.GLOP, seconds=seconds)
    return values if answer.values is None else answer.values


def _label(lower: float, prices: Prices, rounds: int, began: float) -> Label:
    return Label(
        status=Status.FEASIBLE,
        solver=f"two-price (linear replies, {rounds} rounds)",
        bound=lower,
        seconds=time.perf_counter() - began,
        prices=prices,
    )


def _prices(run: _Run, parts: Split, prices: Floats) -> Prices:
    """Energy prices by pool and period; 0 where nobody can send. Offload caps are priced by the exact solver only."""
    if not run.problem.policy.share_energy:
        return Prices(energy_grams_per_watt_hour={}, offload_cap_grams={})
    by_pool = {place: float(prices[row]) for row, place in parts.pool_of.items()}
    energy = {
        pool.name: tuple(by_pool.get((p, t), 0.0) for t in run.plan.periods)
        for p, pool in enumerate(run.problem.energy_pools)
    }
    return Prices(energy_grams_per_watt_hour=energy, offload_cap_grams={})


def _typical(problem: Problem) -> float:
    """The size of the problem's emissions: the greedy plan's, where there is one."""
    return solve_greedy(problem).objective_grams or 1.0


def _scales(problem: Problem, parts: Split) -> Floats:
    """A price of every row that no node would pay while capacity lasts."""
    zones = problem.intensity_grams_per_kilowatt_hour.values()
    dearest = max(*map(max, zones), problem.harvest_intensity_grams_per_kilowatt_hour, 1e-6) / 1000.0
    scales = np.full(len(parts.least), dearest * _largest_demand(problem))
    for row in parts.pool_of:
        scales[row] = dearest
    for row, j in parts.job_of.items():
        scales[row] = _batch_price(problem, j, dearest)
    return scales


def _largest_demand(problem: Problem) -> float:
    return max(node.idle_watts + node.wake_watt_hours for node in problem.nodes) * problem.period_hours + 1e-6


def _batch_price(problem: Problem, j: int, dearest: float) -> float:
    """The most that doing one batch elsewhere could save or cost."""
    job, network = problem.jobs[j], problem.network
    data = job.gigabytes_per_batch
    ends = network.send_watt_hours_per_gigabyte + network.receive_watt_hours_per_gigabyte
    idle = max(node.idle_watts for node in problem.nodes)
    embodied = max(node.embodied_grams_per_hour for node in problem.nodes) if problem.policy.include_embodied else 0.0
    hours = (max(job.seconds_per_batch.values(), default=0.0) + 2 * data * network.seconds_per_gigabyte) / 3600.0
    energy = max(job.watt_hours_per_batch.values(), default=0.0) + data * ends + idle * hours
    transit = data * network.transit_watt_hours_per_gigabyte * network.transit_intensity_grams_per_kilowatt_hour
    return dearest * energy + embodied * hours + transit / 1000.0 + 1e-12
