"""Clearing a period after the fact: the planner's own model with every load fixed, then the product's ledger.

What was metered decides, not what was planned: transfers are chosen with the true harvest and the true loads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sunward.accounting.ledger import PeriodLedger, Transit, close
from sunward.accounting.values import Basis, FactorScope, NodePeriod, Period, PoolFlow, ZoneFactor
from sunward.domain.policy import PoolKind
from sunward.optimisation.problem import Node, Problem
from sunward.optimisation.solution import Solution
from sunward.simulation.machine import Ran
from sunward.simulation.scenario import Scenario
from sunward.simulation.world import Flows

Solve = Callable[[Problem], Solution]
_NOTHING_WATT_HOURS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """Grid energy and harvest drawn per node, and what each gave to and took from each pool."""

    grid: Mapping[str, float]
    harvest_drawn: Mapping[str, float]
    flows: tuple[PoolFlow, ...]


def clear(frame: Problem, ran: Mapping[str, Ran], *, share: bool, solve: Solve) -> Cleared:
    """Clear one period; without sharing, or with nothing to share, every node stands alone.

    `frame` is a one-period problem that gives prices (true intensities), pools and export rules.
    """
    alone = Cleared(
        grid={name: done.flows.grid for name, done in ran.items()},
        harvest_drawn={name: done.flows.harvest - done.flows.curtailed for name, done in ran.items()},
        flows=(),
    )
    if not share or not frame.energy_pools or not _worth_clearing(ran):
        return alone
    problem = _fixed_loads(frame, ran)
    solution = solve(problem)
    if solution.objective_grams is None:
        return alone
    rows = {row.name: row for row in solution.nodes}
    charged = {name: done.flows.charged for name, done in ran.items()}
    return Cleared(
        grid={name: rows[name].grid_watt_hours[0] for name in ran},
        harvest_drawn={name: rows[name].harvest_used_watt_hours[0] + charged[name] for name in ran},
        flows=_pool_flows(problem, solution),
    )


def book(
    scenario: Scenario,
    period: int,
    ran: Mapping[str, Ran],
    cleared: Cleared,
    intensity: Mapping[str, float],
    transit_watt_hours: float,
) -> PeriodLedger:
    """The ledger of one period."""
    start = scenario.start + timedelta(seconds=period * scenario.period_seconds)
    return close(
        Period(start=start, end=start + timedelta(seconds=scenario.period_seconds)),
        [_node_period(scenario, name, done, cleared) for name, done in ran.items()],
        cleared.flows,
        [
            ZoneFactor(grid_zone=zone, grams_per_kilowatt_hour=grams, basis=Basis(scope=FactorScope.DIRECT))
            for zone, grams in intensity.items()
        ],
        transit=Transit(
            watt_hours=transit_watt_hours,
            grams_per_kilowatt_hour=scenario.network.transit_intensity_grams_per_kilowatt_hour,
        ),
    )


def _worth_clearing(ran: Mapping[str, Ran]) -> bool:
    harvest = sum(done.flows.harvest - done.flows.charged for done in ran.values())
    return harvest > _NOTHING_WATT_HOURS and sum(done.flows.grid for done in ran.values()) > _NOTHING_WATT_HOURS


def _fixed_loads(frame: Problem, ran: Mapping[str, Ran]) -> Problem:
    """Nodes that draw exactly what they drew, with the harvest that their batteries left."""
    nodes = tuple(_fixed(node, ran[node.name].flows, frame.period_hours) for node in frame.nodes)
    policy = replace(frame.policy, offload_tasks=False, sleep=False)
    return replace(frame, nodes=nodes, jobs=(), policy=policy)


def _fixed(node: Node, flows: Flows, hours: float) -> Node:
    load, discharged = flows.load, flows.discharged
    harvest, charged = flows.harvest, flows.charged
    left = max(0.0, harvest - charged)
    ratio = min(1.0, node.maximum_export_ratio * harvest / left) if left > 0.0 else 0.0
    return replace(
        node,
        idle_watts=max(0.0, load - discharged) / hours,
        asleep_watts=0.0,
        can_sleep=False,
        initially_awake=True,
        harvest_watt_hours=(left,),
        maximum_export_ratio=ratio,
        battery=None,
    )


def _pool_flows(problem: Problem, solution: Solution) -> tuple[PoolFlow, ...]:
    pools = {pool.name: pool for pool in problem.energy_pools}
    sent = {(row.pool, row.node): row.watt_hours for row in solution.sends}
    drawn = {(row.pool, row.node): row.watt_hours for row in solution.draws}
    return tuple(
        PoolFlow(
            pool=pool,
            kind=PoolKind[pools[pool].kind.name],
            node=node,
            sent_watt_hours=sent.get((pool, node), 0.0),
            drawn_watt_hours=drawn.get((pool, node), 0.0),
            efficiency=pools[pool].efficiency,
        )
        for pool, node in sorted(sent.keys() | drawn.keys())
    )


def _node_period(scenario: Scenario, name: str, done: Ran, cleared: Cleared) -> NodePeriod:
    node, flows = scenario.nodes[name], done.flows
    battery = node.battery
    charge = 1.0 if battery is None else battery.charge_efficiency
    discharge = 1.0 if battery is None else battery.discharge_efficiency
    return NodePeriod(
        node=name,
        grid_zone=node.zone,
        load_watt_hours=flows.load,
        harvest_watt_hours=flows.harvest,
        harvest_drawn_watt_hours=min(cleared.harvest_drawn[name], flows.harvest),
        grid_watt_hours=cleared.grid[name],
        charge_watt_hours=flows.charged,
        discharge_watt_hours=flows.discharged,
        stored_change_watt_hours=charge * flows.charged - flows.discharged / discharge,
        charge_efficiency=charge,
        discharge_efficiency=discharge,
        reserved_hours=done.awake_hours,
    )
