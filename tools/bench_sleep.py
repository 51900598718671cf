"""A cluster over a day for the exact solver's part of `bench_planner`: sleep, batteries, a pool, jobs with windows."""

import math
from dataclasses import replace

import numpy as np

from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.instance import (
    Battery,
    EnergyPool,
    Job,
    Node,
    PoolKind,
    Problem,
)
from support.optimisation.instances import NETWORK, POLICY

ZONES = {"hydro": 24.0, "mixed": 320.0, "coal": 620.0}


def sleeping_cluster(nodes: int, periods: int, seed: int, *, whole_periods: bool = False) -> Problem:
    """A day in `periods` steps: four of ten nodes start asleep, half have panels, a third a battery; two jobs."""
    draw = np.random.default_rng(seed)
    names = [f"pi-{index:02d}" for index in range(nodes)]
    hours = 24.0 / periods
    clock = np.arange(periods) * hours
    sun = np.maximum(0.0, np.sin((clock - 6.0) / 12.0 * math.pi))
    problem = Problem(
        period_seconds=hours * 3600.0,
        intensity_grams_per_kilowatt_hour={
            zone: tuple((level * (1.0 - 0.25 * sun + 0.1 * np.cos(clock / 12 * math.pi))).round(3).tolist())
            for zone, level in ZONES.items()
        },
        harvest_intensity_grams_per_kilowatt_hour=0.0,
        nodes=tuple(_node(draw, name, sun * hours) for name in names),
        energy_pools=(_roof(names[: max(2, nodes // 2)]),),
        jobs=(
            _job(draw, "team/day", names, (1, periods), 4.0),
            _job(draw, "team/noon", names, (periods // 4 + 1, periods * 3 // 4), 2.0),
        ),
        network=NETWORK,
        policy=replace(POLICY, partial_period_sleep=not whole_periods),
    )
    check_problem(problem)
    return problem


def _roof(members: list[str]) -> EnergyPool:
    return EnergyPool(name="roof", kind=PoolKind.PHYSICAL, members=tuple(members), efficiency=0.95)


def _node(draw: np.random.Generator, name: str, sun: np.ndarray) -> Node:
    panel = float(draw.uniform(2.0, 8.0)) if draw.random() < 0.5 else 0.0
    return Node(
        name=name,
        grid_zone=str(draw.choice(list(ZONES))),
        idle_watts=2.7,
        asleep_watts=0.1,
        can_sleep=True,
        initially_awake=bool(draw.random() < 0.6),
        wake_watt_hours=0.05,
        wake_seconds=45.0,
        minimum_awake_periods=2,
        minimum_asleep_periods=1,
        harvest_watt_hours=tuple((panel * sun).round(4).tolist()),
        maximum_export_ratio=0.5,
        storage_gigabytes=8.0,
        embodied_grams_per_hour=0.6,
        battery=_battery() if draw.random() < 0.35 else None,
    )


def _battery() -> Battery:
    return Battery(
        initial_watt_hours=5.0,
        capacity_watt_hours=20.0,
        minimum_watt_hours=4.0,
        final_watt_hours=5.0,
        charge_efficiency=0.95,
        discharge_efficiency=0.95,
        maximum_charge_watts=10.0,
        maximum_discharge_watts=10.0,
        wear_grams_per_watt_hour=0.0,
        charge_from_grid=False,
        exportable=False,
    )


def _job(draw: np.random.Generator, name: str, names: list[str], window: tuple[int, int], hours: float) -> Job:
    seconds = {node: round(float(draw.uniform(0.8, 1.0)), 3) for node in names}
    return Job(
        name=name,
        release_period=window[0],
        deadline_period=window[1],
        synchronous=False,
        batches={node: round(hours * 3600.0 / 0.9 * float(draw.uniform(0.5, 1.0))) * 1.0 for node in names},
        watt_hours_per_batch={node: round(3.7 * seconds[node] / 3600.0, 6) for node in names},
        seconds_per_batch=seconds,
        gigabytes_per_batch=1e-4,
        maximum_offload_ratio=0.5,
        movable_to=None,
        minimum_workers=1,
        minimum_batches_per_worker=0.0,
    )
