"""Orders and replies as Flower records.

An order is the round's weights and one JSON document; a reply is one array per finished pair and one JSON
document. The weights travel as a single array, because Flower moves every array as objects of its own.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from sunward_trainer.learning.averaging import Update
from sunward_trainer.learning.models import Weights
from sunward_trainer.learning.training import Pair, Recipe
from sunward_trainer.protocol.members import Source
from sunward_trainer.protocol.rounds import Missing, MissingReason, WorkerReply

_ARRAYS: Final = "weights"
_DOCUMENT: Final = "document"


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
        "missing": [asdict(missing) for missing in reply.missing],
    }
    return _record([update.weights for update in reply.updates], document)


def reply_from_record(record: RecordDict) -> WorkerReply:
    """The reply in a Flower message's content. Raises KeyError or TypeError when it is none of ours."""
    arrays, document = _parts(record)
    pairs = zip(document["updates"], arrays, strict=True)
    return WorkerReply(
        node=document["node"],
        round_number=document["round_number"],
        updates=tuple(Update(**facts, weights=weights) for facts, weights in pairs),
        missing=tuple(Missing(**{**facts, "reason": MissingReason(facts["reason"])}) for facts in document["missing"]),
    )


def _record(arrays: list[Weights], document: dict[str, Any]) -> RecordDict:
    named = {str(index): Array(np.ascontiguousarray(array)) for index, array in enumerate(arrays)}
    return RecordDict({_ARRAYS: ArrayRecord(array_dict=named), _DOCUMENT: ConfigRecord({"json": json.dumps(document)})})


def _parts(record: RecordDict) -> tuple[list[Weights], dict[str, Any]]:
    named = record.array_records[_ARRAYS]
    document: dict[str, Any] = json.loads(str(record.config_records[_DOCUMENT]["json"]))
    return [named[str(index)].numpy().astype(np.float32) for index in range(len(named))], document
