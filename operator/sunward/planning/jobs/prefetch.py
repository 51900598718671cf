"""Lets a shard travel before it is needed elsewhere.

The model moves data in the first period, and a home that has to send them must be awake then; so it plans the sleep of
a home for later, when the copy is there. No node would copy anything, and the sleep would be postponed for ever, unless
the node that takes over works on a few batches now: that is what makes a worker fetch a shard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

from sunward.domain.jobs import Assignment
from sunward.domain.plans import JobDirective
from sunward.optimisation.problem.solution import BatchRow
from sunward.planning.jobs.assign import EPSILON, at_home, fewest_moves, running
from sunward.planning.jobs.compile_jobs import LATER, batches_to_move
from sunward.planning.jobs.facts import (
    is_copied,
    moves_allowed,
    remaining_rounds,
    rounds_done,
    seconds_by_node,
    seconds_per_batch,
    smallest_row,
)
from sunward.planning.jobs.pace import USABLE_SHARE_OF_TIME
from sunward.planning.jobs.parts import SECONDS_PER_GIGABYTE, JobPart

CHEAP_COPY = 0.001
"""Share of the time of a shard's work that a copy may take to be made before it is needed; its energy is then below
1 % of that work's, with the assumed network."""

MOST_COPIES = 3
"""Nodes that are given a copy of a shard beside the work: few clean nodes do the rounds that a home sleeps through."""


def seeded(
    directives: Iterable[JobDirective],
    parts: Sequence[JobPart],
    rows: Sequence[BatchRow],
    awake: Mapping[str, bool],
) -> tuple[JobDirective, ...]:
    """The directives, with the smallest useful row for every node that is to take over an uncopied shard later.

    A node that sleeps in this period gets none: its rounds would wait for it in vain. It fetches the shard when it
    wakes.
    """
    return tuple(_seeded(entry, [p for p in parts if p.job.spec.key == entry.job], rows, awake) for entry in directives)


def _seeded(
    entry: JobDirective, parts: Sequence[JobPart], rows: Sequence[BatchRow], awake: Mapping[str, bool]
) -> JobDirective:
    if not entry.run:
        return entry
    assigned = entry.assignments
    for part in parts:
        if part.may_wait or not part.is_copied:
            rounds = None if entry.until_round is None else entry.until_round - rounds_done(part.job)
            if part.may_wait:
                seeds = _with_copies(assigned, part, [node for node in receivers(part, rows) if awake[node]], rounds)
            else:
                takers = {home: node for home, node in _takers(part, rows).items() if awake[node]}
                seeds = _with_seeds(assigned, part, takers, rounds)
            allowed = moves_allowed(seeds, part.job, part.period_seconds, entry.until_round)
            assigned = seeds if allowed else assigned
    return replace(entry, assignments=assigned)


def copied_first(
    entry: JobDirective,
    parts: Sequence[JobPart],
    rows: Sequence[BatchRow],
    now_awake: Container[str],
    kept_on: Container[str],
) -> JobDirective:
    """One round at home first, where the plan puts homes to sleep from now on whose shards nobody else holds yet.

    The shards travel in it while all homes are `now_awake` as it is; they need not be woken for that later, nor stay
    awake through rounds that others do. `kept_on` are the nodes that the plan has on in this period. Only for a job
    that may wait, and before any of its shards was copied.
    """
    part = parts[0]
    homes = {shard.node for shard in part.shards}
    if not part.may_wait or len(parts) > 1 or any(is_copied(part.job, shard) for shard in part.shards):
        return entry
    sent = {row.from_node for row in entry.assignments if row.node != row.from_node}
    leaves = any(home not in kept_on for home in (sent if entry.run else homes))
    ready = all(home in now_awake for home in homes)
    if not (leaves and ready and any(node in now_awake for node in receivers(part, rows))):
        return entry
    first = running(part.job, at_home(part.job, part.shards), at_risk=False)
    return replace(first, until_round=min(part.job.spec.rounds, rounds_done(part.job) + 1))


