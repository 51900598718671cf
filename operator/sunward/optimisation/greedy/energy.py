"""Where each node's energy comes from, by simple rules: the energy half of the greedy plan. Knows no solver.

Own harvest first, then what a neighbour has left over, then the battery (where told to), then the grid.
"""

import numpy as np

from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.optimisation.greedy.battery import Outlook, cycle
from sunward.optimisation.model.draft import Draft, NodePeriods, PerPeriod, PerPeriodFlags, loads, needs
from sunward.optimisation.problem.instance import Battery, Problem


def power(problem: Problem, draft: Draft, *, use_battery: bool) -> bool:
    """Fill the draft's harvest, battery and pools; False where a battery cannot reach its final energy."""
    load = loads(problem, draft, needs(problem, draft))
    grams = grid_grams(problem)
    hours = problem.period_hours
    for i, node in enumerate(problem.nodes):
        harvest = np.array(node.harvest_watt_hours)
        worth = grams[i] >= problem.harvest_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR
        draft.harvest[i] = np.where(worth, np.minimum(harvest, load[i]), 0.0)
        if node.battery is None:
            continue
        flows = _top_up(problem, node.battery, harvest, load[i], grams[i])
        if flows is None:
            return False
        if use_battery:
            spare = problem.harvest_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR
            flows = cycle(
                node.battery, flows, Outlook(harvest=harvest, load=load[i], grid=grams[i], spare=spare), hours
            )
        draft.charge[i], draft.discharge[i] = flows
        _use_harvest(draft, i, node.battery, harvest, load[i], worth)
    if problem.policy.share_energy:
        _share(problem, draft, load, grams)
    return True


def grid_grams(problem: Problem) -> NodePeriods:
    """Grams per watt-hour of grid energy, (nodes, periods)."""
    rows = [problem.intensity_grams_per_kilowatt_hour[node.grid_zone] for node in problem.nodes]
    return np.array(rows, dtype=float).reshape(len(rows), problem.period_count) / WATT_HOURS_PER_KILOWATT_HOUR


def _use_harvest(
    draft: Draft, i: int, battery: Battery, harvest: PerPeriod, load: PerPeriod, worth: PerPeriodFlags
) -> None:
    """Harvest covers what is left of the load and the charging, as far as it reaches."""
    wanted = np.where(worth, load, 0.0) + draft.charge[i] - draft.discharge[i]
    used = np.clip(wanted, 0.0, harvest)
    draft.harvest[i] = used if battery.charge_from_grid else np.maximum(used, draft.charge[i])


def _limits(problem: Problem, battery: Battery) -> tuple[float, float]:
    hours = problem.period_hours
    return battery.maximum_charge_watts * hours, battery.maximum_discharge_watts * hours


def _top_up(
    problem: Problem, battery: Battery, harvest: PerPeriod, load: PerPeriod, grams: PerPeriod
) -> tuple[PerPeriod, PerPeriod] | None:
    """Charge only what the final energy asks for, surplus first, then the cleanest periods."""
    most_in, _ = _limits(problem, battery)
    charge = np.zeros_like(load)
    missing = (battery.final_watt_hours - battery.initial_watt_hours) / battery.charge_efficiency
    surplus = np.minimum(np.maximum(harvest - load, 0.0), most_in)
    reach = np.full_like(load, most_in) if battery.charge_from_grid else np.minimum(harvest, most_in)
    for most, order in ((surplus, range(len(load))), (reach, np.argsort(grams, kind="stable"))):
        for t in order:
            part = max(0.0, min(missing, most[t] - charge[t]))
            charge[t] += part
            missing -= part
    if missing > 1e-9 * max(battery.final_watt_hours, 1e-300):
        return None
    return charge, np.zeros_like(load)


def _share(problem: Problem, draft: Draft, load: NodePeriods, grams: NodePeriods) -> None:
    """Give surplus to the dirtiest deficits of each pool; no node that takes from the grid gives."""
    index = {node.name: i for i, node in enumerate(problem.nodes)}
    need = load + draft.charge - draft.discharge - draft.harvest
    harvest = np.array([node.harvest_watt_hours for node in problem.nodes]).reshape(load.shape)
    ratio = np.array([[node.maximum_export_ratio] for node in problem.nodes]).reshape(-1, 1)
    offer = np.where(need > 1e-12 * (load + draft.charge), 0.0, np.minimum(harvest - draft.harvest, ratio * harvest))
    for p, pool in enumerate(problem.energy_pools):
        members = [index[name] for name in pool.members]
        least = problem.harvest_intensity_grams_per_kilowatt_hour / WATT_HOURS_PER_KILOWATT_HOUR / pool.efficiency
        for t in range(problem.period_count):
            givers = [i for i in members if offer[i, t] > 0]
            for k in sorted((k for k in members if need[k, t] > 0), key=lambda k: -grams[k, t]):
                if not givers or grams[k, t] <= least:
                    break
                _give(draft, (p, t), givers, k, offer, need, pool.efficiency)


def _give(
    draft: Draft,
    where: tuple[int, int],
    givers: list[int],
    k: int,
    offer: NodePeriods,
    need: NodePeriods,
    efficiency: float,
) -> None:
    """Cover node k's need in one pool and period (`where`) from the last of the givers on, in place."""
    p, t = where
    while givers and need[k, t] > 0:
        i = givers[-1]
        part = min(offer[i, t], need[k, t] / efficiency)
        draft.sends[p, i, t] = draft.sends.get((p, i, t), 0.0) + part
        draft.draws[p, k, t] = draft.draws.get((p, k, t), 0.0) + part
        draft.harvest[i, t] += part
        offer[i, t] -= part
        need[k, t] = 0.0 if part >= need[k, t] / efficiency else need[k, t] - part * efficiency
        if offer[i, t] <= 0:
            givers.pop()
