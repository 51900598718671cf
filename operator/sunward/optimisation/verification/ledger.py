"""A solution's rows as tables by name, with everything a checker derives from them. Plain Python, no solver.

Trusts nothing in the file: rows that are missing count as zero, starts are derived from `on`, volumes from batches.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.problem.instance import Node, Problem
from sunward.optimisation.problem.solution import EnergyRow, NodeRow, Solution
from sunward.optimisation.problem.violations import Findings

Place = tuple[str, int]
"""node, period (from 1)."""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What a solution says, summed by job, node and period (from 1)."""

    flows: dict[tuple[str, str, str, int], float] = field(default_factory=dict)  # job, home, on, period
    done: dict[tuple[str, str, int], float] = field(default_factory=lambda: defaultdict(float))  # job, on, period
    shard_done: dict[tuple[str, str, int], float] = field(default_factory=lambda: defaultdict(float))
    offloaded: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))  # job, home
    volume_out: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    volume_in: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    sends: dict[tuple[str, str, int], float] = field(default_factory=dict)  # pool, node, period
    draws: dict[tuple[str, str, int], float] = field(default_factory=dict)
    nodes: dict[str, NodeRow] = field(default_factory=dict)
    started: dict[Place, bool] = field(default_factory=dict)
    stopped: dict[Place, bool] = field(default_factory=dict)

    def sent(self, problem: Problem, node: str, period: int) -> float:
        """Watt-hours the node sends into all pools."""
        return sum(self.sends.get((pool.name, node, period), 0.0) for pool in problem.energy_pools)

    def drawn(self, problem: Problem, node: str, period: int) -> float:
        """Watt-hours that reach the node from all pools, after losses."""
        return sum(pool.efficiency * self.draws.get((pool.name, node, period), 0.0) for pool in problem.energy_pools)


def read_ledger(problem: Problem, solution: Solution, findings: Findings) -> Ledger | None:
    """Tables of a solution; None (with the reasons in `findings`) where rows name things that do not exist."""
    ledger = Ledger()
    before = len(findings.found)
    _read_nodes(problem, solution, ledger, findings)
    _read_batches(problem, solution, ledger, findings)
    _read_energy(problem, solution.sends, "sends", ledger.sends, findings)
    _read_energy(problem, solution.draws, "draws", ledger.draws, findings)
    if len(findings.found) > before:
        return None
    _derive_starts(problem, ledger)
    return ledger


def _read_nodes(problem: Problem, solution: Solution, ledger: Ledger, findings: Findings) -> None:
    known = {node.name for node in problem.nodes}
    count = problem.period_count
    for index, row in enumerate(solution.nodes):
        where = f"nodes[{index}]"
        if row.name not in known or row.name in ledger.nodes:
            findings.fault("format", where, f"unknown or repeated node {row.name!r}", 1.0)
            continue
        lengths = {len(values) for values in _series(row)} | {len(row.on)}
        if lengths != {count}:
            findings.fault("format", where, f"every list needs {count} values, one per period", 1.0)
        ledger.nodes[row.name] = row
    for node in problem.nodes:
        ledger.nodes.setdefault(node.name, _zero_row(node, count))


def _series(row: NodeRow) -> tuple[tuple[float, ...], ...]:
    return (
        row.awake_hours,
        row.grid_watt_hours,
        row.harvest_used_watt_hours,
        row.charge_watt_hours,
        row.discharge_watt_hours,
        row.stored_watt_hours,
    )


def _zero_row(node: Node, count: int) -> NodeRow:
    zero = (0.0,) * count
    return NodeRow(
        name=node.name,
        awake_hours=zero,
        on=(False,) * count,
        grid_watt_hours=zero,
        harvest_used_watt_hours=zero,
        charge_watt_hours=zero,
        discharge_watt_hours=zero,
        stored_watt_hours=zero,
    )


