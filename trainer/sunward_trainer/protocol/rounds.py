"""What a round asks of each worker, what came back, and what is still owed. Pure.

A shard that got fewer batches than the assignment gave it is owed the difference. The debt is paid in later
rounds, at most doubling a pair's work, and never grows beyond one round of the shard; what exceeds that is
written off and counted. Nothing here knows Flower, a network or a clock.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.inspection import Refusal, fault_of
from sunward_trainer.learning.training import Pair
from sunward_trainer.protocol.assignment import RoundAssignment, ShardWork


class MissingReason(StrEnum):
    """Why a pair's batches did not arrive in a round."""

    WORKER_ABSENT = "WorkerAbsent"  # assigned, but no such worker is connected
    WORKER_GONE = "WorkerGone"  # stopped answering during the round
    WORKER_LEFT = "WorkerLeft"  # said goodbye during the round (its pod is being moved or stopped)
    STALLED = "Stalled"  # alive, but has not finished a batch for too long
    TIMED_OUT = "TimedOut"  # still training when the round's time was up
    SHARD_UNREACHABLE = "ShardUnreachable"  # not cached, and its home does not serve it
    ABANDONED = "Abandoned"  # the worker was told to stop while training it
    FAILED = "Failed"  # training raised an error
    REFUSED = "Refused"  # what came back is not part of the model, or the worker is not asked after such replies


REPORTED_BY_WORKERS = frozenset({MissingReason.SHARD_UNREACHABLE, MissingReason.ABANDONED, MissingReason.FAILED})
"""What a worker may say itself; the other reasons are the coordinator's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOrder:
    """The pairs that one worker trains in a round."""

    node: str
    pairs: tuple[Pair, ...]

    @property
    def batches(self) -> int:
        """Batches of all pairs together."""
        return sum(pair.batches for pair in self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Batches of a pair that were asked for and did not arrive.

    `refusal` says what was wrong with the update that did, None where none came.
    """

    shard: str
    node: str
    batches: int
    reason: MissingReason
    detail: str = ""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReply:
    """What one worker sends back for a round: an update per finished pair, and the pairs it could not train."""

    node: str
    round_number: int
    updates: tuple[Update, ...]
    missing: tuple[Missing, ...]


