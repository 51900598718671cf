"""Parts of training jobs -> jobs of the planning problem: what may move where, how much, with what quorum."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sunward.domain.jobs import Assignment, DataMobility, Shard
from sunward.domain.nodes import NodeView
from sunward.optimisation.problem.instance import Job
from sunward.planning.jobs.facts import (
    FASTER_THAN_PLANNED,
    batches_left_to_move,
    remaining_rounds,
    rounds_at_most,
    seconds_per_batch,
    smallest_row,
    watt_hours_per_batch,
)
from sunward.planning.jobs.pace import candidates
from sunward.planning.jobs.parts import Horizon, JobPart

LATER = " (later)"
"""Ends the name of the entry that stands for what a job does after the first period."""


def problem_jobs(
    part: JobPart, parts: Sequence[JobPart], workers: Mapping[str, NodeView], horizon: Horizon
) -> tuple[Job, ...]:
    """A part as entries of the problem: what it does now and, if there is more, what it does later.

    The format's own rule for jobs that may not wait, as soon as possible, would keep every node at work; here the
    first period has its own entry instead, which leaves the choice of the nodes.
    """
    last = horizon.deadline_period(part.job.spec.deadline)
    end_of_now = last if part.rounds_later <= 0 else 1
    spread = part.may_wait or (part.rounds_later <= 0 and last > 1)
    ratio = offload_ratio_left(part) if spread else _ratio_now(part)
    now = _entry(part, parts, workers, part.rounds_now, ratio)
    entries = [replace(now, name=part.name, deadline_period=end_of_now)]
    if part.rounds_later > 0:
        later = _entry(part, parts, workers, part.rounds_later, _ratio_later(part))
        entries.append(replace(later, name=part.name + LATER, release_period=2, deadline_period=last))
    return tuple(entries)


def errand(node: str) -> Job:
    """A second of nothing on a node in the first period: the format's way to say that it must be on then."""
    return Job(
        name=f"{node} stays awake",
        release_period=1,
        deadline_period=1,
        synchronous=False,
        batches={node: 1.0},
        watt_hours_per_batch={node: 0.0},
        seconds_per_batch={node: 1.0},
        gigabytes_per_batch=0.0,
        maximum_offload_ratio=0.0,
        movable_to=(),
        minimum_workers=0,
        minimum_batches_per_worker=0.0,
    )


def _entry(
    part: JobPart, parts: Sequence[JobPart], workers: Mapping[str, NodeView], rounds: float, ratio: float
) -> Job:
    spec = part.job.spec
    workers = candidates({shard.node for shard in part.shards}, workers)
    batches = part.batches_by_home(rounds)
    total = sum(batches.values())
    minimum_workers = _minimum_workers(part, parts)
    smallest = rounds * smallest_row(spec.steps_per_round)
    entry = Job(
        name=part.name,
        release_period=1,
        deadline_period=1,
        synchronous=True,
        batches=batches,
        watt_hours_per_batch={name: watt_hours_per_batch(part.job, node) for name, node in workers.items()},
        seconds_per_batch={name: _planned_seconds(part, name) for name in workers},
        gigabytes_per_batch=_gigabytes_per_batch(part),
        maximum_offload_ratio=ratio,
        movable_to=_movable_to(part, workers),
        minimum_workers=minimum_workers,
        minimum_batches_per_worker=min(smallest, total / (2 * max(1, minimum_workers))),
        maximum_offloaded_batches=batches_left_by_home(part) if part.may_wait else None,
    )
    return pinned(entry, part, part.pinned_rows) if part.pinned_rows else entry


def _planned_seconds(part: JobPart, node: str) -> float:
    """Time of a batch. A plan that says how many rounds fit into a period leaves the time between rounds free, and one
    for the last period before a deadline that of waking nodes one by one."""
    return part.haste * seconds_per_batch(part.job, node)


def _gigabytes_per_batch(part: JobPart) -> float:
    """Data that a moved batch brings along: a shard is copied once, for all the batches that remain."""
    if part.is_copied:
        return 0.0
    batches = remaining_rounds(part.job) * part.job.spec.steps_per_round * len(part.shards)
    return sum(shard.gigabytes for shard in part.shards) / batches


