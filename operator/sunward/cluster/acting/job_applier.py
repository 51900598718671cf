"""Carries out what the plan has jobs do: every job by itself, side by side, within a time that holds for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from sunward.cluster.access.api import Api
from sunward.cluster.access.timed import TimedApi
from sunward.cluster.containment import Containment, Part, Subject
from sunward.cluster.reading.observe import Observation
from sunward.cluster.training import jobs
from sunward.cluster.training.authorities import Authorities
from sunward.cluster.training.door import Door
from sunward.cluster.training.placement import placement
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.jobs import JobSpec, JobView
from sunward.domain.plans import JobDirective, Plan
from sunward.planning.jobs.directives import directives_of, job_over

ALL_SECONDS = 5.0
"""For all jobs of a pass together: the nodes' next steps wait for them. What is left over comes first in the next."""
REQUEST_SECONDS = 4.0
"""For one request about a job; a webhook that hangs is its job's fault."""
AT_ONCE = 8
"""Jobs that are carried out side by side."""


class JobApplier:
    """Remembers in which order jobs were carried out, so that none waits for ever for others to end."""

    def __init__(
        self,
        api: Api,
        around: Surroundings,
        authorities: Authorities,
        clock: Callable[[], datetime],
        containment: Containment,
        *,
        seconds: float = ALL_SECONDS,
    ) -> None:
        self._authorities, self._clock = authorities, clock
        self._api = TimedApi(api, min(REQUEST_SECONDS, seconds))
        self._around = around
        self._containment = containment
        self._seconds = seconds
        self._turns = 0
        self._last: dict[str, int] = {}

    async def apply(self, plan: Plan, seen: Observation) -> None:
        """Every job whose directive can be carried out. Never raises: what one job raises is its own failure."""
        due = self._due(seen.snapshot.jobs, directives_of(plan, seen.snapshot), seen)
        room = asyncio.Semaphore(AT_ONCE)

        async def one(job: JobView, directive: JobDirective) -> None:
            async with room:
                self._turns += 1
                self._last[job.spec.key] = self._turns  # it has had its turn, even if it is cut short
                with self._containment.contain(Part.APPLY, subject_of(job)):
                    await self._apply(job, directive, plan.name, seen)

        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await asyncio.gather(*(one(job, directive) for job, directive in due))

    def _due(
        self, views: Sequence[JobView], directives: Mapping[str, JobDirective], seen: Observation
    ) -> Sequence[tuple[JobView, JobDirective]]:
        """Jobs to carry out now with what they do, those that waited longest first."""
        keys = {job.spec.key for job in views}
        self._last = {key: turn for key, turn in self._last.items() if key in keys}
        found = [
            (job, directive)
            for job in views
            if (directive := directives.get(job.spec.key)) is not None
            and _is_to_be_applied(job, directive, seen)
            and self._containment.is_due(Part.APPLY, subject_of(job))
        ]
        return sorted(found, key=lambda pair: self._last.get(pair[0].spec.key, 0))

    async def _apply(self, job: JobView, directive: JobDirective, plan: str, seen: Observation) -> None:
        where = placement(job, directive, seen.snapshot)
        if where is not None:
            found = seen.objects[job.spec.namespace]
            await jobs.apply_job(self._api, directive, where, found, await self._door(job.spec), self._around, plan)

    async def _door(self, job: JobSpec) -> Door:
        return Door(
            job=job,
            authority=await self._authorities.of(job.uid),
            operator_namespace=self._authorities.namespace,
            now=self._clock(),
        )


def subject_of(job: JobView) -> Subject:
    """The job as what may fail."""
    return Subject(kind="TrainingJob", name=job.spec.key, generation=job.generation)


def _is_to_be_applied(job: JobView, directive: JobDirective, seen: Observation) -> bool:
    """Whether anything is to be done for a job; nothing is where its namespace was not read, or when it is over."""
    if job.spec.namespace not in seen.objects or job_over(job) is not None:
        return False
    return directive.run or job.coordinator_node is not None
