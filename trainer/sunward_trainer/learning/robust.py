"""Rules that make one vector of a round's updates when some workers may send anything. Pure.

In the papers a client is one machine. Here a client is a (shard, worker) pair, and one bad machine may hold several
pairs: Median, TrimmedMean and MultiKrum therefore first take each worker's own average over its pairs, and count
workers. Checks and the bound on the norm (`inspection`) come before any rule.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunward_trainer.learning.averaging import Update, average
from sunward_trainer.learning.models import Weights

CHUNK: Final = 4096
"""Parameters that are sorted at once, which bounds the memory with many workers."""

ONE_IN: Final = 5
"""TrimmedMean and MultiKrum bear one bad worker in five, and at least one: Flower's trimmed mean cuts 20 % too."""


class UpdateRule(StrEnum):
    """How the updates of a round become the next weights."""

    GATE = "Gate"
    MEDIAN = "Median"
    TRIMMED_MEAN = "TrimmedMean"
    MULTI_KRUM = "MultiKrum"


LEAST_WORKERS: Final[Mapping[UpdateRule, int]] = MappingProxyType(
    {UpdateRule.GATE: 1, UpdateRule.MEDIAN: 3, UpdateRule.TRIMMED_MEAN: 3, UpdateRule.MULTI_KRUM: 5}
)
"""With fewer, the rule cannot bear one bad worker. Krum needs 2 f + 3 workers for f bad ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """A worker's own average over its pairs, and the batches that it stands for."""

    node: str
    weights: Weights
    batches: int


def applicable(rule: UpdateRule, workers: int) -> UpdateRule:
    """The rule, or what takes its place with so few workers: Median for MultiKrum from three on, and else Gate."""
    if workers >= LEAST_WORKERS[rule]:
        return rule
    has_median = rule is UpdateRule.MULTI_KRUM and workers >= LEAST_WORKERS[UpdateRule.MEDIAN]
    return UpdateRule.MEDIAN if has_median else UpdateRule.GATE


def combine(updates: Sequence[Update], rule: UpdateRule) -> Weights:
    """The next weights, (parameters,), by the rule or by what takes its place. The order of arrival changes no bit.

    Gate is the average weighted by batches. Raises ValueError when there is nothing to combine.
    """
    workers = contributions(updates)
    return _RULES[applicable(rule, len(workers))](updates, workers)


def contributions(updates: Sequence[Update]) -> list[Contribution]:
    """One for each worker, in name order."""
    own: dict[str, list[Update]] = defaultdict(list)
    for update in updates:
        own[update.node].append(update)
    return [
        Contribution(node=node, weights=average(pairs), batches=sum(pair.batches for pair in pairs))
        for node, pairs in sorted(own.items())
    ]


def bad_workers_borne(workers: int) -> int:
    """How many bad workers TrimmedMean and MultiKrum are prepared for among so many."""
    return max(1, workers // ONE_IN)


def _gate(updates: Sequence[Update], workers: Sequence[Contribution]) -> Weights:
    del workers  # every pair counts by its batches, whoever trained it
    return average(updates)


def _median(updates: Sequence[Update], workers: Sequence[Contribution]) -> Weights:
    """Coordinate by coordinate the weighted median of the workers (Yin et al. 2018, arXiv:1803.01498, definition 1).

    Where exactly half of the weight lies on either side, the mean of the two values beside the middle.
    """
    del updates
    weights = _capped(workers)
    blocks = [_weighted_median(block, weights) for block in _blocks(workers)]
    return np.concatenate(blocks).astype(np.float32)


def _weighted_median(block: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """`block` is (workers, parameters), `weights` (workers,); the result (parameters,)."""
    order = np.argsort(block, axis=0, kind="stable")
    values = np.take_along_axis(block, order, axis=0)
    below = np.cumsum(weights[order], axis=0)
    half = weights.sum() / 2.0
    lower, upper = (below < half).sum(axis=0), (below <= half).sum(axis=0)
    columns = np.arange(block.shape[1])
    return np.asarray((values[lower, columns] + values[upper, columns]) / 2.0)


def _trimmed_mean(updates: Sequence[Update], workers: Sequence[Contribution]) -> Weights:
    """Coordinate by coordinate the weighted mean without the lowest and the highest workers.

    Yin et al. 2018, arXiv:1803.01498, definition 2; as many workers are cut on each side as are expected to be bad.
    """
    del updates
    weights, cut = _capped(workers), bad_workers_borne(len(workers))
    blocks = [_mean_of_the_inner(block, weights, cut) for block in _blocks(workers)]
    return np.concatenate(blocks).astype(np.float32)


def _mean_of_the_inner(block: NDArray[np.float64], weights: NDArray[np.float64], cut: int) -> NDArray[np.float64]:
    """`block` is (workers, parameters), `weights` (workers,); the result (parameters,)."""
    inner = np.argsort(block, axis=0, kind="stable")[cut : len(block) - cut]
    kept = weights[inner]
    return np.asarray((np.take_along_axis(block, inner, axis=0) * kept).sum(axis=0) / kept.sum(axis=0))


def _multi_krum(updates: Sequence[Update], workers: Sequence[Contribution]) -> Weights:
    """The average, weighted by batches, of the workers that lie closest to their neighbours.

    Blanchard et al. 2017, arXiv:1703.02757: with n workers and f bad ones, a worker's score is the sum of its n - f - 2
    smallest squared distances to others; the n - f lowest scores are averaged.
    """
    chosen = {workers[index].node for index in krum_order(workers)[: len(workers) - bad_workers_borne(len(workers))]}
    return average([update for update in updates if update.node in chosen])


def krum_order(workers: Sequence[Contribution]) -> list[int]:
    """Indices of the workers by their score, lowest first; equal scores by name."""
    count = len(workers)
    squares = np.zeros((count, count))
    for one in range(count):
        for other in range(one):
            difference = workers[one].weights.astype(np.float64) - workers[other].weights
            squares[one, other] = squares[other, one] = difference @ difference
    near = count - bad_workers_borne(count) - 2
    scores = [float(np.sort(np.delete(squares[one], one))[:near].sum()) for one in range(count)]
    return sorted(range(count), key=lambda index: (scores[index], workers[index].node))


def _capped(workers: Sequence[Contribution]) -> NDArray[np.float64]:
    """The workers' batches, none above the median of all, (workers,).

    A plan may give most of the work to one clean node. Uncapped, that node alone would be the weighted median.
    """
    batches = np.array([worker.batches for worker in workers], dtype=np.float64)
    return np.asarray(np.minimum(batches, np.median(batches)))


def _blocks(workers: Sequence[Contribution]) -> Iterator[NDArray[np.float64]]:
    """The workers' weights some parameters at a time, (workers, parameters) each."""
    for start in range(0, len(workers[0].weights), CHUNK):
        yield np.stack([worker.weights[start : start + CHUNK] for worker in workers]).astype(np.float64)


_RULES: Final[Mapping[UpdateRule, Callable[[Sequence[Update], Sequence[Contribution]], Weights]]] = MappingProxyType(
    {
        UpdateRule.GATE: _gate,
        UpdateRule.MEDIAN: _median,
        UpdateRule.TRIMMED_MEAN: _trimmed_mean,
        UpdateRule.MULTI_KRUM: _multi_krum,
    }
)
