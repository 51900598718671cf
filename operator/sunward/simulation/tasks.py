"""What is left to train: every repetition of a job with what each shard still owes and may still move.

Knows no node, no energy and no policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count

from sunward.simulation.scenario import Job, Scenario

_DONE = 1e-6
"""Share of a task that may be left over from rounding when it counts as done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Batches of `task` whose data live on `home`, processed on node `on`."""

    task: str
    home: str
    on: str
    batches: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One repetition of a job; periods count from 0, `deadline` is the first period in which it is too late."""

    name: str
    job: Job
    release: int
    deadline: int
    remaining: Mapping[str, float]
    movable: Mapping[str, float]
    finished: int | None = None

    @property
    def total(self) -> float:
        """All batches of the task."""
        return sum(self.job.batches.values())

    @property
    def left(self) -> float:
        """Batches not yet done."""
        return sum(self.remaining.values())

    def active(self, period: int) -> bool:
        """Whether it may be worked on in this period."""
        return self.release <= period < self.deadline and self.left > _DONE * self.total

    def done(self, works: Iterable[Work], period: int) -> Task:
        """The task after this work; more than what is owed raises ValueError."""
        remaining, movable = dict(self.remaining), dict(self.movable)
        for work in works:
            remaining[work.home] -= work.batches
            if work.on != work.home:
                movable[work.home] -= work.batches
        limit = -_DONE * max(1.0, self.total)
        if min(remaining.values()) < limit:
            raise ValueError(f"{self.name}: more batches than a shard owes")
        remaining = {home: max(0.0, value) for home, value in remaining.items()}
        movable = {home: min(max(0.0, value), remaining[home]) for home, value in movable.items()}
        task = replace(self, remaining=remaining, movable=movable)
        complete = task.left <= _DONE * task.total and self.finished is None
        return replace(task, finished=period) if complete else task


def tasks_of(scenario: Scenario) -> tuple[Task, ...]:
    """Every repetition whose deadline lies within the simulated time."""
    return tuple(task for name, job in scenario.jobs.items() for task in _repetitions(scenario, name, job))


def _repetitions(scenario: Scenario, name: str, job: Job) -> Iterable[Task]:
    for number in count():
        shift = 0.0 if job.every_hours is None else number * job.every_hours
        release = round((job.release_hours + shift) / scenario.period_hours)
        deadline = round((job.deadline_hours + shift) / scenario.period_hours)
        if deadline > scenario.periods:
            return
        yield Task(
            name=name if job.every_hours is None else f"{name}-{number + 1}",
            job=job,
            release=release,
            deadline=deadline,
            remaining=dict(job.batches),
            movable={home: job.maximum_offload_ratio * batches for home, batches in job.batches.items()},
        )
        if job.every_hours is None:
            return
