"""Federated jobs in rounds, as the trainer runs them: a quorum begins, all work, the round counts when it closes.

A round takes every shard whole. Whoever is not there after `join_seconds` misses it, whoever dies loses what it did in
it; batches that were missed are not done again, as in federated averaging with partial participation. Knows no energy.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sunward.domain.jobs import Assignment, JobPhase, JobProgress, JobSpec, JobView
from sunward.domain.plans import JobDirective
from sunward.simulation.compile import Part, job_spec, progress, seconds_per_batch, steps_of
from sunward.simulation.scenario import Scenario
from sunward.simulation.tasks import Work

_DONE = 1e-9
"""Seconds that count as none: what remains of differences."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """What one node still has to do in a round, in seconds at full speed: fetch shards, then train."""

    copying: float
    training: float

    @property
    def is_done(self) -> bool:
        """Nothing is left."""
        return self.copying <= _DONE and self.training <= _DONE

    def advance(self, seconds: float) -> float:
        """Work for so long; returns the seconds of training among them."""
        fetched = min(self.copying, seconds)
        trained = min(self.training, seconds - fetched)
        self.copying -= fetched
        self.training -= trained
        return trained

    @property
    def until_next(self) -> float:
        """Seconds to the end of what it does now."""
        return self.copying if self.copying > _DONE else self.training


@dataclass(slots=True, kw_only=True)
class Round:
    """Rows in work; `scale` is below one in a last round that is not full."""

    rows: tuple[Assignment, ...]
    workers: dict[str, Worker]
    scale: float

    def batches(self, nodes: Collection[str]) -> float:
        """What these nodes were given in this round."""
        return self.scale * sum(row.batches for row in self.rows if row.node in nodes)

    def without(self, nodes: Collection[str]) -> Round:
        """The round as it goes on when these nodes are gone."""
        return Round(
            rows=tuple(row for row in self.rows if row.node not in nodes),
            workers={node: worker for node, worker in self.workers.items() if node not in nodes},
            scale=self.scale,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A shard that travelled."""

    source: str
    target: str
    gigabytes: float


@dataclass(slots=True, kw_only=True)
class Training:
    """One job and how far it is."""

    scenario: Scenario
    part: Part
    spec: JobSpec
    owed_per_shard: float
    rows: tuple[Assignment, ...] = ()
    until_round: int | None = None
    done: int = 0
    round: Round | None = None
    absent_since: dict[str, datetime] = field(default_factory=dict)
    held: dict[str, set[str]] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)
    lost_batches: float = 0.0

    @property
    def is_over(self) -> bool:
        """All rounds are done."""
        return self.done >= self.spec.rounds

    @property
    def has_paused(self) -> bool:
        """The rounds that the directive asked for are done."""
        return self.until_round is not None and self.done >= self.until_round

    def assign(self, directive: JobDirective) -> None:
        """The assignment file of the plan in force; it counts from the next round on."""
        self.rows = directive.assignments if directive.run else ()
        self.until_round = directive.until_round

    def view(self) -> JobView:
        """The job as the operator sees it."""
        rows = () if self.has_paused else self.rows
        return JobView(spec=self.spec, progress=self._progress(), last_round=self.done, assignments=rows)

    def _progress(self) -> JobProgress:
        return replace(
            progress(self.scenario, self.part, done=self.done),
            phase=JobPhase.WAITING if self.round is None else JobPhase.TRAINING,
            offloaded_batches_by_shard=tuple(sorted(self._moved_or_moving().items())),
            cached_shards=tuple((node, tuple(sorted(shards))) for node, shards in sorted(self.held.items())),
            workers=() if self.round is None else tuple(self.round.workers),
        )

    def _moved_or_moving(self) -> Mapping[str, float]:
        """By shard: what counted away from home and what the round in work has there, as the trainer reports it."""
        sums = dict(self.moved)
        if self.round is not None:
            for row in self.round.rows:
                if row.node != row.from_node:
                    sums[row.shard] = sums.get(row.shard, 0.0) + row.batches * self.round.scale
        return sums

    def begin(self, able: Collection[str], now: datetime) -> list[Copied]:
        """Start the next round if it can start now; returns the shards that travel for it."""
        if self.round is not None or self.is_over or self.has_paused or not self.rows:
            return []
        nodes = {row.node for row in self.rows}
        present = {node for node in nodes if node in able and self._can_fetch(node, able)}
        return self._start(present) if self._may_start(nodes, present, now) else []

    def _start(self, present: Collection[str]) -> list[Copied]:
        """The next round with these workers; the rest of its batches are lost."""
        rows = tuple(row for row in self.rows if row.node in present)
        # A last round may owe less than a whole one: what is left over the usual steps, less the rounds done.
        scale = min(1.0, self.owed_per_shard / self.spec.steps_per_round - self.done)
        self.lost_batches += scale * sum(row.batches for row in self.rows if row.node not in present)
        copies = list(self._copies(rows))
        workers = {node: self._worker(node, rows, copies, scale) for node in sorted(present)}
        self.round = Round(rows=rows, workers=workers, scale=scale)
        for node in present:
            self.held.setdefault(node, set()).update(r.shard for r in rows if r.node == node != r.from_node)
        return copies

    def _may_start(self, nodes: Collection[str], present: Collection[str], now: datetime) -> bool:
        """A quorum is there, and no worker is missing that was given less than `join_seconds` to come."""
        self.absent_since = {node: self.absent_since.get(node, now) for node in nodes if node not in present}
        patience = timedelta(seconds=self.scenario.operator.join_seconds)
        hoped_for = any(now - since < patience for since in self.absent_since.values())
        return not hoped_for and len(present) >= self.spec.minimum_workers

    def _can_fetch(self, node: str, able: Collection[str]) -> bool:
        held = self.held.get(node, set())
        return all(
            row.from_node in able or row.shard in held
            for row in self.rows
            if row.node == node and row.from_node != node
        )

    def _copies(self, rows: Iterable[Assignment]) -> Iterable[Copied]:
        sizes = {shard.name: shard.gigabytes for shard in self.spec.shards}
        for row in rows:
            if row.node != row.from_node and row.shard not in self.held.get(row.node, set()):
                yield Copied(source=row.from_node, target=row.node, gigabytes=sizes[row.shard])

    def _worker(self, node: str, rows: Iterable[Assignment], copies: Iterable[Copied], scale: float) -> Worker:
        gigabytes = math.fsum(copy.gigabytes for copy in copies if copy.target == node)
        batches = scale * sum(row.batches for row in rows if row.node == node)
        return Worker(
            copying=gigabytes * self.scenario.network.seconds_per_gigabyte,
            training=batches * seconds_per_batch(self.scenario, self.part.task, node),
        )

    def give_up(self, alive: Collection[str]) -> None:
        """Workers that died in a round: it goes on without them while a quorum is left, else it is void."""
        if self.round is None:
            return
        lost = {node for node, worker in self.round.workers.items() if node not in alive and not worker.is_done}
        if lost:
            self.lost_batches += self.round.batches(lost)
            left = self.round.without(lost)
            self.round = left if left.workers and len(left.workers) >= self.spec.minimum_workers else None

    def close(self) -> list[Work]:
        """The work of a round that is over, once; empty while it runs."""
        if self.round is None or not all(worker.is_done for worker in self.round.workers.values()):
            return []
        closed, self.round = self.round, None
        self.done += 1
        work = []
        for row in closed.rows:
            batches = row.batches * closed.scale
            if row.node != row.from_node:
                self.moved[row.shard] = self.moved.get(row.shard, 0.0) + batches
            work.append(Work(task=self.part.task.name, home=row.from_node, on=row.node, batches=batches))
        return work