def pinned(entry: Job, part: JobPart, rows: Iterable[Assignment]) -> Job:
    """The same work fixed to the nodes of the rows: to the problem, what runs there lives there."""
    shares: dict[str, int] = defaultdict(int)
    names = {shard.name for shard in part.shards}
    for row in rows:
        if row.shard in names:
            shares[row.node] += row.batches
    total = sum(entry.batches.values())
    return replace(
        entry,
        batches={node: total * share / sum(shares.values()) for node, share in sorted(shares.items())},
        maximum_offload_ratio=0.0,
        movable_to=(),
        gigabytes_per_batch=0.0,
        minimum_workers=min(entry.minimum_workers, len(shares)),
        minimum_batches_per_worker=0.0,
        maximum_offloaded_batches=None,
    )


def offload_ratio_left(part: JobPart) -> float:
    """Share of the remaining batches that may still leave home, for the shard with the least left. A job that may wait
    has the most of any shard here, and the limit of each home beside it: its homes spend theirs at different times."""
    each = [batches_left_to_move(part.job, shard.name) for shard in part.shards]
    left = max(each) if part.may_wait else min(each)
    return min(1.0, left / (remaining_rounds(part.job) * part.job.spec.steps_per_round))


def batches_left_by_home(part: JobPart) -> dict[str, float]:
    """Batches of every home that may still be worked on elsewhere."""
    left: dict[str, float] = defaultdict(float)
    for shard in part.shards:
        left[shard.node] += batches_left_to_move(part.job, shard.name)
    return dict(left)


def _least_left(part: JobPart) -> float:
    return min(batches_left_to_move(part.job, shard.name) for shard in part.shards)


def _ratio_now(part: JobPart) -> float:
    """Share of a round that may leave home now: what is left is spent as it comes."""
    rounds = math.ceil(FASTER_THAN_PLANNED * min(part.rounds_now, part.rounds_that_fit))
    rounds = max(1, min(remaining_rounds(part.job), rounds))
    return min(1.0, _least_left(part) / (rounds * part.job.spec.steps_per_round))


def batches_to_move(part: JobPart, shard: Shard, *, cautious: bool = False, rounds: int | None = None) -> int:
    """Whole batches of a shard that may leave home in each round of this period: as planned, or so few that the
    limit holds even if every round ran as fast as at home. Where the directive ends after so many `rounds`, all that
    the shard itself has left to spend in them."""
    steps = part.job.spec.steps_per_round
    if rounds is not None:
        return min(steps, math.floor(batches_left_to_move(part.job, shard.name) / max(1, rounds) + 1e-6))
    if not cautious:
        return math.floor(_ratio_now(part) * steps + 1e-6)
    at_home = [
        Assignment(job=part.job.spec.key, shard=s.name, from_node=s.node, node=s.node, batches=steps)
        for s in part.job.spec.shards
    ]
    return min(steps, int(_least_left(part)) // rounds_at_most(part.job, at_home, part.period_seconds))


def _ratio_later(part: JobPart) -> float:
    """What the first period leaves of the allowance, spent as it comes on the rounds planned next."""
    steps = part.job.spec.steps_per_round
    left = _least_left(part) - _ratio_now(part) * part.rounds_now * steps
    return min(1.0, max(0.0, left / (part.rounds_later * steps)))


def _movable_to(part: JobPart, workers: Mapping[str, NodeView]) -> tuple[str, ...] | None:
    match part.job.spec.data_mobility:
        case DataMobility.NEVER:
            return ()
        case DataMobility.ANYWHERE:
            return None
        case DataMobility.SAME_SITE:
            return tuple(sorted(name for name, node in workers.items() if node.spec.site == part.site))


def _minimum_workers(part: JobPart, parts: Sequence[JobPart]) -> int:
    """The quorum, dealt out over a job's parts: each part brings at least one worker."""
    siblings = [other for other in parts if other.job.spec.key == part.job.spec.key]
    wanted = part.job.spec.minimum_workers - len(siblings)
    if len(siblings) == 1:
        return part.job.spec.minimum_workers
    spare = [len({shard.node for shard in other.shards}) - 1 for other in siblings]
    shares = [0] * len(siblings)
    for index, room in enumerate(spare):
        shares[index] = max(0, min(room, wanted))
        wanted -= shares[index]
    return 1 + shares[siblings.index(part)]
