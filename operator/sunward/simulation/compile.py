"""The rest of a simulation as a planning problem: the same format, and so the same solver, as the operator's.

How much of a shard may still move depends on what has moved already, which one ratio per job cannot say. An
asynchronous task therefore becomes two jobs: what may go anywhere and what must stay. A synchronous task stays
one job whose ratio is the tightest of its shards.

Periods here are long and boots short, so a boot is not an integer decision: every node plans as if it booted
once in a full period of work (its batches take a little longer), and the physics charge each boot that really
happens. The problem then stays linear, which is what makes a thousand days affordable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sunward.optimisation.problem import (
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
from sunward.simulation.future import Outlook
from sunward.simulation.scenario import Scenario
from sunward.simulation.tasks import Task
from sunward.simulation.world import NodeState, Power

MOVABLE, PINNED = "#movable", "#pinned"
"""Suffixes of the two jobs of an asynchronous task."""

_STORAGE_GIGABYTES = 1e6
_SAFETY = 1.002
"""Plans leave this much time over, or a last period without any slack would miss its deadline by rounding."""


def task_name(job: str) -> str:
    """The task that a job of the problem belongs to."""
    return job.removesuffix(MOVABLE).removesuffix(PINNED)


def horizon(tasks: Sequence[Task], period: int, longest: int) -> int:
    """Periods to look ahead: to the last deadline of an active task, at least one and at most `longest`."""
    ends = [task.deadline - period for task in tasks if task.active(period)]
    return max(1, min(longest, max(ends, default=1)))


def compile_problem(
    scenario: Scenario, tasks: Sequence[Task], states: Mapping[str, NodeState], outlook: Outlook, period: int
) -> Problem:
    """The planning problem at the start of `period`, with everything allowed; policies restrict it."""
    count = len(next(iter(outlook.intensity.values())))
    return Problem(
        period_seconds=scenario.period_seconds,
        intensity_grams_per_kilowatt_hour={
            zone: tuple(float(value) for value in values) for zone, values in outlook.intensity.items()
        },
        harvest_intensity_grams_per_kilowatt_hour=0.0,
        nodes=tuple(_node(scenario, name, states[name], outlook, count) for name in scenario.nodes),
        energy_pools=energy_pools(scenario),
        jobs=tuple(job for task in tasks if task.active(period) for job in _jobs(scenario, task, period, count)),
        network=_network(scenario),
        policy=Policy(
            share_energy=True,
            offload_tasks=True,
            sleep=True,
            shift_in_time=True,
            partial_period_sleep=True,
            export_rule=ExportRule(scenario.export_rule),
            maximum_asleep_nodes=None,
            include_embodied=False,
        ),
    )


def energy_pools(scenario: Scenario) -> tuple[EnergyPool, ...]:
    """The scenario's pools with their members by name; a pool without sites holds every node."""
    return tuple(
        EnergyPool(
            name=name,
            kind=PoolKind(pool.kind),
            members=tuple(n for n, node in scenario.nodes.items() if pool.sites is None or node.site in pool.sites),
            efficiency=pool.efficiency,
        )
        for name, pool in scenario.pools.items()
    )


def seconds_per_batch(scenario: Scenario, task: Task, node: str) -> float:
    """How long one batch takes on a node."""
    return task.job.seconds_per_batch / scenario.profiles[scenario.nodes[node].profile].speed


def _node(scenario: Scenario, name: str, state: NodeState, outlook: Outlook, count: int) -> Node:
    place = scenario.nodes[name]
    profile = scenario.profiles[place.profile]
    harvest = outlook.harvest_watt_hours.get(name)
    return Node(
        name=name,
        grid_zone=place.zone,
        idle_watts=profile.idle_watts,
        asleep_watts=profile.asleep_watts,
        can_sleep=place.can_sleep,
        initially_awake=state.power is not Power.ASLEEP,
        wake_watt_hours=0.0,
        wake_seconds=0.0,
        minimum_awake_periods=1,
        minimum_asleep_periods=1,
        harvest_watt_hours=(0.0,) * count if harvest is None else tuple(float(value) for value in harvest),
        maximum_export_ratio=place.maximum_export_ratio,
        storage_gigabytes=_STORAGE_GIGABYTES,
        embodied_grams_per_hour=0.0,
        battery=_battery(scenario, name, state),
    )


def _battery(scenario: Scenario, name: str, state: NodeState) -> Battery | None:
    battery = scenario.nodes[name].battery
    if battery is None:
        return None
    reserve = min(battery.reserve_ratio * battery.capacity_watt_hours, state.stored_watt_hours)
    stored = min(state.stored_watt_hours, battery.capacity_watt_hours)
    return Battery(
        initial_watt_hours=stored,
        capacity_watt_hours=battery.capacity_watt_hours,
        minimum_watt_hours=reserve,
        final_watt_hours=reserve,
        charge_efficiency=battery.charge_efficiency,
        discharge_efficiency=battery.discharge_efficiency,
        maximum_charge_watts=battery.maximum_charge_watts,
        maximum_discharge_watts=battery.maximum_discharge_watts,
        wear_grams_per_watt_hour=0.0,
        charge_from_grid=False,
        exportable=False,
    )


def _jobs(scenario: Scenario, task: Task, period: int, count: int) -> tuple[Job, ...]:
    """What has to be done within the horizon; a deadline beyond it asks for its share of the work."""
    share = min(1.0, count / (task.deadline - period))
    owed = {home: share * batches for home, batches in task.remaining.items()}
    free = {home: share * batches for home, batches in task.movable.items()}
    last = min(count, task.deadline - period)
    if task.job.synchronous:
        tight = min((free[h] / owed[h] for h in owed if owed[h] > 0.0), default=0.0)
        return (_job(scenario, task, task.name, owed, tight, last),)
    pinned = {home: max(0.0, owed[home] - free[home]) for home in owed}
    return (
        _job(scenario, task, task.name + MOVABLE, free, 1.0, last),
        _job(scenario, task, task.name + PINNED, pinned, 0.0, last),
    )


def _job(scenario: Scenario, task: Task, name: str, batches: Mapping[str, float], ratio: float, last: int) -> Job:
    seconds, watt_hours = {}, {}
    for node in scenario.nodes:
        profile = scenario.profiles[scenario.nodes[node].profile]
        each = seconds_per_batch(scenario, task, node)
        seconds[node] = _SAFETY * each / (1.0 - min(0.5, profile.boot_seconds / scenario.period_seconds))
        watt_hours[node] = (profile.busy_watts - profile.idle_watts) * task.job.busy_ratio * each / 3600.0
    return Job(
        name=name,
        release_period=1,
        deadline_period=last,
        synchronous=task.job.synchronous,
        batches=dict(batches),
        watt_hours_per_batch=watt_hours,
        seconds_per_batch=seconds,
        gigabytes_per_batch=task.job.gigabytes_per_batch,
        maximum_offload_ratio=min(1.0, max(0.0, ratio)),
        movable_to=None,
        minimum_workers=0,
        minimum_batches_per_worker=0.0,
    )


def _network(scenario: Scenario) -> Network:
    network = scenario.network
    return Network(
        send_watt_hours_per_gigabyte=network.endpoint_watt_hours_per_gigabyte,
        receive_watt_hours_per_gigabyte=network.endpoint_watt_hours_per_gigabyte,
        seconds_per_gigabyte=network.seconds_per_gigabyte,
        transit_watt_hours_per_gigabyte=network.transit_watt_hours_per_gigabyte,
        transit_intensity_grams_per_kilowatt_hour=network.transit_intensity_grams_per_kilowatt_hour,
    )
