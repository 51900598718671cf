"""Which shards of which jobs are planned, in which groups, and how many rounds of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sunward.domain.jobs import Assignment, DataMobility, Disruption, JobView, Shard
from sunward.domain.nodes import NodeView
from sunward.planning.jobs.facts import (
    batches_left_to_move,
    covers,
    is_copied,
    moves_allowed,
    remaining_rounds,
)
from sunward.planning.jobs.pace import (
    HASTE,
    USABLE_SHARE_OF_TIME,
    Planned,
    rounds_that_fit,
    seconds_at_home,
)

PATIENCE = 2.0
"""A job without a deadline may take this many times as long as at full speed, so that few clean nodes can do it."""

SECONDS_PER_GIGABYTE = 160.0
"""Assumed time of a copy between sites, at 50 Mbit/s."""

SMALL_COPY = 0.05
"""Copies that take up to this share of a job's time at home are a small matter: they cost 1 to 2 % of its energy."""

FEWEST_ROUNDS_TO_MOVE = 2
"""Rounds that must be left to a job's limit for a plan to move them whole: if one fits into a period, another may begin
before the next plan."""


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

    `site` is set where data must stay on it. `is_copied` parts hold shards that another node besides their home has, so
    that moving their batches moves no data and their homes may sleep at once.
    `rounds_now` are planned for the first period and `rounds_later` for the periods after it; a job that `may_wait` has
    all its rounds in `rounds_now`, free to be placed in any period, and is never split by what was copied: its shards
    go through the same rounds. Its batches are planned to take `haste` times as
    long as they do. `rounds_that_fit` is what one period holds at full speed. `pinned_rows` are set where a
    job that must not be disrupted stays as it is.
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
    may_wait: bool = False
    haste: float = 1.0
    pinned_rows: tuple[Assignment, ...] = ()

    def batches_by_home(self, rounds: float) -> dict[str, float]:
        """Batches of so many rounds by home node."""
        batches: dict[str, float] = defaultdict(float)
        for shard in self.shards:
            batches[shard.node] += rounds * self.job.spec.steps_per_round
        return dict(batches)


def parts_of(
    planned: Iterable[Planned],
    nodes: Mapping[str, NodeView],
    workers: Mapping[str, NodeView],
    horizon: Horizon,
    *,
    may_wait: bool,
    fit_deadlines: bool,
    free: bool = False,
    shifts: bool = False,
) -> tuple[JobPart, ...]:
    """Parts to plan: one per job, split by site where data may not leave it and by whether the data were copied.

    Never more is planned than the none mode would get done within the horizon, except that a deadline within the
    horizon asks for all that remains, unless `fit_deadlines` gives it up for what fits. Where jobs may wait at all,
    each of them does as long as it has time to, or for as long as the horizon where they are `free`.
    """
    parts: list[JobPart] = []
    listed = list(planned)
    busy = seconds_at_home(listed)
    fit = rounds_that_fit(listed, horizon.start, horizon.period)
    for job, shards in listed:
        slowest = max(busy[shard.node] for shard in shards)
        waits = may_wait and (free or (not fit_deadlines and has_time_to_wait(job, slowest, horizon)))
        rounds = _Rounds(job, slowest, fit[job.spec.key], horizon, may_wait=waits, fit_deadlines=fit_deadlines)
        parts += [
            JobPart(
                name=_part_name(job, site, is_copied and not waits),
                job=job,
                shards=group,
                site=site,
                is_copied=is_copied,
                rounds_now=rounds.now,
                rounds_later=rounds.later,
                rounds_that_fit=rounds.fit,
                period_seconds=horizon.period.total_seconds(),
                deadline_at_risk=rounds.is_late,
                may_wait=waits,
                haste=1.0 / USABLE_SHARE_OF_TIME if waits else _haste_at_the_end(job, slowest, horizon, shifts=shifts),
                pinned_rows=_pinned_rows(job, group, workers, horizon),
            )
            for (site, is_copied), group in _groups(job, shards, nodes, together=waits).items()
        ]
    return tuple(parts)


def _haste_at_the_end(job: JobView, seconds: float, horizon: Horizon, *, shifts: bool) -> float:
    """More than one where a job that may have waited so far has to end in this period or the next, and could at home:
    nodes wake one by one, and rounds that fit to the second do not end in time."""
    deadline = job.spec.deadline
    if not shifts or deadline is None or not horizon.start < deadline <= horizon.start + 2 * horizon.period:
        return 1.0
    return HASTE if HASTE * seconds <= (deadline - horizon.start).total_seconds() else 1.0


