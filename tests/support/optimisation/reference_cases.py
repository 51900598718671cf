"""Small random problem files that use every field of the format, alone and together, drawn without the optimiser.

`document(seed)` draws the features first and then the numbers, so that each seed is one mixture of rules. The amounts
are of a size at which every rule binds in a good share of the problems and most of them have a plan.
"""

import random
from typing import Any

SCHEMA = "sunward.dev/problem/v1alpha1"


def document(seed: int, *, nodes: int | None = None, periods: int | None = None) -> dict[str, Any]:
    """Returns one problem as its JSON document."""
    draw = random.Random(seed)
    count = nodes or draw.choice([1, 2, 2, 3, 3, 4, 5])
    length = periods or draw.choice([1, 1, 2, 2, 3, 4, 5])
    names, zones = [f"n{index}" for index in range(count)], ["east", "west"][: draw.randint(1, 2)]
    seconds = draw.choice([300, 900, 3600])
    return {
        "schema": SCHEMA,
        "period_seconds": seconds,
        "intensity_grams_per_kilowatt_hour": {zone: [_intensity(draw) for _ in range(length)] for zone in zones},
        "harvest_intensity_grams_per_kilowatt_hour": draw.choice([0.0, 0.0, 20.0, 45.5]),
        "nodes": [_node(draw, name, zones, length, seconds / 3600) for name in names],
        "energy_pools": [_pool(draw, index, names) for index in range(draw.choice([0, 1, 1, 1, 1, 2, 3]))],
        "jobs": [_job(draw, index, names, length, seconds) for index in range(draw.choice([0, 1, 1, 1, 1, 2, 3]))],
        "network": _network(draw),
        "policy": _policy(draw, count),
    }


def limited_document(seed: int) -> dict[str, Any]:
    """Returns a problem with the optional fields: nodes that may hardly sleep, homes that may hand over little."""
    found, draw = document(seed), random.Random(-1 - seed)
    for node in found["nodes"]:
        if draw.random() < 0.5:
            node["maximum_sleeps"] = draw.choice([0, 1])
    for job in found["jobs"]:
        job["maximum_offloaded_batches"] = {name: draw.choice([0, 30]) for name in list(job["batches"])[:2]}
    return found


def columnar_document(seed: int) -> dict[str, Any]:
    """Returns a problem of the kind that columns hold, often with more work than there is time or workers for."""
    draw = random.Random(seed)
    found = document(seed, periods=1, nodes=draw.choice([2, 3, 4, 5, 6]))
    found["jobs"], found["energy_pools"] = found["jobs"][:1], found["energy_pools"][:1]
    for node in found["nodes"]:
        node["battery"] = None
    burden = draw.choice([1, 1, 2, 4, 8])
    for job in found["jobs"]:
        job["batches"] = {name: burden * count for name, count in job["batches"].items()}
    return found


def _intensity(draw: random.Random) -> float:
    return draw.choice([0.0, 400.0, *[round(draw.uniform(10, 900), 1)] * 4])


def _node(draw: random.Random, name: str, zones: list[str], length: int, hours: float) -> dict[str, Any]:
    idle = draw.choice([2.7, 5.0, 40.0])
    needed = idle * hours
    sunny = draw.random() < 0.6
    return {
        "name": name,
        "grid_zone": draw.choice(zones),
        "idle_watts": idle,
        "asleep_watts": draw.choice([0.0, 0.1, 0.5]) * idle,
        "can_sleep": draw.random() < 0.75,
        "initially_awake": draw.random() < 0.6,
        "wake_watt_hours": draw.choice([0.0, 0.05, 0.3]) * needed,
        "wake_seconds": draw.choice([0, 45, 120.0]),
        "minimum_awake_periods": draw.choice([1, 1, 2, 3]),
        "minimum_asleep_periods": draw.choice([1, 1, 2, 3]),
        "harvest_watt_hours": [
            draw.choice([0.0, draw.uniform(0, 4)]) * needed if sunny else 0.0 for _ in range(length)
        ],
        "maximum_export_ratio": draw.choice([0.0, 0.5, 0.83, 1.0]),
        "storage_gigabytes": draw.choice([0.0, 0.05, 0.3, 8.0]),
        "embodied_grams_per_hour": draw.choice([0.0, 0.6]),
        "battery": _battery(draw, needed) if draw.random() < 0.4 else None,
    }


