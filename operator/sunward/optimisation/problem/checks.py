"""Checks of a problem's values: ranges, lengths, names. Knows no solver and no file.

Also run on problems built in memory, so that a NaN from a forecast never reaches a solver.
"""

import dataclasses
import enum
import math
from collections.abc import Iterable, Mapping
from typing import Any

from sunward.optimisation.problem.errors import ProblemError
from sunward.optimisation.problem.instance import Battery, Job, Node, Problem
from sunward.optimisation.problem.strict_json import item, key, member


def check_problem(problem: Problem) -> None:
    """Raise ProblemError at the first value outside the rules of the format; returns nothing otherwise."""
    _check_amounts(problem, "$")
    _positive(problem.period_seconds, "period_seconds")
    periods = _check_intensities(problem)
    names = _unique((node.name for node in problem.nodes), "nodes", "name")
    for index, node in enumerate(problem.nodes):
        _check_node(problem, node, item("nodes", index), periods)
    _unique((pool.name for pool in problem.energy_pools), "energy_pools", "name")
    for index, pool in enumerate(problem.energy_pools):
        path = item("energy_pools", index)
        _known_names(pool.members, names, member(path, "members"))
        _efficiency(pool.efficiency, member(path, "efficiency"))
    _unique((job.name for job in problem.jobs), "jobs", "name")
    for index, job in enumerate(problem.jobs):
        _check_job(job, item("jobs", index), periods, names)


def _check_amounts(value: Any, path: str) -> None:
    """Every number anywhere is finite and not negative: the format has no signed amounts."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _check_amounts(getattr(value, field.name), member(path, field.name))
    elif isinstance(value, Mapping):
        for name, entry in value.items():
            _check_amounts(entry, key(path, name))
    elif isinstance(value, tuple):
        for index, entry in enumerate(value):
            _check_amounts(entry, item(path, index))
    elif isinstance(value, int | float) and not isinstance(value, bool | enum.Enum):
        _check_amount(value, path)


def _check_amount(value: float, path: str) -> None:
    if not math.isfinite(value):
        raise ProblemError(path, f"must be a finite number, not {value}")
    if value < 0:
        raise ProblemError(path, f"must not be negative, it is {value:g}")


def _check_intensities(problem: Problem) -> int:
    path = "intensity_grams_per_kilowatt_hour"
    if not problem.intensity_grams_per_kilowatt_hour:
        raise ProblemError(path, "needs at least one grid zone")
    periods = problem.period_count
    for zone, values in problem.intensity_grams_per_kilowatt_hour.items():
        if not values:
            raise ProblemError(key(path, zone), "needs one value per period, at least one")
        _length(values, periods, key(path, zone))
    return periods


def _check_node(problem: Problem, node: Node, path: str, periods: int) -> None:
    if node.grid_zone not in problem.intensity_grams_per_kilowatt_hour:
        raise ProblemError(
            member(path, "grid_zone"),
            f"unknown grid zone {node.grid_zone!r}; add it to intensity_grams_per_kilowatt_hour",
        )
    _length(node.harvest_watt_hours, periods, member(path, "harvest_watt_hours"))
    _ratio(node.maximum_export_ratio, member(path, "maximum_export_ratio"))
    _at_least_one(node.minimum_awake_periods, member(path, "minimum_awake_periods"))
    _at_least_one(node.minimum_asleep_periods, member(path, "minimum_asleep_periods"))
    if node.battery is not None:
        _check_battery(node.battery, member(path, "battery"))


def _check_battery(battery: Battery, path: str) -> None:
    _efficiency(battery.charge_efficiency, member(path, "charge_efficiency"))
    _efficiency(battery.discharge_efficiency, member(path, "discharge_efficiency"))
    for name in ("initial_watt_hours", "final_watt_hours"):
        value = getattr(battery, name)
        if not battery.minimum_watt_hours <= value <= battery.capacity_watt_hours:
            raise ProblemError(
                member(path, name),
                f"must lie between minimum_watt_hours {battery.minimum_watt_hours:g} and "
                f"capacity_watt_hours {battery.capacity_watt_hours:g}, it is {value:g}",
            )
    if battery.exportable and battery.charge_from_grid:
        raise ProblemError(member(path, "exportable"), "excludes charge_from_grid; set one of them to false")


def _check_job(job: Job, path: str, periods: int, names: frozenset[str]) -> None:
    for field in ("batches", "watt_hours_per_batch", "seconds_per_batch"):
        for name in getattr(job, field):
            _known(name, names, key(member(path, field), name))
    for name in job.maximum_offloaded_batches or ():
        path_of = member(path, "maximum_offloaded_batches")
        if name not in job.batches:
            raise ProblemError(key(path_of, name), f"{name!r} holds no batches; add it to batches or leave it out")
    if job.movable_to is not None:
        _known_names(job.movable_to, names, member(path, "movable_to"))
    _ratio(job.maximum_offload_ratio, member(path, "maximum_offload_ratio"))
    _at_least_one(job.release_period, member(path, "release_period"))
    if job.deadline_period > periods:
        raise ProblemError(member(path, "deadline_period"), f"must not exceed the number of periods, {periods}")
    if job.deadline_period < job.release_period:
        raise ProblemError(member(path, "deadline_period"), f"must not be before release_period {job.release_period}")


def _unique(names: Iterable[str], path: str, field: str) -> frozenset[str]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        where = member(item(path, index), field)
        if not name:
            raise ProblemError(where, "must not be empty")
        if name in seen:
            raise ProblemError(where, f"duplicate name {name!r}")
        seen.add(name)
    return frozenset(seen)


def _known_names(found: tuple[str, ...], names: frozenset[str], path: str) -> None:
    for index, name in enumerate(found):
        _known(name, names, item(path, index))
        if name in found[:index]:
            raise ProblemError(item(path, index), f"duplicate name {name!r}")


def _known(name: str, names: frozenset[str], path: str) -> None:
    if name not in names:
        raise ProblemError(path, f"unknown node {name!r}; add it to nodes or correct the name")


def _length(values: tuple[float, ...], periods: int, path: str) -> None:
    if len(values) != periods:
        raise ProblemError(path, f"needs {periods} values, one per period, it has {len(values)}")


def _ratio(value: float, path: str) -> None:
    if value > 1:
        raise ProblemError(path, f"must lie between 0 and 1, it is {value:g}")


def _efficiency(value: float, path: str) -> None:
    if not 0 < value <= 1:
        raise ProblemError(path, f"must be above 0 and at most 1, it is {value:g}")


def _at_least_one(value: int, path: str) -> None:
    if value < 1:
        raise ProblemError(path, f"must be 1 or more, it is {value}")


def _positive(value: float, path: str) -> None:
    if value <= 0:
        raise ProblemError(path, f"must be above 0, it is {value:g}")
