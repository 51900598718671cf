"""Guards about a clean shutdown: what proves that a system that was told to shut down no longer runs.

The proof is the relay's meter, never the power agent's word. Without a meter it is the Node, once the time is over in
which the shutdown ends by itself.
"""

from __future__ import annotations

from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason
from sunward.planning.guards.case import Case
from sunward.planning.guards.rules_power import HEARTBEAT_GRACE

SETTLE = timedelta(seconds=5)
"""The draw stays down for so long: a meter that misses a sample may show nothing for a moment."""


def draw_halted(case: Case) -> Cause | None:
    """The meter shows the draw of a halted machine; without a meter nothing is proven."""
    watts, power = case.power.watts if case.power else None, case.node.spec.power
    halted = power.asleep_watts if power.halted_watts is None else power.halted_watts
    limit = (halted + power.idle_watts) / 2
    if watts is None:
        return Cause(Reason.DATA_MISSING, "no meter shows whether the system is still running")
    if watts <= limit:
        return None
    return Cause(Reason.SHUTDOWN_ORDERED, f"{watts:.1f} W are still drawn; a halted node draws at most {limit:.1f} W")


def system_down(case: Case) -> Cause | None:
    """The draw has been that of a halted machine for a while; or the time is over and the Node is no longer Ready."""
    order, operation = case.node.record.shutdown, case.node.record.operation
    if order is None or operation is None:
        return Cause(Reason.SHUTDOWN_ORDERED, "no shutdown was ordered")
    if came_back(case):
        return Cause(Reason.POWERED_ON_BY_OTHERS, "the system runs again")
    if order.halted_at is not None and case.now - order.halted_at >= SETTLE:
        return None
    if case.now < operation.deadline:
        return Cause(Reason.SHUTDOWN_ORDERED, "the system is shutting down")
    facts = case.node.facts
    if facts is not None and facts.exists and facts.ready:
        return Cause(Reason.SHUTDOWN_TIMED_OUT, "the node is still Ready")
    return None


def system_alive(case: Case) -> bool:
    """Whether the Node is Ready so long after the last moment for a shutdown to begin that none has begun."""
    order, facts = case.node.record.shutdown, case.node.facts
    if order is None or facts is None or not facts.exists or not facts.ready:
        return False
    return case.now - order.deadline >= HEARTBEAT_GRACE


def came_back(case: Case) -> bool:
    """Whether a system that was down runs again: its Node became Ready since, or the meter shows that it draws."""
    order, facts = case.node.record.shutdown, case.node.facts
    if order is None or order.halted_at is None:
        return False
    since = facts.ready_since if facts is not None and facts.ready else None
    return runs(case) or (since is not None and since > order.halted_at)


def runs(case: Case) -> bool:
    """Whether the meter shows more than the draw of a halted machine; without a meter it does not."""
    return case.power is not None and case.power.watts is not None and draw_halted(case) is not None
