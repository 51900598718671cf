"""Planning problems for tests: one small builder with defaults for every field, and random instances by seed."""

import json
import random
from dataclasses import replace
from typing import Any

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

BATTERY = Battery(
    initial_watt_hours=5.0,
    capacity_watt_hours=10.0,
    minimum_watt_hours=1.0,
    final_watt_hours=5.0,
    charge_efficiency=0.9,
    discharge_efficiency=0.9,
    maximum_charge_watts=10.0,
    maximum_discharge_watts=10.0,
    wear_grams_per_watt_hour=0.0,
    charge_from_grid=False,
    exportable=False,
)
NETWORK = Network(
    send_watt_hours_per_gigabyte=0.5,
    receive_watt_hours_per_gigabyte=0.5,
    seconds_per_gigabyte=160.0,
    transit_watt_hours_per_gigabyte=4.0,
    transit_intensity_grams_per_kilowatt_hour=400.0,
)
POLICY = Policy(
    share_energy=True,
    offload_tasks=True,
    sleep=True,
    shift_in_time=True,
    partial_period_sleep=True,
    export_rule=ExportRule.ANY_HARVEST,
    maximum_asleep_nodes=None,
    include_embodied=False,
)


def node(name: str, zone: str = "dirty", *, harvest: tuple[float, ...] = (0.0, 0.0), **changes: Any) -> Node:
    """A Pi-like node that is awake, may sleep and harvests nothing."""
    plain = Node(
        name=name,
        grid_zone=zone,
        idle_watts=2.0,
        asleep_watts=0.0,
        can_sleep=True,
        initially_awake=True,
        wake_watt_hours=0.05,
        wake_seconds=36.0,
        minimum_awake_periods=1,
        minimum_asleep_periods=1,
        harvest_watt_hours=harvest,
        maximum_export_ratio=0.5,
        storage_gigabytes=8.0,
        embodied_grams_per_hour=0.5,
        battery=None,
    )
    return replace(plain, **changes)


def job(batches: dict[str, float], workers: tuple[str, ...] = (), **changes: Any) -> Job:
    """A job of 1 mWh and 1 s per batch whose data weigh nothing, over two periods."""
    able = tuple(batches) + tuple(name for name in workers if name not in batches)
    plain = Job(
        name="default/job",
        release_period=1,
        deadline_period=2,
        synchronous=False,
        batches=batches,
        watt_hours_per_batch=dict.fromkeys(able, 0.001),
        seconds_per_batch=dict.fromkeys(able, 1.0),
        gigabytes_per_batch=0.0,
        maximum_offload_ratio=0.5,
        movable_to=None,
        minimum_workers=0,
        minimum_batches_per_worker=0.0,
    )
    return replace(plain, **changes)


def pool(*members: str, **changes: Any) -> EnergyPool:
    """A physical pool that loses a tenth."""
    return replace(EnergyPool(name="roof", kind=PoolKind.PHYSICAL, members=members, efficiency=0.9), **changes)


def problem(*nodes: Node, jobs: tuple[Job, ...] = (), pools: tuple[EnergyPool, ...] = (), **changes: Any) -> Problem:
    """Two hourly periods, a clean and a dirty zone; keywords of the policy or the problem change either."""
    policy = replace(POLICY, **{name: changes.pop(name) for name in list(changes) if hasattr(POLICY, name)})
    plain = Problem(
        period_seconds=3600.0,
        intensity_grams_per_kilowatt_hour={"clean": (100.0, 100.0), "dirty": (500.0, 500.0)},
        harvest_intensity_grams_per_kilowatt_hour=0.0,
        nodes=nodes,
        energy_pools=pools,
        jobs=jobs,
        network=NETWORK,
        policy=policy,
    )
    made = replace(plain, **changes)
    check_problem(made)
    return made


def as_document(made: Problem) -> dict[str, Any]:
    """The problem as the parsed JSON of its file."""
    document: dict[str, Any] = json.loads(made.to_json())
    return document


def instance(
    seed: int, *, nodes: int | None = None, periods: int | None = None, whole: bool = False, limits: bool = False
) -> Problem:
    """A random small problem that uses every feature of the format; `whole` gives whole shards, `limits` its optional
    fields."""
    draw = random.Random(seed)
    names = [f"n{i}" for i in range(nodes or draw.randint(1, 4))]
    count = periods or draw.randint(1, 4)
    zones = [f"z{i}" for i in range(draw.randint(1, 3))]
    seconds = draw.choice([900.0, 3600.0])
    made = Problem(
        period_seconds=seconds,
        intensity_grams_per_kilowatt_hour={z: tuple(draw.uniform(20, 700) for _ in range(count)) for z in zones},
        harvest_intensity_grams_per_kilowatt_hour=draw.choice([0.0, 0.0, 40.0]),
        nodes=tuple(_random_node(draw, name, zones, count) for name in names),
        energy_pools=tuple(_random_pool(draw, index, names) for index in range(draw.randint(0, 2))),
        jobs=tuple(_random_job(draw, index, names, count, seconds, whole) for index in range(draw.randint(0, 2))),
        network=replace(NETWORK, seconds_per_gigabyte=draw.choice([0.0, 160.0])),
        policy=_random_policy(draw),
    )
    made = _with_limits(made, random.Random(-1 - seed)) if limits else made
    check_problem(made)
    return made