def _battery(draw: random.Random, needed: float) -> dict[str, Any]:
    capacity = draw.choice([1.0, 4.0]) * needed
    least = draw.choice([0.0, 0.2]) * capacity
    charge_from_grid = draw.random() < 0.4
    return {
        "initial_watt_hours": draw.uniform(least, capacity),
        "capacity_watt_hours": capacity,
        "minimum_watt_hours": least,
        "final_watt_hours": draw.choice([least, least, draw.uniform(least, capacity)]),
        "charge_efficiency": draw.choice([1.0, 0.9, 0.6]),
        "discharge_efficiency": draw.choice([1.0, 0.95, 0.7]),
        "maximum_charge_watts": draw.choice([0.5, 2.0]) * needed * 4,
        "maximum_discharge_watts": draw.choice([0.3, 2.0]) * needed * 4,
        "wear_grams_per_watt_hour": draw.choice([0.0, 0.01]),
        "charge_from_grid": charge_from_grid,
        "exportable": not charge_from_grid and draw.random() < 0.6,
    }


def _pool(draw: random.Random, index: int, names: list[str]) -> dict[str, Any]:
    return {
        "name": f"pool-{index}",
        "kind": draw.choice(["physical", "contractual"]),
        "members": draw.sample(names, draw.randint(1, len(names))),
        "efficiency": draw.choice([1.0, 0.95, 0.7]),
    }


def _job(draw: random.Random, index: int, names: list[str], length: int, seconds: int) -> dict[str, Any]:
    release = draw.randint(1, length)
    deadline = draw.randint(release, length)
    homes = draw.sample(names, draw.randint(1, len(names)))
    able = draw.sample(names, draw.randint(1, len(names))) if draw.random() < 0.2 else names
    slow = draw.choice([0.1, 0.1, 0.4]) * seconds * (deadline - release + 1) / 600
    return {
        "name": f"team/job-{index}",
        "release_period": release,
        "deadline_period": deadline,
        "synchronous": draw.random() < 0.35,
        "batches": {name: draw.choice([0, 100, 333, 600]) for name in homes},
        "watt_hours_per_batch": {name: draw.uniform(0.0002, 0.01) for name in able},
        "seconds_per_batch": {name: draw.uniform(0.2, 1.0) * slow for name in able},
        "gigabytes_per_batch": draw.choice([0.0, 0.0004, 0.002]),
        "maximum_offload_ratio": draw.choice([0.0, 0.3, 0.5, 1.0]),
        "movable_to": draw.sample(names, draw.randint(0, len(names))) if draw.random() < 0.3 else None,
        "minimum_workers": draw.choice([0, 1, 1, 1, 1, 2, 3]),
        "minimum_batches_per_worker": draw.choice([0, 1, 20, 60]),
    }


def _network(draw: random.Random) -> dict[str, Any]:
    return {
        "send_watt_hours_per_gigabyte": draw.choice([0.0, 0.5, 4.0]),
        "receive_watt_hours_per_gigabyte": draw.choice([0.0, 0.5, 3.0]),
        "seconds_per_gigabyte": draw.choice([0, 8, 160]),
        "transit_watt_hours_per_gigabyte": draw.choice([0.0, 4.0]),
        "transit_intensity_grams_per_kilowatt_hour": draw.choice([0.0, 400.0]),
    }


def _policy(draw: random.Random, count: int) -> dict[str, Any]:
    return {
        "share_energy": draw.random() < 0.8,
        "offload_tasks": draw.random() < 0.8,
        "sleep": draw.random() < 0.75,
        "shift_in_time": draw.random() < 0.7,
        "partial_period_sleep": draw.random() < 0.7,
        "export_rule": draw.choice(["any-harvest", "any-harvest", "surplus-only"]),
        "maximum_asleep_nodes": draw.choice([None, None, draw.randint(0, count)]),
        "include_embodied": draw.random() < 0.4,
    }
