"""Limits over all nodes that keep sleeping harmless to the cluster as a whole.

Kubernetes counts a sleeping node as a failed one: from 55 % of at least three nodes of a failure zone it stops moving
pods off nodes that really failed, unless it is set otherwise (`domain/eviction.py`). Hence asleep + not ready <=
max(2, half of the nodes), or what the cluster's settings bear, of all nodes and of each zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.eviction import UNCONFIGURED, EvictionSettings, binding
from sunward.domain.nodes import NodeView, OverridePower, PowerState
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneNodes
from sunward.planning.guards.case import Case

WAKING = (PowerState.WAKE_REQUESTED, PowerState.BOOTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How many nodes are in which condition; a node is counted once in `asleep` or `not_ready`, never in both.

    `controllers` are the settings of the cluster's controller managers.
    """

    total: int
    asleep: int
    not_ready: int
    awake_workers: int
    in_transition: int
    controllers: Sequence[EvictionSettings] = UNCONFIGURED

    @property
    def limit(self) -> int:
        """Most nodes that may be asleep or not ready at the same time."""
        return binding(self.controllers, self.total).bearable(self.total)

    @property
    def out(self) -> int:
        """Nodes that Kubernetes counts as failed, or soon will."""
        return self.asleep + self.not_ready


def count(snapshot: Snapshot, zone: str | None = None) -> Census:
    """Count all nodes, or those of a failure zone; nodes without an EnergyNode come in by their number only."""
    nodes = [node for node in snapshot.nodes if zone is None or _zone_of(node) == zone]
    everyone = ZoneNodes(total=snapshot.total_nodes, unmanaged_not_ready=snapshot.unmanaged_not_ready_nodes)
    known = everyone if zone is None else snapshot.zones.get(zone, ZoneNodes(total=0))
    broken = sum(1 for node in nodes if not is_down(node) and not _is_ready(node))
    return Census(
        total=max(known.total, len(nodes)),
        asleep=sum(1 for node in nodes if is_down(node)),
        not_ready=broken + known.unmanaged_not_ready,
        awake_workers=sum(1 for node in nodes if _is_awake_worker(node)),
        in_transition=sum(1 for node in nodes if node.record.power_state.in_transition),
        controllers=snapshot.controllers,
    )


def sleep_limit_nodes(snapshot: Snapshot) -> int:
    """Most nodes that may be asleep or not ready at the same time: of all of them, and of all failure zones."""
    zones = (count(snapshot, zone).limit for zone in snapshot.zones)
    return min(count(snapshot).limit, sum(zones)) if len(snapshot.zones) > 1 else count(snapshot).limit


def is_down(node: NodeView) -> bool:
    """Asleep, on the way down, or on the way up and not yet back."""
    state = node.record.power_state
    if state in WAKING:
        return not _is_ready(node)
    return state is PowerState.ASLEEP or state.falling_asleep


def asleep_room(snapshot: Snapshot) -> int:
    """Most nodes that may be asleep at the same time, given what is broken; never negative.

    The smallest of: the policy's own limit, what Kubernetes bears, and what leaves the minimum of awake workers.
    """
    census = count(snapshot)
    workers = census.awake_workers + census.asleep
    return max(0, min(_bearable(snapshot), workers - snapshot.policy.budgets.minimum_awake_nodes))


def _bearable(snapshot: Snapshot) -> int:
    """Most nodes that may be asleep for what Kubernetes bears and for the policy's own limit; may be negative."""
    room, own = _room(count(snapshot)), snapshot.policy.budgets.maximum_asleep_nodes
    if len(snapshot.zones) > 1:
        room = min(room, sum(max(0, _room(count(snapshot, zone))) for zone in snapshot.zones))
    return room if own is None else min(room, own)


def _room(census: Census) -> int:
    return census.limit - census.not_ready


def transition_budget(case: Case) -> Cause | None:
    """One node at a time: what goes wrong, goes wrong once."""
    busy = [node.name for node in _others(case) if node.record.power_state.in_transition]
    allowed = case.snapshot.policy.budgets.nodes_in_transition
    if len(busy) < allowed:
        return None
    return Cause(Reason.TRANSITION_BUDGET, f"waiting for {', '.join(sorted(busy))} to finish a power transition")


def sleep_limit(case: Case) -> Cause | None:
    """Kubernetes must still heal real failures."""
    return next(filter(None, (_beyond(case, zone) for zone in _scopes(case))), None)


def _beyond(case: Case, zone: str | None) -> Cause | None:
    """Whether one more sleeper is too many for all nodes, or for the node's failure zone."""
    census = count(case.snapshot, zone)
    out = census.out + (0 if is_down(case.node) else 1)
    if out <= census.limit:
        return None
    where = f" of zone {zone}" if zone else ""
    why = f"{out} of {census.total} nodes{where} would be asleep or not ready; the limit is {census.limit}"
    return Cause(Reason.SLEEP_LIMIT, why)


