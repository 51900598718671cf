"""What a worker does with a message, as its connection sees it, and what it does for a job of a bundled model."""

from collections.abc import Callable, Mapping
from typing import Protocol

from flwr.app import Context, Message

from sunward_trainer.learning.shards import ShardFile
from sunward_trainer.protocol.checkpoint_replica import CheckpointReplica
from sunward_trainer.protocol.records import order_from_record, reply_to_record
from sunward_trainer.worker.shard_store import ShardStore
from sunward_trainer.worker.trainee import Trainee

IsOver = Callable[[int], bool]
"""Whether a round has closed, or the process is to end: what is in work is then of no use."""


class Shards(Protocol):
    """The shards of a node: `own` are served to others, `cached` are copies, by name."""

    own: dict[str, ShardFile]

    @property
    def cached(self) -> tuple[str, ...]:
        """Names of the copies, sorted."""


class Work(Protocol):
    """Answers messages in the training thread; others may read the counters."""

    @property
    def seconds_per_batch(self) -> float | None:
        """Of the last round, None before the first."""

    @property
    def batches_done(self) -> Mapping[str, int]:
        """Of the round in work, by shard."""

    def answer(self, message: Message, context: Context, is_over: IsOver) -> Message:
        """The reply to a message; what it raises becomes an error reply."""


class BundledWork:
    """Trains the pairs of an order with a bundled model."""

    def __init__(self, trainee: Trainee, shards: ShardStore, replica: CheckpointReplica) -> None:
        self._trainee, self._shards, self._replica = trainee, shards, replica

    @property
    def seconds_per_batch(self) -> float | None:
        """Of the last round, None before the first."""
        return self._trainee.seconds_per_batch

    @property
    def batches_done(self) -> Mapping[str, int]:
        """Of the round in work, by shard."""
        return self._trainee.batches_done

    def answer(self, message: Message, context: Context, is_over: IsOver) -> Message:
        """Carry out the order."""
        del context  # the order says everything
        order = order_from_record(message.content)
        self._replica.keep(order.kept, order.weights)
        reply = self._trainee.carry_out(
            order.pairs,
            order.weights,
            round_number=order.round_number,
            model=(order.model, order.classes),
            recipe=order.recipe,
            shard_of=lambda pair: self._shards.get(pair.shard, order.sources.get(pair.shard), home=pair.from_node),
            stop=lambda: is_over(order.round_number),
        )
        return Message(reply_to_record(reply), reply_to=message)
