"""Figures of a TrainingJob's status beside its progress: who is ready, what is saved, how long it takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sunward.cluster.access.times import format_time
from sunward.cluster.objects.crd_types import (
    TrainingJobStatus,
    TrainingJobStatusCoordinator,
    TrainingJobStatusLastCheckpoint,
    TrainingJobStatusLearnedCost,
)
from sunward.cluster.objects.statuses import present
from sunward.cluster.training.templates import coordinator_name
from sunward.domain.estimate import Estimate, updated
from sunward.domain.jobs import JobView
from sunward.domain.nodes import Learned, NodeView
from sunward.domain.plans import JobDirective
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.planning.jobs.directives import job_over
from sunward.planning.jobs.facts import completion_time

COSTS_LIMIT = 256
MICRO = 1e-6


def figures(
    job: JobView, directive: JobDirective | None, nodes: Sequence[NodeView], old: TrainingJobStatus, now: datetime
) -> TrainingJobStatus:
    """All of them, as a part of a merge patch; what a silent coordinator last said stays."""
    is_over = job_over(job) is not None
    rows = directive.assignments if directive is not None and directive.run and not is_over else ()
    status: TrainingJobStatus = {
        "readyWorkers": job.ready_workers,
        "coordinator": None if is_over else _coordinator(job),
        "estimatedCompletionTime": format_time(completion_time(job, rows, now)),
        "learnedCosts": learned_costs(job, {node.name: node.record.learned for node in nodes}, old),
    }
    progress = job.progress
    if progress is not None and progress.batches_done is not None:
        status["batchesDone"] = progress.batches_done
    if progress is not None and progress.updates is not None:
        status["refusedUpdates"] = progress.updates.refused_count
    if progress is not None and progress.checkpoint_at is not None:
        saved: TrainingJobStatusLastCheckpoint = {"round": progress.round, "time": format_time(progress.checkpoint_at)}
        status["lastCheckpoint"] = saved
    return status


def _coordinator(job: JobView) -> TrainingJobStatusCoordinator | None:
    if job.coordinator_node is None:
        return None
    return {"node": job.coordinator_node, "pod": coordinator_name(job.spec)}


def learned_costs(
    job: JobView, draws: Mapping[str, Learned], old: TrainingJobStatus
) -> list[TrainingJobStatusLearnedCost]:
    """What a batch costs on each node that worked, with the rounds since the last write as one more observation.

    The time is what the workers measured. The energy above idle is the time times the node's draw at work less its
    draw idle, once both were measured.
    """
    before = {row["node"]: row for row in old.get("learnedCosts") or ()}
    seconds = dict(job.progress.seconds_per_batch) if job.progress else {}
    has_new_round = job.last_round > (old.get("round") or 0)
    worked = {row.node for row in job.assignments} & seconds.keys() if has_new_round else set()
    fresh = {node: _row(node, before.get(node), seconds[node], draws.get(node)) for node in worked}
    return [row for _, row in sorted((before | fresh).items())][:COSTS_LIMIT]


def _row(
    node: str, before: TrainingJobStatusLearnedCost | None, seconds: float, draws: Learned | None
) -> TrainingJobStatusLearnedCost:
    time = updated(_estimate(before), seconds)
    energy = _watt_hours_per_batch(draws, time.mean)
    row: TrainingJobStatusLearnedCost = {
        "node": node,
        "microsecondsPerBatch": round(time.mean / MICRO),
        "microwattHoursPerBatch": None if energy is None else round(energy / MICRO),
        "observations": time.observations,
    }
    return present(row)


def _estimate(row: TrainingJobStatusLearnedCost | None) -> Estimate | None:
    mean = None if row is None else row.get("microsecondsPerBatch")
    count = None if row is None else row.get("observations")
    return None if mean is None or not count else Estimate(mean=mean * MICRO, spread=0.0, observations=count)


def _watt_hours_per_batch(draws: Learned | None, seconds: float) -> float | None:
    if draws is None or draws.idle_watts is None or draws.busy_watts is None:
        return None
    return max(0.0, draws.busy_watts.mean - draws.idle_watts.mean) * seconds / SECONDS_PER_HOUR