def _read_batches(problem: Problem, solution: Solution, ledger: Ledger, findings: Findings) -> None:
    jobs = {job.name: job for job in problem.jobs}
    known = {node.name for node in problem.nodes}
    for index, row in enumerate(solution.batches):
        where = f"batches[{index}]"
        job = jobs.get(row.job)
        place = (row.job, row.home, row.on, row.period)
        if job is None or row.home not in known or row.on not in known or place in ledger.flows:
            findings.fault("format", where, "unknown job or node, or a repeated row", 1.0)
        elif not 1 <= row.period <= problem.period_count:
            findings.fault("format", where, f"period must lie in 1..{problem.period_count}", 1.0)
        else:
            ledger.flows[place] = row.batches
            ledger.done[row.job, row.on, row.period] += row.batches
            ledger.shard_done[row.job, row.home, row.period] += row.batches
            if row.home != row.on:
                ledger.offloaded[row.job, row.home] += row.batches
                ledger.volume_out[row.home] += row.batches * job.gigabytes_per_batch
                ledger.volume_in[row.on] += row.batches * job.gigabytes_per_batch


def _read_energy(
    problem: Problem,
    rows: tuple[EnergyRow, ...],
    name: str,
    table: dict[tuple[str, str, int], float],
    findings: Findings,
) -> None:
    pools = {pool.name: pool for pool in problem.energy_pools}
    known = {node.name for node in problem.nodes}
    for index, row in enumerate(rows):
        place = (row.pool, row.node, row.period)
        where = f"{name}[{index}]"
        if row.pool not in pools or row.node not in known or place in table:
            findings.fault("format", where, "unknown pool or node, or a repeated row", 1.0)
        elif not 1 <= row.period <= problem.period_count:
            findings.fault("format", where, f"period must lie in 1..{problem.period_count}", 1.0)
        else:
            table[place] = row.watt_hours
            if row.node not in pools[row.pool].members:
                findings.at_most("7", where, f"{row.node} is not a member of {row.pool}", (abs(row.watt_hours), 0.0))
            if not problem.policy.share_energy:
                findings.at_most("7", where, "the policy shares no energy", (abs(row.watt_hours), 0.0))


def _derive_starts(problem: Problem, ledger: Ledger) -> None:
    for node in problem.nodes:
        before = node.initially_awake
        for period, on in enumerate(ledger.nodes[node.name].on, start=1):
            ledger.started[node.name, period] = on and not before
            ledger.stopped[node.name, period] = before and not on
            before = on


def objective_grams(problem: Problem, ledger: Ledger) -> float:
    """The objective recomputed from the rows alone (grams CO2e)."""
    total = 0.0
    for node in problem.nodes:
        row = ledger.nodes[node.name]
        intensity = problem.intensity_grams_per_kilowatt_hour[node.grid_zone]
        total += sum(c * g for c, g in zip(intensity, row.grid_watt_hours, strict=True)) / WATT_HOURS_PER_KILOWATT_HOUR
        total += (
            problem.harvest_intensity_grams_per_kilowatt_hour
            * sum(row.harvest_used_watt_hours)
            / WATT_HOURS_PER_KILOWATT_HOUR
        )
        if node.battery is not None:
            moved = sum(row.charge_watt_hours) + sum(row.discharge_watt_hours)
            total += node.battery.wear_grams_per_watt_hour * moved
        if problem.policy.include_embodied:
            total += node.embodied_grams_per_hour * sum(row.awake_hours)
    network = problem.network
    transit = (
        network.transit_watt_hours_per_gigabyte
        * network.transit_intensity_grams_per_kilowatt_hour
        / WATT_HOURS_PER_KILOWATT_HOUR
    )
    return total + transit * sum(ledger.volume_out.values())


def soonest_sum(ledger: Ledger) -> float:
    """`sum over jobs and periods of t * batches done in t`: what a policy without shifting minimises first."""
    return sum(period * batches for (_, _, period), batches in ledger.done.items())
