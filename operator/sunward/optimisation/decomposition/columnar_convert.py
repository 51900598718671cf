"""Turns a `Problem` into columns where its structure allows, and says plainly why where it does not."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sunward.optimisation.decomposition.columnar import NO_POOL, Columns, ColumnSettings, NodeFlags, PerNode
from sunward.optimisation.decomposition.errors import UnsupportedError
from sunward.optimisation.problem.instance import ExportRule, Job, Node, Problem

NODE_NUMBERS = (
    "idle_watts",
    "asleep_watts",
    "wake_watt_hours",
    "wake_seconds",
    "maximum_export_ratio",
    "storage_gigabytes",
    "embodied_grams_per_hour",
)
"""Fields of a node that are a column of the same name."""


def not_columnar(problem: Problem) -> str | None:
    """Why the problem has no columnar form; None when it has one."""
    if problem.period_count != 1:
        return f"{problem.period_count} periods; columns hold one"
    if any(node.battery is not None for node in problem.nodes):
        return "a node has a battery; columns hold none"
    if len(problem.jobs) > 1:
        return f"{len(problem.jobs)} jobs; columns hold at most one"
    if any(node.maximum_sleeps is not None for node in problem.nodes):
        return "a node may sleep only so many times; columns hold no number of sleeps"
    if any(job.maximum_offloaded_batches is not None for job in problem.jobs):
        return "a job limits what may leave a home by batches; columns hold one ratio for all"
    members = [name for pool in problem.energy_pools for name in pool.members]
    if problem.policy.share_energy and len(members) != len(set(members)):
        return "a node belongs to several energy pools; columns hold one pool per node"
    return None


def to_columns(problem: Problem) -> Columns:
    """The problem by columns; raises `UnsupportedError` with the reason where `not_columnar` gives one."""
    refusal = not_columnar(problem)
    if refusal is not None:
        raise UnsupportedError(refusal)
    nodes, job = problem.nodes, (problem.jobs[0] if problem.jobs else None)
    pools = {name: index for index, pool in enumerate(problem.energy_pools) for name in pool.members}
    return Columns(
        settings=_settings(problem, job),
        can_sleep=_flags(node.can_sleep for node in nodes),
        initially_awake=_flags(node.initially_awake for node in nodes),
        can_work=_flags(_can_work(job, node) for node in nodes),
        can_receive=_flags(job is not None and job.may_move_to(node.name) for node in nodes),
        pool=np.array([pools.get(node.name, NO_POOL) for node in nodes], dtype=np.int32),
        pool_efficiency=_floats(pool.efficiency for pool in problem.energy_pools),
        names=np.array([node.name for node in nodes], dtype=np.str_),
        **_own_columns(problem),
        **_work_columns(nodes, job),
    )


def _own_columns(problem: Problem) -> dict[str, PerNode]:
    """What a node draws, harvests and holds; of what has a value per period, that of the only one."""
    nodes, zones = problem.nodes, problem.intensity_grams_per_kilowatt_hour
    return {
        "intensity_grams_per_kilowatt_hour": _floats(zones[node.grid_zone][0] for node in nodes),
        "harvest_watt_hours": _floats(node.harvest_watt_hours[0] for node in nodes),
        **{name: _floats(getattr(node, name) for node in nodes) for name in NODE_NUMBERS},
    }


def _work_columns(nodes: Sequence[Node], job: Job | None) -> dict[str, PerNode]:
    """What the job asks of every node; zero where it has nothing there, or where there is no job."""
    amounts: dict[str, Mapping[str, float]] = {
        "batches": job.batches if job else {},
        "watt_hours_per_batch": job.watt_hours_per_batch if job else {},
        "seconds_per_batch": job.seconds_per_batch if job else {},
    }
    return {name: _floats(by_node.get(node.name, 0.0) for node in nodes) for name, by_node in amounts.items()}


def _settings(problem: Problem, job: Job | None) -> ColumnSettings:
    network, policy = problem.network, problem.policy
    counts = job is not None and job.total_batches > 0
    return ColumnSettings(
        period_seconds=problem.period_seconds,
        harvest_intensity_grams_per_kilowatt_hour=problem.harvest_intensity_grams_per_kilowatt_hour,
        gigabytes_per_batch=job.gigabytes_per_batch if job else 0.0,
        maximum_offload_ratio=job.maximum_offload_ratio if job else 0.0,
        minimum_workers=job.minimum_workers if job and counts else 0,
        minimum_batches_per_worker=job.minimum_batches_per_worker if job and counts else 0.0,
        send_watt_hours_per_gigabyte=network.send_watt_hours_per_gigabyte,
        receive_watt_hours_per_gigabyte=network.receive_watt_hours_per_gigabyte,
        seconds_per_gigabyte=network.seconds_per_gigabyte,
        transit_watt_hours_per_gigabyte=network.transit_watt_hours_per_gigabyte,
        transit_intensity_grams_per_kilowatt_hour=network.transit_intensity_grams_per_kilowatt_hour,
        share_energy=policy.share_energy,
        offload_tasks=policy.offload_tasks,
        sleep=policy.sleep,
        partial_period_sleep=policy.partial_period_sleep,
        surplus_only=policy.export_rule is ExportRule.SURPLUS_ONLY,
        maximum_asleep_nodes=policy.maximum_asleep_nodes,
        include_embodied=policy.include_embodied,
    )


def _can_work(job: Job | None, node: Node) -> bool:
    """Without a job every node trivially can; a node without rates cannot."""
    return job is None or job.can_work(node.name)


def _floats(values: Iterable[float]) -> PerNode:
    return np.fromiter(values, dtype=np.float64)


def _flags(values: Iterable[bool]) -> NodeFlags:
    return np.fromiter(values, dtype=np.bool_)
