"""Published rules under the operator's safety rules, so that a comparison tells decisions apart from guards.

The rule orders as ever; the operated cluster carries it out: whole planning periods, the sleep state machine with its
budgets and minimum times, jobs in rounds with whole batches. Where a rule lets more nodes sleep than may, sleepers
sleep on and the dirtiest of the others come first, whether or not the rule knows of intensities: a baseline is to be
as good as its rule allows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from sunward.domain.cause import Cause
from sunward.domain.jobs import Assignment, JobView, Shard
from sunward.domain.plans import JobDirective, Plan, PlanStatus, SolverReport
from sunward.domain.reasons import Reason
from sunward.planning.decide import plan_name
from sunward.planning.guards.budgets import asleep_room
from sunward.planning.guards.rules_work import holds_shard
from sunward.planning.jobs.assign import at_home, running, split_round
from sunward.planning.jobs.facts import batches_left_to_move, moves_allowed, rounds_at_most
from sunward.simulation.compile import together
from sunward.simulation.policies.base import Observation, Orders, View
from sunward.simulation.policies.rules import Rule
from sunward.simulation.snapshots import Allowed
from sunward.simulation.tasks import Task, Work

GUARDED = ", guarded"
"""Ends the names of rules that the operated cluster carries out."""

_SLEEPS_AND_MOVES = Allowed(share_energy=False, offload_tasks=True, sleep=True, shift_in_time=False)
_NO_SOLVER = SolverReport(status=PlanStatus.FEASIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A rule whose orders the operated cluster carries out."""

    rule: Rule
    allowed: Allowed = _SLEEPS_AND_MOVES
    oracle: bool = False
    unbounded: bool = False

    @property
    def name(self) -> str:
        """The rule's name with the suffix."""
        return self.rule.name + GUARDED

    @property
    def source(self) -> str:
        """Where the rule was described."""
        return f"{self.rule.source}; under the operator's safety rules"

    def decide(self, view: View, periods: int) -> tuple[Orders, ...]:
        """The rule's orders for this period as directives and wishes of the operator.

        Raises ValueError when the view holds no observation of the cluster.
        """
        del periods
        if view.observation is None:
            raise ValueError(f"{self.name} orders from a snapshot")
        owners = _owners(view, view.observation)
        orders = self.rule.order(replace(view, tasks=[t for t in view.tasks if t in owners.values()]))
        return (replace(orders, plan=_plan(view, view.observation, owners, orders)),)


def _owners(view: View, seen: Observation) -> Mapping[str, Task]:
    """The task of every job that still runs, by the job's key."""
    running_now = {job.spec.key for job in seen.snapshot.jobs}
    return {part.key: task for task in view.tasks for part in together(task) if part.key in running_now}


def _plan(view: View, seen: Observation, owners: Mapping[str, Task], orders: Orders) -> Plan:
    jobs = tuple(
        _directive(job, [work for work in orders.work if work.task == owners[job.spec.key].name], seen)
        for job in seen.snapshot.jobs
    )
    return Plan(
        name=plan_name(seen.forecasts.start),
        start=seen.forecasts.start,
        period=seen.forecasts.period,
        awake=_awake(view, seen, orders, _needed(jobs, seen.snapshot.jobs)),
        jobs=jobs,
        transfers=(),
        decisions=(),
        solver=_NO_SOLVER,
    )


def _directive(job: JobView, works: Iterable[Work], seen: Observation) -> JobDirective:
    """A round with the ordered proportions; a shard that is not ordered runs at home, for a round takes all of them."""
    homes = {shard.node for shard in job.spec.shards}
    ordered = [work for work in works if work.home in homes]
    if not ordered:
        message = "the rule lets it wait"
        return JobDirective(job=job.spec.key, run=False, cause=Cause(Reason.WAITING_FOR_LOWER_INTENSITY, message))
    seconds = seen.forecasts.period.total_seconds()
    rows = _rows(job, ordered, job.spec.steps_per_round)
    if not moves_allowed(rows, job, seconds):
        rows = _rows(job, ordered, _movable_in_each(job, seconds))
    if len({row.node for row in rows}) < job.spec.minimum_workers:
        rows = at_home(job, job.spec.shards)
    return running(job, rows, at_risk=False)


def _movable_in_each(job: JobView, seconds: float) -> int:
    """Batches of a shard that may leave home in each round, however fast the rounds of this period go."""
    left = min(batches_left_to_move(job, shard.name) for shard in job.spec.shards)
    return min(job.spec.steps_per_round, int(left) // rounds_at_most(job, at_home(job, job.spec.shards), seconds))


def _rows(job: JobView, ordered: Iterable[Work], limit: int) -> tuple[Assignment, ...]:
    """Whole batches of a round; at most `limit` of a shard leave home."""
    shares: dict[str, dict[str, float]] = {}
    for work in ordered:
        own = shares.setdefault(work.home, {})
        own[work.on] = own.get(work.on, 0.0) + work.batches
    return tuple(
        Assignment(job=job.spec.key, shard=shard.name, from_node=shard.node, node=node, batches=count)
        for shard in job.spec.shards
        for node, count in _dealt(job, shard, shares, limit).items()
    )


def _dealt(job: JobView, shard: Shard, shares: Mapping[str, Mapping[str, float]], limit: int) -> Mapping[str, int]:
    return split_round(shard.node, shares.get(shard.node, {}), job.spec.steps_per_round, limit)


def _needed(directives: Iterable[JobDirective], jobs: Iterable[JobView]) -> set[str]:
    """Who works, and who has a shard that a worker does not hold yet."""
    views = {job.spec.key: job for job in jobs}
    rows = [row for directive in directives for row in directive.assignments]
    senders = {row.from_node for row in rows if not holds_shard(views[row.job], row.node, row.shard)}
    return senders | {row.node for row in rows}


def _awake(view: View, seen: Observation, orders: Orders, needed: Collection[str]) -> dict[str, bool]:
    """Who is awake: whoever is needed, whom the rule keeps awake, and whoever is one sleeper too many."""
    nodes = view.scenario.nodes
    idle = [
        name
        for name, node in nodes.items()
        if node.can_sleep and name not in needed and orders.awake_hours.get(name, view.hours) <= 0.0
    ]
    idle.sort(key=lambda name: (not view.sleeps(name), -view.intensity(name), name))
    asleep = set(idle[: asleep_room(seen.snapshot)])
    return {name: name not in asleep for name in nodes}