def training_of(scenario: Scenario, part: Part) -> Training:
    """A job at its release."""
    job = part.task.job
    owed = part.batches_per_shard(part.task.remaining)
    steps = steps_of(owed, job.rounds)
    rounds = math.ceil(owed / steps - 1e-9)
    exact = job.maximum_offload_ratio * owed / (rounds * steps)
    spec = job_spec(scenario, part, rounds=rounds, steps=steps, gigabytes=owed * job.gigabytes_per_batch, ratio=exact)
    return Training(scenario=scenario, part=part, spec=spec, owed_per_shard=owed)


@dataclass(slots=True)
class Worked:
    """What happened in a stretch of time: its seconds, busy seconds by node, work done and shards moved."""

    seconds: float = 0.0
    busy: dict[str, float] = field(default_factory=dict)
    work: list[Work] = field(default_factory=list)
    copies: list[Copied] = field(default_factory=list)


def work(
    trainings: Mapping[str, Training],
    seconds: float,
    able: Collection[str],
    alive: Collection[str],
    now: datetime,
) -> Worked:
    """Run all jobs for at most so long; ends early when a job is over or pauses, because the operator then looks.

    `able` nodes may begin a round, `alive` ones may go on with theirs. Jobs that meet on a node share its time equally.
    """
    done = Worked()
    over = _resting(trainings)
    for training in trainings.values():
        training.give_up(alive)
    while done.seconds < seconds - _DONE and _resting(trainings) == over:
        for training in trainings.values():
            done.copies += training.begin(able, now)
        _share(trainings, seconds - done.seconds, done)
        for training in trainings.values():
            done.work += training.close()
    return done


def _resting(trainings: Mapping[str, Training]) -> int:
    """Jobs that are over or have done the rounds of the period."""
    return sum(training.is_over or training.has_paused for training in trainings.values())


def _share(trainings: Mapping[str, Training], limit: float, done: Worked) -> None:
    """Everybody works until the first of them reaches the end of something."""
    active = [
        (training, node, worker)
        for training in trainings.values()
        if training.round is not None
        for node, worker in training.round.workers.items()
        if not worker.is_done
    ]
    guests: dict[str, int] = {}
    for _, node, _ in active:
        guests[node] = guests.get(node, 0) + 1
    seconds = min([limit, *(worker.until_next * guests[node] for _, node, worker in active)])
    for training, node, worker in active:
        trained = worker.advance(seconds / guests[node])
        done.busy[node] = done.busy.get(node, 0.0) + trained * training.part.task.job.busy_ratio
    done.seconds += seconds
