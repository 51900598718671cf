"""How far a coordinator's word about who trains is borne out by the operator's own records.

A coordinator runs what people submitted. If it says for ever that a node trains, or says nothing, its word alone would
keep that node awake for ever. The operator knows better: which nodes its own assignments named, when they last did, and
how long rounds took. A worker that is no longer assigned has a few rounds to finish the one it is in. After that, and
on a node without a worker pod of the job at any time, the coordinator's word keeps no node awake.

A value that each snapshot makes into the next. After a restart, worker pods that are there have their time once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sunward.domain.jobs import JobView
from sunward.domain.nodes import NodeView
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards.drain import is_worker_of

ROUNDS_TO_FINISH = 3
"""Rounds of the last measured length that a worker may still train after its last assignment."""

SHORTEST_GRACE = timedelta(minutes=10)
"""Also for rounds of seconds: a mounted assignment and a worker that ends take their time."""

LONGEST_GRACE = timedelta(hours=4)
"""For rounds that have never been measured, and for rounds of any length: longer is no round but a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTrail:
    """The past of one job: `round` began at `since`, `round_length` is that of the last measured round.

    `assigned` says by node when the operator's own assignments last named it, or when a worker was first seen there.
    """

    round: int
    since: datetime
    round_length: timedelta | None = None
    assigned: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def grace(self) -> timedelta:
        """For how long after its last assignment a worker's training is believed."""
        if self.round_length is None:
            return LONGEST_GRACE
        return min(LONGEST_GRACE, max(SHORTEST_GRACE, ROUNDS_TO_FINISH * self.round_length))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimHistory:
    """The past of all jobs by UID; those that are over are forgotten."""

    jobs: Mapping[str, JobTrail] = field(default_factory=dict)

    def after(self, snapshot: Snapshot) -> ClaimHistory:
        """The history with one more snapshot."""
        running = [job for job in snapshot.jobs if job.finished is None]
        return ClaimHistory(jobs={job.spec.uid: self._trail(job, snapshot) for job in running})

    def marked(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the rounds that each job was seen to finish, and the nodes about which its coordinator's
        word does not count.

        `self` already holds the snapshot (`history.after(snapshot)`).
        """
        return replace(snapshot, jobs=tuple(self._marked(job, snapshot) for job in snapshot.jobs))

    def _marked(self, job: JobView, snapshot: Snapshot) -> JobView:
        """The status may be a minute old: a round that was seen stays, also when the coordinator falls silent."""
        trail = self.jobs.get(job.spec.uid)
        if trail is None:
            return job
        unconfirmed = tuple(self._unconfirmed(job, trail, snapshot))
        return replace(job, last_round=max(job.last_round, trail.round), unconfirmed_nodes=unconfirmed)

    def _trail(self, job: JobView, snapshot: Snapshot) -> JobTrail:
        now, before = snapshot.taken_at, self.jobs.get(job.spec.uid)
        workers = {node.name for node in snapshot.nodes if has_worker(node, job)}
        own = {node.name for node in snapshot.nodes for row in job.assignments if row.node in _names(node)}
        known = before.assigned if before is not None else {}
        assigned = {name: known.get(name, now) for name in workers} | dict.fromkeys(own, now)
        trail = JobTrail(round=job.last_round, since=now) if before is None else _advanced(before, job.last_round, now)
        return replace(trail, assigned=assigned)

    @staticmethod
    def _unconfirmed(job: JobView, trail: JobTrail, snapshot: Snapshot) -> Iterator[str]:
        for node in snapshot.nodes:
            last = trail.assigned.get(node.name)
            if _claimed(node, job) and (last is None or snapshot.taken_at - last >= trail.grace):
                yield node.name


def has_worker(node: NodeView, job: JobView) -> bool:
    """Whether a worker pod of a job is on a node."""
    return any(is_worker_of(pod, job.spec.namespace, job.spec.name) for pod in node.pods)


def _advanced(before: JobTrail, done: int, now: datetime) -> JobTrail:
    """A coordinator that counts fewer rounds than were seen has lost its count; what was measured still holds."""
    if done <= before.round:
        return before
    return replace(before, round=done, since=now, round_length=(now - before.since) / (done - before.round))


def _claimed(node: NodeView, job: JobView) -> bool:
    """Whether the job's word would keep the node awake: it says that the node trains, or it cannot say."""
    if job.progress is None:
        return has_worker(node, job)
    return not _names(node).isdisjoint(job.progress.workers)


def _names(node: NodeView) -> set[str]:
    return {node.name, node.spec.node_name}
