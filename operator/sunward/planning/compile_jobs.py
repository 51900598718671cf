"""Training jobs -> jobs of the planning problem, with the way back from a problem's rows to shards.

What is not known is assumed here, by name, and nowhere else.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunward.domain.jobs import Assignment, DataMobility, Disruption, JobView, Shard
from sunward.domain.nodes import NodeView
from sunward.domain.reasons import Reason
from sunward.optimisation.problem import Job

ASSUMED_SECONDS_PER_BATCH = 1.0
"""Time of a batch on a node that has not yet trained, in a job that has not yet trained anywhere."""

USABLE_SHARE_OF_TIME = 0.95
"""Share of a node's time that a plan may fill with batches; the rest is averaging, copying and waiting."""

PATIENCE = 2.0
"""A job without a deadline may take this many times as long as at full speed, so that few clean nodes can do it."""

HASTE = 1.25
"""A job with a deadline is planned this much faster than its deadline demands."""

FASTER_THAN_PLANNED = 1.2
"""Rounds that may run in a period for each one that fits by the figures, before the next plan sees what was moved."""

LATER = " (later)"
"""Ends the name of the entry that stands for what a job does after the first period."""

SMALLEST_ROW_SHARE = 0.2
"""A worker that takes part in a shard gets at least this share of the shard's batches of a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """The planning grid."""

    start: datetime
    period: timedelta
    periods: int

    @property
    def end(self) -> datetime:
        """First instant that is not planned."""
        return self.start + self.period * self.periods

    def deadline_period(self, deadline: datetime | None) -> int:
        """Last period that ends before the deadline, within the grid; a missed deadline no longer binds."""
        if deadline is None or deadline >= self.end or deadline <= self.start:
            return self.periods
        return max(1, (deadline - self.start) // self.period)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPart:
    """Shards of one job that are planned together, and how many rounds of them.

    `site` is set where data must stay on it. `is_copied` parts hold shards that somebody besides their home has, so
    that moving their batches moves no data and their homes may sleep at once.
    `rounds_now` are planned for the first period and `rounds_later` for the periods after it; a job that may wait has
    all its rounds in `rounds_now`, free to be placed in any period. `rounds_that_fit` is what one period holds at full
    speed. `pinned_rows` are set where a job that must not be disrupted stays as it is.
    """

    name: str
    job: JobView
    shards: tuple[Shard, ...]
    site: str | None
    is_copied: bool
    rounds_now: float
    rounds_later: float
    rounds_that_fit: float
    period_seconds: float
    deadline_at_risk: bool
    pinned_rows: tuple[Assignment, ...] = ()

    def batches_by_home(self, rounds: float) -> dict[str, float]:
        """Batches of so many rounds by home node."""
        batches: dict[str, float] = defaultdict(float)
        for shard in self.shards:
            batches[shard.node] += rounds * self.job.spec.steps_per_round
        return dict(batches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that is not planned, and why."""

    job: JobView
    reason: Reason
    message: str


def split(
    jobs: Iterable[JobView], workers: Mapping[str, NodeView], known: Mapping[str, NodeView]
) -> tuple[list[tuple[JobView, tuple[Shard, ...]]], list[Waiting]]:
    """Jobs that can be planned with the shards that can take part, and the jobs that wait.

    `workers` are the nodes that may work, `known` those that are in the problem at all. A shard whose home is not
    known is left out until its node is back; the job goes on without it while enough workers remain.
    """
    planned: list[tuple[JobView, tuple[Shard, ...]]] = []
    waiting: list[Waiting] = []
    for job in sorted(jobs, key=lambda job: job.spec.key):
        if job.finished is not None:
            continue
        shards = tuple(shard for shard in job.spec.shards if shard.node in known)
        refusal = _not_planned(job, shards, workers)
        if refusal is None:
            planned.append((job, shards))
        else:
            waiting.append(refusal)
    return planned, waiting


