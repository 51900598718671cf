"""What each job does now: the plan's directive, unless something outside the plan ends or forbids it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sunward.domain.cause import Cause
from sunward.domain.jobs import JobPhase, JobView
from sunward.domain.plans import JobDirective, Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.jobs.facts import outside


def directives_of(plan: Plan, snapshot: Snapshot) -> Mapping[str, JobDirective]:
    """What each job does: the plan's word, unless nothing may or can be done in the job's namespace at all."""
    refused = {
        job.spec.key: JobDirective(job=job.spec.key, run=False, cause=why)
        for job in snapshot.jobs
        if (why := _refusal(job, snapshot)) is not None
    }
    return {directive.job: directive for directive in plan.jobs} | refused


def _refusal(job: JobView, snapshot: Snapshot) -> Cause | None:
    return outside(job.spec.namespace, snapshot.policy.namespaces) or job.objects_fault


def job_over(job: JobView) -> Reason | None:
    """Why the job is over now, judged by its coordinator's word, or None."""
    if job.finished is not None:
        return job.finished
    if job.progress is None or job.progress.phase not in (JobPhase.COMPLETE, JobPhase.FAILED):
        return None
    if job.progress.phase is JobPhase.FAILED:
        return Reason.JOB_FAILED
    return Reason.ROUNDS_COMPLETE if job.progress.round >= job.spec.rounds else Reason.TARGET_REACHED