def receivers(part: JobPart, rows: Iterable[BatchRow]) -> list[str]:
    """Nodes that the plan gives batches of others, those with the most first; the nodes that work without others."""
    taken: dict[str, float] = defaultdict(float)
    for row in rows:
        if row.job == part.name and row.home != row.on and row.batches > EPSILON:
            taken[row.on] += row.batches
    return sorted(taken, key=lambda node: (-taken[node], node))[: _copies_worth(part)]


def _copies_worth(part: JobPart) -> int:
    """How many nodes may be given a copy of a shard before they need it."""
    rounds, steps = remaining_rounds(part.job), part.job.spec.steps_per_round
    work = rounds * steps * seconds_per_batch(part.job, part.shards[0].node)
    copy = SECONDS_PER_GIGABYTE * max(shard.gigabytes for shard in part.shards)
    return MOST_COPIES if copy <= CHEAP_COPY * work else 1


def _with_copies(
    assigned: tuple[Assignment, ...], part: JobPart, takers: Sequence[str], rounds: int | None
) -> tuple[Assignment, ...]:
    """Where a home works on its shard, the smallest useful row for every taker that has yet to fetch it.

    As far as the planned rounds still fit into the period: all wait for the slowest, so that a row too many costs every
    node time awake.
    """
    smallest = smallest_row(part.job.spec.steps_per_round)
    held = dict(part.job.progress.cached_shards) if part.job.progress else {}
    room = {shard.name: batches_to_move(part, shard, rounds=rounds) for shard in part.shards}
    for row in assigned:
        room[row.shard] = room.get(row.shard, 0) - (row.batches if row.node != row.from_node else 0)
    present = {(row.shard, row.node) for row in assigned}
    busy = seconds_by_node(part.job, assigned)
    spare = USABLE_SHARE_OF_TIME * part.period_seconds / max(1, rounds or remaining_rounds(part.job))
    longest = max((*busy.values(), spare))
    result: list[Assignment] = []
    for row in assigned:
        left = row.batches
        for node in takers if row.node == row.from_node else ():
            lacks = row.shard not in held.get(node, ()) and (row.shard, node) not in present
            longer = busy.get(node, 0.0) + smallest * seconds_per_batch(part.job, node)
            if lacks and longer <= longest and min(left - smallest, room[row.shard]) >= smallest:
                left, room[row.shard] = left - smallest, room[row.shard] - smallest
                busy[node] = longer
                busy[row.node] -= smallest * seconds_per_batch(part.job, row.node)
                result.append(replace(row, node=node, batches=smallest))
        result.append(replace(row, batches=left))
    return tuple(sorted(result, key=lambda row: (row.shard, row.node)))


def _takers(part: JobPart, rows: Sequence[BatchRow]) -> dict[str, str]:
    """By home: the node that takes most of its batches later."""
    later = [row for row in rows if row.job == part.name + LATER and row.period > 1 and row.batches > EPSILON]
    if not later:
        return {}
    first = min(row.period for row in later)
    moves = fewest_moves(part, [replace(row, job=part.name) for row in later if row.period == first])
    takers: dict[str, str] = {}
    for home, shares in moves.items():
        away = {node: share for node, share in shares.items() if node != home and share > EPSILON}
        if away:
            takers[home] = max(sorted(away), key=lambda node: away[node])
    return takers


def _with_seeds(
    assigned: tuple[Assignment, ...], part: JobPart, takers: dict[str, str], rounds: int | None
) -> tuple[Assignment, ...]:
    """Take the seed from the home's own row; a shard that another node works on already needs none."""
    smallest = smallest_row(part.job.spec.steps_per_round)
    seeds = {
        shard.name: min(smallest, batches_to_move(part, shard, rounds=rounds))
        for shard in part.shards
        if not is_copied(part.job, shard)
    }
    result: list[Assignment] = []
    for row in assigned:
        taker = takers.get(row.from_node) if row.shard in seeds else None
        seed = seeds.get(row.shard, 0)
        alone = all(other.node == row.from_node for other in assigned if other.shard == row.shard)
        if taker is None or not alone or not 0 < seed < row.batches:
            result.append(row)
        else:
            result.append(replace(row, batches=row.batches - seed))
            result.append(replace(row, node=taker, batches=seed))
    return tuple(sorted(result, key=lambda row: (row.shard, row.node)))