def _not_planned(job: JobView, shards: Sequence[Shard], workers: Mapping[str, NodeView]) -> Waiting | None:
    spec = job.spec
    budget = spec.emissions_budget_grams
    if spec.suspend:
        return Waiting(job=job, reason=Reason.SUSPENDED, message="suspended by its spec")
    if remaining_rounds(job) <= 0:
        return Waiting(job=job, reason=Reason.ROUNDS_COMPLETE, message=f"all {spec.rounds} rounds are done")
    if budget is not None and job.emissions_grams >= budget:
        message = f"{job.emissions_grams:.3f} g of its budget of {budget:.3f} g are spent"
        return Waiting(job=job, reason=Reason.BUDGET_EXCEEDED, message=message)
    if not shards:
        homes = ", ".join(sorted({shard.node for shard in spec.shards}))
        return Waiting(job=job, reason=Reason.WAITING_FOR_NODE, message=f"no home of its shards works: {homes}")
    if len(_possible_workers(job, shards, workers)) < spec.minimum_workers:
        message = f"fewer than {spec.minimum_workers} nodes can work on it"
        return Waiting(job=job, reason=Reason.WAITING_FOR_QUORUM, message=message)
    return None


def _possible_workers(job: JobView, shards: Iterable[Shard], workers: Mapping[str, NodeView]) -> set[str]:
    homes = {shard.node for shard in shards} & set(workers)
    match job.spec.data_mobility:
        case DataMobility.NEVER:
            return homes
        case DataMobility.SAME_SITE:
            sites = {workers[home].spec.site for home in homes} - {None}
            return homes | {name for name, node in workers.items() if node.spec.site in sites}
        case DataMobility.ANYWHERE:
            return set(candidates(homes, workers))


def candidates(homes: Container[str], workers: Mapping[str, NodeView]) -> Mapping[str, NodeView]:
    """Nodes that may work on a job with these homes: the control plane works only on data that live there."""
    return {
        name: node
        for name, node in workers.items()
        if name in homes or not (node.facts is not None and node.facts.is_control_plane)
    }


def remaining_rounds(job: JobView) -> int:
    """Rounds still to do; what the status remembers counts where the coordinator is silent."""
    done = max(job.last_round, job.progress.round if job.progress else 0)
    return max(0, job.spec.rounds - done)


def parts_of(
    planned: Iterable[tuple[JobView, tuple[Shard, ...]]],
    nodes: Mapping[str, NodeView],
    workers: Mapping[str, NodeView],
    horizon: Horizon,
    *,
    may_wait: bool,
    fit_deadlines: bool,
) -> tuple[JobPart, ...]:
    """Parts to plan: one per job, split by site where data may not leave it and by whether the data were copied.

    Never more is planned than the none mode would get done within the horizon, except that a deadline within the
    horizon asks for all that remains, unless `fit_deadlines` gives it up for what fits.
    """
    parts: list[JobPart] = []
    listed = list(planned)
    busy = _seconds_at_home(listed)
    for job, shards in listed:
        slowest = max(busy[shard.node] for shard in shards)
        rounds = _Rounds(job, slowest, horizon, may_wait=may_wait, fit_deadlines=fit_deadlines)
        parts += [
            JobPart(
                name=_part_name(job, site, is_copied),
                job=job,
                shards=group,
                site=site,
                is_copied=is_copied,
                rounds_now=rounds.now,
                rounds_later=rounds.later,
                rounds_that_fit=rounds.fit,
                period_seconds=horizon.period.total_seconds(),
                deadline_at_risk=rounds.is_late,
                pinned_rows=_pinned_rows(job, group, workers, horizon),
            )
            for (site, is_copied), group in _groups(job, shards, nodes).items()
        ]
    return tuple(parts)


