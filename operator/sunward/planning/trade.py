"""What pools carry in one period, as transfers between pairs of nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sunward.domain.plans import Transfer
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import EnergyRow, Solution
from sunward.planning.pools import KINDS

NEGLIGIBLE_WATT_HOURS = 1e-9
"""Below this a flow is a solver's rounding of zero."""


def transfers(problem: Problem, solution: Solution, *, period: int) -> tuple[Transfer, ...]:
    """Senders and receivers of each pool, paired pro rata: a pool knows amounts, not who served whom.

    A node that gives to and takes from the same pool in the same period is netted first.
    """
    result: list[Transfer] = []
    for pool in sorted(problem.energy_pools, key=lambda pool: pool.name):
        net = _net(solution, pool.name, period)
        sent = {node: amount for node, amount in sorted(net.items()) if amount > NEGLIGIBLE_WATT_HOURS}
        drawn = {node: -amount for node, amount in sorted(net.items()) if -amount > NEGLIGIBLE_WATT_HOURS}
        total = sum(drawn.values())
        result += [
            Transfer(
                pool=pool.name,
                from_node=sender,
                to_node=receiver,
                sent_watt_hours=amount * taken / total,
                received_watt_hours=amount * taken / total * pool.efficiency,
                kind=KINDS[pool.kind],
            )
            for sender, amount in sent.items()
            for receiver, taken in drawn.items()
        ]
    return tuple(result)


def _net(solution: Solution, pool: str, period: int) -> dict[str, float]:
    net: dict[str, float] = defaultdict(float)
    for row in _of(solution.sends, pool, period):
        net[row.node] += row.watt_hours
    for row in _of(solution.draws, pool, period):
        net[row.node] -= row.watt_hours
    return net


def _of(rows: Iterable[EnergyRow], pool: str, period: int) -> Iterable[EnergyRow]:
    return (row for row in rows if row.pool == pool and row.period == period)
