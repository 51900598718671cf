"""Weighted federated averaging.

Every (shard, worker) pair is one contribution; its weight is the batches it trained. Pure, and the same code
under Flower and in process.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sunward_trainer.learning.models import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What one (shard, worker) pair sends: its weights after `batches` steps that took `seconds`.

    `loss` is the mean training loss over its steps.
    """

    shard: str
    node: str
    batches: int
    seconds: float
    loss: float
    weights: Weights


def average(updates: Sequence[Update]) -> Weights:
    """The mean of the updates' weights, weighted by batches, as float32: (parameters,).

    Federated averaging (McMahan et al. 2017, algorithm 1) with batches in place of samples.
    Summed in float64 and in the order of (shard, node), so that the result does not depend on the order of arrival.
    An update that cannot be averaged with the others takes no part: see `comparable`.
    Raises ValueError when there is nothing to average.
    """
    ordered = sorted(comparable(updates), key=lambda update: (update.shard, update.node))
    if not ordered:
        raise ValueError("cannot average: the updates contain no batches")
    mean = np.zeros_like(ordered[0].weights, dtype=np.float64)
    for update in ordered:
        mean += update.weights.astype(np.float64) * update.batches
    return (mean / sum(update.batches for update in ordered)).astype(np.float32)


def comparable(updates: Sequence[Update]) -> list[Update]:
    """Updates with batches, finite weights, and the shape that stands for the most batches.

    A mean with one NaN is NaN, and numpy stretches a vector of one number to any length: neither may reach the model.
    """
    finite = [update for update in updates if update.batches > 0 and bool(np.isfinite(update.weights).all())]
    batches: Counter[tuple[int, ...]] = Counter()
    for update in finite:
        batches[update.weights.shape] += update.batches
    usual = max(batches, key=lambda shape: (batches[shape], shape), default=None)
    return [update for update in finite if update.weights.shape == usual]