@dataclass(slots=True)
class RoundBook:
    """One round from its first order to its closing: who was asked for what, and what arrived.

    A round may be tried more than once when too few workers answered; updates of an earlier try stay valid,
    because the global weights have not changed. Each (shard, node) pair counts once per order. `wanted` are the
    assignment's batches by shard, `offloaded` those that arrived from elsewhere than the shard's home.
    `parameters` is the length of the model's vector, None where any will do.
    """

    number: int
    owed: Mapping[str, int] = field(default_factory=dict)
    parameters: int | None = None
    updates: list[Update] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    wanted: Counter[str] = field(default_factory=Counter)
    offloaded: Counter[str] = field(default_factory=Counter)
    _issued: Counter[str] = field(default_factory=Counter)
    _open: dict[tuple[str, str], Pair] = field(default_factory=dict)
    _homes: dict[str, str] = field(default_factory=dict)

    def give_orders(self, assignment: RoundAssignment) -> tuple[WorkerOrder, ...]:
        """What the assignment still asks for in this round, with the debts added.

        Batches that arrived in an earlier try are not asked for again.
        """
        self.missing.clear()
        self._open.clear()
        self.wanted.clear()
        arrived, debts = self.arrived, Counter(self.owed)
        orders = []
        for worker in assignment.workers:
            drafts = (self._pair(work, arrived, debts) for work in worker.shards)
            pairs = tuple(pair for pair in drafts if pair.batches)
            self._open.update({(pair.shard, worker.node): pair for pair in pairs})
            if pairs:
                orders.append(WorkerOrder(node=worker.node, pairs=pairs))
        return tuple(orders)

    def _pair(self, work: ShardWork, arrived: Counter[str], debts: Counter[str]) -> Pair:
        """The pair's batches: assigned, plus debt up to as many again, minus what has arrived already."""
        extra = min(debts[work.shard], work.batches)
        debts[work.shard] -= extra
        already = min(arrived[work.shard], work.batches + extra)
        arrived[work.shard] -= already
        batches = work.batches + extra - already
        first = self._issued[work.shard]
        self._homes[work.shard] = work.from_node
        self.wanted[work.shard] += work.batches
        self._issued[work.shard] += batches
        return Pair(shard=work.shard, from_node=work.from_node, batches=batches, first_batch=first)

    def take(self, reply: WorkerReply) -> None:
        """Record a reply; parts of another round, or of pairs that were not asked for, are ignored.

        An update that is not as ordered is refused and missing. So is a pair that the reply does not mention.
        """
        if reply.round_number != self.number:
            return
        for update in reply.updates:
            pair = self._open.pop((update.shard, reply.node), None)
            if pair is not None:
                self.accept(pair, reply.node, update)
        for missing in reply.missing:
            pair = self._open.pop((missing.shard, reply.node), None)
            if pair is not None:
                self.missing.append(replace(missing, node=reply.node, batches=pair.batches))
        for key in [key for key in self._open if key[1] == reply.node]:
            self._refuse(self._open.pop(key), reply.node, Refusal.NOT_REPORTED)

    def accept(self, pair: Pair, node: str, update: Update) -> None:
        """Take a pair's update if it is as ordered, and else refuse it."""
        fault = fault_of(update, batches=pair.batches, parameters=self.parameters)
        if update.node != node:
            fault = Refusal.WRONG_WORKER
        if fault is not None:
            self._refuse(pair, node, fault)
            return
        self.updates.append(update)
        self.offloaded[pair.shard] += pair.batches if pair.from_node != node else 0

    def _refuse(self, pair: Pair, node: str, refusal: Refusal) -> None:
        entry = Missing(
            shard=pair.shard, node=node, batches=pair.batches, reason=MissingReason.REFUSED, refusal=refusal
        )
        self.missing.append(entry)

    def take_back(self, update: Update, refusal: Refusal) -> None:
        """Refuse an update that has arrived: its batches are missing, and another try asks for them again."""
        self.updates = [kept for kept in self.updates if kept is not update]
        home = self._homes[update.shard]
        self.offloaded[update.shard] -= update.batches if home != update.node else 0
        self._refuse(Pair(shard=update.shard, from_node=home, batches=update.batches), update.node, refusal)

    def give_up(self, node: str, reason: MissingReason) -> None:
        """Stop waiting for a worker; what it still had to train is missing."""
        for shard, holder in [key for key in self._open if key[1] == node]:
            batches = self._open.pop((shard, holder)).batches
            self.missing.append(Missing(shard=shard, node=node, batches=batches, reason=reason))

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """Workers that have not answered, in name order."""
        return tuple(sorted({node for _, node in self._open}))

    @property
    def answered(self) -> tuple[str, ...]:
        """Workers with at least one update, in name order."""
        return tuple(sorted({update.node for update in self.updates}))

    @property
    def offloading(self) -> Counter[str]:
        """Batches away from home in this round, by shard: those that arrived and those that are still asked for."""
        sums = Counter(self.offloaded)
        for (shard, node), pair in self._open.items():
            sums[shard] += pair.batches if pair.from_node != node else 0
        return +sums

    @property
    def arrived(self) -> Counter[str]:
        """Batches that arrived, by shard."""
        sums: Counter[str] = Counter()
        for update in self.updates:
            sums[update.shard] += update.batches
        return sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """Batches owed to each shard, and batches written off so far; shards without either are left out."""

    owed: Mapping[str, int] = field(default_factory=dict)
    written_off: Mapping[str, int] = field(default_factory=dict)


def settle(debt: Debt, *, wanted: Mapping[str, int], arrived: Mapping[str, int], limit: int) -> Debt:
    """The debt after a round in which the assignment wanted some batches and some arrived.

    No shard is owed more than `limit` batches; what exceeds it is written off.
    """
    owed, written_off = Counter(debt.owed), Counter(debt.written_off)
    owed.update(wanted)
    owed.subtract(arrived)
    for shard, batches in owed.items():
        written_off[shard] += max(0, batches - limit)
    return Debt(
        owed={shard: min(batches, limit) for shard, batches in sorted(owed.items()) if batches > 0},
        written_off={shard: batches for shard, batches in sorted(written_off.items()) if batches > 0},
    )