class _Rounds:
    """How many rounds of a job to plan.

    Full speed is what fits when every shard is worked on at home. A deadline demands a pace, with some haste on top; a
    job without one may take PATIENCE times as long as at full speed: a plan that must be as fast as possible could
    move nothing, because every node would be busy with its own.
    """

    def __init__(
        self, job: JobView, seconds_at_home: float, horizon: Horizon, *, may_wait: bool, fit_deadlines: bool
    ) -> None:
        deadline, remaining = job.spec.deadline, float(remaining_rounds(job))
        period = horizon.period.total_seconds()
        usable = period * USABLE_SHARE_OF_TIME
        last = horizon.deadline_period(deadline)
        seconds_left = (deadline - horizon.start).total_seconds() if deadline else 0.0
        self.fit = remaining * usable / seconds_at_home if seconds_at_home > 0 else remaining
        self.is_late = deadline is not None and seconds_at_home > seconds_left * USABLE_SHARE_OF_TIME
        pace = self.fit / PATIENCE if deadline is None else self.fit
        if seconds_left > 0:
            pace = min(self.fit, HASTE * remaining * period / seconds_left)
        wanted = min(remaining, pace * last)
        if deadline is not None and horizon.start < deadline < horizon.end:
            wanted = min(remaining, self.fit * last) if fit_deadlines else remaining
        self.now = wanted if may_wait or last == 1 else min(wanted, pace)
        self.later = wanted - self.now


def _seconds_at_home(
    planned: Iterable[tuple[JobView, tuple[Shard, ...]]],
) -> Mapping[str, float]:
    """How long each node would work if all that remains were done at home."""
    busy: dict[str, float] = defaultdict(float)
    for job, shards in planned:
        for shard in shards:
            batches = remaining_rounds(job) * job.spec.steps_per_round
            busy[shard.node] += batches * seconds_per_batch(job, shard.node)
    return busy


def _groups(
    job: JobView, shards: tuple[Shard, ...], nodes: Mapping[str, NodeView]
) -> dict[tuple[str | None, bool], tuple[Shard, ...]]:
    """The problem restricts moves and prices copies per job, not per shard; hence an entry for each group."""
    groups: dict[tuple[str | None, bool], list[Shard]] = defaultdict(list)
    for shard in shards:
        site = None
        if job.spec.data_mobility is DataMobility.SAME_SITE:
            site = nodes[shard.node].spec.site or f"node {shard.node}"
        groups[site, is_copied(job, shard)].append(shard)
    return {key: tuple(group) for key, group in sorted(groups.items(), key=lambda item: (item[0][0] or "", item[0][1]))}


def is_copied(job: JobView, shard: Shard) -> bool:
    """Whether a node other than its home holds a shard."""
    held = job.progress.cached_shards if job.progress else ()
    return any(shard.name in shards and node != shard.node for node, shards in held)


def _part_name(job: JobView, site: str | None, is_copied: bool) -> str:
    return job.spec.key + (f"@{site}" if site else "") + (" (copied)" if is_copied else "")


def problem_jobs(
    part: JobPart, parts: Sequence[JobPart], workers: Mapping[str, NodeView], horizon: Horizon
) -> tuple[Job, ...]:
    """A part as entries of the problem: what it does now and, if there is more, what it does later.

    The format's own rule for jobs that may not wait, as soon as possible, would keep every node at work; here the
    first period has its own entry instead, which leaves the choice of the nodes.
    """
    last = horizon.deadline_period(part.job.spec.deadline)
    end_of_now = last if part.rounds_later <= 0 else 1
    ratio = _ratio_now(part) if part.rounds_later > 0 or last == 1 else offload_ratio_left(part)
    now = _entry(part, parts, workers, part.rounds_now, ratio)
    entries = [replace(now, name=part.name, deadline_period=end_of_now)]
    if part.rounds_later > 0:
        later = _entry(part, parts, workers, part.rounds_later, _ratio_later(part))
        entries.append(replace(later, name=part.name + LATER, release_period=2, deadline_period=last))
    return tuple(entries)