def policy_limit(case: Case) -> Cause | None:
    """The owner's own limit of sleeping nodes."""
    limit = case.snapshot.policy.budgets.maximum_asleep_nodes
    asleep = sum(1 for node in _others(case) if is_down(node)) + 1
    if limit is None or asleep <= limit:
        return None
    return Cause(Reason.SLEEP_LIMIT, f"{asleep} nodes would be asleep; the policy's limit is {limit}")


def excess_sleepers(case: Case) -> Cause | None:
    """A node broke, or the owner lowered a limit: sleepers wake, one for each that is too many, the others sleep on."""
    return next(filter(None, (_in_excess(case, zone) for zone in _scopes(case))), None)


def _in_excess(case: Case, zone: str | None) -> Cause | None:
    """Whether the node is one of the sleepers that are too many, of all nodes or of its failure zone."""
    room = _bearable(case.snapshot) if zone is None else _room(count(case.snapshot, zone))
    asleep, allowed = count(case.snapshot, zone).asleep, max(0, room)
    nodes = [node for node in case.snapshot.nodes if zone is None or _zone_of(node) == zone]
    returning = sum(1 for node in nodes if _comes_back(node))  # these are counted as asleep still
    too_many = max(0, asleep - returning - allowed)
    if case.node.name not in [node.name for node in _in_waking_order(case, nodes)[:too_many]]:
        return None
    where = f" in zone {zone}" if zone else ""
    return Cause(Reason.SLEEP_LIMIT, f"{asleep} nodes are asleep{where}; the limit is now {allowed}")


def _in_waking_order(case: Case, nodes: Sequence[NodeView]) -> list[NodeView]:
    """Sleeping nodes; those that people hold asleep last, otherwise by name, so that every case names the same ones."""
    sleepers = [node for node in nodes if node.record.power_state is PowerState.ASLEEP]
    return sorted(sleepers, key=lambda node: (_held_asleep(node, case), node.name))


def minimum_awake_nodes(case: Case) -> Cause | None:
    """Evicted pods need somewhere to go. Nodes of the control plane do not count."""
    awake = sum(1 for node in _others(case) if _is_awake_worker(node))
    needed = case.snapshot.policy.budgets.minimum_awake_nodes
    if awake >= needed:
        return None
    return Cause(Reason.MINIMUM_AWAKE_NODES, f"only {awake} workers would stay awake; {needed} required")


def wake_interval(case: Case) -> Cause | None:
    """Machines that start together may pull the supply down."""
    interval = timedelta(seconds=case.snapshot.policy.budgets.wake_interval_seconds)
    for node in _others(case):
        started = _woken_at(node)
        if started is not None and case.now - started < interval:
            return Cause(Reason.TRANSITION_BUDGET, f"{node.name} was woken at {started:%H:%M:%S}")
    return None


def _woken_at(node: NodeView) -> datetime | None:
    """When power was last asked for; for a node that has just come up, the later time at which it was seen up."""
    record = node.record
    if record.power_state in WAKING:
        return record.operation.started_at if record.operation else record.last_transition_at
    return record.awake_since if record.last_transition_reason is Reason.AWAKE else None


def _comes_back(node: NodeView) -> bool:
    """On the way up; or on the way down with its power still on, which the limits themselves turn back."""
    turns_back = node.record.power_state in (PowerState.CORDONED, PowerState.DRAINING)
    return turns_back or (node.record.power_state in WAKING and is_down(node))


def _held_asleep(node: NodeView, case: Case) -> bool:
    override = node.spec.override
    return override is not None and override.power is OverridePower.ASLEEP and override.holds(case.now)


def _others(case: Case) -> list[NodeView]:
    return [node for node in case.snapshot.nodes if node.name != case.node.name]


def _scopes(case: Case) -> tuple[str | None, ...]:
    """What is counted: all nodes, and where Kubernetes judges several failure zones, those of the node's own."""
    return (None, _zone_of(case.node)) if len(case.snapshot.zones) > 1 else (None,)


def _zone_of(node: NodeView) -> str:
    return "" if node.facts is None else node.facts.failure_zone


def _is_ready(node: NodeView) -> bool:
    return node.facts is not None and node.facts.exists and node.facts.ready


def _is_awake_worker(node: NodeView) -> bool:
    """A node that can take pods now."""
    facts = node.facts
    usable = facts is not None and facts.exists and facts.ready and not facts.unschedulable
    return node.record.power_state is PowerState.AWAKE and usable and not (facts and facts.is_control_plane)
