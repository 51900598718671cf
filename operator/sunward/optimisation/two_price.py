"""The two-price coordinator behind the same face as the other solvers: a problem in, a certified solution out.

Chooses how the nodes reply (closed form by columns, or a small linear program per block of nodes) and turns the
plan back into rows. The prices it reports are the coordinator's own.
"""

import numpy as np

from sunward.optimisation.columnar import Floats
from sunward.optimisation.columnar_convert import not_columnar, to_columns
from sunward.optimisation.problem import Problem
from sunward.optimisation.solution import (
    NO_PRICES,
    BatchRow,
    EnergyRow,
    NodeRow,
    Prices,
    Shortfall,
    Solution,
)
from sunward.optimisation.two_price_columns import ColumnSolution, solve_columns, unsupported
from sunward.optimisation.two_price_recovery import ColumnPlan

__all__ = ["ColumnSolution", "solve_columns", "solve_two_price", "supports"]

SMALLEST_SHARE = 1e-12
"""Rows below this share of the largest are rounding and are left out."""


def supports(problem: Problem) -> str | None:
    """Why the two-price coordinator cannot plan this problem; None when it can."""
    refusal = not_columnar(problem)
    return refusal if refusal is not None else unsupported(to_columns(problem))


def solve_two_price(problem: Problem, *, time_limit_seconds: float, relative_gap: float = 1e-7) -> Solution:
    """Plans by prices, to a certified relative gap or as far as the time allows.

    Raises `ValueError` with the reason when `supports` gives one. With integer choices at the nodes the status is
    `feasible` unless the repaired plan happens to meet its bound.
    """
    refusal = supports(problem)
    if refusal is not None:
        raise ValueError(f"two-price: {refusal}")
    found = solve_columns(to_columns(problem), time_limit_seconds=time_limit_seconds, relative_gap=relative_gap)
    solver = f"two-price (closed-form replies, {found.rounds} rounds)"
    seconds = found.build_seconds + found.solve_seconds
    if found.plan is None:
        return _infeasible(problem, found, solver, seconds)
    plan = found.plan
    job = problem.jobs[0].name if problem.jobs else ""
    return Solution(
        status=found.status,
        objective_grams=plan.objective_grams,
        lower_bound_grams=found.lower_bound_grams,
        relative_gap=found.relative_gap,
        solver=solver,
        solve_seconds=seconds,
        rounded=False,
        batches=_batch_rows(problem, plan, job),
        sends=_energy_rows(problem, plan.sent_watt_hours),
        draws=_energy_rows(problem, plan.drawn_watt_hours),
        nodes=_node_rows(problem, plan),
        prices=_prices(problem, found),
        infeasible_because=(),
    )


def _infeasible(problem: Problem, found: ColumnSolution, solver: str, seconds: float) -> Solution:
    return Solution(
        status=found.status,
        objective_grams=None,
        lower_bound_grams=None,
        relative_gap=None,
        solver=solver,
        solve_seconds=seconds,
        rounded=False,
        batches=(),
        sends=(),
        draws=(),
        nodes=(),
        prices=NO_PRICES,
        infeasible_because=tuple(_named(problem, row) for row in found.infeasible_because),
    )


def _named(problem: Problem, row: Shortfall) -> Shortfall:
    job = problem.jobs[0].name if problem.jobs and row.constraint != "sleep-limit" else None
    return Shortfall(constraint=row.constraint, job=job, node=row.node, shortfall=row.shortfall)


def _batch_rows(problem: Problem, plan: ColumnPlan, job: str) -> tuple[BatchRow, ...]:
    """Batches at home, and the moved ones paired in order: any pairing of senders with receivers is a plan."""
    if not problem.jobs:
        return ()
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
    """Matches amounts sent with amounts received in order: at most senders + receivers - 1 pairs.

    The totals must agree; the last sender gives what rounding leaves.
    """
    ends_out, ends_in = np.cumsum(sent), np.cumsum(received)
    edges = np.unique(np.concatenate([[0.0], ends_out, ends_in]))
    edges = edges[edges <= min(ends_out[-1], ends_in[-1])] if len(ends_out) else edges
    middles = (edges[1:] + edges[:-1]) / 2
    senders, receivers = np.searchsorted(ends_out, middles), np.searchsorted(ends_in, middles)
    return list(zip(senders.tolist(), receivers.tolist(), np.diff(edges).tolist(), strict=True))


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


def _prices(problem: Problem, found: ColumnSolution) -> Prices:
    energy = {pool.name: (float(price),) for pool, price in zip(problem.energy_pools, found.energy_price, strict=True)}
    return Prices(
        energy_grams_per_watt_hour=energy,
        offload_cap_grams={job.name: found.offload_cap_grams for job in problem.jobs},
    )
