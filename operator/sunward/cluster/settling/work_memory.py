"""Rounds that jobs finished from cycle to cycle: which node worked on which shards in a period."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from sunward.accounting.none_baseline import Work
from sunward.accounting.values import Period
from sunward.cluster.settling.meter_logs import LOG_LENGTH, kept_for
from sunward.domain.jobs import JobView
from sunward.domain.snapshot import Snapshot

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Work that a job finished between two cycles."""

    time: datetime
    job: str
    work: tuple[Work, ...]


class WorkMemory:
    """The newest rounds of all jobs."""

    def __init__(self) -> None:
        self._rounds: deque[Round] = deque(maxlen=LOG_LENGTH)
        self._last_rounds: dict[str, int] = {}
        self._began: dict[str, datetime] = {}
        self._seen: dict[str, datetime] = {}

    def remember(self, snapshot: Snapshot) -> None:
        """Rounds that ended since the last cycle, worked on as the assignments in force said."""
        for job in snapshot.jobs:
            self._seen[job.spec.key] = snapshot.taken_at
            self._remember_begin(job, snapshot.taken_at)
            before = self._last_rounds.get(job.spec.key, job.last_round)
            self._last_rounds[job.spec.key] = job.last_round
            ended = job.last_round - before
            if ended > 0 and job.assignments:
                work = tuple(
                    Work(node=row.node, home=row.from_node, batches=row.batches * ended) for row in job.assignments
                )
                self._rounds.append(Round(time=snapshot.taken_at, job=job.spec.key, work=work))
        self._forget(snapshot.taken_at - kept_for(snapshot.policy))

    def _forget(self, before: datetime) -> None:
        """Rounds that no settlement asks for any more, and jobs that were deleted before them."""
        while self._rounds and self._rounds[0].time < before:
            self._rounds.popleft()
        for job in [job for job, seen in self._seen.items() if seen < before]:
            for known in (self._seen, self._last_rounds, self._began):
                known.pop(job, None)

    def _remember_begin(self, job: JobView, now: datetime) -> None:
        """A job that had finished rounds when it was first seen began at a time that is no longer known."""
        is_known = job.spec.key in self._last_rounds
        trains = job.progress is not None and bool(job.progress.workers)
        if job.last_round > 0 or trains:
            self._began.setdefault(job.spec.key, now if is_known or not job.last_round else LONG_AGO)

    def has_begun(self, job: str, period: Period) -> bool:
        """Whether a job's first round had begun before the end of a period."""
        began = self._began.get(job)
        return began is not None and began < period.end

    def work(self, period: Period, job: str | None = None) -> list[Work]:
        """Work of the rounds that ended in a period, of one job or of all."""
        return [
            item
            for done in self._rounds
            if period.start <= done.time < period.end and job in (None, done.job)
            for item in done.work
        ]
