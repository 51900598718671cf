"""Shares of a solution's first period -> whole batches of a round, and what each job does in this period.

A round takes every shard whole, so the rows of a shard always add up to the job's steps per round.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sunward.domain.cause import Cause
from sunward.domain.jobs import Assignment, JobView, Shard
from sunward.domain.plans import JobDirective
from sunward.domain.reasons import Reason
from sunward.optimisation.problem.solution import BatchRow
from sunward.planning.jobs.compile_jobs import batches_to_move
from sunward.planning.jobs.facts import moves_allowed, rounds_done, smallest_row
from sunward.planning.jobs.parts import JobPart
from sunward.planning.jobs.whole import whole_rows

EPSILON = 1e-6
"""Share of a batch that counts as a solver's rounding."""

MOST_ROWS = 1536
"""Assignments of a job that fit into its status, which a restarted operator reads back: six for each of 256 shards."""


def assign_part(
    part: JobPart, rows: Iterable[BatchRow], *, cautious: bool = False, rounds: int | None = None
) -> tuple[Assignment, ...]:
    """Whole batches per round for every shard of a part, by the proportions of the first period with work.

    `cautious` moves so few that the job's limit holds however fast its rounds go, `rounds` as many as it allows in so
    many rounds.
    """
    if part.pinned_rows:
        return part.pinned_rows
    own = [row for row in rows if row.job == part.name and row.batches > EPSILON]
    if not own:
        return at_home(part.job, part.shards)
    first = min(row.period for row in own)
    moves = fewest_moves(part, [row for row in own if row.period == first])
    app = part.job.spec.flower_app
    if app is not None:
        limits = (batches_to_move(part, shard, cautious=cautious, rounds=rounds) for shard in part.shards)
        return _whole(part, moves, min(limits), app.pieces)
    assigned: list[Assignment] = []
    for shard in part.shards:
        limit = batches_to_move(part, shard, cautious=cautious, rounds=rounds)
        batches = split_round(shard.node, moves.get(shard.node, {}), part.job.spec.steps_per_round, limit)
        assigned += [_row(part.job, shard, node, count) for node, count in batches.items()]
    return tuple(assigned)


def _whole(part: JobPart, moves: Mapping[str, Mapping[str, float]], limit: int, pieces: int) -> tuple[Assignment, ...]:
    progress = part.job.progress
    return whole_rows(
        part.job.spec.key,
        part.shards,
        moves,
        steps=part.job.spec.steps_per_round,
        limit=limit,
        pieces=pieces,
        held={node: frozenset(names) for node, names in progress.cached_shards} if progress else {},
    )


def fewest_moves(part: JobPart, rows: Sequence[BatchRow]) -> dict[str, dict[str, float]]:
    """The same work on every node with as few batches away from home as possible, by home and node.

    Where batches come from costs the model nothing once the data are copied, so a solution may swap them in circles.
    No shard's part away from home grows. What must move goes first where the solution sends it and the data are.
    """
    load: dict[str, float] = defaultdict(float)
    supply: dict[str, float] = defaultdict(float)
    given: dict[tuple[str, str], float] = {}
    for row in rows:
        load[row.on] += row.batches
        supply[row.home] += row.batches
        given[row.home, row.on] = row.batches
    moves: dict[str, dict[str, float]] = defaultdict(dict)
    for home in sorted(supply):
        stays = min(supply[home], load[home])
        moves[home][home] = stays
        supply[home] -= stays
        load[home] -= stays
    holders = _holders(part)
    pairs = [(home, node) for home in sorted(supply) for node in sorted(load) if home != node]
    pairs.sort(key=lambda pair: (pair[1] not in holders.get(pair[0], ()), -given.get(pair, 0.0), pair))
    for home, node in pairs:
        moved = min(supply[home], load[node])
        if moved > EPSILON:
            moves[home][node] = moved
            supply[home] -= moved
            load[node] -= moved
    return moves


def _holders(part: JobPart) -> dict[str, set[str]]:
    """By home: nodes that hold every shard of that home already."""
    held = dict(part.job.progress.cached_shards) if part.job.progress else {}
    homes: dict[str, set[str]] = defaultdict(set)
    for shard in part.shards:
        homes[shard.node].add(shard.name)
    return {home: {node for node, shards in held.items() if names <= set(shards)} for home, names in homes.items()}


def at_home(job: JobView, shards: Iterable[Shard]) -> tuple[Assignment, ...]:
    """Every shard where its data live."""
    return tuple(_row(job, shard, shard.node, job.spec.steps_per_round) for shard in shards)


def split_round(home: str, shares: Mapping[str, float], steps: int, limit: int) -> dict[str, int]:
    """Deal a round's *steps* of one shard over nodes in the proportions given; at most *limit* leave home.

    Sums to *steps* exactly. What leaves home is never rounded up, and no worker is given a handful: a row below the
    smallest useful size goes to the largest, unless it is home's and nothing more may leave.
    """
    total = sum(shares.values())
    if total <= 0:
        return {home: steps}
    away = {node: share / total for node, share in sorted(shares.items()) if node != home and share > 0}
    moved = min(limit, math.floor(sum(away.values()) * steps + EPSILON))
    dealt = _largest_remainder(away, moved)
    dealt[home] = steps - moved
    return _without_handfuls(home, dealt, smallest_row(steps), may_leave=limit >= steps)


