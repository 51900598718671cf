"""Which replies reach a user's strategy. Strategies add up what they are given, and one NaN is enough for all of it.

Only what would spoil any strategy is refused: numbers that are not finite, arrays unlike those of all others, a change
far beyond the others'. Arrays of whole numbers may have any length, as trees of a forest have.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, Final

import numpy as np
from flwr.app import ArrayRecord, MetricRecord, RecordDict
from numpy.typing import NDArray

from sunward_trainer.learning.inspection import WORKERS_TO_COMPARE, Refusal

Shape = tuple[tuple[str, str, bool, tuple[int, ...]], ...]
_ANY: Final[tuple[int, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A reply's content as arrays: `change` is the norm of what it changed, None where that cannot be said."""

    shape: Shape
    finite: bool
    weight_is_sound: bool
    change: float | None


def judged(content: RecordDict, sent: RecordDict, weight_key: str) -> Judged:
    """What the gate needs to know of a reply to `sent`. Raises what numpy raises on bytes that are no arrays."""
    arrays = list(_arrays(content))
    shape = tuple(sorted(_description(record, name, array) for record, name, array in arrays))
    weights = [record[weight_key] for record in content.metric_records.values() if weight_key in record]
    return Judged(
        shape=shape,
        finite=all(bool(np.isfinite(array).all()) for _, _, array in arrays if _is_float(array)),
        weight_is_sound=all(_is_sound(weight) for weight in weights),
        change=_change(arrays, {(record, name): array for record, name, array in _arrays(sent)}),
    )


def refusals(replies: Sequence[Judged], *, factor: float, usual: float | None) -> list[Refusal | None]:
    """Why each reply is refused, or None. `usual` is the change of an earlier round, None where there is none.

    Shapes are compared with those of the most replies once there are three, and so are changes.
    """
    enough = len(replies) >= WORKERS_TO_COMPARE
    shapes = Counter(reply.shape for reply in replies)
    common = shapes.most_common(1)[0] if shapes else None
    odd = enough and common is not None and common[1] * 2 > len(replies)
    changes = [reply.change for reply in replies if reply.finite and reply.change is not None]
    scale = median_low(changes) if len(changes) >= WORKERS_TO_COMPARE else usual

    def why(reply: Judged) -> Refusal | None:
        if not reply.finite:
            return Refusal.NOT_FINITE
        if not reply.weight_is_sound:
            return Refusal.WRONG_FIGURES
        if odd and common is not None and reply.shape != common[0]:
            return Refusal.WRONG_SHAPE
        if scale is not None and scale > 0.0 and reply.change is not None and reply.change > factor * scale:
            return Refusal.NORM_TOO_LARGE
        return None

    return [why(reply) for reply in replies]


def usual_change(replies: Sequence[Judged]) -> float | None:
    """The lower median of the changes, for the rounds to come; None with fewer than three."""
    changes = [reply.change for reply in replies if reply.change is not None]
    return median_low(changes) if len(changes) >= WORKERS_TO_COMPARE else None


def _arrays(content: RecordDict) -> list[tuple[str, str, NDArray[Any]]]:
    records: Mapping[str, ArrayRecord] = content.array_records
    return [(record, name, array.numpy()) for record, arrays in records.items() for name, array in arrays.items()]


def _description(record: str, name: str, array: NDArray[Any]) -> tuple[str, str, bool, tuple[int, ...]]:
    return (record, name, _is_float(array), array.shape if _is_float(array) else _ANY)


def _is_float(array: NDArray[Any]) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating))


def _is_sound(weight: object) -> bool:
    return isinstance(weight, int | float) and 0 <= weight < float("inf")


def _change(
    arrays: Sequence[tuple[str, str, NDArray[Any]]], sent: Mapping[tuple[str, str], NDArray[Any]]
) -> float | None:
    floats = [(sent.get((record, name)), array) for record, name, array in arrays if _is_float(array)]
    if not floats or any(before is None or before.shape != array.shape for before, array in floats):
        return None
    with np.errstate(all="ignore"):
        squares = [
            float(np.sum(np.square(array.astype(np.float64) - before)))
            for before, array in floats
            if before is not None
        ]
    return float(np.sqrt(sum(squares)))


def metric_of(record: MetricRecord | None, name: str) -> float | None:
    """A number of a metric record, or None where it is not there or not finite."""
    value = None if record is None else record.get(name)
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None