def _entry(
    part: JobPart, parts: Sequence[JobPart], workers: Mapping[str, NodeView], rounds: float, ratio: float
) -> Job:
    spec = part.job.spec
    workers = candidates({shard.node for shard in part.shards}, workers)
    batches = part.batches_by_home(rounds)
    total = sum(batches.values())
    minimum_workers = _minimum_workers(part, parts)
    smallest = rounds * smallest_row(spec.steps_per_round)
    entry = Job(
        name=part.name,
        release_period=1,
        deadline_period=1,
        synchronous=True,
        batches=batches,
        watt_hours_per_batch={name: watt_hours_per_batch(part.job, node) for name, node in workers.items()},
        seconds_per_batch={name: seconds_per_batch(part.job, name) for name in workers},
        gigabytes_per_batch=_gigabytes_per_batch(part),
        maximum_offload_ratio=ratio,
        movable_to=_movable_to(part, workers),
        minimum_workers=minimum_workers,
        minimum_batches_per_worker=min(smallest, total / (2 * max(1, minimum_workers))),
    )
    return pinned(entry, part, part.pinned_rows) if part.pinned_rows else entry


def _gigabytes_per_batch(part: JobPart) -> float:
    """Data that a moved batch brings along: a shard is copied once, for all the batches that remain."""
    if part.is_copied:
        return 0.0
    batches = remaining_rounds(part.job) * part.job.spec.steps_per_round * len(part.shards)
    return sum(shard.gigabytes for shard in part.shards) / batches


def _pinned_rows(
    job: JobView, shards: tuple[Shard, ...], workers: Container[str], horizon: Horizon
) -> tuple[Assignment, ...]:
    """The rows of a job that must not be disrupted, as long as they can and may go on; else none."""
    rows = tuple(row for row in job.assignments if row.shard in {shard.name for shard in shards})
    goes_on = covers(rows, job, shards, workers) and moves_allowed(rows, job, horizon.period.total_seconds())
    return rows if goes_on and job.spec.disruption is Disruption.NEVER else ()


def covers(rows: Sequence[Assignment], job: JobView, shards: Sequence[Shard], workers: Container[str]) -> bool:
    """Whether the rows give every shard exactly its batches of a round, on nodes that may work."""
    given: dict[str, int] = defaultdict(int)
    for row in rows:
        given[row.shard] += row.batches
    expected = {shard.name: job.spec.steps_per_round for shard in shards}
    return dict(given) == expected and all(row.node in workers for row in rows)


def pinned(entry: Job, part: JobPart, rows: Iterable[Assignment]) -> Job:
    """The same work fixed to the nodes of the rows: to the problem, what runs there lives there."""
    shares: dict[str, int] = defaultdict(int)
    names = {shard.name for shard in part.shards}
    for row in rows:
        if row.shard in names:
            shares[row.node] += row.batches
    total = sum(entry.batches.values())
    return replace(
        entry,
        batches={node: total * share / sum(shares.values()) for node, share in sorted(shares.items())},
        maximum_offload_ratio=0.0,
        movable_to=(),
        gigabytes_per_batch=0.0,
        minimum_workers=min(entry.minimum_workers, len(shares)),
        minimum_batches_per_worker=0.0,
    )


def smallest_row(steps_per_round: int) -> int:
    """Fewest batches of a shard in a round that are worth a worker's start."""
    return max(1, int(steps_per_round * SMALLEST_ROW_SHARE))


def seconds_per_batch(job: JobView, node: str) -> float:
    """Time of a batch: as stated, else as learned on the node, else as learned on average, else assumed."""
    stated = job.spec.cost.seconds_per_batch
    if stated is not None:
        return stated
    learned = {name: value for name, value in (job.progress.seconds_per_batch if job.progress else ()) if value > 0}
    if node in learned:
        return learned[node]
    return sum(learned.values()) / len(learned) if learned else ASSUMED_SECONDS_PER_BATCH


def watt_hours_per_batch(job: JobView, node: NodeView) -> float:
    """Energy of a batch above idle: as stated, else the node's busy draw above idle for the time of a batch."""
    stated = job.spec.cost.watt_hours_per_batch
    if stated is not None:
        return stated
    power = node.spec.power
    return max(0.0, power.busy_watts - power.idle_watts) * seconds_per_batch(job, node.name) / 3600.0


