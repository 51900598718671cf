"""Which nodes a plan may consider putting to sleep, and for the others every reason why not.

Asked for a node in its own state: an awake node may begin to sleep, one on its way down may go on, a sleeping one may
stay asleep, one that wakes is awake.
"""

from __future__ import annotations

from datetime import datetime

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading
from sunward.planning.guards.case import Blocker, Case, GuardStage
from sunward.planning.guards.registry import GUARDS, Guards, obstacles


def sleep_obstacles(
    node: NodeView,
    snapshot: Snapshot,
    *,
    now: datetime | None = None,
    power: PowerReading | None = None,
    guards: Guards = GUARDS,
) -> tuple[Blocker, ...]:
    """Everything that forbids a plan to count on this node being asleep; empty when it may.

    Budgets over all nodes and the state of the work are not asked here: they hold when a step is taken. `power` is what
    the relay says, if it was asked.
    """
    case = Case(node=node, snapshot=snapshot, now=now or snapshot.taken_at, power=power)
    state = node.record.power_state
    if state in (PowerState.WAKE_REQUESTED, PowerState.BOOTING):
        return (Blocker(guard="waking", cause=Cause(Reason.BOOTING, "the node is waking")),)
    if state is PowerState.DEGRADED:
        return (Blocker(guard="degraded", cause=Cause(Reason.DEGRADED, "the node did not wake")),)
    if state in (PowerState.ASLEEP, PowerState.POWER_OFF_REQUESTED):
        return obstacles(case, GuardStage.KEEP, guards)
    found = obstacles(case, GuardStage.PLAN, guards)
    if not state.falling_asleep:
        return found
    begun = ("warm-up", "minimum-awake-time", "dwell-time", "cycle-limit")
    return tuple(obstacle for obstacle in found if obstacle.guard not in begun)
