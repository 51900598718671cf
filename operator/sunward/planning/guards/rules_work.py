"""Guards about work: nothing that runs on a node, or that others need from it, is lost with its power."""

from __future__ import annotations

from sunward.domain.cause import Cause, joined
from sunward.domain.jobs import JobView
from sunward.domain.pods import PodFacts
from sunward.domain.reasons import Reason
from sunward.planning.guards import pending
from sunward.planning.guards.case import Case
from sunward.planning.guards.drain import classify, is_our_worker, is_worker_of
from sunward.planning.guards.placing import Unplaced, place


def work_moved(case: Case) -> Cause | None:
    """No assignment names the node, and the round that used it is over.

    A job whose coordinator is silent cannot say so; its workers are then left where they are.
    """
    for job in case.snapshot.jobs:
        if job.finished is not None:
            continue
        why = _still_works(case, job)
        if why is not None:
            return Cause(Reason.WORK_NOT_MOVED, f"{job.spec.key} {why}")
    return None


def shard_copied(case: Case) -> Cause | None:
    """Batches of a shard that lives here run elsewhere: the other node must hold the data before this one sleeps."""
    for job in case.snapshot.jobs:
        if job.finished is not None:
            continue
        missing = [
            f"{row.shard} to {row.node}"
            for row in job.assignments
            if case.answers_to(row.from_node)
            and not case.answers_to(row.node)
            and not holds_shard(job, row.node, row.shard)
        ]
        if missing:
            why = f"{job.spec.key} has not yet copied {', '.join(sorted(missing))}"
            return Cause(Reason.SHARD_NOT_COPIED, why)
    return None


def holds_shard(job: JobView, node: str, shard: str) -> bool:
    """Whether a node has a copy of a shard; unknown counts as no."""
    if job.progress is None:
        return False
    return shard in dict(job.progress.cached_shards).get(node, ())


def pods_evictable(case: Case) -> Cause | None:
    """No pod that would be lost, or that asks to be left alone."""
    return joined([verdict.cause for verdict in classify(case.node.pods).blocking if verdict.cause])


def budgets_allow(case: Case) -> Cause | None:
    """A disruption budget that lets nothing go is seen before the cordon; during a drain the eviction API decides."""
    moving = classify(case.node.pods).evictable
    return joined([_named(pod, pod.budget) for pod in moving if pod.budget is not None])


def _named(pod: PodFacts, cause: Cause) -> Cause:
    return Cause(cause.reason, f"{pod.namespace}/{pod.name} {cause.message}")


def pods_placeable(case: Case) -> Cause | None:
    """Pods that no other node takes would wait until this one is back; availability comes before emissions.

    All are placed together, beside the pods that wait for a node already. A pod whose requests cannot be read may need
    any amount, so nothing is known to take it. Training workers are not asked for: the operator makes them anew where
    their work went.
    """
    unread = [pod.needs.requests for pod in _leaving(case) if isinstance(pod.needs.requests, Cause)]
    if unread:
        return joined(unread)
    left = unplaced(case)
    if not left:
        return None
    names = ", ".join(f"{one.pod.namespace}/{one.pod.name} ({one.why})" for one in left)
    rooms = pending.elsewhere(case).open
    unknown = [f"{room.node}: {room.free.message}" for room in rooms if isinstance(room.free, Cause)]
    why = f"; the free capacity of these nodes is unknown: {', '.join(unknown)}" if unknown else ""
    return Cause(Reason.UNPLACEABLE_POD, f"no other node has room for {names}{why}")


def unplaced(case: Case) -> list[Unplaced]:
    """The pods of the node that no other node takes, each with why."""
    leaving = _leaving(case)
    if not leaving:
        return []
    mine = {pod.uid for pod in leaving}
    placed = place([*leaving, *pending.arriving(case.snapshot)], pending.elsewhere(case))
    return [one for one in placed.left if one.pod.uid in mine]


def _leaving(case: Case) -> list[PodFacts]:
    return [pod for pod in classify(case.node.pods).evictable if not is_our_worker(pod)]


def pods_pending(case: Case) -> Cause | None:
    """A pod for which the scheduler found no node fits here, and on no node that is awake."""
    pods = pending.wanted(case)
    if not pods:
        return None
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods)
    return Cause(Reason.PENDING_POD, f"pending and without room on the nodes that are awake: {names}")


def eviction_possible(case: Case) -> Cause | None:
    """The eviction API said that it can never allow it (for example two disruption budgets on one pod)."""
    return case.drain_failure


def drained(case: Case) -> Cause | None:
    """Nothing is left that would die with the power."""
    drain = classify(case.node.pods)
    if drain.is_done:
        return None
    left = [pod.name for pod in (*drain.evictable, *drain.leaving, *(verdict.pod for verdict in drain.blocking))]
    return Cause(Reason.DRAINING, f"still running on the node: {', '.join(left)}")


def volumes_detached(case: Case) -> Cause | None:
    """A volume that is cut off while attached may be corrupted."""
    if not case.node.volume_attached:
        return None
    return Cause(Reason.VOLUME_ATTACHED, "a volume is still attached")


def _still_works(case: Case, job: JobView) -> str | None:
    """Our own assignments count as they stand; a coordinator's word only as far as they bear it out."""
    if any(case.answers_to(row.node) for row in job.assignments):
        return "is assigned here"
    if case.node.name in job.unconfirmed_nodes:
        return None
    if job.progress is None:
        return "has a worker here and its coordinator does not respond" if _has_worker(case, job) else None
    if any(case.answers_to(worker) for worker in job.progress.workers):
        return "trains here in this round"
    return None


def _has_worker(case: Case, job: JobView) -> bool:
    return any(is_worker_of(pod, job.spec.namespace, job.spec.name) for pod in case.node.pods)
