"""A plan in numbers, by index, and the arithmetic that turns decisions into a complete, exactly balanced solution.

Solvers and heuristics decide where work runs, who is awake, and how energy is meant to flow; everything that follows
from those decisions is recomputed here, so that a solver's rounding never leaves an equation open.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sunward.domain.units import SECONDS_PER_HOUR, WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.problem.instance import Battery, Problem
from sunward.optimisation.problem.solution import (
    NO_PRICES,
    BatchRow,
    EnergyRow,
    NodeRow,
    Prices,
    Shortfall,
    Solution,
    Status,
)

NANOGRAM = 1e-9
"""Grams; smaller differences do not count."""

Flow = tuple[int, int, int, int]
"""job, node that holds the data, node that works, period (all from 0)."""
NodePeriods = NDArray[np.float64]
"""A number for every node in every period, (nodes, periods)."""
OnOff = NDArray[np.bool_]
"""Whether every node is on in every period, (nodes, periods)."""
PerPeriod = NDArray[np.float64]
"""A number of one node in every period, (periods,)."""
PerPeriodFlags = NDArray[np.bool_]
"""Whether something holds for one node in every period, (periods,)."""


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """Decisions of a plan: batches by flow, hours awake, and watt-hours of harvest used, charged and discharged.

    `sends` and `draws` map (pool, node, period) to watt-hours that enter a pool and that are taken from it.
    """

    flows: dict[Flow, float]
    on: OnOff
    awake: NodePeriods
    harvest: NodePeriods
    charge: NodePeriods
    discharge: NodePeriods
    sends: dict[tuple[int, int, int], float] = field(default_factory=dict)
    draws: dict[tuple[int, int, int], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a solution says about itself."""

    status: Status
    solver: str
    method: str | None = None
    bound: float | None = None
    seconds: float = 0.0
    rounded: bool = False
    prices: Prices = NO_PRICES
    because: tuple[Shortfall, ...] = ()


def starts(problem: Problem, on: OnOff) -> NodePeriods:
    """1 where a node starts: it is on and was not in the period before (or initially)."""
    before = np.zeros_like(on)
    before[:, 1:] = on[:, :-1]
    before[:, 0] = [node.initially_awake for node in problem.nodes]
    return (on & ~before).astype(float)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Needs:
    """What the work of a plan asks of every node and period: busy hours (wake and transfer included) and watt-hours."""

    hours: NodePeriods
    watt_hours: NodePeriods


def needs(problem: Problem, draft: Draft) -> Needs:
    """Hours and dynamic watt-hours (above idle and asleep) that follow from flows, starts and moved data.

    Data move at the start of the horizon, so that both ends spend the time and energy of it in the first period.
    """
    shape = (len(problem.nodes), problem.period_count)
    hours, energy = np.zeros(shape), np.zeros(shape)
    names = [node.name for node in problem.nodes]
    network = problem.network
    for (j, i, k, t), batches in draft.flows.items():
        job = problem.jobs[j]
        hours[k, t] += batches * job.seconds_per_batch[names[k]] / SECONDS_PER_HOUR
        energy[k, t] += batches * job.watt_hours_per_batch[names[k]]
        if i != k:
            volume = batches * job.gigabytes_per_batch
            hours[i, 0] += volume * network.seconds_per_gigabyte / SECONDS_PER_HOUR
            hours[k, 0] += volume * network.seconds_per_gigabyte / SECONDS_PER_HOUR
            energy[i, 0] += volume * network.send_watt_hours_per_gigabyte
            energy[k, 0] += volume * network.receive_watt_hours_per_gigabyte
    wakes = starts(problem, draft.on)
    hours += wakes * np.array([[node.wake_seconds / SECONDS_PER_HOUR] for node in problem.nodes]).reshape(-1, 1)
    energy += wakes * np.array([[node.wake_watt_hours] for node in problem.nodes]).reshape(-1, 1)
    return Needs(hours=hours, watt_hours=energy)


