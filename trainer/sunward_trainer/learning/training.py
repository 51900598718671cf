"""Local training: some batches of one shard, from the round's weights.

Stochastic gradient descent whose order of samples depends on the seed, the shard and the round only. Two
workers that share a shard in a round start at different batches, so that they train on different samples.
"""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.data import as_images
from sunward_trainer.learning.models import Model, Weights
from sunward_trainer.learning.shards import Shard

# Short numpy calls give the interpreter lock away for too short a time to be taken; without these pauses the
# other threads, which tell the coordinator that this worker lives, starve on a busy machine.
_BREATH_EVERY_SECONDS: Final = 0.05
_BREATH_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a job trains: stochastic gradient descent with momentum; `momentum` 0 is plain descent, as in the paper.

    `batch_size` counts samples; `learning_rate` is that of every step.
    """

    batch_size: int
    learning_rate: float
    momentum: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One (shard, worker) pair of a round: `batches` steps after skipping `first_batch` of the shard's order."""

    shard: str
    from_node: str
    batches: int
    first_batch: int = 0


class Abandoned(Exception):
    """Training was asked to stop before the pair was complete; nothing of it is used."""


def sample_order(recipe: Recipe, shard: Shard, round_number: int, pair: Pair) -> NDArray[np.int64]:
    """Indices of the shard's samples in the order of training, (samples,): `batch_size` for each of the batches.

    The shard's permutation of the round is walked from `first_batch`, and walked again when it ends.
    """
    seed = (recipe.seed, zlib.crc32(shard.name.encode()), round_number)
    order = np.random.default_rng(seed).permutation(len(shard.labels))
    start = pair.first_batch * recipe.batch_size
    return order[np.arange(start, start + pair.batches * recipe.batch_size) % len(order)]


def train(
    model: Model,
    weights: Weights,
    shard: Shard,
    *,
    recipe: Recipe,
    pair: Pair,
    node: str,
    round_number: int,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _done: None,
) -> Update:
    """Train one pair from `weights`, (parameters,), and return its update.

    `stop` is asked between batches and ends training with Abandoned; `progress` is called with the batches done.
    Raises ValueError when the pair has no batches.
    """
    if pair.batches <= 0:
        raise ValueError(f"shard {pair.shard!r}: the number of batches must be positive, is {pair.batches}")
    order = sample_order(recipe, shard, round_number, pair).reshape(pair.batches, recipe.batch_size)
    current, velocity, losses = weights.copy(), np.zeros_like(weights), 0.0
    started, breath = time.perf_counter(), _Breath()
    for done, rows in enumerate(order, start=1):
        if stop():
            raise Abandoned(f"shard {pair.shard!r} after {done - 1} of {pair.batches} batches")
        loss, gradient = model.loss_and_gradient(current, as_images(shard.images[rows]), shard.labels[rows])
        velocity = np.float32(recipe.momentum) * velocity - np.float32(recipe.learning_rate) * gradient
        current += velocity
        losses += loss
        breath.take()
        progress(done)
    return Update(
        shard=pair.shard,
        node=node,
        batches=pair.batches,
        seconds=time.perf_counter() - started,
        loss=losses / pair.batches,
        weights=current,
    )


class _Breath:
    """Lets other threads run now and then; see the constants above."""

    def __init__(self) -> None:
        self._taken = time.perf_counter()

    def take(self) -> None:
        if time.perf_counter() - self._taken > _BREATH_EVERY_SECONDS:
            time.sleep(_BREATH_SECONDS)
            self._taken = time.perf_counter()
