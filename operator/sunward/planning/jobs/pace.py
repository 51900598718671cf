"""How fast jobs can go beside each other: what each asks of its home nodes in a period, and what fits."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sunward.domain.jobs import JobView, Shard
from sunward.domain.nodes import NodeView
from sunward.planning.jobs.facts import remaining_rounds, seconds_per_batch
from sunward.planning.jobs.fair_share import Demand, Order, shares

Planned = tuple[JobView, tuple[Shard, ...]]
"""A job with its shards that can take part."""

USABLE_SHARE_OF_TIME = 0.95
"""Share of a node's time that a plan may fill with batches; the rest is averaging, copying and waiting."""

HASTE = 1.25
"""A job with a deadline is planned this much faster than its deadline demands."""


def candidates(homes: Container[str], workers: Mapping[str, NodeView]) -> Mapping[str, NodeView]:
    """Nodes that may work on a job with these homes: the control plane works only on data that live there."""
    return {
        name: node
        for name, node in workers.items()
        if name in homes or not (node.facts is not None and node.facts.is_control_plane)
    }


def usable_seconds(period: timedelta) -> float:
    """Seconds of a period that batches may fill on one node."""
    return period.total_seconds() * USABLE_SHARE_OF_TIME


def seconds_at_home(planned: Iterable[Planned]) -> Mapping[str, float]:
    """How long each node would work if all that remains were done at home."""
    busy: dict[str, float] = defaultdict(float)
    for job, shards in planned:
        for node, seconds in _round_seconds(job, shards).items():
            busy[node] += remaining_rounds(job) * seconds
    return busy


def demands(planned: Iterable[Planned], start: datetime, period: timedelta) -> list[Demand]:
    """What each job asks of its homes in a period: the pace of its deadline, or without one all that remains."""
    return [
        Demand(
            job=job.spec.key,
            namespace=job.spec.namespace,
            order=_order(job, start),
            seconds={node: rounds * seconds for node, seconds in _round_seconds(job, shards).items()},
        )
        for job, shards in planned
        for rounds in (_rounds_wanted(job, start, period),)
    ]


def rounds_that_fit(planned: Sequence[Planned], start: datetime, period: timedelta) -> Mapping[str, float]:
    """By key: rounds of each job in a period, within the fair share of its namespace, all done at home.

    On a node with time for all, a job may use what the others leave.
    """
    asked = demands(planned, start, period)
    capacity = usable_seconds(period)
    served, busy = shares(asked, capacity), seconds_at_home(planned)
    load: dict[str, float] = defaultdict(float)
    for demand in asked:
        for node, seconds in demand.seconds.items():
            load[node] += seconds
    fit: dict[str, float] = {}
    for job, shards in planned:
        homes = [shard.node for shard in shards]
        wanted = _rounds_wanted(job, start, period)
        idle = [remaining_rounds(job) * capacity / busy[node] for node in homes if 0 < load[node] <= capacity]
        contended = [served[job.spec.key] * wanted for node in homes if load[node] > capacity]
        fit[job.spec.key] = min((*idle, *contended), default=float(remaining_rounds(job)))
    return fit


def _round_seconds(job: JobView, shards: Iterable[Shard]) -> Mapping[str, float]:
    """How long each home works on one round."""
    seconds: dict[str, float] = defaultdict(float)
    for shard in shards:
        seconds[shard.node] += job.spec.steps_per_round * seconds_per_batch(job, shard.node)
    return seconds


def _rounds_wanted(job: JobView, start: datetime, period: timedelta) -> float:
    remaining, deadline = float(remaining_rounds(job)), job.spec.deadline
    if deadline is None or deadline <= start:
        return remaining
    return min(remaining, HASTE * remaining * (period / (deadline - start)))


def _order(job: JobView, start: datetime) -> Order:
    """The higher priority first, then the earlier deadline; one that is missed no longer counts."""
    deadline = job.spec.deadline
    left = math.inf if deadline is None or deadline <= start else (deadline - start).total_seconds()
    return (-float(job.spec.priority), left)
