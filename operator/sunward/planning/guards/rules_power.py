"""Guards about power: who may switch it, and what counts as proof.

The proof is the relay's own output and its meter, read after the request. A Node that went NotReady proves nothing.
"""

from __future__ import annotations

from datetime import timedelta

from sunward.domain.reasons import Reason
from sunward.planning.guards.case import Case, Refusal
from sunward.planning.guards.rules_node import wants

REPEAT_AFTER = timedelta(seconds=10)
"""A relay gets this long to follow a request before its unchanged output proves that the request was lost."""

HEARTBEAT_GRACE = timedelta(seconds=60)
"""Kubernetes calls a node Ready for up to 50 s after its last sign of life; past this, Ready means alive."""

CORDON_ONLY = "CordonOnly"


def leader(case: Case) -> Refusal | None:
    """Only the holder of the Lease acts."""
    if case.snapshot.is_leader:
        return None
    return Refusal(reason=Reason.NOT_LEADER, message="another operator holds the Lease")


def fencing(case: Case) -> Refusal | None:
    """An operation with a younger token was begun by a younger leader: we are the past."""
    operation = case.node.record.operation
    if operation is None or operation.fencing_token <= case.fencing_token:
        return None
    why = f"operation {operation.id} carries token {operation.fencing_token}, ours is {case.fencing_token}"
    return Refusal(reason=Reason.NOT_LEADER, message=why)


def relay_answers(case: Case) -> Refusal | None:
    """Without a proof of what the relay does it is not asked to do anything."""
    if case.power is not None:
        return None
    return Refusal(reason=Reason.DRIVER_FAILED, message="the power driver does not answer")


def relay_recent(case: Case) -> Refusal | None:
    """Readings from before the request, from long ago or from the future prove nothing."""
    if case.power is None:
        return None
    record = case.node.record
    asked_at = record.operation.started_at if record.operation else record.asleep_since
    age = (case.now - case.power.time).total_seconds()
    limits = case.snapshot.policy.staleness
    if asked_at is not None and case.power.time < asked_at:
        return Refusal(reason=Reason.DATA_STALE, message="the relay was read before the request")
    if not -limits.clock_skew_seconds <= age <= limits.sensors_seconds:
        return Refusal(reason=Reason.DATA_STALE, message=f"the relay was read {age:.0f} s ago")
    return None


def relay_open(case: Case) -> Refusal | None:
    """Proof of off, first half: the output is off."""
    if case.power is None or not case.power.is_on:
        return None
    return Refusal(reason=Reason.DRIVER_FAILED, message="the relay is on")


def relay_closed(case: Case) -> Refusal | None:
    """Proof of on, first half: the output is on."""
    if case.power is None or case.power.is_on:
        return None
    return Refusal(reason=Reason.DRIVER_FAILED, message="the relay is off")


def draw_gone(case: Case) -> Refusal | None:
    """Proof of off, second half: a relay that says off while the machine draws power lies."""
    watts = case.power.watts if case.power else None
    limit = _threshold_watts(case)
    if watts is None or watts <= limit:
        return None
    return Refusal(
        reason=Reason.SOURCES_DISAGREE, message=f"{watts:.1f} W are still drawn, at most {limit:.1f} W asleep"
    )


def draw_there(case: Case) -> Refusal | None:
    """Proof of on, second half: a machine draws more than it does asleep."""
    watts = case.power.watts if case.power else None
    limit = _threshold_watts(case)
    if watts is None or watts > limit:
        return None
    return Refusal(reason=Reason.SOURCES_DISAGREE, message=f"only {watts:.1f} W are drawn")


def request_lost(case: Case) -> Refusal | None:
    """A request is repeated only when the relay, read well after it, still shows that it did not happen."""
    operation = case.node.record.operation
    if operation is None or case.power is None or case.power.time - operation.started_at >= REPEAT_AFTER:
        return None
    return Refusal(reason=Reason.DRIVER_FAILED, message="the relay may still follow the request")


def retry_due(case: Case) -> Refusal | None:
    """The pause between two tries to wake a node."""
    due = case.node.record.next_attempt_at
    if due is None or case.now >= due:
        return None
    return Refusal(reason=Reason.WAKE_TIMED_OUT, message=f"the next try is at {due:%H:%M:%S}")


def cut_by_others(case: Case) -> Refusal | None:
    """Whoever cut the power by hand may be at the machine: it gets power back only after the minimum asleep time, or
    when a person asks for it."""
    record, pause = case.node.record, case.node.spec.sleep.minimum_asleep_seconds
    since = record.asleep_since
    if record.last_transition_reason is not Reason.POWERED_OFF_BY_OTHERS or since is None or wants(case, "Awake"):
        return None
    passed = (case.now - since).total_seconds()
    if passed >= pause:
        return None
    why = f"somebody switched it off {passed:.0f} s ago, it is left alone for {pause:.0f} s"
    return Refusal(reason=Reason.POWERED_OFF_BY_OTHERS, message=why)


def ready_now(case: Case) -> Refusal | None:
    """The Node is Ready, and that was said after the machine had been off."""
    facts, slept = case.node.facts, case.node.record.asleep_since
    if facts is None or not facts.exists or not facts.ready:
        return Refusal(reason=Reason.NODE_NOT_READY, message="the node is not Ready yet")
    if slept is None or case.node.spec.sleep.driver == CORDON_ONLY or case.now - slept >= HEARTBEAT_GRACE:
        return None
    if facts.ready_since is not None and facts.ready_since > slept:
        return None
    return Refusal(reason=Reason.BOOTING, message="Ready may still date from before the sleep")


def _threshold_watts(case: Case) -> float:
    """Half way between asleep and idle: above it a machine runs."""
    power = case.node.spec.power
    return (power.asleep_watts + power.idle_watts) / 2
