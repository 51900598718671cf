"""What one job needs and has done, figure by figure; what is not known is assumed here, by name, and nowhere else."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.jobs import Assignment, JobView, Shard
from sunward.domain.nodes import NodeView
from sunward.domain.reasons import Reason
from sunward.domain.units import JOULES_PER_WATT_HOUR

ASSUMED_SECONDS_PER_BATCH = 1.0
"""Time of a batch on a node that has not yet trained, in a job that has not yet trained anywhere."""

FASTER_THAN_PLANNED = 1.2
"""Rounds that may run in a period for each one that fits by the figures, before the next plan sees what was moved."""

SMALLEST_ROW_SHARE = 0.2
"""A worker that takes part in a shard gets at least this share of the shard's batches of a round."""


def outside(namespace: str, allowed: Container[str]) -> Cause | None:
    """Why nothing may be created in a namespace; None where it is one of those that the policy names."""
    if namespace in allowed:
        return None
    return Cause(Reason.NAMESPACE_NOT_ALLOWED, f"add {namespace} to spec.namespaces of EnergyPolicy default")


def remaining_rounds(job: JobView) -> int:
    """Rounds still to do; what the status remembers counts where the coordinator is silent."""
    return max(0, job.spec.rounds - rounds_done(job))


def smallest_row(steps_per_round: int) -> int:
    """Fewest batches of a shard in a round that are worth a worker's start."""
    return max(1, int(steps_per_round * SMALLEST_ROW_SHARE))


def seconds_per_batch(job: JobView, node: str) -> float:
    """Time of a batch: as stated, else as learned on the node, else as learned on average, else assumed."""
    stated = job.spec.cost.seconds_per_batch
    if stated is not None:
        return stated
    learned = {name: value for name, value in (job.progress.seconds_per_batch if job.progress else ()) if value > 0}
    if node in learned:
        return learned[node]
    return sum(learned.values()) / len(learned) if learned else ASSUMED_SECONDS_PER_BATCH


def watt_hours_per_batch(job: JobView, node: NodeView) -> float:
    """Energy of a batch above idle: as stated, else the node's busy draw above idle for the time of a batch."""
    stated = job.spec.cost.watt_hours_per_batch
    if stated is not None:
        return stated
    power = node.spec.power
    return max(0.0, power.busy_watts - power.idle_watts) * seconds_per_batch(job, node.name) / JOULES_PER_WATT_HOUR


def is_copied(job: JobView, shard: Shard) -> bool:
    """Whether a node other than its home holds a shard."""
    held = job.progress.cached_shards if job.progress else ()
    return any(shard.name in shards and node != shard.node for node, shards in held)


def covers(rows: Sequence[Assignment], job: JobView, shards: Sequence[Shard], workers: Container[str]) -> bool:
    """Whether the rows give every shard exactly its batches of a round, on nodes that may work."""
    given: dict[str, int] = defaultdict(int)
    for row in rows:
        given[row.shard] += row.batches
    expected = {shard.name: job.spec.steps_per_round for shard in shards}
    return dict(given) == expected and all(row.node in workers for row in rows)


def batches_left_to_move(job: JobView, shard: str) -> float:
    """Batches of a shard that may still be worked on away from home; the round in work has spent its own already."""
    limit = job.spec.maximum_offload_ratio * job.spec.batches_per_shard
    return max(0.0, limit - _moved_at_most(job, shard))


def _moved_at_most(job: JobView, shard: str) -> float:
    """Batches of a shard that were moved or are being moved, as the coordinator counts them.

    One that is silent or has lost its count may have moved every round that the status remembers, and one more.
    """
    progress = job.progress
    if progress is not None and progress.round >= job.last_round:
        return dict(progress.offloaded_batches_by_shard).get(shard, 0.0)
    rounds = job.last_round + (1 if job.assignments else 0)
    return float(rounds * job.spec.steps_per_round)


def rounds_done(job: JobView) -> int:
    """Rounds that count; what the status remembers where the coordinator is silent."""
    return max(job.last_round, job.progress.round if job.progress else 0)


def seconds_by_node(job: JobView, rows: Iterable[Assignment]) -> dict[str, float]:
    """How long each node works on one round with these rows; a round waits for the slowest."""
    busy: dict[str, float] = defaultdict(float)
    for row in rows:
        busy[row.node] += row.batches * seconds_per_batch(job, row.node)
    return dict(busy)


def rounds_at_most(
    job: JobView, rows: Iterable[Assignment], period_seconds: float, until_round: int | None = None
) -> int:
    """Rounds that may run with these rows before the next plan; the slowest worker sets the pace, unless the directive
    ends them earlier."""
    slowest = max(seconds_by_node(job, rows).values(), default=0.0)
    fit = math.ceil(FASTER_THAN_PLANNED * period_seconds / slowest) if slowest > 0 else remaining_rounds(job)
    ordered = fit if until_round is None else until_round - rounds_done(job)
    return max(1, min(remaining_rounds(job), fit, ordered))


def completion_time(job: JobView, rows: Sequence[Assignment], now: datetime) -> datetime | None:
    """When the remaining rounds are done at the pace of these rows; None where it does not run or no pace is known,
    and beyond the end of the calendar."""
    seconds = _round_seconds(job, rows)
    try:
        return None if seconds is None else now + timedelta(seconds=remaining_rounds(job) * seconds)
    except OverflowError:
        return None


def _round_seconds(job: JobView, rows: Sequence[Assignment]) -> float | None:
    """How long a round takes: as long as the last one, else as long as its slowest worker by what a batch takes.

    None where neither was measured nor stated: an assumed pace is no ground for a promise.
    """
    if not rows:
        return None
    if job.progress is not None and job.progress.round_seconds is not None:
        return job.progress.round_seconds
    if job.spec.cost.seconds_per_batch is None:
        return None
    batches: dict[str, int] = defaultdict(int)
    for row in rows:
        batches[row.node] += row.batches
    return job.spec.cost.seconds_per_batch * max(batches.values())


def moves_allowed(
    rows: Iterable[Assignment], job: JobView, period_seconds: float, until_round: int | None = None
) -> bool:
    """Whether the job's limit still holds after a period of rounds with these rows, the last of them `until_round`."""
    listed, moved = list(rows), defaultdict[str, int](int)
    for row in listed:
        moved[row.shard] += row.batches if row.node != row.from_node else 0
    rounds = rounds_at_most(job, listed, period_seconds, until_round)
    return all(count * rounds <= batches_left_to_move(job, shard) + 1e-6 for shard, count in moved.items())
