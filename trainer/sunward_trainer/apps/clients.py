"""Virtual clients, which a strategy takes for nodes: a shard, or a piece of one, on the worker that trains it. Pure.

An app that was not written for moved batches trains all that a node has. So a shard, or a piece, is never split: the
worker with the most of its batches has it all.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sunward_trainer.protocol.assignment import RoundAssignment

_ID_BITS = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualClient:
    """A piece of a shard on a worker. `batches` are what the job's plan counts for it in a round.

    `partition` of `partitions` is what the app is told to take of its data.
    """

    shard: str
    home: str
    node: str
    batches: int
    partition: int
    partitions: int

    @property
    def key(self) -> str:
        """The client wherever it runs: its state belongs to this."""
        return f"{self.shard}/{self.partition}"

    @property
    def identity(self) -> int:
        """The node id that a strategy sees: the same client on another worker is another node."""
        digest = hashlib.sha256(f"{self.key}@{self.node}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % (1 << _ID_BITS) + 1


def virtual_clients(
    assignment: RoundAssignment, shards: Sequence[str], *, pieces: int, batches: int
) -> tuple[VirtualClient, ...]:
    """The clients of a round in the order of the job's `shards`, `pieces` of each; `batches` are those of a shard.

    Pieces go to workers in the proportions of the assignment, by largest remainder; ties go home first, then by name.
    """
    rows: dict[str, dict[str, int]] = {}
    homes: dict[str, str] = {}
    for worker in assignment.workers:
        for work in worker.shards:
            if work.batches:
                rows.setdefault(work.shard, {})[worker.node] = work.batches
                homes[work.shard] = work.from_node
    found = []
    for index, shard in enumerate(shards):
        holders = _dealt(rows.get(shard, {}), homes.get(shard, ""), pieces)
        sizes = _sizes(batches, pieces)
        for piece, node in enumerate(holders):
            found.append(
                VirtualClient(
                    shard=shard,
                    home=homes[shard],
                    node=node,
                    batches=sizes[piece],
                    partition=index * pieces + piece,
                    partitions=len(shards) * pieces,
                )
            )
    return tuple(found)


def _dealt(row: Mapping[str, int], home: str, pieces: int) -> list[str]:
    """The node of each piece."""
    total = sum(row.values())
    if not total:
        return []
    exact = {node: pieces * batches / total for node, batches in row.items()}
    counts = {node: int(share) for node, share in exact.items()}
    order = sorted(exact, key=lambda node: (counts[node] - exact[node], node != home, node))
    for node in order[: pieces - sum(counts.values())]:
        counts[node] += 1
    ranked = sorted(counts, key=lambda node: (node != home, node))
    return [node for node in ranked for _ in range(counts[node])]


def _sizes(batches: int, pieces: int) -> list[int]:
    """Whole batches for each piece that sum to those of the shard."""
    return [batches * (piece + 1) // pieces - batches * piece // pieces for piece in range(pieces)]
