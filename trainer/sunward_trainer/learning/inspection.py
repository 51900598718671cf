"""What an update must be to count: checked against its order, and its size against the others'. Pure.

A worker is another machine, and what it sends may be damaged or hostile. A refused update is missing, like that of a
worker that has gone: it never ends the job, and it is never part of the model.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.models import Weights

LARGEST_LOSS: Final = 1e6
"""Nats. Cross entropy ends at 28 (the models bound the probability), so that this leaves room for others."""

LONGEST_SECONDS: Final = 1e9

USUAL_NORM_FACTOR: Final = 10.0
"""Six honest workers differ by 8.3 at most if their shards hold one or two classes of digits, and by 1.5 otherwise."""

WORKERS_TO_COMPARE: Final = 3
"""With two, neither can be told from the other: whose change is the usual one?"""


class Refusal(StrEnum):
    """Why an update is not part of the model."""

    UNREADABLE = "Unreadable"  # the reply is not one of the trainer's protocol
    WRONG_WORKER = "WrongWorker"  # the reply names another worker than the one that was asked
    WRONG_ROUND = "WrongRound"  # the reply names another round than the one that was ordered
    NOT_REPORTED = "NotReported"  # the reply does not mention a pair that was ordered
    WRONG_BATCHES = "WrongBatches"  # other batches than ordered
    WRONG_FIGURES = "WrongFigures"  # loss or seconds are negative, not finite or absurd
    WRONG_TYPE = "WrongType"  # weights that are not floating-point numbers
    WRONG_SHAPE = "WrongShape"  # weights of another shape than the model's
    NOT_FINITE = "NotFinite"  # NaN or infinity among the weights
    NORM_TOO_LARGE = "NormTooLarge"  # a change far beyond the other workers'
    UNUSABLE_MODEL = "UnusableModel"  # with the round's updates, the model gives answers that are no numbers


def fault_of(update: Update, *, batches: int, parameters: int | None) -> Refusal | None:
    """What is wrong with an update by itself, or None. `batches` were ordered.

    `parameters` is the length of the model's vector, None where it is not known.
    """
    weights = update.weights
    if update.batches != batches:
        return Refusal.WRONG_BATCHES
    if not np.issubdtype(weights.dtype, np.floating):
        return Refusal.WRONG_TYPE
    if weights.ndim != 1 or parameters not in (None, len(weights)):
        return Refusal.WRONG_SHAPE
    if not bool(np.isfinite(weights).all()):
        return Refusal.NOT_FINITE
    is_plausible = 0.0 <= update.loss <= LARGEST_LOSS and 0.0 <= update.seconds <= LONGEST_SECONDS
    return None if is_plausible else Refusal.WRONG_FIGURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How far an update usually is from the weights it started from: Euclidean norm, and norm for each batch."""

    norm: float
    norm_per_batch: float


def scale_of(updates: Sequence[Update], start: Weights) -> Scale:
    """The workers' median of each worker's median, so that a worker with many pairs has one voice: see `_middle`.

    `start` are the round's weights, (parameters,). Raises ValueError without updates.
    """
    norms: dict[str, list[float]] = defaultdict(list)
    rates: dict[str, list[float]] = defaultdict(list)
    for update in updates:
        norm = change(update, start)
        norms[update.node].append(norm)
        rates[update.node].append(norm / update.batches)
    return Scale(
        norm=_middle(_middle(own) for own in norms.values()),
        norm_per_batch=_middle(_middle(own) for own in rates.values()),
    )


def change(update: Update, start: Weights) -> float:
    """Euclidean norm of the difference between the update's weights and those it started from, both (parameters,)."""
    return float(np.linalg.norm(update.weights.astype(np.float64) - start))


def too_large(factor: float, scale: Scale, start: Weights) -> Callable[[Update], bool]:
    """Whether an update changes more than `factor` times what is usual, by itself and for each of its batches.

    Both, because plans give workers very different batches: many batches go farther in sum, and the first few go
    farther each. A bound on the norm of updates: Sun et al. 2019, arXiv:1911.07963, there by clipping. A usual
    change of 0 says nothing, and bounds nothing.
    """

    def judge(update: Update) -> bool:
        norm = change(update, start)
        return norm > factor * scale.norm and norm / update.batches > factor * scale.norm_per_batch

    return judge if scale.norm > 0.0 and scale.norm_per_batch > 0.0 else lambda _update: False


def beyond(factor: float, start: Weights) -> Callable[[Update], bool]:
    """Whether an update changes more than `factor` times the norm of the weights that it started from, (parameters,).

    Weights that are all zero bound nothing.
    """
    limit = factor * float(np.linalg.norm(start.astype(np.float64)))
    return lambda update: 0.0 < limit < change(update, start)


def _middle(values: Iterable[float]) -> float:
    """The lower of the medians: as many large values as there are others do not move it beyond those."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there are no updates to compare")
    return ordered[(len(ordered) - 1) // 2]