def loads(problem: Problem, draft: Draft, need: Needs) -> NodePeriods:
    """Watt-hours every node consumes per period, charging and sending aside."""
    idle = np.array([node.idle_watts for node in problem.nodes]).reshape(-1, 1)
    asleep = np.array([node.asleep_watts for node in problem.nodes]).reshape(-1, 1)
    return asleep * (problem.period_hours - draft.awake) + idle * draft.awake + need.watt_hours


def finish(problem: Problem, draft: Draft, label: Label) -> Solution:
    """Balance the draft's energy to the last digit and write it as a solution with its objective and gap."""
    need = needs(problem, draft)
    draft.awake = np.minimum(np.maximum(draft.awake, need.hours), problem.period_hours)
    draft.awake[draft.awake <= 1e-12 * problem.period_hours] = 0.0
    stored = _stored(problem, draft)
    _level_pools(draft)
    grid = _balance(problem, draft, loads(problem, draft, need))
    objective = _objective(problem, draft, grid)
    bound = None if label.bound is None else max(0.0, min(label.bound, objective))
    return Solution(
        status=label.status,
        objective_grams=objective,
        lower_bound_grams=bound,
        relative_gap=None if bound is None else relative_gap(objective, bound),
        solver=label.solver,
        method=label.method,
        solve_seconds=label.seconds,
        rounded=label.rounded,
        batches=_batch_rows(problem, draft),
        sends=_energy_rows(problem, draft.sends),
        draws=_energy_rows(problem, draft.draws),
        nodes=_node_rows(problem, draft, grid, stored),
        prices=label.prices,
        infeasible_because=label.because,
    )


def relative_gap(objective: float, bound: float) -> float:
    """(objective - bound) / objective; 0 where they are less than a nanogram apart."""
    return 0.0 if objective - bound <= NANOGRAM else (objective - bound) / objective


def net_battery(battery: Battery, charge: float, discharge: float) -> tuple[float, float]:
    """Charge and discharge of one period with the same stored energy but only one of them above 0."""
    back = battery.charge_efficiency * battery.discharge_efficiency
    common = min(charge, discharge / back)
    charge, discharge = charge - common, discharge - common * back
    return (0.0, discharge) if charge <= discharge else (charge, 0.0)


def _stored(problem: Problem, draft: Draft) -> NodePeriods:
    """Stored energy after every period; simultaneous charge and discharge of exportable batteries is netted first."""
    stored = np.zeros_like(draft.awake)
    for i, node in enumerate(problem.nodes):
        if node.battery is None:
            continue
        level = node.battery.initial_watt_hours
        for t in range(stored.shape[1]):
            if node.battery.exportable and draft.charge[i, t] > 0 and draft.discharge[i, t] > 0:
                charge, discharge = net_battery(node.battery, draft.charge[i, t], draft.discharge[i, t])
                draft.harvest[i, t] += charge - draft.charge[i, t] + draft.discharge[i, t] - discharge
                draft.charge[i, t], draft.discharge[i, t] = charge, discharge
            level += node.battery.charge_efficiency * draft.charge[i, t]
            level -= draft.discharge[i, t] / node.battery.discharge_efficiency
            stored[i, t] = level
    return stored


def _level_pools(draft: Draft) -> None:
    """Scale draws so that every pool hands out exactly what was sent into it."""
    sent: dict[tuple[int, int], float] = {}
    drawn: dict[tuple[int, int], float] = {}
    for rows, sums in ((draft.sends, sent), (draft.draws, drawn)):
        for (p, _, t), amount in rows.items():
            sums[p, t] = sums.get((p, t), 0.0) + amount
    for p, i, t in list(draft.draws):
        draft.draws[p, i, t] *= sent.get((p, t), 0.0) / drawn[p, t] if drawn[p, t] > 0 else 0.0
    for p, i, t in list(draft.sends):
        if drawn.get((p, t), 0.0) <= 0:
            draft.sends[p, i, t] = 0.0


