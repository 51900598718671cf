"""The two-price coordinator behind the same face as the other solvers: a problem in, a certified solution out.

Chooses how the nodes reply (closed form by columns, or a small linear program per block of nodes) and turns the
plan back into rows. The prices it reports are the coordinator's own.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sunward.domain.plans import SolverName
from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.decomposition.columnar import Floats
from sunward.optimisation.decomposition.columnar_convert import not_columnar, to_columns
from sunward.optimisation.decomposition.columns import OPTIMAL_GAP, ColumnSolution, solve_columns, unsupported
from sunward.optimisation.decomposition.errors import (
    InfeasibleBlockError,
    NoWholePlanError,
    OutOfTimeError,
    UnsupportedError,
)
from sunward.optimisation.decomposition.periods import SEARCH_COLUMNS, solve_linear, unsupported_linear
from sunward.optimisation.decomposition.recovery import ColumnPlan
from sunward.optimisation.decomposition.run import Heuristic
from sunward.optimisation.model.infeasible import explain_infeasible
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import (
    BatchRow,
    EnergyRow,
    InfeasibilityCause,
    NodeRow,
    Prices,
    Shortfall,
    Solution,
    Status,
)

__all__ = ["ColumnSolution", "NoWholePlanError", "closed_form", "decompose", "solve_columns", "supports"]

EXPLAINED_NODES = 1000
"""Nodes of the largest fleet that the elastic model, which names what is missing, can hold."""
SECOND_OPINION_NODES = 100
"""Up to so many nodes, a plan that closed-form replies leave short of its bound is tried with linear ones too."""
ROUNDING_SHARE = 1e-15
"""Pairs below this share of all that is moved come from the rounding of running sums."""
SMALLEST_SHARE = 1e-12
"""Rows below this share of the largest are rounding and are left out."""

Linear = Callable[[float], Solution]
"""Plans the problem at hand with linear programs as replies, in so many seconds."""


def supports(problem: Problem) -> str | None:
    """Why the two-price coordinator cannot plan this problem; None when it can."""
    if closed_form(problem):
        return None
    return unsupported_linear(problem)


def closed_form(problem: Problem) -> bool:
    """Whether nodes reply to prices without a solver, by columns: one period, one job, no battery, one pool each."""
    return not_columnar(problem) is None and unsupported(to_columns(problem)) is None


def decompose(
    problem: Problem,
    *,
    heuristic: Heuristic,
    time_limit_seconds: float,
    relative_gap: float = 1e-7,
    search_columns: int = SEARCH_COLUMNS,
) -> Solution:
    """Plans by prices, to a certified relative gap or as far as the time allows.

    `heuristic` makes a plan without prices, asked for where nodes reply by linear programs: it scales the grams, is
    the reference of the verifier, and stands in where integer choices lead to nothing better. `search_columns` are
    those of the largest model that is searched in one piece.

    Raises `UnsupportedError` with the reason when `supports` gives one, `OutOfTimeError` when the time ends before any
    plan, `BlockError` when a block's solver fails and `NoWholePlanError` when integer choices could not be rounded.
    With integer choices at the nodes the status is `feasible` unless the repaired plan meets its bound.
    """
    refusal = supports(problem)
    if refusal is not None:
        raise UnsupportedError(f"two-price: {refusal}")
    began = time.perf_counter()

    def linear(seconds: float) -> Solution:
        return solve_linear(
            problem,
            heuristic=heuristic,
            time_limit_seconds=seconds,
            relative_gap=relative_gap,
            search_columns=search_columns,
        )

    try:
        return _priced(problem, linear, time_limit_seconds, relative_gap, began)
    except (NoWholePlanError, InfeasibleBlockError):
        because = _explained(problem, time_limit_seconds)
        if not because:
            raise
        return Solution.infeasible(because, solver=SolverName.TWO_PRICE, seconds=time.perf_counter() - began)


def _priced(problem: Problem, linear: Linear, seconds: float, relative_gap: float, began: float) -> Solution:
    """By closed-form replies where they hold, else, or where their choices lead to no plan, by linear ones."""
    if closed_form(problem):
        try:
            found = solve_columns(to_columns(problem), time_limit_seconds=seconds, relative_gap=relative_gap)
        except NoWholePlanError:
            return linear(seconds)
        if found.plan is None:
            because = _explained(problem, seconds) or _named(problem, found.infeasible_because)
            return Solution.infeasible(because, solver=SolverName.TWO_PRICE, seconds=time.perf_counter() - began)
        solution = _solution(problem, found, found.plan, time.perf_counter() - began)
        if solution.status is Status.OPTIMAL or len(problem.nodes) > SECOND_OPINION_NODES:
            return solution
        return _better(problem, solution, linear, seconds, began)
    return linear(seconds)


def _better(problem: Problem, first: Solution, linear: Linear, seconds: float, began: float) -> Solution:
    """The better of two plans under the better of two bounds: linear replies choose integers differently."""
    left = seconds - (time.perf_counter() - began)
    if left <= 0 or unsupported_linear(problem) is not None:
        return first
    try:
        second = linear(left)
    except (NoWholePlanError, InfeasibleBlockError, OutOfTimeError):
        return first
    best = min(first, second, key=lambda plan: plan.objective_grams or 0.0)
    objective, bound = best.objective_grams or 0.0, max(first.lower_bound_grams or 0.0, second.lower_bound_grams or 0.0)
    bound = min(bound, objective)
    gap = 0.0 if objective <= bound else 1 - bound / objective
    status = Status.OPTIMAL if gap <= OPTIMAL_GAP else Status.FEASIBLE
    seconds = time.perf_counter() - began
    return replace(best, status=status, lower_bound_grams=bound, relative_gap=gap, solve_seconds=seconds)


def _solution(problem: Problem, found: ColumnSolution, plan: ColumnPlan, seconds: float) -> Solution:
    return Solution(
        status=found.status,
        objective_grams=plan.objective_grams,
        lower_bound_grams=found.lower_bound_grams,
        relative_gap=found.relative_gap,
        solver=SolverName.TWO_PRICE,
        method=f"closed-form replies, {found.rounds} rounds",
        solve_seconds=seconds,
        rounded=False,
        batches=_batch_rows(problem, plan),
        sends=_energy_rows(problem, plan.sent_watt_hours),
        draws=_energy_rows(problem, plan.drawn_watt_hours),
        nodes=_node_rows(problem, plan),
        prices=_prices(problem, found, plan),
        infeasible_because=(),
    )


def _explained(problem: Problem, seconds: float) -> tuple[Shortfall, ...]:
    """What has to give by the elastic model, for fleets that it can hold; empty otherwise."""
    return explain_infeasible(problem, seconds=seconds) if len(problem.nodes) <= EXPLAINED_NODES else ()


def _named(problem: Problem, rows: tuple[Shortfall, ...]) -> tuple[Shortfall, ...]:
    job = problem.jobs[0].name if problem.jobs else None
    return tuple(row if row.constraint is InfeasibilityCause.SLEEP_LIMIT else replace(row, job=job) for row in rows)


def _batch_rows(problem: Problem, plan: ColumnPlan) -> tuple[BatchRow, ...]:
    """Batches at home, and the moved ones paired in order: any pairing of senders with receivers is a plan."""
    if not problem.jobs or not problem.nodes:
        return ()
    job = problem.jobs[0].name
    names = [node.name for node in problem.nodes]
    shards = [problem.jobs[0].batches.get(name, 0.0) for name in names]
    rows = [
        BatchRow(job=job, home=name, on=name, period=1, batches=shard - sent)
        for name, shard, sent in zip(names, shards, plan.sent_batches.tolist(), strict=True)
        if shard - sent > SMALLEST_SHARE * shard
    ]
    for sender, receiver, amount in pairs(plan.sent_batches, plan.received_batches):
        rows.append(BatchRow(job=job, home=names[sender], on=names[receiver], period=1, batches=amount))
    return tuple(rows)


def pairs(sent: Floats, received: Floats) -> list[tuple[int, int, float]]:
    """Matches amounts sent with amounts received in order: at most senders + receivers - 1 pairs, each once.

    Both are (nodes,) in one unit; a pair is the positions of sender and receiver, and what passes between them.
    The totals must agree to rounding; what one side lacks stays unmatched.
    """
    ends_out, ends_in = np.cumsum(sent), np.cumsum(received)
    edges = np.unique(np.concatenate([[0.0], ends_out, ends_in]))
    edges = edges[edges <= min(ends_out[-1], ends_in[-1])]
    middles = (edges[1:] + edges[:-1]) / 2
    senders, receivers = np.searchsorted(ends_out, middles), np.searchsorted(ends_in, middles)
    found: dict[tuple[int, int], float] = {}
    for sender, receiver, amount in zip(senders.tolist(), receivers.tolist(), np.diff(edges).tolist(), strict=True):
        if amount > ROUNDING_SHARE * edges[-1]:
            found[sender, receiver] = found.get((sender, receiver), 0.0) + amount
    return [(sender, receiver, amount) for (sender, receiver), amount in found.items()]


def _energy_rows(problem: Problem, amounts: Floats) -> tuple[EnergyRow, ...]:
    pools = {name: pool.name for pool in problem.energy_pools for name in pool.members}
    least = SMALLEST_SHARE * float(amounts.max(initial=0.0))
    return tuple(
        EnergyRow(pool=pools[node.name], node=node.name, period=1, watt_hours=amount)
        for node, amount in zip(problem.nodes, amounts.tolist(), strict=True)
        if amount > least
    )


def _node_rows(problem: Problem, plan: ColumnPlan) -> tuple[NodeRow, ...]:
    columns = (plan.awake_hours, plan.on, plan.grid_watt_hours, plan.harvest_used_watt_hours)
    return tuple(
        NodeRow(
            name=node.name,
            awake_hours=(awake,),
            on=(bool(on),),
            grid_watt_hours=(grid,),
            harvest_used_watt_hours=(harvest,),
            charge_watt_hours=(0.0,),
            discharge_watt_hours=(0.0,),
            stored_watt_hours=(0.0,),
        )
        for node, awake, on, grid, harvest in zip(problem.nodes, *(column.tolist() for column in columns), strict=True)
    )


def _prices(problem: Problem, found: ColumnSolution, plan: ColumnPlan) -> Prices:
    """The coordinator's prices; a pool that no node can send into is priced by what its neediest member would save."""
    energy: dict[str, tuple[float, ...]] = {}
    if problem.policy.share_energy:
        worth = {
            node.name: problem.intensity_grams_per_kilowatt_hour[node.grid_zone][0] if grid > 0 else 0.0
            for node, grid in zip(problem.nodes, plan.grid_watt_hours.tolist(), strict=True)
        }
        supplied = {node.name for node in problem.nodes if node.harvest_watt_hours[0] * node.maximum_export_ratio > 0}
        for pool, price in zip(problem.energy_pools, found.energy_price.tolist(), strict=True):
            saved = max((worth[name] for name in pool.members), default=0.0) / WATT_HOURS_PER_KILOWATT_HOUR
            energy[pool.name] = (price if supplied & set(pool.members) else pool.efficiency * saved,)
    return Prices(
        energy_grams_per_watt_hour=energy,
        offload_cap_grams={job.name: found.offload_cap_grams for job in problem.jobs},
    )
