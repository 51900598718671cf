"""Lets a shard travel before it is needed elsewhere.

The model moves data in the first period, and a home that has to send them must be awake then; so it plans the sleep of
a home for later, when the copy is there. No node would copy anything, and the sleep would be postponed for ever, unless
the node that takes over works on a few batches now: that is what makes a worker fetch a shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sunward.domain.jobs import Assignment
from sunward.domain.plans import JobDirective
from sunward.optimisation.problem.solution import BatchRow
from sunward.planning.jobs.assign import EPSILON, fewest_moves
from sunward.planning.jobs.compile_jobs import LATER, batches_to_move
from sunward.planning.jobs.facts import is_copied, moves_allowed, smallest_row
from sunward.planning.jobs.parts import JobPart


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
        if (part.may_wait or not part.is_copied) and batches_to_move(part) > 0:
            takers = {home: node for home, node in _takers(part, rows).items() if awake[node]}
            seeds = _with_seeds(assigned, part, takers)
            allowed = moves_allowed(seeds, part.job, part.period_seconds, entry.until_round)
            assigned = seeds if allowed else assigned
    return replace(entry, assignments=assigned)


def _takers(part: JobPart, rows: Sequence[BatchRow]) -> dict[str, str]:
    """By home: the node that takes most of its batches later."""
    name = part.name if part.may_wait else part.name + LATER
    later = [row for row in rows if row.job == name and row.period > 1 and row.batches > EPSILON]
    if part.may_wait:
        moving = {row.period for row in later if row.home != row.on}
        later = [row for row in later if row.period in moving]
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


def _with_seeds(assigned: tuple[Assignment, ...], part: JobPart, takers: dict[str, str]) -> tuple[Assignment, ...]:
    """Take the seed from the home's own row; a shard that another node works on already needs none."""
    seed = min(smallest_row(part.job.spec.steps_per_round), batches_to_move(part))
    names = {shard.name for shard in part.shards if not is_copied(part.job, shard)}
    result: list[Assignment] = []
    for row in assigned:
        taker = takers.get(row.from_node) if row.shard in names else None
        alone = all(other.node == row.from_node for other in assigned if other.shard == row.shard)
        if taker is None or not alone or row.batches <= seed:
            result.append(row)
        else:
            result.append(replace(row, batches=row.batches - seed))
            result.append(replace(row, node=taker, batches=seed))
    return tuple(sorted(result, key=lambda row: (row.shard, row.node)))
