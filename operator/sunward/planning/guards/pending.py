"""Pods that wait for a node, and the nodes that sleep or are about to: who is woken, or kept, for whom.

The scheduler says that it found no node; the fit check says whether a node that sleeps would do. As few nodes as
possible are woken for all pods together, and what boots already counts as if it were up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from math import inf

from sunward.domain.measurement import Measurement
from sunward.domain.nodes import NodeView, OverridePower, PowerState
from sunward.domain.pods import FreeCapacity, PendingPod, PodFacts, Resources
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards.budgets import WAKING
from sunward.planning.guards.case import Case
from sunward.planning.guards.drain import classify, is_our_worker
from sunward.planning.guards.placing import Ground, Placement, place
from sunward.planning.guards.same import once

EXPENDABLE_BELOW = -10
"""Pods of a lower priority wait without waking anything: the cut-off of the cluster autoscaler."""
SCHEDULER_PATIENCE = timedelta(minutes=6)
"""The scheduler tries every pod again within five minutes. A pod that it leaves waiting for longer does not fit on what
was up all that time, whatever is computed here."""
EXACT_UP_TO = 8
"""Nodes of which all sets are tried for the smallest; more are taken one by one, in order."""
KEPT = (PowerState.CORDONED, PowerState.DRAINING)
OFF = (PowerState.POWER_OFF_REQUESTED, PowerState.ASLEEP)


def wanted(case: Case) -> tuple[PodFacts, ...]:
    """Pods for whose sake the node must be awake: it is to wake, or not to go to sleep, for them."""
    if not _waiting(case.snapshot):
        return ()
    if case.node.record.power_state is PowerState.AWAKE:
        return _would_lose(case)
    return calls(case.snapshot).get(case.node.name, ())


@once
def arriving(snapshot: Snapshot) -> tuple[PodFacts, ...]:
    """Pods that wait for a node and that one which is up, or boots, should take."""
    pods = _pods(_waiting(snapshot))
    here = place(pods, _ground(snapshot, _booting(snapshot))).nodes if pods else {}
    return tuple(pod for pod in pods if pod.uid in here)


def elsewhere(case: Case) -> Ground:
    """Where the pods of the node could go: every node that takes pods but this one, as if its pods had left it."""
    pods = classify(case.node.pods)
    return Ground(
        open=case.snapshot.free_capacities,
        closed=case.snapshot.closed_capacities,
        shut=frozenset({case.node.name, case.node.spec.node_name}),
        gone=frozenset(pod.uid for pod in (*pods.evictable, *pods.leaving)),
        refuses=_refusals(case.snapshot),
    )


@once
def calls(snapshot: Snapshot) -> Mapping[str, tuple[PodFacts, ...]]:
    """The nodes to wake or to keep, by name of the EnergyNode, and for which pods each."""
    due = [one.pod for one in _waiting(snapshot) if _is_due(one, snapshot)]
    candidates = [node for node in snapshot.nodes if _may_serve(node, snapshot)] if due else []
    if not candidates:
        return {}
    candidates.sort(key=lambda node: _cost(node, snapshot))
    tried = [one.pod for one in _waiting(snapshot) if not _is_due(one, snapshot)]
    _, ground = _after(tried, _ground(snapshot, _booting(snapshot)))  # what nodes were woken for comes first there
    left, ground = _after(due, ground)
    everyone_up = frozenset(room.node for room in ground.open) | ground.opened
    found = _fewest(left, candidates, replace(ground, opened=frozenset(), shut=everyone_up))
    names = {node.spec.node_name: node.name for node in candidates}
    served: dict[str, tuple[PodFacts, ...]] = {}
    for pod in left:
        name = names.get(found.nodes.get(pod.uid, ""))
        if name is not None:
            served[name] = (*served.get(name, ()), pod)
    return served


def _is_due(one: PendingPod, snapshot: Snapshot) -> bool:
    return one.next_wake_at is None or one.next_wake_at <= snapshot.taken_at


def _after(pods: Sequence[PodFacts], ground: Ground) -> tuple[list[PodFacts], Ground]:
    """The pods that find no room, and what is left of the nodes once the others have come."""
    found = place(pods, ground)
    if not found.nodes:
        return list(pods), ground
    by_node: dict[str, list[PodFacts]] = {}
    for pod in pods:
        by_node.setdefault(found.nodes.get(pod.uid, ""), []).append(pod)
    up, down = (
        tuple(_taken(one, by_node.get(one.node, ())) for one in rooms) for rooms in (ground.open, ground.closed)
    )
    return by_node.get("", []), replace(ground, open=up, closed=down)


def _taken(room: FreeCapacity, pods: Sequence[PodFacts]) -> FreeCapacity:
    free = room.free
    for pod in pods:
        if isinstance(free, Resources) and isinstance(pod.needs.requests, Resources):
            free = free.less(pod.needs.requests)
    return replace(room, free=free, pods=(*room.pods, *pods)) if pods else room


@once
def misfits(snapshot: Snapshot) -> Mapping[str, str]:
    """Pods that no node would take, awake or not, by namespace/name, and why."""
    everyone = frozenset(room.node for room in snapshot.closed_capacities)
    left = place(_pods(_waiting(snapshot)), _ground(snapshot, everyone)).left
    return {f"{one.pod.namespace}/{one.pod.name}": one.why for one in left}


def _waiting(snapshot: Snapshot) -> list[PendingPod]:
    """A DaemonSet's pod belongs to its own node, and where a training worker goes is for the plan to say."""
    return [
        one
        for one in snapshot.pending
        if not one.pod.is_daemon and not is_our_worker(one.pod) and one.pod.priority >= EXPENDABLE_BELOW
    ]