def rounds_now(part: JobPart, rows: Iterable[BatchRow]) -> int:
    """Whole rounds that the first period is planned with, to the nearest; none below half of a round.

    Where a round is longer than a period, one from half of what fits into a period.
    """
    first = sum(row.batches for row in rows if row.job == part.name and row.period == 1)
    rounds = first / (part.job.spec.steps_per_round * len(part.shards))
    if rounds < 0.5 * min(1.0, part.rounds_that_fit) * (1 - EPSILON):
        return 0
    return max(1, math.floor(rounds + 0.5 + EPSILON))


def directive(job: JobView, parts: Sequence[JobPart], rows: Sequence[BatchRow]) -> JobDirective:
    """What a planned job does in this period, and up to which round where it may wait."""
    at_risk = any(part.deadline_at_risk for part in parts)
    rounds = max(rounds_now(part, rows) for part in parts) if parts[0].may_wait else None
    if rounds == 0:
        message = "waits: cleaner energy is expected before its deadline"
        return JobDirective(job=job.spec.key, run=False, cause=Cause(Reason.WAITING_FOR_LOWER_INTENSITY, message))
    assigned = _within_limit(job, parts, rows, rounds)
    if len({row.node for row in assigned}) < job.spec.minimum_workers or len(assigned) > MOST_ROWS:
        assigned = at_home(job, [shard for part in parts for shard in part.shards])
    made = running(job, tuple(sorted(assigned, key=lambda row: (row.shard, row.node))), at_risk=at_risk)
    return made if rounds is None else _ending(made, job, rounds)


def _ending(made: JobDirective, job: JobView, rounds: int) -> JobDirective:
    """The same, for so many rounds of what remains."""
    until = min(job.spec.rounds, rounds_done(job) + rounds)
    return replace(made, until_round=until, cause=Cause(made.cause.reason, f"{made.cause.message}; to round {until}"))


def _within_limit(
    job: JobView, parts: Sequence[JobPart], rows: Sequence[BatchRow], rounds: int | None
) -> tuple[Assignment, ...]:
    """The rows as planned, else with fewer moves, else with none: where nodes are faster than the homes, rounds may
    go so fast that even few moves are too many."""
    until = None if rounds is None else rounds_done(job) + rounds
    for cautious in (False, True):
        assigned = tuple(row for part in parts for row in assign_part(part, rows, cautious=cautious, rounds=rounds))
        if moves_allowed(assigned, job, parts[0].period_seconds, until):
            return assigned
    return at_home(job, [shard for part in parts for shard in part.shards])


def running(job: JobView, assigned: tuple[Assignment, ...], *, at_risk: bool) -> JobDirective:
    """A directive to run, with a sentence that says where the work goes."""
    moved = [row for row in assigned if row.node != row.from_node]
    reason = Reason.MOVED_TO_CLEANER_NODE if moved else Reason.AT_HOME
    message = _moves(moved) if moved else "every shard is trained on its home node"
    left_out = sorted({shard.name for shard in job.spec.shards} - {row.shard for row in assigned})
    if left_out:
        message += f"; shards waiting for their nodes: {', '.join(left_out)}"
    if at_risk:
        reason = Reason.DEADLINE_AT_RISK
        message = f"the deadline is at risk: runs without waiting; {message}"
    return JobDirective(job=job.spec.key, run=True, cause=Cause(reason, message), assignments=assigned)


def _moves(moved: Iterable[Assignment]) -> str:
    ways: dict[tuple[str, str], int] = defaultdict(int)
    for row in moved:
        ways[row.from_node, row.node] += row.batches
    return "each round " + ", ".join(f"{count} batches of {a} on {b}" for (a, b), count in sorted(ways.items()))


def _row(job: JobView, shard: Shard, node: str, batches: int) -> Assignment:
    return Assignment(job=job.spec.key, shard=shard.name, from_node=shard.node, node=node, batches=batches)


def _largest_remainder(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers that sum to *total*; ties go by name, so that the order of the input does not matter."""
    weight = sum(shares.values())
    if weight <= 0 or total <= 0:
        return {}
    exact = {name: share / weight * total for name, share in shares.items()}
    dealt = {name: math.floor(value + EPSILON) for name, value in exact.items()}
    rest = total - sum(dealt.values())
    for name in sorted(exact, key=lambda name: (dealt[name] - exact[name], name))[:rest]:
        dealt[name] += 1
    return dealt


def _without_handfuls(home: str, dealt: Mapping[str, int], smallest: int, *, may_leave: bool) -> dict[str, int]:
    kept = {name: count for name, count in dealt.items() if count > 0}
    while len(kept) > 1:
        small = [name for name, count in kept.items() if count < smallest and (name != home or may_leave)]
        if not small:
            break
        gone = min(small, key=lambda name: (kept[name], name))
        others = {name: count for name, count in kept.items() if name != gone}
        largest = max(others, key=lambda name: (others[name], name == home, name))
        kept = others | {largest: others[largest] + dealt[gone]}
        dealt = kept
    return dict(sorted(kept.items()))
