"""What the operator learns of a node from what it sees anyway: its draw idle and at work, and how long its wake takes.

Pure: an estimate before, an observation, an estimate after. Each is kept in the node's status, so that a restart loses
nothing, and each sample counts once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sunward.domain.estimate import updated
from sunward.domain.jobs import JobView
from sunward.domain.measurement import Measurement, Quality
from sunward.domain.nodes import Intent, Learned, NodeRecord, NodeView, PowerState
from sunward.domain.reasons import Reason
from sunward.planning.guards.drain import classify, is_our_worker

SETTLED_AFTER = timedelta(seconds=60)
"""A machine that has just started still starts its services: what it draws then is neither idle nor its work."""


def after_draw(node: NodeView, jobs: Iterable[JobView]) -> Learned:
    """What is known of the node's draw with the present reading, if that one says something new.

    It is idle while nothing runs there but what runs on every node, and busy while it trains in a round. What it draws
    with other pods on it says nothing of either.
    """
    before, reading = node.record.learned, node.meters.power_watts
    if not isinstance(reading, Measurement) or reading.quality is not Quality.MEASURED:
        return before
    if not _is_settled(node, reading.time) or (before.observed_at is not None and reading.time <= before.observed_at):
        return before
    if _trains(node, jobs):
        return replace(before, busy_watts=updated(before.busy_watts, reading.value), observed_at=reading.time)
    if _is_idle(node):
        return replace(before, idle_watts=updated(before.idle_watts, reading.value), observed_at=reading.time)
    return before


def after_wake(record: NodeRecord, now: datetime) -> Learned:
    """What is known of the node's wakes once this one has ended: the time from the request for power to Ready.

    Only a wake that the operator began and that succeeded at the first try says how long one takes.
    """
    operation = record.operation
    if operation is None or operation.intent is not Intent.WAKE or operation.attempt > 1:
        return record.learned
    if operation.reason is Reason.POWERED_ON_BY_OTHERS:
        return record.learned
    seconds = (now - operation.started_at).total_seconds()
    return replace(record.learned, wake_seconds=updated(record.learned.wake_seconds, seconds))


def _is_settled(node: NodeView, sampled_at: datetime) -> bool:
    """Whether the node was awake, Ready and left alone for a while when the sample was taken."""
    since = node.record.last_transition_at
    is_up = node.record.power_state is PowerState.AWAKE and node.facts is not None and node.facts.ready
    return is_up and (since is None or sampled_at - since >= SETTLED_AFTER)


def _trains(node: NodeView, jobs: Iterable[JobView]) -> bool:
    names = {node.name, node.spec.node_name}
    believed = [job for job in jobs if node.name not in job.unconfirmed_nodes]
    return any(job.progress is not None and not names.isdisjoint(job.progress.workers) for job in believed)


def _is_idle(node: NodeView) -> bool:
    """Whether nothing runs there that a drain would move or be held up by, but workers that have nothing to do."""
    drain = classify(node.pods)
    return not drain.blocking and not drain.leaving and all(is_our_worker(pod) for pod in drain.evictable)
