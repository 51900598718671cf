"""Guards about power: who may switch it, and what counts as proof.

The proof is the relay's own output and its meter, read after the request. A Node that went NotReady proves nothing.
"""

from __future__ import annotations

from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.nodes import OverridePower
from sunward.domain.reasons import Reason
from sunward.planning.guards.case import Case
from sunward.planning.guards.rules_node import wants

REPEAT_AFTER = timedelta(seconds=10)
"""A relay gets this long to follow a request before its unchanged output proves that the request was lost."""

HEARTBEAT_GRACE = timedelta(seconds=60)
"""Kubernetes calls a node Ready for up to 50 s after its last sign of life; past this, Ready means alive."""

CORDON_ONLY = "CordonOnly"


def leader(case: Case) -> Cause | None:
    """Only the holder of the Lease acts."""
    if case.snapshot.is_leader:
        return None
    return Cause(Reason.NOT_LEADER, "another operator holds the Lease")


def fencing(case: Case) -> Cause | None:
    """An operation with a younger token was begun by a younger leader: we are the past."""
    operation = case.node.record.operation
    if operation is None or operation.fencing_token <= case.fencing_token:
        return None
    why = f"operation {operation.id} has fencing token {operation.fencing_token}; ours is {case.fencing_token}"
    return Cause(Reason.NOT_LEADER, why)


def relay_answers(case: Case) -> Cause | None:
    """Without a proof of what the relay does it is not asked to do anything."""
    if case.power is not None:
        return None
    return Cause(Reason.DRIVER_FAILED, "the power driver does not respond")


def relay_recent(case: Case) -> Cause | None:
    """Readings from before the request, from long ago or from the future prove nothing."""
    if case.power is None:
        return None
    record = case.node.record
    asked_at = record.operation.started_at if record.operation else record.asleep_since
    age = (case.now - case.power.time).total_seconds()
    limits = case.snapshot.policy.staleness
    if asked_at is not None and case.power.time < asked_at:
        return Cause(Reason.DATA_STALE, "the relay was read before the request")
    if not -limits.clock_skew_seconds <= age <= limits.sensors_seconds:
        return Cause(Reason.DATA_STALE, f"the relay was read {age:.0f} s ago")
    return None


def relay_open(case: Case) -> Cause | None:
    """Proof of off, first half: the output is off."""
    if case.power is None or not case.power.is_on:
        return None
    return Cause(Reason.DRIVER_FAILED, "the relay is on")


def relay_closed(case: Case) -> Cause | None:
    """Proof of on, first half: the output is on."""
    if case.power is None or case.power.is_on:
        return None
    return Cause(Reason.DRIVER_FAILED, "the relay is off")


def draw_gone(case: Case) -> Cause | None:
    """Proof of off, second half: a relay that says off while the machine draws power lies."""
    watts = case.power.watts if case.power else None
    limit = _threshold_watts(case)
    if watts is None or watts <= limit:
        return None
    return Cause(Reason.SOURCES_DISAGREE, f"{watts:.1f} W are still drawn; a sleeping node draws at most {limit:.1f} W")


def draw_there(case: Case) -> Cause | None:
    """Proof of on, second half: a machine draws more than it does asleep."""
    watts = case.power.watts if case.power else None
    limit = _threshold_watts(case)
    if watts is None or watts > limit:
        return None
    return Cause(Reason.SOURCES_DISAGREE, f"only {watts:.1f} W are drawn")


def request_lost(case: Case) -> Cause | None:
    """A request is repeated only when the relay, read well after it, still shows that it did not happen."""
    operation = case.node.record.operation
    if operation is None or case.power is None or case.power.time - operation.started_at >= REPEAT_AFTER:
        return None
    return Cause(Reason.DRIVER_FAILED, "the relay may still be executing the request")


def retry_due(case: Case) -> Cause | None:
    """The pause between two tries to wake a node."""
    due = case.node.record.next_attempt_at
    if due is None or case.now >= due:
        return None
    return Cause(Reason.WAKE_TIMED_OUT, f"the next attempt is at {due:%H:%M:%S}")


def cut_by_others(case: Case) -> Cause | None:
    """Whoever cut the power by hand may be at the machine: it gets power back only after the minimum asleep time, or
    when a person asks for it."""
    record, pause = case.node.record, case.node.spec.sleep.minimum_asleep_seconds
    since = record.asleep_since
    if (
        record.last_transition_reason is not Reason.POWERED_OFF_BY_OTHERS
        or since is None
        or wants(case, OverridePower.AWAKE)
    ):
        return None
    passed = (case.now - since).total_seconds()
    if passed >= pause:
        return None
    why = f"powered off externally {passed:.0f} s ago; the operator waits {pause:.0f} s before it acts on the node"
    return Cause(Reason.POWERED_OFF_BY_OTHERS, why)


def relay_sound(case: Case) -> Cause | None:
    """A relay that reports a fault may not switch on again, or trip again: no order that can wait is sent to it."""
    found = case.power.faults if case.power else ()
    if not found:
        return None
    return Cause(Reason.RELAY_TRIPPED, f"the relay reports {', '.join(found)}; check it and its load")


def trip_pause(case: Case) -> Cause | None:
    """A relay that tripped cools down for the minimum asleep time before each try, unless a person asks for power."""
    record, found = case.node.record, relay_sound(case)
    tripped = found is not None or record.last_transition_reason is Reason.RELAY_TRIPPED
    moments = [record.asleep_since, record.operation.started_at if record.operation else None]
    since = max((moment for moment in moments if moment is not None), default=None)
    if not tripped or since is None or wants(case, OverridePower.AWAKE):
        return None
    passed, pause = (case.now - since).total_seconds(), case.node.spec.sleep.minimum_asleep_seconds
    if passed >= pause:
        return None
    why = found.message if found else "the relay had tripped"
    return Cause(Reason.RELAY_TRIPPED, f"{why}; powered on {pause - passed:.0f} s from now at the earliest")


def ready_now(case: Case) -> Cause | None:
    """The Node is Ready, and that was said after the machine had been off."""
    facts, slept = case.node.facts, case.node.record.asleep_since
    if facts is None or not facts.exists or not facts.ready:
        return Cause(Reason.NODE_NOT_READY, "the node is not Ready yet")
    if slept is None or case.node.spec.sleep.driver == CORDON_ONLY or case.now - slept >= HEARTBEAT_GRACE:
        return None
    if facts.ready_since is not None and facts.ready_since > slept:
        return None
    return Cause(Reason.BOOTING, "the Ready condition may be from before the node slept")


def _threshold_watts(case: Case) -> float:
    """Half way between asleep and idle: above it a machine runs."""
    power = case.node.spec.power
    return (power.asleep_watts + power.idle_watts) / 2
