"""Guards about time: no node flaps, and a freshly started operator looks before it acts."""

from __future__ import annotations

from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeView
from sunward.domain.reasons import Reason
from sunward.planning.guards.case import Case

CYCLE_WINDOW = timedelta(hours=24)


def warm_up(case: Case) -> Cause | None:
    """After a start the first views may be partial."""
    return _too_soon(
        case,
        since=case.snapshot.operator_started_at,
        seconds=case.snapshot.policy.budgets.warm_up_seconds,
        reason=Reason.WARMING_UP,
        what="the operator started",
    )


def minimum_awake_time(case: Case) -> Cause | None:
    """A wake must pay for itself. When it is unknown since when the node is awake, it has not been long enough."""
    facts = case.node.facts
    since = case.node.record.awake_since or (facts.ready_since if facts else None)
    seconds = case.node.spec.sleep.minimum_awake_seconds
    if since is None:
        if seconds <= 0:
            return None
        return Cause(Reason.MINIMUM_AWAKE_TIME, "the time at which the node woke is unknown")
    return _too_soon(case, since=since, seconds=seconds, reason=Reason.MINIMUM_AWAKE_TIME, what="it woke")


def dwell_time(case: Case) -> Cause | None:
    """Nothing happens to a node soon after something happened to it, a roll back included."""
    return _too_soon(
        case,
        since=case.node.record.last_transition_at,
        seconds=case.snapshot.policy.budgets.dwell_seconds,
        reason=Reason.DWELL_TIME,
        what="its last transition",
    )


def cycle_limit(case: Case) -> Cause | None:
    """Power cycles wear a machine out."""
    limit = case.node.spec.sleep.maximum_cycles_per_day
    if sleeps_left(case.node, case.now) > 0:
        return None
    recent = _recent_sleeps(case.node, case.now)
    return Cause(Reason.CYCLE_LIMIT, f"it slept {recent} times in 24 hours; the limit is {limit}")


def sleeps_left(node: NodeView, now: datetime) -> int:
    """How many more times a node may begin to sleep, as things are now."""
    return max(0, node.spec.sleep.maximum_cycles_per_day - _recent_sleeps(node, now))


def _recent_sleeps(node: NodeView, now: datetime) -> int:
    return sum(1 for moment in node.record.sleep_times if now - moment < CYCLE_WINDOW)


def _too_soon(case: Case, *, since: datetime | None, seconds: float, reason: Reason, what: str) -> Cause | None:
    if since is None:
        return None
    passed = (case.now - since).total_seconds()
    if passed >= seconds:
        return None
    return Cause(reason, f"{passed:.0f} s since {what}; at least {seconds:.0f} s required")
