"""Figures of an EnergyNode's status beside its readings: relay, drain, last reports and what was learned. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sunward.cluster.access.times import format_time
from sunward.cluster.objects.conditions import MESSAGE_LIMIT
from sunward.cluster.objects.crd_types import (
    EnergyNodeStatus,
    EnergyNodeStatusDrain,
    EnergyNodeStatusDrainBlockedByItem,
    EnergyNodeStatusIntensityBasis,
    EnergyNodeStatusLastSeen,
    EnergyNodeStatusRelay,
)
from sunward.cluster.objects.learned import draw_patch
from sunward.domain.intensity import Basis, FactorScope, Signal
from sunward.domain.measurement import Measurement
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.plans import Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading
from sunward.planning.guards.drain import BlockingPod, classify
from sunward.planning.guards.rules_node import NO_DRIVER
from sunward.planning.guards.rules_power import CORDON_ONLY
from sunward.planning.learning import after_draw

BLOCKERS_LIMIT = 16
DRAINS = (PowerState.CORDONED, PowerState.DRAINING)
BASES: Mapping[Basis, EnergyNodeStatusIntensityBasis] = {
    Basis(signal=Signal.AVERAGE, scope=FactorScope.DIRECT): "AverageDirect",
    Basis(signal=Signal.AVERAGE, scope=FactorScope.LIFECYCLE): "AverageLifecycle",
    Basis(signal=Signal.MARGINAL, scope=FactorScope.DIRECT): "MarginalDirect",
    Basis(signal=Signal.MARGINAL, scope=FactorScope.LIFECYCLE): "MarginalLifecycle",
}


def figures(
    node: NodeView,
    snapshot: Snapshot,
    power: PowerReading | None,
    refused: Sequence[BlockingPod],
    plan: Plan | None,
    old: EnergyNodeStatus,
) -> EnergyNodeStatus:
    """All of them, as a part of a merge patch."""
    status: EnergyNodeStatus = {
        "relay": relay(node, power),
        "lastSeen": last_seen(node, power),
        "drain": drain(node, refused, old),
        "nextWakeTime": next_wake(node, plan),
    }
    draws = after_draw(node, snapshot.jobs)
    if draws.observed_at is not None:
        status["learned"] = draw_patch(draws)
    return status


def basis_name(basis: Basis | None) -> EnergyNodeStatusIntensityBasis | None:
    """A basis as the resources spell it; None where no source is defined."""
    return None if basis is None else BASES[basis]


def relay(node: NodeView, power: PowerReading | None) -> EnergyNodeStatusRelay | None:
    """What the node's relay says; None for a node without one, whose power nothing proves."""
    if node.spec.sleep.driver in (NO_DRIVER, CORDON_ONLY):
        return None
    if power is None:
        return {"output": "Unknown", "milliwatts": None, "time": None, "reason": str(Reason.DRIVER_FAILED)}
    return {
        "output": "On" if power.is_on else "Off",
        "milliwatts": None if power.watts is None else round(power.watts * 1000),
        "time": format_time(power.time),
        "reason": str(Reason.RELAY_TRIPPED) if power.faults else None,
    }


def last_seen(node: NodeView, power: PowerReading | None) -> EnergyNodeStatusLastSeen:
    """When each source last reported. A silent source has no entry, so that in a patch the former time stays."""
    meters = (node.meters.power_watts, node.meters.harvest_watts, node.meters.battery_ratio)
    samples = [reading.time for reading in meters if isinstance(reading, Measurement)]
    seen: EnergyNodeStatusLastSeen = {}
    if samples:
        seen["sensors"] = format_time(max(samples))
    if node.facts is not None and node.facts.heartbeat_at is not None:
        seen["kubelet"] = format_time(node.facts.heartbeat_at)
    if power is not None and node.spec.sleep.driver != CORDON_ONLY:
        seen["relay"] = format_time(power.time)
    return seen


def next_wake(node: NodeView, plan: Plan | None) -> str | None:
    """When the plan wakes a node that sleeps or is on its way to; None when it does not within its horizon."""
    state = node.record.power_state
    if plan is None or not (state is PowerState.ASLEEP or state.falling_asleep):
        return None
    return next((format_time(sleep.until) for sleep in plan.sleeps if sleep.node == node.name and sleep.until), None)


def drain(node: NodeView, refused: Sequence[BlockingPod], old: EnergyNodeStatus) -> EnergyNodeStatusDrain | None:
    """How far the drain of a node is; None while it is not drained.

    `refused` are pods whose eviction the server refused. Nothing new comes to a cordoned node, so pods that are no
    longer there have left.
    """
    record = node.record
    if record.power_state not in DRAINS or record.operation is None:
        return None
    begun, before = format_time(record.operation.started_at), old.get("drain") or {}
    if before.get("startedAt") != begun:
        before = {}  # of an earlier drain
    pods = classify(node.pods)
    blocking = [BlockingPod(pod=one.pod, cause=one.cause) for one in pods.blocking if one.cause is not None]
    pending = len(pods.evictable) + len(pods.leaving) + len(pods.blocking)
    gone = max(0, (before.get("pending") or 0) - pending)
    return {
        "startedAt": begun,
        "evicted": (before.get("evicted") or 0) + gone,
        "pending": pending,
        "blockedBy": [_blocker(one) for one in (*blocking, *refused)][:BLOCKERS_LIMIT],
    }


def _blocker(one: BlockingPod) -> EnergyNodeStatusDrainBlockedByItem:
    return {
        "pod": f"{one.pod.namespace}/{one.pod.name}",
        "uid": one.pod.uid,
        "reason": str(one.cause.reason),
        "message": one.cause.message[:MESSAGE_LIMIT],
    }
