"""Clearing after the fact: who shared which energy with whom, from what the meters counted.

The planning model once more, with one period, the metered loads fixed, no jobs and no sleep: what remains free is who
sends and who draws. Planned transfers play no part; a contract is settled on what happened. Knows no meter, and keeps
no books: it hands over the values that they are kept from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sunward.domain.energy import MeteredNode, NodePeriod, PoolFlow
from sunward.domain.plans import Transfer
from sunward.domain.policy import PolicySpec
from sunward.domain.units import JOULES_PER_WATT_HOUR, SECONDS_PER_HOUR
from sunward.optimisation.problem.instance import Network, Node, Policy, Problem
from sunward.optimisation.problem.solution import NodeRow, Solution, Status
from sunward.planning.pools import KINDS, energy_pools, export_rule
from sunward.planning.ports import SolverPort
from sunward.planning.trade import transfers

SMALLEST_INTENSITY = 1e-3
"""Grid energy is never quite free here: else a node might draw from the grid and waste its own harvest."""

HARVEST_PREFERENCE = 1e-6
"""A trace of intensity on harvest, so that a node with enough of its own neither sends nor draws for nothing."""

NO_NETWORK = Network(
    send_watt_hours_per_gigabyte=0.0,
    receive_watt_hours_per_gigabyte=0.0,
    seconds_per_gigabyte=0.0,
    transit_watt_hours_per_gigabyte=0.0,
    transit_intensity_grams_per_kilowatt_hour=0.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Transfers for people, rows and flows for the ledger; every node counts as reserved for the whole period."""

    transfers: tuple[Transfer, ...]
    nodes: tuple[NodePeriod, ...]
    flows: tuple[PoolFlow, ...]


def clear(
    metered: Sequence[MeteredNode],
    period: timedelta,
    intensity_grams_per_kilowatt_hour: Mapping[str, float],
    policy: PolicySpec,
    solver: SolverPort,
) -> Settlement:
    """Clear a finished period.

    A zone without an intensity counts as the worst of the others: its nodes are served as if their grid were dirty,
    and their emissions stay unknown in the books. Without any metered node the settlement is empty.
    """
    if not metered:
        return Settlement(transfers=(), nodes=(), flows=())
    ordered = sorted(metered, key=lambda node: node.spec.name)
    problem = _problem(ordered, period, intensity_grams_per_kilowatt_hour, policy)
    solution = solver.solve(problem, solver="auto", time_limit_seconds=policy.solver_time_limit_seconds)
    rows = {row.name: row for row in solution.nodes}
    is_shared = solution.status is not Status.INFEASIBLE
    return Settlement(
        transfers=transfers(problem, solution, period=1),
        nodes=tuple(_settled(node, period, rows.get(node.spec.name), is_shared=is_shared) for node in ordered),
        flows=_flows(problem, solution),
    )


def _problem(
    metered: Sequence[MeteredNode], period: timedelta, intensity: Mapping[str, float], policy: PolicySpec
) -> Problem:
    specs = {node.spec.name: node.spec for node in metered}
    pools = energy_pools(policy.pools, specs)
    worst = max(intensity.values(), default=0.0)
    zones = sorted({node.spec.grid_zone for node in metered})
    return Problem(
        period_seconds=period.total_seconds(),
        intensity_grams_per_kilowatt_hour={
            zone: (max(SMALLEST_INTENSITY, intensity.get(zone, worst)),) for zone in zones
        },
        harvest_intensity_grams_per_kilowatt_hour=HARVEST_PREFERENCE,
        nodes=tuple(_node(node, period) for node in metered),
        energy_pools=pools,
        jobs=(),
        network=NO_NETWORK,
        policy=Policy(
            share_energy=policy.share_energy,
            offload_tasks=False,
            sleep=False,
            shift_in_time=True,
            partial_period_sleep=False,
            export_rule=export_rule(specs, pools),
            maximum_asleep_nodes=None,
            include_embodied=False,
        ),
    )


def _node(node: MeteredNode, period: timedelta) -> Node:
    """The metered load as a constant draw; what the battery took counts as load, what it gave is taken off."""
    net = max(0.0, node.load_watt_hours + node.charge_watt_hours - node.discharge_watt_hours)
    watts = net * JOULES_PER_WATT_HOUR / period.total_seconds()
    return Node(
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
        harvest_watt_hours=(node.harvest_watt_hours,),
        maximum_export_ratio=node.spec.maximum_export_ratio,
        storage_gigabytes=0.0,
        embodied_grams_per_hour=0.0,
        battery=None,
    )


def _settled(node: MeteredNode, period: timedelta, row: NodeRow | None, *, is_shared: bool) -> NodePeriod:
    """The row of the solution, which may leave out a node that used nothing. Without a solution nothing was shared
    and harvest served its own node first."""
    net = node.load_watt_hours + node.charge_watt_hours - node.discharge_watt_hours
    drawn = 0.0 if is_shared else min(node.harvest_watt_hours, net)
    battery = node.spec.battery
    return NodePeriod(
        node=node.spec.name,
        grid_zone=node.spec.grid_zone,
        load_watt_hours=node.load_watt_hours,
        harvest_watt_hours=node.harvest_watt_hours,
        harvest_drawn_watt_hours=drawn if row is None else row.harvest_used_watt_hours[0],
        grid_watt_hours=net - drawn if row is None else row.grid_watt_hours[0],
        charge_watt_hours=node.charge_watt_hours,
        discharge_watt_hours=node.discharge_watt_hours,
        stored_change_watt_hours=node.stored_change_watt_hours,
        charge_efficiency=battery.charge_efficiency if battery else 1.0,
        discharge_efficiency=battery.discharge_efficiency if battery else 1.0,
        reserved_hours=period.total_seconds() / SECONDS_PER_HOUR,
        embodied_grams_per_hour=node.spec.embodied_grams_per_hour,
    )


def _flows(problem: Problem, solution: Solution) -> tuple[PoolFlow, ...]:
    flows: list[PoolFlow] = []
    for pool in problem.energy_pools:
        sent = {row.node: row.watt_hours for row in solution.sends if row.pool == pool.name}
        drawn = {row.node: row.watt_hours for row in solution.draws if row.pool == pool.name}
        flows += [
            PoolFlow(
                pool=pool.name,
                kind=KINDS[pool.kind],
                node=node,
                sent_watt_hours=sent.get(node, 0.0),
                drawn_watt_hours=drawn.get(node, 0.0),
                efficiency=pool.efficiency,
            )
            for node in sorted(sent.keys() | drawn.keys())
        ]
    return tuple(flows)
