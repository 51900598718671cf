"""The job's transport over Flower: orders become messages on the Grid, replies come back from it."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from flwr.app import Message
from flwr.serverapp import Grid

from sunward_trainer.coordinator.checkpoint import Checkpoint
from sunward_trainer.coordinator.replicas import Replicas
from sunward_trainer.coordinator.superlink import ObjectGrid
from sunward_trainer.learning.inspection import Refusal
from sunward_trainer.learning.training import Recipe
from sunward_trainer.protocol.members import Members
from sunward_trainer.protocol.records import Order, order_to_record, reply_from_record
from sunward_trainer.protocol.rounds import Missing, MissingReason, WorkerOrder, WorkerReply

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """An order under way: to which of the worker's lives it went, as which message."""

    order: WorkerOrder
    flower_node: int
    message: str
    round_number: int


class FlowerTransport:
    """Sends orders to SuperNodes and rings the worker's bell, so that no worker has to poll."""

    def __init__(
        self,
        grid: Grid,
        *,
        job: str,
        model: str,
        classes: int,
        recipe: Recipe,
        members: Members,
        replicas: Replicas,
        lifetime_seconds: float,
    ) -> None:
        if not isinstance(grid, ObjectGrid):
            raise TypeError(f"needs the coordinator's own grid, got {type(grid).__name__}")
        self._grid = grid
        self._job, self._model, self._classes, self._recipe = job, model, classes, recipe
        self._members, self._replicas = members, replicas
        self._lifetime_seconds = lifetime_seconds
        self._sent: dict[str, _Sent] = {}

    def send(self, order: WorkerOrder, *, plan: str, kept: Checkpoint) -> None:
        """Put the order on the Grid and ring. A worker that is not there stays without."""
        member = self._members.find(order.node)
        if member is None:
            return
        earlier = self._sent.pop(order.node, None)
        if earlier is not None:
            self._grid.withdraw([earlier.message])
        round_number = kept.round + 1
        content = order_to_record(self._order(order, round_number=round_number, plan=plan, kept=kept))
        message = Message(
            content,
            member.flower_node,
            "train",
            ttl=self._lifetime_seconds,
            group_id=str(round_number),
        )
        for identity in self._grid.push_messages([message]):
            self._sent[order.node] = _Sent(
                order=order, flower_node=member.flower_node, message=identity, round_number=round_number
            )
        self._members.ring(order.node)

    def _order(self, order: WorkerOrder, *, round_number: int, plan: str, kept: Checkpoint) -> Order:
        sources = {pair.shard: self._members.source(pair.shard, pair.from_node) for pair in order.pairs}
        return Order(
            job=self._job,
            plan=plan,
            round_number=round_number,
            model=self._model,
            classes=self._classes,
            recipe=self._recipe,
            pairs=order.pairs,
            sources={shard: source for shard, source in sources.items() if source is not None and source.address},
            kept=self._replicas.sealed(kept).text(),
            weights=kept.weights,
        )

    def replies(self) -> Iterable[WorkerReply]:
        """Replies that have arrived; one that cannot be used fails or refuses every pair of its order."""
        open_messages = {sent.message: node for node, sent in self._sent.items()}
        for message in self._grid.pull_messages(list(open_messages)):
            node = open_messages.get(message.metadata.reply_to_message_id)
            if node is not None and node in self._sent:
                yield self._read(self._sent.pop(node), message)

    def _read(self, sent: _Sent, message: Message) -> WorkerReply:
        if message.has_error():
            return self._useless(sent, MissingReason.FAILED, None, str(message.error.reason))
        try:
            reply = reply_from_record(message.content)
        except ValueError as error:  # a message that lost its content on the way has none to read
            return self._useless(sent, MissingReason.REFUSED, Refusal.UNREADABLE, str(error))
        if reply.node != sent.order.node:
            return self._useless(sent, MissingReason.REFUSED, Refusal.WRONG_WORKER, f"it names {reply.node}")
        if reply.round_number != sent.round_number:
            return self._useless(sent, MissingReason.REFUSED, Refusal.WRONG_ROUND, f"it names {reply.round_number}")
        return reply

    def _useless(self, sent: _Sent, reason: MissingReason, refusal: Refusal | None, detail: str) -> WorkerReply:
        """Every pair of the order is missing, for the same reason."""
        _log.warning("reply of worker %s cannot be used (%s): %s", sent.order.node, refusal or reason, detail[:500])
        missing = (
            Missing(
                shard=pair.shard,
                node=sent.order.node,
                batches=pair.batches,
                reason=reason,
                detail=detail[:500],
                refusal=refusal,
            )
            for pair in sent.order.pairs
        )
        return WorkerReply(node=sent.order.node, round_number=sent.round_number, updates=(), missing=tuple(missing))

    def lost(self, node: str) -> bool:
        """Whether the worker has registered anew since its order was sent."""
        member, sent = self._members.find(node), self._sent.get(node)
        return member is not None and sent is not None and member.flower_node != sent.flower_node

    def close_round(self) -> None:
        """Withdraw every message of the round."""
        self._grid.withdraw([sent.message for sent in self._sent.values()])
        self._sent.clear()
