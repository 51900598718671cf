"""When a new plan is necessary. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime

from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.snapshot import Snapshot
from sunward.planning.jobs.directives import job_over


def period_start(snapshot: Snapshot) -> datetime:
    """Beginning of the period in which the snapshot was taken, on the grid of whole periods since the epoch."""
    length = snapshot.policy.planning_period_seconds
    seconds = snapshot.taken_at.timestamp() // length * length
    return datetime.fromtimestamp(seconds, UTC)


def renewal_key(snapshot: Snapshot) -> Hashable:
    """What makes a new plan necessary when it changes: the period, wishes, lost and found nodes, a warm start."""
    return (
        period_start(snapshot),
        snapshot.policy,
        tuple((job.spec.key, job.generation, job_over(job)) for job in snapshot.jobs),
        tuple((node.name, node.generation, _lost(node)) for node in snapshot.nodes),
        snapshot.sensors_available,
        _warmed_up(snapshot),
    )


def _warmed_up(snapshot: Snapshot) -> bool:
    """A first plan puts no node to sleep; the next need not wait for the end of a long period."""
    running = snapshot.taken_at - snapshot.operator_started_at
    return running.total_seconds() >= snapshot.policy.budgets.warm_up_seconds


def _lost(node: NodeView) -> bool:
    """Believed awake and yet not working."""
    ready = node.facts is not None and node.facts.ready
    return node.record.power_state is PowerState.AWAKE and not ready
