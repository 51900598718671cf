"""Clears a finished period: the planning model with the metered loads fixed decides which harvest served whom.

Same model, one period, no jobs, nobody sleeps: each node's load is what its meters counted. Batteries acted by
themselves, so their metered flows are taken out of load and harvest before and put back after; what charged a battery
cannot be sent. Sources: problem.md, constraints 6 to 8; deta.md 2.6.8 for the surplus rule with fixed needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sunward.accounting.ledger import MissingNode, PeriodLedger, close
from sunward.accounting.values import NodePeriod, Period, PoolFlow, ZoneFactor, battery_flows
from sunward.domain.nodes import ExportRule as NodeExportRule
from sunward.domain.nodes import NodeSpec
from sunward.domain.plans import Transfer
from sunward.domain.policy import PolicySpec, PoolKind, PoolSpec
from sunward.optimisation import problem as model
from sunward.optimisation.solution import EnergyRow, Solution, Status
from sunward.planning.compile import NETWORK
from sunward.planning.ports import SolverPort
from sunward.planning.trade import transfers

CLEARING_LIMIT_SECONDS = 5.0
TINY_WATT_HOURS = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredPeriod:
    """What one node's meters counted in a period; `stored_change_watt_hours` is signed, inside the battery."""

    spec: NodeSpec
    load_watt_hours: float
    harvest_watt_hours: float
    stored_change_watt_hours: float = 0.0
    awake_hours: float = 0.0

    @property
    def flows(self) -> tuple[float, float]:
        """Charge and discharge at the battery's terminals (Wh), never more than harvest or load can explain."""
        battery = self.spec.battery
        if battery is None:
            return 0.0, 0.0
        charge, discharge = battery_flows(
            self.stored_change_watt_hours,
            charge_efficiency=battery.charge_efficiency,
            discharge_efficiency=battery.discharge_efficiency,
        )
        return min(charge, self.harvest_watt_hours), min(discharge, self.load_watt_hours)


def clear(
    period: Period,
    nodes: Sequence[MeteredPeriod],
    factors: Mapping[str, ZoneFactor],
    policy: PolicySpec,
    *,
    solver: SolverPort,
    missing: Sequence[MissingNode] = (),
) -> tuple[PeriodLedger, tuple[Transfer, ...]]:
    """Settle a period. Without a factor for some zone, or with sharing off, nobody sends and the books still close."""
    shared = policy.share_energy and all(node.spec.grid_zone in factors for node in nodes) and bool(nodes)
    solution = None
    problem = _problem(period, nodes, factors, policy) if shared else None
    if problem is not None and problem.energy_pools:
        found = solver.solve(problem, solver="auto", time_limit_seconds=CLEARING_LIMIT_SECONDS)
        solution = found if found.status is not Status.INFEASIBLE else None
    rows = [_row(node, period, solution) for node in nodes]
    flows = _flows(problem, solution) if problem and solution else ()
    ledger = close(period, rows, flows, factors.values(), missing=missing)
    return ledger, transfers(problem, solution, period=1) if problem and solution else ()


def _problem(
    period: Period, nodes: Sequence[MeteredPeriod], factors: Mapping[str, ZoneFactor], policy: PolicySpec
) -> model.Problem:
    zones = {node.spec.grid_zone for node in nodes}
    return model.Problem(
        period_seconds=period.hours * 3600.0,
        intensity_grams_per_kilowatt_hour={z: (factors[z].grams_per_kilowatt_hour,) for z in sorted(zones)},
        harvest_intensity_grams_per_kilowatt_hour=0.0,
        nodes=tuple(_node(node, period) for node in nodes),
        energy_pools=tuple(pool for spec in policy.pools if (pool := _pool(spec, nodes)) is not None),
        jobs=(),
        network=NETWORK,
        policy=model.Policy(
            share_energy=True,
            offload_tasks=False,
            sleep=False,
            shift_in_time=True,
            partial_period_sleep=False,
            export_rule=model.ExportRule.ANY_HARVEST,
            maximum_asleep_nodes=None,
            include_embodied=False,
        ),
    )


