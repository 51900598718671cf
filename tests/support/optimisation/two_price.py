"""Random planning problems of every shape that the price coordinator plans, by seed."""

from collections.abc import Sequence

import numpy as np

from sunward.optimisation.decomposition.columnar import Columns, ColumnSettings
from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.instance import (
    Battery,
    EnergyPool,
    ExportRule,
    Job,
    Network,
    Node,
    Policy,
    PoolKind,
    Problem,
)

LARGE_INTENSITIES = (24.0, 60.0, 150.0, 300.0, 420.0, 560.0, 700.0)
INTENSITIES = (0.0, 24.0, 60.0, 150.0, 300.0, 420.0, 560.0, 700.0)


def fleet(
    seed: int,
    *,
    nodes: int | None = None,
    periods: int = 1,
    jobs: int = 1,
    pools: int | None = None,
    batteries: bool = False,
    choices: bool = False,
    workers: bool = False,
) -> Problem:
    """A checked problem; `choices` allows nodes that start asleep, whole-period sleep and the surplus rule."""
    draw = np.random.default_rng(seed)
    count = int(draw.integers(1, 8)) if nodes is None else nodes
    names = tuple(f"pi-{index:02d}" for index in range(count))
    zones = {f"zone-{index}": tuple(_pick(draw, INTENSITIES, periods)) for index in range(3)}
    network_scale = float(draw.choice([0.0, 1.0, 10.0]))
    problem = Problem(
        period_seconds=float(draw.choice([900.0, 3600.0])),
        intensity_grams_per_kilowatt_hour=zones,
        harvest_intensity_grams_per_kilowatt_hour=float(draw.choice([0.0, 0.0, 45.0])),
        nodes=tuple(_node(draw, name, sorted(zones), periods, battery=batteries, asleep=choices) for name in names),
        energy_pools=_pools(draw, names, pools),
        jobs=tuple(
            _job(draw, f"team/job-{index}", names, periods, workers=workers, load=1.0 / (jobs * periods))
            for index in range(jobs)
        ),
        network=Network(
            send_watt_hours_per_gigabyte=0.5 * network_scale,
            receive_watt_hours_per_gigabyte=0.4 * network_scale,
            seconds_per_gigabyte=160.0 * network_scale,
            transit_watt_hours_per_gigabyte=4.0 * network_scale,
            transit_intensity_grams_per_kilowatt_hour=400.0,
        ),
        policy=_policy(draw, count, choices=choices),
    )
    check_problem(problem)
    return problem


def _pick(draw: np.random.Generator, values: Sequence[float], count: int) -> list[float]:
    return [float(value) for value in draw.choice(values, count)]


def _node(draw: np.random.Generator, name: str, zones: list[str], periods: int, *, battery: bool, asleep: bool) -> Node:
    sunny = draw.random() < 0.6
    harvest = np.round(draw.exponential(1.0, periods) * sunny, 3)
    idle = round(float(draw.uniform(1, 3)), 2)
    return Node(
        name=name,
        grid_zone=str(draw.choice(zones)),
        idle_watts=idle,
        asleep_watts=round(float(draw.uniform(0, idle)), 2),
        can_sleep=bool(draw.random() < 0.8),
        initially_awake=not asleep or bool(draw.random() < 0.6),
        wake_watt_hours=round(float(draw.uniform(0, 0.1)), 3),
        wake_seconds=round(float(draw.uniform(0, 60)), 0),
        minimum_awake_periods=int(draw.integers(1, 3)),
        minimum_asleep_periods=int(draw.integers(1, 3)),
        harvest_watt_hours=tuple(float(value) for value in harvest),
        maximum_export_ratio=round(float(draw.random()), 2),
        storage_gigabytes=float(draw.choice([0.05, 8.0, 8.0])),
        embodied_grams_per_hour=round(float(draw.uniform(0, 1)), 2),
        battery=_battery(draw) if battery and draw.random() < 0.6 else None,
    )


def _battery(draw: np.random.Generator) -> Battery:
    return Battery(
        initial_watt_hours=2.0,
        capacity_watt_hours=5.0,
        minimum_watt_hours=1.0,
        final_watt_hours=float(draw.choice([1.0, 2.0])),
        charge_efficiency=0.95,
        discharge_efficiency=0.9,
        maximum_charge_watts=8.0,
        maximum_discharge_watts=8.0,
        wear_grams_per_watt_hour=float(draw.choice([0.0, 0.01])),
        charge_from_grid=bool(draw.random() < 0.5),
        exportable=False,
    )


