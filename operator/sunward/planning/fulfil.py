"""A plan as it stands within its period: a job whose rounds are done pauses, and whoever it kept awake may sleep. Pure.

Only what the plan has said already is brought forward: a node sleeps now if the plan has it asleep when the next period
begins. Nothing wakes, and every guard is asked as for any other sleep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sunward.domain.cause import Cause
from sunward.domain.jobs import JobView
from sunward.domain.plans import JobDirective, Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards.rules_work import holds_shard
from sunward.planning.jobs.facts import rounds_done


def fulfilled(plan: Plan, snapshot: Snapshot) -> Plan:
    """The plan less the rounds that are done. One without a last round for any job comes back as it is."""
    if not any(directive.until_round is not None for directive in plan.jobs):
        return plan
    views = {job.spec.key: job for job in snapshot.jobs}
    jobs = tuple(_now(directive, views.get(directive.job)) for directive in plan.jobs)
    needed = _needed(jobs, views)
    leaving = {sleep.node for sleep in plan.sleeps if sleep.start <= plan.end and (sleep.until or plan.end) >= plan.end}
    awake = {name: wanted and (name in needed or name not in leaving) for name, wanted in plan.awake.items()}
    return replace(plan, jobs=jobs, awake=awake)


def _now(directive: JobDirective, job: JobView | None) -> JobDirective:
    last = directive.until_round
    if job is None or last is None or rounds_done(job) < last:
        return directive
    message = f"the rounds of this period are done, up to round {last}"
    return JobDirective(job=directive.job, run=False, cause=Cause(Reason.WAITING_FOR_LOWER_INTENSITY, message))


def _needed(jobs: Iterable[JobDirective], views: Mapping[str, JobView]) -> set[str]:
    """Nodes that work, and homes from which a shard has yet to be copied."""
    needed: set[str] = set()
    for row in (row for directive in jobs for row in directive.assignments):
        job = views.get(row.job)
        needed.add(row.node)
        if job is None or not holds_shard(job, row.node, row.shard):
            needed.add(row.from_node)
    return needed
