"""Which nodes are awake only because some namespace's pods or jobs keep them awake. Pure.

A node is pinned when no work is planned on it that another node could do, and nothing but pods and jobs stands in the
way of its sleep. A node that could not sleep anyway (its role, its meters, its times, the budgets of the policy) is
pinned by no namespace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sunward.domain.jobs import Assignment, Disruption, JobView
from sunward.domain.measurement import Measurement
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.pins import Pin, PinnedNode
from sunward.domain.plans import Plan
from sunward.domain.pods import PodFacts
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.planning.guards import pending
from sunward.planning.guards.budgets import asleep_room
from sunward.planning.guards.case import Case
from sunward.planning.guards.drain import BlockingPod, classify
from sunward.planning.guards.rules_work import unplaced
from sunward.planning.sleep.eligibility import sleep_obstacles

OF_PODS = ("hosts-coordinator", "pods-evictable", "budgets-allow", "pods-pending", "pods-placeable")
"""Guards that other people's pods trigger; what any other guard forbids is no pin."""
HAVE_POWER = (PowerState.AWAKE, PowerState.CORDONED, PowerState.DRAINING)
NOT_OF_TENANTS = Reason.HOSTS_SYSTEM_SINGLETON


def pinned_nodes(
    plan: Plan, snapshot: Snapshot, refused: Mapping[str, Sequence[BlockingPod]]
) -> tuple[PinnedNode, ...]:
    """The pinned nodes, the costliest first, and no more than could be asleep beside those that the plan lets sleep.

    `refused` are pods by node whose eviction the API server refused, for example for a disruption budget.
    """
    room = asleep_room(snapshot) - sum(not awake for awake in plan.awake.values())
    found = [
        PinnedNode(node=node.name, pins=pins, grams_per_hour=_grams_per_hour(node, snapshot))
        for node in snapshot.nodes
        if (pins := _pins(node, plan, snapshot, refused.get(node.name, ())))
    ]
    found.sort(key=lambda one: (-(one.grams_per_hour or 0.0), one.node))
    return tuple(found[: max(0, room)])


def kept_awake(plan: Plan, snapshot: Snapshot) -> Mapping[str, float]:
    """By namespace: nodes that are awake now on its account, for its work or because of its pins.

    Namespaces that need a node at the same time share it equally. Nodes that could not sleep anyway do not count.
    """
    nodes: dict[str, float] = defaultdict(float)
    for node in snapshot.nodes:
        if not _could_sleep(node, snapshot):
            continue
        work = {d.job.split("/")[0] for d in plan.jobs if d.run and any(row.node == node.name for row in d.assignments)}
        pins = {pin.namespace for pin in (*_pins_of_pods(node, snapshot), *_claims(node, snapshot))}
        for namespace in work | pins:
            nodes[namespace] += 1.0 / len(work | pins)
    return dict(sorted(nodes.items()))


def _could_sleep(node: NodeView, snapshot: Snapshot) -> bool:
    """Whether a node has power and nothing but other people's pods forbids its sleep."""
    if node.record.power_state not in HAVE_POWER:
        return False
    if any(one.guard not in OF_PODS for one in sleep_obstacles(node, snapshot)):
        return False
    return all(one.cause is None or one.cause.reason is not NOT_OF_TENANTS for one in classify(node.pods).blocking)


def _pins(node: NodeView, plan: Plan, snapshot: Snapshot, refused: Sequence[BlockingPod]) -> tuple[Pin, ...]:
    if not _could_sleep(node, snapshot):
        return ()
    work = _pins_of_work(node, plan, snapshot)
    if work is None:
        return ()
    pins = {*work, *_pins_of_pods(node, snapshot), *(_pin(one.pod, one.cause.reason) for one in refused)}
    return tuple(sorted({*pins, *_claims(node, snapshot)}, key=lambda pin: (pin.namespace, pin.holder, pin.reason)))


def _pin(pod: PodFacts, reason: Reason) -> Pin:
    return Pin(namespace=pod.namespace, holder=f"{pod.namespace}/{pod.name}", reason=reason)


def _pins_of_pods(node: NodeView, snapshot: Snapshot) -> Iterator[Pin]:
    drain = classify(node.pods)
    for one in drain.blocking:
        if one.cause is not None:
            yield _pin(one.pod, Reason.DO_NOT_DISRUPT if one.pod.do_not_disrupt else one.cause.reason)
    case = Case(node=node, snapshot=snapshot, now=snapshot.taken_at)
    yield from (_pin(pod, pod.budget.reason) for pod in drain.evictable if pod.budget is not None)
    yield from (_pin(pod, Reason.PENDING_POD) for pod in pending.wanted(case))
    yield from (_pin(one.pod, Reason.UNPLACEABLE_POD) for one in unplaced(case))


def _claims(node: NodeView, snapshot: Snapshot) -> Iterator[Pin]:
    """Coordinators that say that the node trains although no assignment names it, and are still believed."""
    names = {node.name, node.spec.node_name}
    for job in snapshot.jobs:
        assigned = any(row.node in names for row in job.assignments)
        believed = job.finished is None and not assigned and node.name not in job.unconfirmed_nodes
        if believed and job.progress is not None and not names.isdisjoint(job.progress.workers):
            yield Pin(namespace=job.spec.namespace, holder=job.spec.key, reason=Reason.WORK_NOT_MOVED)


def _pins_of_work(node: NodeView, plan: Plan, snapshot: Snapshot) -> list[Pin] | None:
    """Pins of the jobs that work there; None where one of them works there because that is best."""
    jobs = {job.spec.key: job for job in snapshot.jobs}
    pins: list[Pin] = []
    for directive in plan.jobs:
        if not directive.run or all(row.node != node.name for row in directive.assignments):
            continue
        job = jobs.get(directive.job)
        reason = None if job is None else _held_by(job, node.name, directive.assignments)
        if job is None or reason is None:
            return None
        pins.append(Pin(namespace=job.spec.namespace, holder=job.spec.key, reason=reason))
    return pins


def _held_by(job: JobView, node: str, rows: Sequence[Assignment]) -> Reason | None:
    """Why a job keeps a node busy that it need not: it must not be moved, or its quorum wants one more worker.

    Of a quorum that is met exactly, the node with most batches would work in any case.
    """
    if job.spec.disruption is Disruption.NEVER:
        return Reason.DISRUPTION_NEVER
    batches: dict[str, int] = defaultdict(int)
    for row in rows:
        batches[row.node] += row.batches
    largest = max(sorted(batches), key=lambda name: batches[name])
    return Reason.MINIMUM_WORKERS if 1 < len(batches) <= job.spec.minimum_workers and node != largest else None


def _grams_per_hour(node: NodeView, snapshot: Snapshot) -> float | None:
    zone = snapshot.intensities.get(node.spec.grid_zone)
    now = None if zone is None else zone.now_grams_per_kilowatt_hour
    if not isinstance(now, Measurement):
        return None
    watts = max(0.0, node.spec.power.idle_watts - node.spec.power.asleep_watts)
    return watts * now.value / WATT_HOURS_PER_KILOWATT_HOUR