def _pools(draw: np.random.Generator, names: tuple[str, ...], wanted: int | None) -> tuple[EnergyPool, ...]:
    count = int(draw.integers(0, 3)) if wanted is None else wanted
    belongs = draw.integers(-1, count, len(names))
    return tuple(
        EnergyPool(
            name=f"roof-{index}",
            kind=PoolKind.PHYSICAL,
            members=tuple(name for name, pool in zip(names, belongs, strict=True) if pool == index),
            efficiency=float(draw.choice([0.6, 0.9, 1.0])),
        )
        for index in range(count)
    )


def _job(
    draw: np.random.Generator, name: str, names: tuple[str, ...], periods: int, *, workers: bool, load: float
) -> Job:
    batches = {node: float(draw.integers(10, 1000)) for node in names if draw.random() < 0.7}
    able = [node for node in names if draw.random() < 0.95]
    busy = load * float(draw.uniform(0.1, 1.4)) * 900.0 * periods / max([*batches.values(), 1.0])
    release = int(draw.integers(1, periods + 1))
    return Job(
        name=name,
        release_period=release,
        deadline_period=int(draw.integers(release, periods + 1)),
        synchronous=periods == 1 and bool(draw.random() < 0.5),
        batches=batches,
        watt_hours_per_batch={node: round(float(draw.uniform(0, 0.004)), 5) for node in able},
        seconds_per_batch={node: round(busy * float(draw.uniform(0.4, 1.0)), 4) for node in able},
        gigabytes_per_batch=float(draw.choice([0.0, 1e-4, 1e-3])),
        maximum_offload_ratio=float(draw.choice([0.0, 0.25, 0.5, 1.0])),
        movable_to=tuple(node for node in names if draw.random() < 0.7) if draw.random() < 0.3 else None,
        minimum_workers=int(draw.integers(0, 3)) if workers else 0,
        minimum_batches_per_worker=float(draw.choice([0.0, 1.0, 50.0])) if workers else 0.0,
    )


def _policy(draw: np.random.Generator, count: int, *, choices: bool) -> Policy:
    return Policy(
        share_energy=bool(draw.random() < 0.85),
        offload_tasks=bool(draw.random() < 0.85),
        sleep=bool(draw.random() < 0.8),
        shift_in_time=True,
        partial_period_sleep=not choices or bool(draw.random() < 0.5),
        export_rule=ExportRule.SURPLUS_ONLY if choices and draw.random() < 0.5 else ExportRule.ANY_HARVEST,
        maximum_asleep_nodes=int(draw.integers(0, count + 1)) if choices and draw.random() < 0.4 else None,
        include_embodied=bool(draw.random() < 0.3),
    )


def large_fleet(nodes: int, *, seed: int) -> Columns:
    """A one-period fleet in one pool by columns: seven intensities, half of the nodes with panels."""
    draw = np.random.default_rng(seed)
    every = np.ones(nodes, np.bool_)
    batches, energy, seconds = (
        draw.uniform(200, 1000, nodes).round(),
        draw.uniform(0.0005, 0.002, nodes),
        draw.uniform(0.5, 1.2, nodes),
    )
    idle = draw.uniform(2, 3, nodes)
    demand = batches * (energy + idle * seconds / 3600)
    return Columns(
        settings=ColumnSettings(
            period_seconds=3600.0,
            gigabytes_per_batch=1e-4,
            maximum_offload_ratio=0.5,
            send_watt_hours_per_gigabyte=0.5,
            receive_watt_hours_per_gigabyte=0.5,
            seconds_per_gigabyte=160.0,
            transit_watt_hours_per_gigabyte=4.0,
            transit_intensity_grams_per_kilowatt_hour=400.0,
        ),
        intensity_grams_per_kilowatt_hour=draw.choice(LARGE_INTENSITIES, nodes) * draw.uniform(0.95, 1.05, nodes),
        idle_watts=idle,
        asleep_watts=np.full(nodes, 0.1),
        wake_watt_hours=np.full(nodes, 0.05),
        wake_seconds=np.full(nodes, 45.0),
        harvest_watt_hours=np.where(draw.random(nodes) < 0.5, draw.exponential(0.54, nodes) * demand, 0.0),
        maximum_export_ratio=np.full(nodes, 0.5),
        storage_gigabytes=np.full(nodes, 8.0),
        embodied_grams_per_hour=np.full(nodes, 0.6),
        batches=batches,
        watt_hours_per_batch=energy,
        seconds_per_batch=seconds,
        can_sleep=every,
        initially_awake=every,
        can_work=every,
        can_receive=every,
        pool=np.zeros(nodes, np.int32),
        pool_efficiency=np.array([0.95]),
    )
