"""Which jobs stay within the limits of their namespaces. Pure; the order of the input does not matter.

A namespace's jobs are taken in the order of `rank`, and each that still fits is within its limit. What a job of lower
rank asks for therefore never decides over one of higher rank, and a job that is too large does not hold back a smaller
one behind it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sunward.domain.cause import Cause
from sunward.domain.jobs import JobView
from sunward.domain.policy import NamespaceLimit, PolicySpec
from sunward.domain.reasons import Reason

Rank = tuple[int, datetime, str, str]
NEVER_CREATED = datetime.max.replace(tzinfo=UTC)
"""Sorts a job that no API server created behind those that one did."""


def rank(job: JobView) -> Rank:
    """The higher priority first, then the older job, then the UID."""
    spec = job.spec
    return (-spec.priority, spec.created_at or NEVER_CREATED, spec.uid, spec.key)


def over_limit(jobs: Iterable[JobView], policy: PolicySpec, node_hours: Mapping[str, float]) -> Mapping[str, Cause]:
    """By key: why a job is not planned, for each of *jobs* that is over a limit of its namespace.

    *node_hours* are those that each namespace kept nodes awake in the last day.
    """
    by_namespace: dict[str, list[JobView]] = defaultdict(list)
    for job in jobs:
        by_namespace[job.spec.namespace].append(job)
    over: dict[str, Cause] = {}
    for namespace, own in sorted(by_namespace.items()):
        limit = policy.limit_of(namespace)
        if limit is not None:
            used = _hours_used(namespace, node_hours.get(namespace, 0.0), limit)
            over |= _over(namespace, sorted(own, key=rank), limit) if used is None else _all(own, used)
    return over


def _hours_used(namespace: str, hours: float, limit: NamespaceLimit) -> Cause | None:
    allowed = limit.awake_node_hours_per_day
    if allowed is None or hours < allowed:
        return None
    return Cause(
        Reason.AWAKE_NODE_HOURS_LIMIT,
        f"{namespace} kept nodes awake for {hours:.1f} node-hours in the last 24 hours;"
        f" {limit.path('awakeNodeHoursPerDay')} allows {allowed}: wait until older hours no longer count, remove pods"
        " that keep nodes awake, or ask an administrator for a higher limit",
    )


def _all(jobs: Iterable[JobView], cause: Cause) -> dict[str, Cause]:
    return dict.fromkeys((job.spec.key for job in jobs), cause)


def _over(namespace: str, ordered: Iterable[JobView], limit: NamespaceLimit) -> dict[str, Cause]:
    """The jobs of one namespace that no longer fit, in order of rank."""
    over: dict[str, Cause] = {}
    jobs = shards = 0
    for job in ordered:
        wanted = len(job.spec.shards)
        if limit.jobs is not None and jobs >= limit.jobs:
            over[job.spec.key] = _cause(Reason.JOB_LIMIT, f"{jobs} jobs of {namespace} are planned", limit, "jobs")
        elif limit.shards is not None and shards + wanted > limit.shards:
            used = f"{shards} shards of {namespace} are planned, and this job has {wanted} more"
            over[job.spec.key] = _cause(Reason.SHARD_LIMIT, used, limit, "shards")
        else:
            jobs, shards = jobs + 1, shards + wanted
    return over


def _cause(reason: Reason, used: str, limit: NamespaceLimit, field: str) -> Cause:
    value = limit.jobs if field == "jobs" else limit.shards
    return Cause(
        reason,
        f"{used}; {limit.path(field)} allows {value}: wait until another job has ended, suspend one, raise"
        " spec.priority of this job, or ask an administrator for a higher limit",
    )