def batches_left_to_move(job: JobView, shard: str) -> float:
    """Batches of a shard that may still be worked on away from home."""
    done = dict(job.progress.offloaded_batches_by_shard) if job.progress else {}
    return max(0.0, job.spec.maximum_offload_ratio * job.spec.batches_per_shard - done.get(shard, 0.0))


def offload_ratio_left(part: JobPart) -> float:
    """Share of the remaining batches that may still leave home, for the shard with the least left."""
    return min(1.0, _least_left(part) / (remaining_rounds(part.job) * part.job.spec.steps_per_round))


def _least_left(part: JobPart) -> float:
    return min(batches_left_to_move(part.job, shard.name) for shard in part.shards)


def rounds_at_most(job: JobView, rows: Iterable[Assignment], period_seconds: float) -> int:
    """Rounds that may run with these rows before the next plan; the slowest worker sets the pace."""
    busy: dict[str, float] = defaultdict(float)
    for row in rows:
        busy[row.node] += row.batches * seconds_per_batch(job, row.node)
    slowest = max(busy.values(), default=0.0)
    fit = math.ceil(FASTER_THAN_PLANNED * period_seconds / slowest) if slowest > 0 else remaining_rounds(job)
    return max(1, min(remaining_rounds(job), fit))


def moves_allowed(rows: Iterable[Assignment], job: JobView, period_seconds: float) -> bool:
    """Whether the job's limit still holds after a period of rounds with these rows."""
    listed, moved = list(rows), defaultdict[str, int](int)
    for row in listed:
        moved[row.shard] += row.batches if row.node != row.from_node else 0
    rounds = rounds_at_most(job, listed, period_seconds)
    return all(count * rounds <= batches_left_to_move(job, shard) + 1e-6 for shard, count in moved.items())


def _ratio_now(part: JobPart) -> float:
    """Share of a round that may leave home now: what is left is spent as it comes."""
    rounds = math.ceil(FASTER_THAN_PLANNED * min(part.rounds_now, part.rounds_that_fit))
    rounds = max(1, min(remaining_rounds(part.job), rounds))
    return min(1.0, _least_left(part) / (rounds * part.job.spec.steps_per_round))


def batches_to_move(part: JobPart, *, cautious: bool = False) -> int:
    """Whole batches of a shard that may leave home in each round of this period: as planned, or so few that the
    limit holds even if every round ran as fast as at home."""
    steps = part.job.spec.steps_per_round
    if not cautious:
        return math.floor(_ratio_now(part) * steps + 1e-6)
    at_home = [
        Assignment(job=part.job.spec.key, shard=s.name, from_node=s.node, node=s.node, batches=steps)
        for s in part.job.spec.shards
    ]
    return min(steps, int(_least_left(part)) // rounds_at_most(part.job, at_home, part.period_seconds))


def _ratio_later(part: JobPart) -> float:
    """What the first period leaves of the allowance, spent as it comes on the rounds planned next."""
    steps = part.job.spec.steps_per_round
    left = _least_left(part) - _ratio_now(part) * part.rounds_now * steps
    return min(1.0, max(0.0, left / (part.rounds_later * steps)))


def _movable_to(part: JobPart, workers: Mapping[str, NodeView]) -> tuple[str, ...] | None:
    match part.job.spec.data_mobility:
        case DataMobility.NEVER:
            return ()
        case DataMobility.ANYWHERE:
            return None
        case DataMobility.SAME_SITE:
            return tuple(sorted(name for name, node in workers.items() if node.spec.site == part.site))


def _minimum_workers(part: JobPart, parts: Sequence[JobPart]) -> int:
    """The quorum, dealt out over a job's parts: each part brings at least one worker."""
    siblings = [other for other in parts if other.job.spec.key == part.job.spec.key]
    wanted = part.job.spec.minimum_workers - len(siblings)
    if len(siblings) == 1:
        return part.job.spec.minimum_workers
    spare = [len({shard.node for shard in other.shards}) - 1 for other in siblings]
    shares = [0] * len(siblings)
    for index, room in enumerate(spare):
        shares[index] = max(0, min(room, wanted))
        wanted -= shares[index]
    return 1 + shares[siblings.index(part)]