def _would_lose(case: Case) -> tuple[PodFacts, ...]:
    """Pods that wait, fit on this node, and would fit nowhere without it."""
    snapshot = case.snapshot
    pods = arriving(snapshot)
    if not pods:
        return ()
    without = place([*classify(case.node.pods).evictable, *pods], elsewhere(case))
    lost = {one.pod.uid for one in without.left}
    return tuple(pod for pod in pods if pod.uid in lost)


def _booting(snapshot: Snapshot) -> frozenset[str]:
    return _names(node for node in snapshot.nodes if _is_coming(node))


def _ground(snapshot: Snapshot, opened: frozenset[str]) -> Ground:
    return Ground(
        open=snapshot.free_capacities,
        closed=snapshot.closed_capacities,
        opened=opened,
        refuses=_refusals(snapshot),
    )


def _refusals(snapshot: Snapshot) -> Callable[[PodFacts, FreeCapacity], bool]:
    late = {one.pod.uid: one.since for one in snapshot.pending if one.since is not None}
    since = {node.spec.node_name: node.record.awake_since for node in snapshot.nodes}
    is_open = {room.node for room in snapshot.free_capacities}

    def refuses(pod: PodFacts, room: FreeCapacity) -> bool:
        """The scheduler had time to place the pod on this node and did not."""
        if pod.uid not in late or room.node not in is_open:
            return False
        begun = max(late[pod.uid], since.get(room.node) or late[pod.uid])
        return snapshot.taken_at - begun > SCHEDULER_PATIENCE

    return refuses


def _fewest(pods: Sequence[PodFacts], candidates: Sequence[NodeView], ground: Ground) -> Placement:
    """The pods placed with as few wakes as possible; nodes whose power is still on need none."""

    def with_help_of(nodes: Iterable[NodeView]) -> Placement:
        return place(pods, replace(ground, opened=ground.opened | _names(nodes)))

    still_on = [node for node in candidates if node.record.power_state in KEPT]
    off = [node for node in candidates if node.record.power_state in OFF]
    most = len(with_help_of(candidates).nodes)
    woken = _smallest(off, lambda some: len(with_help_of([*still_on, *some]).nodes), most)
    kept = _smallest(still_on, lambda some: len(with_help_of([*some, *woken]).nodes), most)
    return with_help_of([*kept, *woken])


def _smallest(nodes: Sequence[NodeView], served_by: Callable[[Sequence[NodeView]], int], most: int) -> list[NodeView]:
    """The fewest nodes with which as many pods as possible are placed; of equal sets the first in order."""
    if len(nodes) > EXACT_UP_TO:
        return _one_by_one(nodes, served_by, most)
    sets = (some for size in range(len(nodes) + 1) for some in combinations(nodes, size))
    return list(next((some for some in sets if served_by(some) >= most), nodes))


def _one_by_one(nodes: Sequence[NodeView], served_by: Callable[[Sequence[NodeView]], int], most: int) -> list[NodeView]:
    """In order, each node that takes a pod which those before it do not."""
    chosen: list[NodeView] = []
    served = served_by(chosen)
    for node in nodes:
        if served >= most:
            break
        more = served_by([*chosen, node])
        if more > served:
            chosen, served = [*chosen, node], more
    return chosen


def _may_serve(node: NodeView, snapshot: Snapshot) -> bool:
    """A node that sleeps or is about to, that no person holds asleep, and that takes pods once it is up."""
    override, facts = node.spec.override, node.facts
    is_held = override is not None and override.power is OverridePower.ASLEEP and override.holds(snapshot.taken_at)
    is_foreign = facts is None or (facts.unschedulable and not facts.has_our_cordon_mark)
    return node.record.power_state in (*KEPT, *OFF) and not is_held and not is_foreign


def _is_coming(node: NodeView) -> bool:
    """On the way up, or up and about to be given back to the scheduler."""
    facts = node.facts
    is_marked = facts is not None and facts.has_our_cordon_mark
    return node.record.power_state in WAKING or (node.record.power_state is PowerState.AWAKE and is_marked)


def _cost(node: NodeView, snapshot: Snapshot) -> tuple[float, float, str]:
    """Grams per hour of a node that idles, then what a wake takes; a grid zone without a value comes last."""
    zone = snapshot.intensities.get(node.spec.grid_zone)
    now = None if zone is None else zone.now_grams_per_kilowatt_hour
    grams = now.value * node.spec.power.idle_watts / 1000.0 if isinstance(now, Measurement) else inf
    return (grams, node.spec.power.wake_watt_hours, node.name)


def _names(nodes: Iterable[NodeView]) -> frozenset[str]:
    return frozenset(node.spec.node_name for node in nodes)


def _pods(waiting: Collection[PendingPod]) -> list[PodFacts]:
    return [one.pod for one in waiting]
