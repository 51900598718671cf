"""Carrying out an order: train its pairs one after another and report each. Knows no network and no Flower."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.models import Model, Weights
from sunward_trainer.learning.shards import Shard
from sunward_trainer.learning.training import Abandoned, Pair, Recipe, train
from sunward_trainer.protocol.rounds import Missing, MissingReason, WorkerReply

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trainee:
    """Trains the pairs of one node. The training thread writes, others may read the counters.

    `seconds_per_batch` is None until a pair has been finished.
    """

    node: str
    batches_done: dict[str, int] = field(default_factory=dict)
    seconds_per_batch: float | None = None
    _models: dict[tuple[str, int], Model] = field(default_factory=dict)

    def carry_out(
        self,
        pairs: tuple[Pair, ...],
        weights: Weights,
        *,
        round_number: int,
        model: tuple[str, int],
        recipe: Recipe,
        shard_of: Callable[[Pair], Shard],
        stop: Callable[[], bool] = lambda: False,
    ) -> WorkerReply:
        """Train every pair from `weights`, (parameters,).

        A pair that cannot be trained is reported, and does not stop the others. Once `stop` says so, the pair in work
        and those after it are reported as abandoned.
        """
        network = self._models.setdefault(model, build_model(*model))

        def work(pair: Pair) -> Update:
            if stop():
                raise Abandoned("before it began")
            return train(
                network,
                weights,
                _within(shard_of(pair), model[1]),
                recipe=recipe,
                pair=pair,
                node=self.node,
                round_number=round_number,
                stop=stop,
                progress=partial(self._note, pair.shard),
            )

        self.batches_done = {}
        outcomes = [self._attempt(pair, work) for pair in pairs]
        updates = tuple(one for one in outcomes if isinstance(one, Update))
        missing = tuple(one for one in outcomes if isinstance(one, Missing))
        if batches := sum(update.batches for update in updates):
            self.seconds_per_batch = sum(update.seconds for update in updates) / batches
        return WorkerReply(node=self.node, round_number=round_number, updates=updates, missing=missing)

    def _attempt(self, pair: Pair, work: Callable[[Pair], Update]) -> Update | Missing:
        """The pair's update, or why there is none."""
        try:
            return work(pair)
        except DataError as error:
            return self._missing(pair, MissingReason.SHARD_UNREACHABLE, error)
        except Abandoned as error:
            return self._missing(pair, MissingReason.ABANDONED, error)
        except (ArithmeticError, ValueError, MemoryError) as error:
            return self._missing(pair, MissingReason.FAILED, error)

    def _note(self, shard: str, done: int) -> None:
        self.batches_done = {**self.batches_done, shard: done}

    def _missing(self, pair: Pair, reason: MissingReason, error: Exception) -> Missing:
        _log.warning("shard %s: %d batches missing: %s", pair.shard, pair.batches, error)
        return Missing(shard=pair.shard, node=self.node, batches=pair.batches, reason=reason, detail=str(error)[:500])


def _within(shard: Shard, classes: int) -> Shard:
    """The shard, whose labels have to be classes of the model. Raises ValueError."""
    if int(shard.labels.max()) >= classes:
        raise ValueError(f"shard {shard.name!r} has label {shard.labels.max()}, but the model has {classes} classes")
    return shard
