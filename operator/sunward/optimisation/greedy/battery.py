"""What one battery can save on its own: energy from the cheapest sources into the dearest needs. Knows no solver."""

from dataclasses import dataclass

import numpy as np

from sunward.optimisation.model.draft import PerPeriod
from sunward.optimisation.problem.instance import Battery

NOTHING = 1e-12
"""Watt-hours below this share of the capacity are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """What a node faces: harvest and load in watt-hours, grid and spare harvest in grams per watt-hour."""

    harvest: PerPeriod
    load: PerPeriod
    grid: PerPeriod
    spare: float


@dataclass(slots=True, kw_only=True, eq=False)
class _State:
    """Flows so far and what follows from them."""

    charge: PerPeriod
    discharge: PerPeriod
    level: PerPeriod  # stored after each period
    surplus: PerPeriod  # harvest that nothing uses
    own: PerPeriod  # harvest that the load uses and the grid could replace
    need: PerPeriod  # grid energy


def cycle(
    battery: Battery, flows: tuple[PerPeriod, PerPeriod], outlook: Outlook, hours: float
) -> tuple[PerPeriod, PerPeriod]:
    """Watt-hours charged and discharged: the given ones and all exchanges between periods that pay, the best first.

    `flows` are charges and discharges (none yet) in watt-hours, `hours` the length of a period.
    An exchange takes energy in one period and gives it in another, earlier or later, or gives what was stored at the
    start and need not be there at the end; levels, rates and exclusion of both at once hold throughout.
    """
    state = _start(battery, flows, outlook)
    most_in, most_out = battery.maximum_charge_watts * hours, battery.maximum_discharge_watts * hours
    sources = _sources(battery, outlook, state)
    for k in np.argsort(-outlook.grid, kind="stable").tolist():
        for cost, s, tier in sources if state.need[k] > 0 else ():
            gain = outlook.grid[k] - battery.wear_grams_per_watt_hour - cost / battery.discharge_efficiency
            if gain <= 0 or state.need[k] <= 0 or state.discharge[k] >= most_out:
                break
            if s == k or state.charge[k] > 0 or (s < len(state.need) and state.discharge[s] > 0):
                continue
            _exchange(battery, state, (k, s, tier), most_in, most_out)
    return state.charge, state.discharge


def _start(battery: Battery, flows: tuple[PerPeriod, PerPeriod], outlook: Outlook) -> _State:
    charge, discharge = flows[0].copy(), flows[1].copy()
    wanted = np.where(outlook.grid >= outlook.spare, outlook.load, 0.0)
    from_harvest = np.minimum(charge, outlook.harvest)
    own = np.minimum(wanted, outlook.harvest - from_harvest)
    return _State(
        charge=charge,
        discharge=discharge,
        level=battery.initial_watt_hours + np.cumsum(battery.charge_efficiency * charge),
        surplus=outlook.harvest - from_harvest - own,
        own=own,
        need=outlook.load - own,
    )


def _sources(battery: Battery, outlook: Outlook, state: _State) -> list[tuple[float, int, str]]:
    """Grams per stored watt-hour of every source, cheapest first; the stock lies after the last period."""
    count = len(outlook.grid)
    wear, efficiency = battery.wear_grams_per_watt_hour, battery.charge_efficiency
    found = [(0.0, count, "stock")]
    for s in range(count):
        if state.surplus[s] > 0:
            found.append(((outlook.spare + wear) / efficiency, s, "surplus"))
        if state.own[s] > 0:
            found.append(((outlook.grid[s] + wear) / efficiency, s, "own"))
        if battery.charge_from_grid:
            found.append(((outlook.grid[s] + wear) / efficiency, s, "grid"))
    return sorted(found)


def _exchange(battery: Battery, state: _State, what: tuple[int, int, str], most_in: float, most_out: float) -> None:
    k, s, tier = what
    stored = float(min(state.need[k], most_out - state.discharge[k])) / battery.discharge_efficiency
    if s < len(state.need):
        limit = {"surplus": state.surplus, "own": state.own}.get(tier)
        available = most_in - state.charge[s]
        if limit is not None:
            available = min(available, limit[s])
        stored = min(stored, available * battery.charge_efficiency)
    if stored > NOTHING * battery.capacity_watt_hours:  # levels last, they take longest to look up
        stored = min(stored, _room(battery, state.level, k, s))
    if stored > NOTHING * battery.capacity_watt_hours:
        _book(battery, state, what, stored)


def _room(battery: Battery, level: PerPeriod, k: int, s: int) -> float:
    """Stored watt-hours that may come from period s (the stock where it lies after the last) and go in period k."""
    if s < k:
        return battery.capacity_watt_hours - float(level[s:k].max())
    if s == len(level):
        lowest = float(level[k:].min()) - battery.minimum_watt_hours
        return min(lowest, float(level[-1]) - battery.final_watt_hours)
    return float(level[k:s].min()) - battery.minimum_watt_hours


def _book(battery: Battery, state: _State, what: tuple[int, int, str], stored: float) -> None:
    k, s, tier = what
    state.discharge[k] += stored * battery.discharge_efficiency
    state.need[k] = max(0.0, state.need[k] - stored * battery.discharge_efficiency)
    state.level[k:] -= stored
    if s == len(state.need):
        return
    taken = stored / battery.charge_efficiency
    state.charge[s] += taken
    state.level[s:] += stored
    if tier == "surplus":
        state.surplus[s] -= taken
    elif tier == "own":
        state.own[s] -= taken
        state.need[s] += taken
