"""One run of prices over blocks of nodes: rounds until the bounds meet, and the plan that their mixture stands for.

The parts of which `two_price_periods` makes its plans: the same model as the exact solver's, cut into blocks, and the
same finish, which pairs flows and balances energy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sunward.domain.plans import SolverName
from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.decomposition.cancellation import settle, trim
from sunward.optimisation.decomposition.columns import OPTIMAL_GAP
from sunward.optimisation.decomposition.errors import NoWholePlanError, OutOfTimeError
from sunward.optimisation.decomposition.linear import LinearFleet
from sunward.optimisation.decomposition.master import PerCoupling
from sunward.optimisation.decomposition.rounds import Effort, Rounds
from sunward.optimisation.decomposition.split import Split, split
from sunward.optimisation.model.build import build
from sunward.optimisation.model.draft import Label, finish
from sunward.optimisation.model.extract import draft_of, tidy_sleep
from sunward.optimisation.model.matrix import Arrays, PerColumn, scaled
from sunward.optimisation.model.plan_model import Pair, PlanModel
from sunward.optimisation.model.solvers import Backend, solve_model
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Prices, Solution, Status
from sunward.optimisation.verification.check import check

BLOCKS = 32
"""Blocks at most: every block has its own cuts, so more of them mean fewer rounds and a larger master."""
SETTLING_SECONDS = 1.0
"""Given to settling a plan's energy even when the time is up: without it the whole search would have been in vain."""


Heuristic = Callable[[Problem], Solution]
"""A plan made without prices."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A problem, its model and how far to go."""

    problem: Problem
    plan: PlanModel
    grams: float
    effort: Effort
    reference: Solution
    shares: Mapping[Pair, float] | None = None
    """Shares of the rounds of synchronous jobs by job and period, where they are given."""

    def split(self) -> Split:
        """The model in blocks of nodes."""
        per_block = max(1, -(-len(self.problem.nodes) // BLOCKS))
        return split(self.plan, nodes_per_block=per_block, shares=self.shares)


def begun(problem: Problem, heuristic: Heuristic, effort: Effort) -> Run:
    """A run whose model is built; the heuristic's plan gives the size of the problem's emissions."""
    plan, reference = build(problem), heuristic(problem)
    return Run(problem=problem, plan=plan, grams=reference.objective_grams or 1.0, effort=effort, reference=reference)


def judged(solution: Solution) -> Solution:
    """The solution, called optimal where its gap says so."""
    gap = solution.relative_gap
    return replace(solution, status=Status.OPTIMAL) if gap is not None and gap <= OPTIMAL_GAP else solution


def priced(run: Run, parts: Split) -> Rounds[LinearFleet]:
    """Prices until the bounds meet; raises `NoWholePlanError` or `OutOfTimeError` where no mixture meets every row."""
    rounds = Rounds(
        LinearFleet(parts, scales=_scales(run.problem, parts), grams=run.grams), run.effort, grams=run.grams
    )
    rounds.go()
    if rounds.coordinator.out_of_reach:
        raise NoWholePlanError("two-price: no prices bring enough supply")
    if not np.isfinite(rounds.coordinator.bounds.upper):
        raise OutOfTimeError("two-price: no plan within the time limit")
    return rounds


def finished(run: Run, parts: Split, rounds: Rounds[LinearFleet], lower: float) -> Solution:
    """The verified plan that the mixture stands for; raises `NoWholePlanError` where the verifier refuses it."""
    values = rounds.fleet.values(rounds.coordinator.weights(), len(run.plan.matrix.lower))
    settle(run.plan, values, run.shares or {})
    prices = prices_by_pool(run, parts, rounds.coordinator.best_prices)
    label = label_of(run, lower, prices, len(rounds.coordinator.history))
    solution = written(run, values, label, trimmed=True)
    if check(run.problem, solution, run.reference):
        anew = resettled(run, values, seconds=max(SETTLING_SECONDS, run.effort.seconds_left))
        # Without an answer in the time the mixture is tried as it is, untrimmed: the verifier has the last word.
        solution = written(run, values if anew is None else anew, label, trimmed=False)
    faults = check(run.problem, solution, run.reference)
    if faults:
        raise NoWholePlanError(f"two-price: {faults[0]}")
    return solution


def written(run: Run, values: PerColumn, label: Label, *, trimmed: bool) -> Solution:
    """The solution that values of the whole model stand for, `trimmed` of what only the mixing left."""
    draft = draft_of(run.plan, values)
    if trimmed:
        trim(run.plan, draft)
    tidy_sleep(run.plan, draft)
    return finish(run.problem, draft, label)


def resettled(run: Run, values: PerColumn, *, seconds: float) -> PerColumn | None:
    """The same work with its energy settled anew: batches taken home may leave a battery with nothing to feed.

    None where the linear program that remains has no solution in the time.
    """
    settled = _with_work_held(run.plan, values)
    return solve_model(scaled(settled, run.grams), Backend.GLOP, seconds=seconds).values


def _with_work_held(plan: PlanModel, values: PerColumn) -> Arrays:
    """The model with every integer and all work as in `values`: what is left is energy, a linear program."""
    model = plan.matrix.arrays()
    held = model.integer.copy()
    for flows in (plan.at_home, plan.leaving, plan.arriving):
        held[list(flows.values())] = True
    fixed = np.clip(np.where(model.integer, np.round(values), values), model.lower, model.upper)
    return replace(
        model,
        lower=np.where(held, fixed, model.lower),
        upper=np.where(held, fixed, model.upper),
        integer=np.zeros_like(model.integer),
    )


def label_of(run: Run, lower: float, prices: Prices, rounds: int) -> Label:
    """What a plan by prices says of itself."""
    return Label(
        status=Status.FEASIBLE,
        solver=SolverName.TWO_PRICE,
        method=f"linear replies, {rounds} rounds",
        bound=lower,
        seconds=run.effort.seconds_spent,
        prices=prices,
    )


def prices_by_pool(run: Run, parts: Split, prices: PerCoupling) -> Prices:
    """Energy prices by pool and period; 0 where no node can send. Offload caps are priced by the exact solver only."""
    if not run.problem.policy.share_energy:
        return Prices(energy_grams_per_watt_hour={}, offload_cap_grams={})
    by_pool = {place: float(prices[row]) for row, place in parts.pool_of.items()}
    energy = {
        pool.name: tuple(by_pool.get((p, t), 0.0) for t in run.plan.periods)
        for p, pool in enumerate(run.problem.energy_pools)
    }
    return Prices(energy_grams_per_watt_hour=energy, offload_cap_grams={})


def _scales(problem: Problem, parts: Split) -> PerCoupling:
    """A price of every row that no node would pay while capacity lasts."""
    zones = problem.intensity_grams_per_kilowatt_hour.values()
    dearest = (
        max(*map(max, zones), problem.harvest_intensity_grams_per_kilowatt_hour, 1e-6) / WATT_HOURS_PER_KILOWATT_HOUR
    )
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
    hours = (
        max(job.seconds_per_batch.values(), default=0.0) + 2 * data * network.seconds_per_gigabyte
    ) / SECONDS_PER_HOUR
    energy = max(job.watt_hours_per_batch.values(), default=0.0) + data * ends + idle * hours
    transit = data * network.transit_watt_hours_per_gigabyte * network.transit_intensity_grams_per_kilowatt_hour
    return dearest * energy + embodied * hours + transit / WATT_HOURS_PER_KILOWATT_HOUR + 1e-12
