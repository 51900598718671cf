"""What each job does now: the plan's directive, unless something outside the plan ends or forbids it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sunward.domain.cause import Cause
from sunward.domain.jobs import JobPhase, JobView
from sunward.domain.plans import JobDirective, Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot


def directives_of(plan: Plan, snapshot: Snapshot) -> Mapping[str, JobDirective]:
    """What each job does: the plan's word, unless the job's namespace may not influence power at all."""
    allowed = snapshot.policy.namespaces
    refused = {
        job.spec.key: JobDirective(
            job=job.spec.key,
            run=False,
            cause=Cause(
                Reason.NAMESPACE_NOT_ALLOWED, f"add {job.spec.namespace} to spec.namespaces of EnergyPolicy default"
            ),
        )
        for job in snapshot.jobs
        if job.spec.namespace not in allowed
    }
    return {directive.job: directive for directive in plan.jobs} | refused


def job_over(job: JobView) -> Reason | None:
    """Why the job is over now, judged by its coordinator's word, or None."""
    if job.finished is not None:
        return job.finished
    if job.progress is None or job.progress.phase not in (JobPhase.COMPLETE, JobPhase.FAILED):
        return None
    if job.progress.phase is JobPhase.FAILED:
        return Reason.JOB_FAILED
    return Reason.ROUNDS_COMPLETE if job.progress.round >= job.spec.rounds else Reason.TARGET_REACHED
