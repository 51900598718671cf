"""Columns back to a `Problem`, and a solution of it to a plan by columns: the way to the solvers that know rows.

For fleets that are small enough for them, where prices alone led to no plan.
"""

from collections.abc import Callable

import numpy as np

from sunward.optimisation.decomposition.columnar import Columns, Floats
from sunward.optimisation.decomposition.recovery import ColumnPlan
from sunward.optimisation.problem.instance import EnergyPool, ExportRule, Job, Network, Node, Policy, PoolKind, Problem
from sunward.optimisation.problem.solution import Solution

JOB = "job"


def to_problem(columns: Columns) -> Problem:
    """The same problem by rows, of which `columnar_convert.to_columns` makes the same columns again."""
    settings, names = columns.settings, names_of(columns)
    grams = dict.fromkeys(columns.intensity_grams_per_kilowatt_hour.tolist() or [0.0])
    return Problem(
        period_seconds=float(settings.period_seconds),
        intensity_grams_per_kilowatt_hour={_zone(value): (value,) for value in grams},
        harvest_intensity_grams_per_kilowatt_hour=float(settings.harvest_intensity_grams_per_kilowatt_hour),
        nodes=tuple(_node(columns, index, name) for index, name in enumerate(names)),
        energy_pools=tuple(_pool(columns, index, names) for index in range(len(columns.pool_efficiency))),
        jobs=(_job(columns, names),) if float(columns.batches.sum()) > 0 else (),
        network=Network(
            send_watt_hours_per_gigabyte=settings.send_watt_hours_per_gigabyte,
            receive_watt_hours_per_gigabyte=settings.receive_watt_hours_per_gigabyte,
            seconds_per_gigabyte=settings.seconds_per_gigabyte,
            transit_watt_hours_per_gigabyte=settings.transit_watt_hours_per_gigabyte,
            transit_intensity_grams_per_kilowatt_hour=settings.transit_intensity_grams_per_kilowatt_hour,
        ),
        policy=_policy(columns),
    )


def names_of(columns: Columns) -> list[str]:
    """The names of the nodes, or their positions where they have none."""
    return [str(name) for name in (range(len(columns)) if columns.names is None else columns.names.tolist())]


def plan_of(columns: Columns, solution: Solution) -> ColumnPlan:
    """A solution of `to_problem(columns)` by columns. It must have a plan."""
    assert solution.objective_grams is not None
    places = {name: index for index, name in enumerate(names_of(columns))}
    moved = [row for row in solution.batches if row.home != row.on]

    def summed(entries: list[tuple[str, float]]) -> Floats:
        whole = np.zeros(len(columns))
        for name, amount in entries:
            whole[places[name]] += amount
        return whole

    return ColumnPlan(
        received_batches=summed([(row.on, row.batches) for row in moved]),
        sent_batches=summed([(row.home, row.batches) for row in moved]),
        sent_watt_hours=summed([(row.node, row.watt_hours) for row in solution.sends]),
        drawn_watt_hours=summed([(row.node, row.watt_hours) for row in solution.draws]),
        grid_watt_hours=summed([(row.name, row.grid_watt_hours[0]) for row in solution.nodes]),
        harvest_used_watt_hours=summed([(row.name, row.harvest_used_watt_hours[0]) for row in solution.nodes]),
        awake_hours=summed([(row.name, row.awake_hours[0]) for row in solution.nodes]),
        on=summed([(row.name, float(row.on[0])) for row in solution.nodes]).astype(np.int32),
        objective_grams=solution.objective_grams,
    )


def _zone(grams: float) -> str:
    return f"{grams!r} g/kWh"


def _node(columns: Columns, index: int, name: str) -> Node:
    def value(column: str) -> float:
        return float(getattr(columns, column)[index])

    return Node(
        name=name,
        grid_zone=_zone(value("intensity_grams_per_kilowatt_hour")),
        idle_watts=value("idle_watts"),
        asleep_watts=value("asleep_watts"),
        can_sleep=bool(columns.can_sleep[index]),
        initially_awake=bool(columns.initially_awake[index]),
        wake_watt_hours=value("wake_watt_hours"),
        wake_seconds=value("wake_seconds"),
        minimum_awake_periods=1,
        minimum_asleep_periods=1,
        harvest_watt_hours=(value("harvest_watt_hours"),),
        maximum_export_ratio=value("maximum_export_ratio"),
        storage_gigabytes=value("storage_gigabytes"),
        embodied_grams_per_hour=value("embodied_grams_per_hour"),
        battery=None,
    )


def _pool(columns: Columns, index: int, names: list[str]) -> EnergyPool:
    members = tuple(names[place] for place in np.flatnonzero(columns.pool == index).tolist())
    efficiency = float(columns.pool_efficiency[index])
    return EnergyPool(name=f"pool {index}", kind=PoolKind.PHYSICAL, members=members, efficiency=efficiency)


def _job(columns: Columns, names: list[str]) -> Job:
    settings = columns.settings

    def by_name(column: Floats, where: Callable[[int], bool]) -> dict[str, float]:
        return {
            name: value for place, (name, value) in enumerate(zip(names, column.tolist(), strict=True)) if where(place)
        }

    def works(place: int) -> bool:
        return bool(columns.can_work[place])

    return Job(
        name=JOB,
        release_period=1,
        deadline_period=1,
        synchronous=False,
        batches=by_name(columns.batches, lambda place: columns.batches[place] > 0),
        watt_hours_per_batch=by_name(columns.watt_hours_per_batch, works),
        seconds_per_batch=by_name(columns.seconds_per_batch, works),
        gigabytes_per_batch=settings.gigabytes_per_batch,
        maximum_offload_ratio=settings.maximum_offload_ratio,
        movable_to=tuple(names[place] for place in np.flatnonzero(columns.can_receive).tolist()),
        minimum_workers=settings.minimum_workers,
        minimum_batches_per_worker=settings.minimum_batches_per_worker,
    )


def _policy(columns: Columns) -> Policy:
    settings = columns.settings
    return Policy(
        share_energy=settings.share_energy,
        offload_tasks=settings.offload_tasks,
        sleep=settings.sleep,
        shift_in_time=True,
        partial_period_sleep=settings.partial_period_sleep,
        export_rule=ExportRule.SURPLUS_ONLY if settings.surplus_only else ExportRule.ANY_HARVEST,
        maximum_asleep_nodes=settings.maximum_asleep_nodes,
        include_embodied=settings.include_embodied,
    )
