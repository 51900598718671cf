"""Orders and replies as Flower records.

An order is the round's weights and one JSON document; a reply is one array per finished pair and one JSON
document. The weights travel as a single array, because Flower moves every array as objects of its own.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.models import Weights
from sunward_trainer.learning.training import Pair, Recipe
from sunward_trainer.protocol.members import Source
from sunward_trainer.protocol.rounds import REPORTED_BY_WORKERS, Missing, MissingReason, WorkerReply

_ARRAYS: Final = "weights"
_DOCUMENT: Final = "document"
LONGEST_REPLY: Final = 1 << 20
"""Characters of a reply's document: room for a thousand pairs with the longest names and details."""
_LONGEST_FAULT: Final = 200
Name = Annotated[str, Field(min_length=1, max_length=253)]


class ReplyError(ValueError):
    """What came back is not a reply."""


class _Part(BaseModel):
    """Read strictly, because a worker's word is foreign. `fault_of` judges the numbers."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Fact(_Part):
    shard: Name
    node: Name
    batches: int
    seconds: float
    loss: float


class _Absence(_Part):
    shard: Name
    batches: int
    reason: Annotated[MissingReason, Field(strict=False)]
    detail: Annotated[str, Field(max_length=500)] = ""

    @field_validator("reason")
    @classmethod
    def _is_a_workers(cls, reason: MissingReason) -> MissingReason:
        if reason not in REPORTED_BY_WORKERS:
            raise ValueError(f"{reason} is not for workers to say")
        return reason


class _Reply(_Part):
    node: Name
    round_number: int
    updates: list[_Fact]
    missing: list[_Absence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything that a worker needs for a round; `sources` says where shards can be fetched.

    `kept` describes the coordinator's checkpoint, whose weights these are: together they are a copy of it.
    """

    job: str
    plan: str
    round_number: int
    model: str
    classes: int
    recipe: Recipe
    pairs: tuple[Pair, ...]
    sources: dict[str, Source]
    kept: str
    weights: Weights


def order_to_record(order: Order) -> RecordDict:
    """The order as the content of a Flower message."""
    document = {
        "job": order.job,
        "plan": order.plan,
        "round_number": order.round_number,
        "model": order.model,
        "classes": order.classes,
        "recipe": asdict(order.recipe),
        "pairs": [asdict(pair) for pair in order.pairs],
        "kept": order.kept,
        "sources": {shard: asdict(source) for shard, source in order.sources.items()},
    }
    return _record([order.weights], document)


def order_from_record(record: RecordDict) -> Order:
    """The order in a Flower message's content. Raises KeyError or TypeError when it is none of ours."""
    arrays, document = _parts(record)
    document["recipe"] = Recipe(**document["recipe"])
    document["pairs"] = tuple(Pair(**pair) for pair in document["pairs"])
    document["sources"] = {shard: Source(**source) for shard, source in document["sources"].items()}
    return Order(**document, weights=arrays[0])


def reply_to_record(reply: WorkerReply) -> RecordDict:
    """The reply as the content of a Flower message."""
    facts = ("shard", "node", "batches", "seconds", "loss")
    document = {
        "node": reply.node,
        "round_number": reply.round_number,
        "updates": [{name: getattr(update, name) for name in facts} for update in reply.updates],
        "missing": [
            {"shard": one.shard, "batches": one.batches, "reason": one.reason, "detail": one.detail}
            for one in reply.missing
        ],
    }
    return _record([update.weights for update in reply.updates], document)


def reply_from_record(record: RecordDict) -> WorkerReply:
    """The reply in a Flower message's content, whoever made it. Raises ReplyError when it is none of ours."""
    try:
        arrays, text = _named_arrays(record), record.config_records[_DOCUMENT]["json"]
        if not isinstance(text, str) or len(text) > LONGEST_REPLY:
            raise ValueError(f"the document is longer than {LONGEST_REPLY} characters, or no text")
        found = _Reply.model_validate_json(text)
        return WorkerReply(
            node=found.node,
            round_number=found.round_number,
            updates=tuple(
                Update(**fact.model_dump(), weights=_single_precision(array))
                for fact, array in zip(found.updates, arrays, strict=True)
            ),
            missing=tuple(Missing(**entry.model_dump(), node=found.node) for entry in found.missing),
        )
    except Exception as error:  # foreign bytes can make numpy, JSON and Flower fail in any way
        raise ReplyError(f"{type(error).__name__}: {str(error)[:_LONGEST_FAULT]}") from error


def _named_arrays(record: RecordDict) -> list[NDArray[Any]]:
    """The arrays of our record, in their order; others beside them are not ours."""
    named = record.array_records[_ARRAYS]
    return [named[str(index)].numpy() for index in range(len(named))]


def _single_precision(array: NDArray[Any]) -> NDArray[Any]:
    """Floating-point weights in the precision that is averaged; what is too large becomes infinite, and is refused."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array


def _record(arrays: list[Weights], document: dict[str, Any]) -> RecordDict:
    named = {str(index): Array(np.ascontiguousarray(array)) for index, array in enumerate(arrays)}
    return RecordDict({_ARRAYS: ArrayRecord(array_dict=named), _DOCUMENT: ConfigRecord({"json": json.dumps(document)})})


def _parts(record: RecordDict) -> tuple[list[Weights], dict[str, Any]]:
    document: dict[str, Any] = json.loads(str(record.config_records[_DOCUMENT]["json"]))
    return [array.astype(np.float32) for array in _named_arrays(record)], document