def _balance(problem: Problem, draft: Draft, load: NodePeriods) -> NodePeriods:
    """Grid energy that closes every balance; where there would be too much, less harvest is used instead."""
    grid = load + draft.charge - draft.discharge - draft.harvest
    for (_, i, t), amount in draft.sends.items():
        grid[i, t] += amount
    for (p, i, t), amount in draft.draws.items():
        grid[i, t] -= problem.energy_pools[p].efficiency * amount
    available = np.array([node.harvest_watt_hours for node in problem.nodes], dtype=float).reshape(load.shape)
    # A solver's last digits of grid energy are taken from spare harvest where there is some, so that "no grid" is none.
    dust = np.where((grid > 0) & (grid <= 1e-9 * (load + draft.charge)), grid, 0.0)
    shift = np.minimum(dust, available - draft.harvest) + np.minimum(grid, 0.0)
    shift = np.maximum(shift, -draft.harvest)
    draft.harvest = draft.harvest + shift
    grid = np.maximum(grid - shift, 0.0)
    return np.where(grid <= 1e-12 * (load + draft.charge), 0.0, grid)


def _objective(problem: Problem, draft: Draft, grid: NodePeriods) -> float:
    """Grams of the whole plan: grid, harvest, wear of batteries, embodied (where the policy counts it) and transit."""
    total = 0.0
    for i, node in enumerate(problem.nodes):
        zone = np.array(problem.intensity_grams_per_kilowatt_hour[node.grid_zone])
        total += float(zone @ grid[i]) / WATT_HOURS_PER_KILOWATT_HOUR
        if node.battery is not None:
            total += node.battery.wear_grams_per_watt_hour * float(np.sum(draft.charge[i] + draft.discharge[i]))
        if problem.policy.include_embodied:
            total += node.embodied_grams_per_hour * float(np.sum(draft.awake[i]))
    total += (
        problem.harvest_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR * float(np.sum(draft.harvest))
    )
    network = problem.network
    transit = (
        network.transit_watt_hours_per_gigabyte
        * network.transit_intensity_grams_per_kilowatt_hour
        / WATT_HOURS_PER_KILOWATT_HOUR
    )
    return total + transit * sum(
        problem.jobs[j].gigabytes_per_batch * batches for (j, i, k, _), batches in draft.flows.items() if i != k
    )


def _batch_rows(problem: Problem, draft: Draft) -> tuple[BatchRow, ...]:
    names = [node.name for node in problem.nodes]
    return tuple(
        BatchRow(job=problem.jobs[j].name, home=names[i], on=names[k], period=t + 1, batches=float(batches))
        for (j, i, k, t), batches in sorted(draft.flows.items())
        if batches > 0
    )


def _energy_rows(problem: Problem, rows: dict[tuple[int, int, int], float]) -> tuple[EnergyRow, ...]:
    return tuple(
        EnergyRow(pool=problem.energy_pools[p].name, node=problem.nodes[i].name, period=t + 1, watt_hours=float(amount))
        for (p, i, t), amount in sorted(rows.items())
        if amount > 0
    )


def _node_rows(problem: Problem, draft: Draft, grid: NodePeriods, stored: NodePeriods) -> tuple[NodeRow, ...]:
    return tuple(
        NodeRow(
            name=node.name,
            awake_hours=tuple(draft.awake[i].tolist()),
            on=tuple(draft.on[i].tolist()),
            grid_watt_hours=tuple(grid[i].tolist()),
            harvest_used_watt_hours=tuple(draft.harvest[i].tolist()),
            charge_watt_hours=tuple(draft.charge[i].tolist()),
            discharge_watt_hours=tuple(draft.discharge[i].tolist()),
            stored_watt_hours=tuple(stored[i].tolist()),
        )
        for i, node in enumerate(problem.nodes)
    )
