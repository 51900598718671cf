"""Snapshot and plan -> status and conditions of the EnergyPolicy. Pure."""

from __future__ import annotations

from datetime import datetime

from sunward import __version__
from sunward.cluster.access.times import format_time
from sunward.cluster.objects import conditions
from sunward.cluster.objects.conditions import Condition
from sunward.cluster.objects.crd_types import (
    EnergyPolicyStatus,
    EnergyPolicyStatusHold,
    EnergyPolicyStatusSleepLimit,
)
from sunward.domain.cause import Cause
from sunward.domain.eviction import binding
from sunward.domain.nodes import PowerState
from sunward.domain.plans import Plan
from sunward.domain.policy import OperatingMode
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards.budgets import sleep_limit_nodes
from sunward.planning.hold import sleep_hold

PLANS_AND_ACTS = Cause(Reason.PLANNED, "plans and acts")
PLANS_ONLY = Cause(Reason.DRY_RUN, "plans only: set spec.mode to Active")


def policy_status(
    snapshot: Snapshot, plan: Plan, old: EnergyPolicyStatus, now: datetime, *, failing: Cause | None = None
) -> EnergyPolicyStatus:
    """What the owner wants to know at a glance: the plan in force, who sleeps, what fails, and whether anything is
    held."""
    states = [node.record.power_state for node in snapshot.nodes]
    wakes = [node.record.awake_since for node in snapshot.nodes if node.record.awake_since is not None]
    hold, generation = plan.hold, snapshot.policy.observed_generation
    in_force = PLANS_AND_ACTS if snapshot.policy.mode is OperatingMode.ACTIVE else PLANS_ONLY
    has_data = snapshot.sensors_available
    seen = [
        # The policy is in force; installers wait for this, so a hold must not deny it. What fails does.
        Condition(type="Ready", status=failing is None, cause=failing or hold or in_force),
        Condition(
            type="DataAvailable",
            status=has_data,
            cause=Cause(Reason.DATA_FRESH if has_data else Reason.DATA_UNAVAILABLE),
        ),
        Condition(type="Holding", status=hold is not None, cause=hold or Cause(Reason.PLANNED)),
    ]
    return {
        "observedGeneration": generation,
        "operatorVersion": __version__,
        "currentPlan": plan.name,
        "lastPlanTime": format_time(plan.made_at),
        "nextPlanTime": format_time(plan.end),
        "lastWakeTime": format_time(max(wakes, default=None)),
        "hold": _hold(sleep_hold(snapshot, plan), old.get("hold"), now),
        "nodes": {
            "total": len(states),
            "awake": states.count(PowerState.AWAKE),
            "asleep": states.count(PowerState.ASLEEP),
            "inTransition": sum(state.in_transition for state in states),
            "degraded": states.count(PowerState.DEGRADED),
            "unmanaged": max(0, snapshot.total_nodes - sum(node.facts is not None for node in snapshot.nodes)),
        },
        "sleepLimit": _sleep_limit(snapshot),
        "conditions": conditions.merge(old.get("conditions"), seen, now, generation),
    }


def _sleep_limit(snapshot: Snapshot) -> EnergyPolicyStatusSleepLimit:
    """How many nodes may be out at the same time, and where the setting stands that says so."""
    source = binding(snapshot.controllers, snapshot.total_nodes).source
    return {"nodes": sleep_limit_nodes(snapshot), "from": source.value}


def _hold(why: Cause | None, old: EnergyPolicyStatusHold | None, now: datetime) -> EnergyPolicyStatusHold:
    """Since when nothing is put to sleep for this reason; the time of an earlier pass stays while the reason does."""
    if why is None:
        return {"active": False, "reason": None, "message": None, "since": None}
    is_old = old is not None and old.get("reason") == str(why.reason)
    since = old.get("since") if old is not None and is_old else None
    return {
        "active": True,
        "reason": str(why.reason),
        "message": why.message[: conditions.MESSAGE_LIMIT],
        "since": since or format_time(now),
    }