def _node(node: MeteredPeriod, period: Period) -> model.Node:
    charge, discharge = node.flows
    need, offer = node.load_watt_hours - discharge, node.harvest_watt_hours - charge
    watts = need / period.hours
    return model.Node(
        name=node.spec.name,
        grid_zone=node.spec.grid_zone,
        idle_watts=watts,
        asleep_watts=watts,
        can_sleep=False,
        initially_awake=True,
        wake_watt_hours=0.0,
        wake_seconds=0.0,
        minimum_awake_periods=1,
        minimum_asleep_periods=1,
        harvest_watt_hours=(offer,),
        maximum_export_ratio=_export_ratio(node, need, offer),
        storage_gigabytes=0.0,
        embodied_grams_per_hour=0.0,
        battery=None,
    )


def _export_ratio(node: MeteredPeriod, need: float, offer: float) -> float:
    """The share of what is left of the harvest that may go; with needs fixed, surplus-only is a plain bound."""
    if offer <= TINY_WATT_HOURS:
        return 0.0
    limit = node.spec.maximum_export_ratio * node.harvest_watt_hours
    if node.spec.export_rule is NodeExportRule.SURPLUS_ONLY:
        limit = min(limit, max(0.0, offer - need))
    return min(1.0, limit / offer)


def _pool(spec: PoolSpec, nodes: Sequence[MeteredPeriod]) -> model.EnergyPool | None:
    """A pool with those of its members that were metered; fewer than two have nothing to share."""
    members = tuple(node.spec.name for node in nodes if _belongs(node.spec, spec))
    if len(members) < 2:
        return None
    kind = model.PoolKind.PHYSICAL if spec.kind is PoolKind.PHYSICAL else model.PoolKind.CONTRACTUAL
    return model.EnergyPool(name=spec.name, kind=kind, members=members, efficiency=spec.efficiency)


def _belongs(node: NodeSpec, pool: PoolSpec) -> bool:
    if pool.members:
        return node.name in pool.members
    return pool.site is None or node.site == pool.site


def _row(node: MeteredPeriod, period: Period, solution: Solution | None) -> NodePeriod:
    charge, discharge = node.flows
    battery = node.spec.battery
    grid, used = _cleared(node, solution)
    hours = node.spec.embodied_lifetime_days * 24.0
    stored = battery.charge_efficiency * charge - discharge / battery.discharge_efficiency if battery else 0.0
    return NodePeriod(
        node=node.spec.name,
        grid_zone=node.spec.grid_zone,
        load_watt_hours=node.load_watt_hours,
        harvest_watt_hours=node.harvest_watt_hours,
        harvest_drawn_watt_hours=min(used + charge, node.harvest_watt_hours),
        grid_watt_hours=grid,
        charge_watt_hours=charge,
        discharge_watt_hours=discharge,
        stored_change_watt_hours=stored,
        charge_efficiency=battery.charge_efficiency if battery else 1.0,
        discharge_efficiency=battery.discharge_efficiency if battery else 1.0,
        reserved_hours=period.hours,
        embodied_grams_per_hour=node.spec.embodied_grams / hours if hours > 0 else 0.0,
    )


def _cleared(node: MeteredPeriod, solution: Solution | None) -> tuple[float, float]:
    """Grid energy and harvest drawn (Wh, batteries left out) as cleared; alone, a node uses its own harvest first."""
    charge, discharge = node.flows
    need, offer = node.load_watt_hours - discharge, node.harvest_watt_hours - charge
    row = next((row for row in solution.nodes if row.name == node.spec.name), None) if solution else None
    if row is None:
        used = min(need, offer)
        return need - used, used
    return max(0.0, row.grid_watt_hours[0]), max(0.0, row.harvest_used_watt_hours[0])


def _flows(problem: model.Problem, solution: Solution) -> tuple[PoolFlow, ...]:
    result: list[PoolFlow] = []
    for pool in problem.energy_pools:
        kind = PoolKind.PHYSICAL if pool.kind is model.PoolKind.PHYSICAL else PoolKind.CONTRACTUAL
        for member in pool.members:
            sent = _amount(solution.sends, pool.name, member)
            drawn = _amount(solution.draws, pool.name, member)
            if max(sent, drawn) > TINY_WATT_HOURS:
                result.append(
                    PoolFlow(
                        pool=pool.name,
                        kind=kind,
                        node=member,
                        sent_watt_hours=sent,
                        drawn_watt_hours=drawn,
                        efficiency=pool.efficiency,
                    )
                )
    return tuple(result)


def _amount(rows: Sequence[EnergyRow], pool: str, node: str) -> float:
    return max(0.0, sum(row.watt_hours for row in rows if row.pool == pool and row.node == node))
