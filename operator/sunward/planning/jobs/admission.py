"""Which jobs are planned now, with which of their shards; and for the others, why they wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.jobs import DataMobility, JobView, Shard
from sunward.domain.nodes import NodeView
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.jobs.facts import outside, remaining_rounds
from sunward.planning.jobs.fair_share import TOLERANCE, shares, turns
from sunward.planning.jobs.limits import over_limit, rank
from sunward.planning.jobs.pace import Planned, candidates, demands, usable_seconds
from sunward.planning.jobs.room import with_room


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that is not planned, and why."""

    job: JobView
    cause: Cause


def split(
    snapshot: Snapshot, workers: Mapping[str, NodeView], known: Mapping[str, NodeView]
) -> tuple[list[Planned], list[Waiting]]:
    """Jobs that can be planned with the shards that can take part, and the jobs that wait.

    `workers` are the nodes that may work, `known` those that are in the problem at all. A shard whose home is not
    known is left out until its node is back; the job goes on without it while enough workers remain. A job that cannot
    be planned anyway takes nothing of what its namespace is allowed, and one that is over a limit takes no time.
    """
    planned: list[Planned] = []
    waiting: list[Waiting] = []
    allowed = frozenset(snapshot.policy.namespaces)
    for job in sorted(snapshot.jobs, key=lambda job: job.spec.key):
        if job.finished is not None:
            continue
        shards = tuple(shard for shard in job.spec.shards if shard.node in known)
        refusal = _not_allowed(job, allowed) or _not_planned(job, shards, with_room(job, workers, snapshot))
        if refusal is None:
            planned.append((job, shards))
        else:
            waiting.append(refusal)
    planned, over = _without(
        planned, over_limit((job for job, _ in planned), snapshot.policy, snapshot.awake_node_hours)
    )
    period = timedelta(seconds=snapshot.policy.planning_period_seconds)
    planned, behind = _without(planned, out_of_turn(planned, snapshot.taken_at, period))
    return planned, [*waiting, *over, *behind]


def _without(planned: Sequence[Planned], causes: Mapping[str, Cause]) -> tuple[list[Planned], list[Waiting]]:
    kept = [(job, shards) for job, shards in planned if job.spec.key not in causes]
    return kept, [Waiting(job=job, cause=causes[job.spec.key]) for job, _ in planned if job.spec.key in causes]


def _not_allowed(job: JobView, namespaces: Collection[str]) -> Waiting | None:
    """Nothing of a job may be created outside `spec.namespaces`, so no node is kept awake for it."""
    cause = outside(job.spec.namespace, namespaces)
    return None if cause is None else Waiting(job=job, cause=cause)


def _not_planned(job: JobView, shards: Sequence[Shard], workers: Mapping[str, NodeView]) -> Waiting | None:
    spec = job.spec
    budget = spec.emissions_budget_grams
    if spec.suspend:
        return Waiting(job=job, cause=Cause(Reason.SUSPENDED, "suspended by its spec"))
    if remaining_rounds(job) <= 0:
        return Waiting(job=job, cause=Cause(Reason.ROUNDS_COMPLETE, f"all {spec.rounds} rounds are done"))
    spent = job.emissions_grams
    if budget is not None and spent is not None and spent >= budget:
        message = f"{spent:.3f} g of the budget of {budget:.3f} g are used"
        return Waiting(job=job, cause=Cause(Reason.BUDGET_EXCEEDED, message))
    if not shards:
        homes = ", ".join(sorted({shard.node for shard in spec.shards}))
        return Waiting(job=job, cause=Cause(Reason.WAITING_FOR_NODE, f"no home node of its shards can work: {homes}"))
    if len(_possible_workers(job, shards, workers)) < spec.minimum_workers:
        message = f"fewer than {spec.minimum_workers} nodes can work on it"
        return Waiting(job=job, cause=Cause(Reason.WAITING_FOR_QUORUM, message))
    return None


def _possible_workers(job: JobView, shards: Iterable[Shard], workers: Mapping[str, NodeView]) -> set[str]:
    homes = {shard.node for shard in shards} & set(workers)
    match job.spec.data_mobility:
        case DataMobility.NEVER:
            return homes
        case DataMobility.SAME_SITE:
            sites = {workers[home].spec.site for home in homes} - {None}
            return homes | {name for name, node in workers.items() if node.spec.site in sites}
        case DataMobility.ANYWHERE:
            return set(candidates(homes, workers))


def out_of_turn(planned: Sequence[Planned], start: datetime, period: timedelta) -> Mapping[str, Cause]:
    """By key: why a job waits, for each whose namespace has no time left for it on one of its home nodes.

    No job waits while the nodes have time for all.
    """
    asked = demands(planned, start, period)
    capacity = usable_seconds(period)
    served = shares(asked, capacity)
    allowed = turns([demand for demand in asked if served[demand.job] > TOLERANCE], capacity)
    running: dict[tuple[str, str], int] = defaultdict(int)
    behind: dict[str, Cause] = {}
    order = {demand.job: demand.order for demand in asked}
    for job, shards in sorted(planned, key=lambda item: (order[item[0].spec.key], rank(item[0]))):
        homes = {shard.node for shard in shards}
        namespace = job.spec.namespace
        full = [node for node in homes if node in allowed and running[node, namespace] >= allowed[node][namespace]]
        if served[job.spec.key] <= TOLERANCE or full:
            behind[job.spec.key] = _behind(namespace, full or homes)
            continue
        for node in homes:
            running[node, namespace] += 1
    return behind


def _behind(namespace: str, nodes: Iterable[str]) -> Cause:
    return Cause(
        Reason.WAITING_FOR_FAIR_SHARE,
        f"what {namespace} may have of the time of {', '.join(sorted(nodes))} goes to its jobs that come first"
        " (priority, deadline, age): wait, raise spec.priority of this job, or use other nodes",
    )
