"""Carrying out an order: train its pairs one after another and report each. Knows no network and no Flower."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sunward_trainer.averaging import Update
from sunward_trainer.data import DataError
from sunward_trainer.models import Model, Weights, build_model
from sunward_trainer.rounds import Missing, MissingReason, WorkerReply
from sunward_trainer.shards import Shard
from sunward_trainer.training import Abandoned, Pair, Recipe, train

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trainee:
    """Trains the pairs of one node. The training thread writes, others may read the counters.

    `seconds_per_batch` is None until a pair has been finished.
    """

    node: str
    abandon: threading.Event = field(default_factory=threading.Event)
    round_in_work: int | None = None
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
    ) -> WorkerReply:
        """Train every pair. A pair that cannot be trained is reported, and does not stop the others.

        Once `abandon` is set, the pair in work and those after it are reported as abandoned.
        """
        network = self._models.setdefault(model, build_model(*model))
        self.round_in_work, self.batches_done = round_number, {}
        updates: list[Update] = []
        missing: list[Missing] = []
        for pair in pairs:
            try:
                updates.append(self._train(network, weights, shard_of, pair, recipe, round_number))
            except DataError as error:
                missing.append(self._missing(pair, MissingReason.SHARD_UNREACHABLE, error))
            except Abandoned as error:
                missing.append(self._missing(pair, MissingReason.ABANDONED, error))
            except (ArithmeticError, ValueError, MemoryError) as error:
                missing.append(self._missing(pair, MissingReason.FAILED, error))
        batches = sum(update.batches for update in updates)
        if batches:
            self.seconds_per_batch = sum(update.seconds for update in updates) / batches
        self.round_in_work = None
        return WorkerReply(node=self.node, round_number=round_number, updates=tuple(updates), missing=tuple(missing))

    def _train(
        self,
        network: Model,
        weights: Weights,
        shard_of: Callable[[Pair], Shard],
        pair: Pair,
        recipe: Recipe,
        round_number: int,
    ) -> Update:
        if self.abandon.is_set():
            raise Abandoned("before it began")

        def note(done: int) -> None:
            self.batches_done = {**self.batches_done, pair.shard: done}

        return train(
            network,
            weights,
            shard_of(pair),
            recipe=recipe,
            pair=pair,
            node=self.node,
            round_number=round_number,
            stop=self.abandon,
            progress=note,
        )

    def _missing(self, pair: Pair, reason: MissingReason, error: Exception) -> Missing:
        _log.warning("shard %s: %d batches missing: %s", pair.shard, pair.batches, error)
        return Missing(shard=pair.shard, node=self.node, batches=pair.batches, reason=reason, detail=str(error)[:500])
