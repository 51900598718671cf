"""Whole shards, or whole pieces of them, in place of single batches: for apps not written for moved batches.

Such an app trains all the data that a node has of a shard: half of its batches here and half there would train it
twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sunward.domain.jobs import Assignment, Shard

EPSILON = 1e-6


def whole_rows(
    job: str,
    shards: Sequence[Shard],
    shares: Mapping[str, Mapping[str, float]],
    *,
    steps: int,
    limit: int,
    pieces: int,
    held: Mapping[str, frozenset[str]],
) -> tuple[Assignment, ...]:
    """Rows of a round in multiples of a piece. `shares` are the plan's by home and node, in any unit.

    `steps` are a shard's batches of a round, of which at most `limit` leave home. The pieces of all shards of a home
    are dealt by largest remainder, so that many small shares add up to whole shards; a shard goes first where it is
    `held`.
    """
    rows: list[Assignment] = []
    most_away = min(pieces, math.floor(limit * pieces / steps + EPSILON))
    for home in sorted({shard.node for shard in shards}):
        own = [shard for shard in shards if shard.node == home]
        counts = _counts(home, shares.get(home, {}), len(own) * pieces, len(own) * most_away)
        for shard in own:
            away = _take(shard, counts, most_away, held)
            rows += _rows(job, shard, away, steps, pieces)
    return tuple(rows)


def _counts(home: str, shares: Mapping[str, float], units: int, most: int) -> dict[str, int]:
    """Pieces for each node but home, the most first, by largest remainder and at most `most` together."""
    total = sum(shares.values())
    if total <= 0:
        return {}
    exact = {node: share / total * units for node, share in shares.items() if node != home and share > 0}
    counts = {node: math.floor(value + EPSILON) for node, value in exact.items()}
    rest = math.floor(sum(exact.values()) + 0.5 + EPSILON) - sum(counts.values())
    for node in sorted(exact, key=lambda node: (counts[node] - exact[node], node))[: max(0, rest)]:
        counts[node] += 1
    spare = most
    for node in sorted(counts, key=lambda node: (-counts[node], node)):
        counts[node] = min(counts[node], spare)
        spare -= counts[node]
    return counts


def _take(shard: Shard, counts: dict[str, int], most_away: int, held: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """Pieces of one shard for other nodes, taken off what these still have to get."""
    away: dict[str, int] = {}
    spare = most_away
    for node in sorted(counts, key=lambda node: (shard.name not in held.get(node, ()), -counts[node], node)):
        taken = min(spare, counts[node])
        if taken:
            away[node], counts[node], spare = taken, counts[node] - taken, spare - taken
    return away


def _rows(job: str, shard: Shard, away: Mapping[str, int], steps: int, pieces: int) -> list[Assignment]:
    """Batches in the proportions of the pieces; what does not divide evenly stays with the last row."""
    held = {**away, shard.node: pieces - sum(away.values())}
    rows, before = [], 0
    for node, count in held.items():
        if not count:
            continue
        after = before + count
        batches = steps * after // pieces - steps * before // pieces
        rows.append(Assignment(job=job, shard=shard.name, from_node=shard.node, node=node, batches=batches))
        before = after
    return rows