def _with_limits(made: Problem, draw: random.Random) -> Problem:
    """Some nodes may sleep only so many times, some homes may hand over only so many batches."""
    nodes = tuple(replace(node, maximum_sleeps=draw.choice([None, None, 0, 1])) for node in made.nodes)
    jobs = tuple(
        replace(job, maximum_offloaded_batches={home: draw.uniform(0, size) for home, size in job.batches.items()})
        if draw.random() < 0.3
        else job
        for job in made.jobs
    )
    return replace(made, nodes=nodes, jobs=jobs)


def _random_node(draw: random.Random, name: str, zones: list[str], count: int) -> Node:
    return Node(
        name=name,
        grid_zone=draw.choice(zones),
        idle_watts=draw.uniform(1, 4),
        asleep_watts=draw.uniform(0, 1),
        can_sleep=draw.random() < 0.8,
        initially_awake=draw.random() < 0.6,
        wake_watt_hours=draw.choice([0.0, 0.05, 0.5]),
        wake_seconds=draw.choice([0.0, 45.0, 300.0]),
        minimum_awake_periods=draw.randint(1, 3),
        minimum_asleep_periods=draw.randint(1, 3),
        harvest_watt_hours=tuple(draw.choice([0.0, draw.uniform(0, 6)]) for _ in range(count)),
        maximum_export_ratio=draw.choice([0.0, 0.5, 1.0]),
        storage_gigabytes=draw.choice([0.0, 0.05, 8.0]),
        embodied_grams_per_hour=draw.uniform(0, 1),
        battery=_random_battery(draw) if draw.random() < 0.5 else None,
    )


def _random_battery(draw: random.Random) -> Battery:
    capacity = draw.uniform(1, 10)
    least = draw.uniform(0, capacity / 2)
    initial = draw.uniform(least, capacity)
    exportable = draw.random() < 0.4
    return Battery(
        initial_watt_hours=initial,
        capacity_watt_hours=capacity,
        minimum_watt_hours=least,
        final_watt_hours=draw.uniform(least, initial if draw.random() < 0.8 else capacity),
        charge_efficiency=draw.choice([1.0, 0.9]),
        discharge_efficiency=draw.choice([1.0, 0.9]),
        maximum_charge_watts=draw.uniform(0, 10),
        maximum_discharge_watts=draw.uniform(0, 10),
        wear_grams_per_watt_hour=draw.choice([0.0, 0.01]),
        charge_from_grid=not exportable and draw.random() < 0.5,
        exportable=exportable,
    )


def _random_pool(draw: random.Random, index: int, names: list[str]) -> EnergyPool:
    return EnergyPool(
        name=f"p{index}",
        kind=draw.choice(list(PoolKind)),
        members=tuple(draw.sample(names, draw.randint(1, len(names)))),
        efficiency=draw.choice([1.0, 0.9]),
    )


def _random_job(draw: random.Random, index: int, names: list[str], count: int, seconds: float, whole: bool) -> Job:
    release = draw.randint(1, count)
    able = [name for name in names if draw.random() < 0.85]
    shards = {name: draw.choice([0.0, draw.uniform(10, 600) * seconds / 1800]) for name in names if draw.random() < 0.8}
    return Job(
        name=f"default/j{index}",
        release_period=release,
        deadline_period=draw.randint(release, count),
        synchronous=draw.random() < 0.5,
        batches={name: float(round(size)) if whole else size for name, size in shards.items()},
        watt_hours_per_batch={name: draw.uniform(0.0005, 0.005) for name in able},
        seconds_per_batch={name: draw.uniform(0.3, 1.2) for name in able},
        gigabytes_per_batch=draw.choice([0.0, 0.0004]),
        maximum_offload_ratio=draw.choice([0.0, 0.5, 1.0]),
        movable_to=None if draw.random() < 0.6 else tuple(draw.sample(names, draw.randint(0, len(names)))),
        minimum_workers=draw.choice([0, 0, 1, 2]),
        minimum_batches_per_worker=draw.choice([0.0, 1.0, 50.0]),
    )


def _random_policy(draw: random.Random) -> Policy:
    return Policy(
        share_energy=draw.random() < 0.8,
        offload_tasks=draw.random() < 0.8,
        sleep=draw.random() < 0.8,
        shift_in_time=draw.random() < 0.8,
        partial_period_sleep=draw.random() < 0.5,
        export_rule=draw.choice(list(ExportRule)),
        maximum_asleep_nodes=draw.choice([None, None, 0, 1]),
        include_embodied=draw.random() < 0.3,
    )