def has_time_to_wait(job: JobView, seconds: float, horizon: Horizon) -> bool:
    """Whether a job may put off work in this period.

    Only towards a deadline that the plan sees: without one, or with one beyond the horizon, every plan would put work
    off to a later one. Never so long that what remains could not be done at home with HASTE if the job did nothing in
    this period. And only where copying its data is a small matter, because then the plan need not say when they move.
    """
    deadline = job.spec.deadline
    if deadline is None or not horizon.start < deadline <= horizon.end:
        return False
    seconds_left = (deadline - horizon.start - horizon.period).total_seconds()
    return HASTE * seconds <= seconds_left and _copies_cheaply(job, seconds)


def _copies_cheaply(job: JobView, seconds: float) -> bool:
    """Whether all shards travel in a small share of the time that the work takes at home."""
    gigabytes = sum(shard.gigabytes for shard in job.spec.shards if not is_copied(job, shard))
    return gigabytes * SECONDS_PER_GIGABYTE <= SMALL_COPY * seconds


class _Rounds:
    """How many rounds of a job to plan.

    Full speed is what fits when every shard is worked on at home (see `pace`). A deadline demands a pace, with some
    haste on top; a job without one may take PATIENCE times as long as at full speed: a plan that must be as fast as
    possible could move nothing, because every node would be busy with its own. A job that can move nothing more is
    planned at full speed, unless it may wait for cleaner hours.
    """

    def __init__(
        self, job: JobView, seconds: float, fit: float, horizon: Horizon, *, may_wait: bool, fit_deadlines: bool
    ) -> None:
        deadline, remaining = job.spec.deadline, float(remaining_rounds(job))
        period = horizon.period.total_seconds()
        last = horizon.deadline_period(deadline)
        seconds_left = (deadline - horizon.start).total_seconds() if deadline else 0.0
        self.fit = fit
        self.is_late = deadline is not None and seconds > seconds_left * USABLE_SHARE_OF_TIME
        pace = self.fit
        if may_wait or not is_bound_to_homes(job):
            pace = self._leisurely(deadline, HASTE * remaining * period, seconds_left)
        wanted = min(remaining, pace * last)
        if deadline is not None and horizon.start < deadline < horizon.end:
            wanted = min(remaining, self.fit * last) if fit_deadlines else remaining
        self.now = wanted if may_wait or last == 1 else min(wanted, pace)
        self.later = wanted - self.now

    def _leisurely(self, deadline: datetime | None, round_seconds: float, seconds_left: float) -> float:
        """Rounds of a period at the slowest pace that is fast enough; a missed deadline allows no leisure."""
        if deadline is None:
            return self.fit / PATIENCE
        return min(self.fit, round_seconds / seconds_left) if seconds_left > 0 else self.fit


def is_bound_to_homes(job: JobView) -> bool:
    """Whether the rounds of a job need all of its homes, because some shard may move in too few rounds for a plan.

    Taking time is worth something only while a few clean nodes can do whole rounds and the homes sleep. Once every
    home must be awake for every round, a slow job keeps all of them awake for longer; and the few batches that may
    still leave would make the clean nodes late and everybody wait for them.
    """
    spec = job.spec
    if spec.data_mobility is DataMobility.NEVER:
        return True
    needed = min(FEWEST_ROUNDS_TO_MOVE, remaining_rounds(job)) * spec.steps_per_round
    return any(batches_left_to_move(job, shard.name) < needed for shard in spec.shards)


def _groups(
    job: JobView, shards: tuple[Shard, ...], nodes: Mapping[str, NodeView], *, together: bool
) -> dict[tuple[str | None, bool], tuple[Shard, ...]]:
    """The problem restricts moves and prices copies per job, not per shard; hence an entry for each group.

    Entries choose their rounds alone. A job that may wait goes `together`, or its shards would wait for each other.
    """
    groups: dict[tuple[str | None, bool], list[Shard]] = defaultdict(list)
    for shard in shards:
        site = None
        if job.spec.data_mobility is DataMobility.SAME_SITE:
            site = nodes[shard.node].spec.site or f"node {shard.node}"
        groups[site, together or is_copied(job, shard)].append(shard)
    return {key: tuple(group) for key, group in sorted(groups.items(), key=lambda item: (item[0][0] or "", item[0][1]))}


def _part_name(job: JobView, site: str | None, is_copied: bool) -> str:
    return job.spec.key + (f"@{site}" if site else "") + (" (copied)" if is_copied else "")


def _pinned_rows(
    job: JobView, shards: tuple[Shard, ...], workers: Container[str], horizon: Horizon
) -> tuple[Assignment, ...]:
    """The rows of a job that must not be disrupted, as long as they can and may go on; else none."""
    rows = tuple(row for row in job.assignments if row.shard in {shard.name for shard in shards})
    goes_on = covers(rows, job, shards, workers) and moves_allowed(rows, job, horizon.period.total_seconds())
    return rows if goes_on and job.spec.disruption is Disruption.NEVER else ()
