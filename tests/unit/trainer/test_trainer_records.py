"""Replies as Flower records: what a worker sends is read whole, or refused with one line."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from sunward_trainer.learning.inspection import Refusal, fault_of
from sunward_trainer.protocol.records import LONGEST_REPLY, ReplyError, reply_from_record, reply_to_record
from sunward_trainer.protocol.rounds import Missing, MissingReason, WorkerReply
from support.trainer import update

REPLY = WorkerReply(
    node="pi-01",
    round_number=3,
    updates=(update("a", "pi-01", 10, [1.0, 2.0]),),
    missing=(Missing(shard="b", node="pi-01", batches=5, reason=MissingReason.ABANDONED, detail="asked to stop"),),
)
Document = dict[str, Any]


def document() -> Document:
    found: Document = json.loads(str(reply_to_record(REPLY).config_records["document"]["json"]))
    return found


def record(text: str, *arrays: np.ndarray[Any, Any]) -> RecordDict:
    named = {str(index): Array(array) for index, array in enumerate(arrays)}
    return RecordDict({"weights": ArrayRecord(array_dict=named), "document": ConfigRecord({"json": text})})


WEIGHTS = np.array([1.0, 2.0], dtype=np.float32)


def test_a_reply_is_read_as_it_was_written() -> None:
    found = reply_from_record(reply_to_record(REPLY))
    assert (found.node, found.round_number, found.missing) == ("pi-01", 3, REPLY.missing)
    (one,) = found.updates
    assert (one.shard, one.node, one.batches, one.weights.tolist()) == ("a", "pi-01", 10, [1.0, 2.0])


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -1.0, 10**400])
def test_a_loss_that_is_no_loss_is_left_to_the_check_or_refused_at_once(loss: float) -> None:
    said = document()
    said["updates"][0]["loss"] = loss
    try:
        (found,) = reply_from_record(record(json.dumps(said), WEIGHTS)).updates
    except ReplyError:
        return
    assert fault_of(found, batches=10, parameters=2) is Refusal.WRONG_FIGURES


def test_a_worker_whose_training_diverged_says_nothing_that_counts() -> None:
    """As with a far too large learning rate: the loss and the weights become NaN."""
    nan = np.full(2, np.nan, dtype=np.float32)
    reply = replace(REPLY, updates=(replace(REPLY.updates[0], loss=float("nan"), weights=nan),))
    (found,) = reply_from_record(reply_to_record(reply)).updates
    assert fault_of(found, batches=10, parameters=2) is Refusal.NOT_FINITE


CHANGES: dict[str, Callable[[Document], object]] = {
    "no node": lambda said: said.pop("node"),
    "a long name": lambda said: said.update(node="n" * 254),
    "round as text": lambda said: said.update(round_number="3"),
    "batches as a fraction": lambda said: said["updates"][0].update(batches=10.5),
    "batches true": lambda said: said["updates"][0].update(batches=True),
    "loss as text": lambda said: said["updates"][0].update(loss="low"),
    "no loss": lambda said: said["updates"][0].pop("loss"),
    "more updates than arrays": lambda said: said["updates"].append(said["updates"][0]),
    "no updates but an array": lambda said: said["updates"].clear(),
    "a reason of the coordinator's": lambda said: said["missing"][0].update(reason="WorkerGone"),
    "a reason that there is not": lambda said: said["missing"][0].update(reason="Tired"),
    "a long detail": lambda said: said["missing"][0].update(detail="d" * 501),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_document_that_is_no_reply_is_refused_with_one_line(what: str) -> None:
    said = document()
    CHANGES[what](said)
    with pytest.raises(ReplyError) as found:
        reply_from_record(record(json.dumps(said), WEIGHTS))
    assert len(str(found.value)) < 300


@pytest.mark.parametrize(
    "content",
    [
        RecordDict(),
        RecordDict({"document": ConfigRecord({"json": "{}"})}),
        record("null", WEIGHTS),
        record("[" * 100_000, WEIGHTS),
        record(json.dumps(document()) + " " * LONGEST_REPLY, WEIGHTS),
        RecordDict({"weights": ArrayRecord(array_dict={"0": Array(WEIGHTS)}), "document": ConfigRecord({"json": 7})}),
        RecordDict(
            {
                "weights": ArrayRecord(array_dict={"other": Array(WEIGHTS)}),
                "document": ConfigRecord({"json": json.dumps(document())}),
            }
        ),
        RecordDict(
            {
                "weights": ArrayRecord(
                    array_dict={"0": Array(dtype="float32", shape=(2,), stype="numpy.ndarray", data=b"no array")}
                ),
                "document": ConfigRecord({"json": json.dumps(document())}),
            }
        ),
    ],
    ids=["empty", "no weights", "null", "deep", "long", "number", "another key", "no array"],
)
def test_a_record_of_something_else_is_refused(content: RecordDict) -> None:
    with pytest.raises(ReplyError):
        reply_from_record(content)


def test_a_pickle_is_never_opened() -> None:
    with pytest.raises((ReplyError, TypeError, ValueError)):
        reply_from_record(record(json.dumps(document()), np.array([print], dtype=object)))


def test_weights_of_double_precision_are_rounded_and_too_large_ones_become_infinite() -> None:
    found = reply_from_record(record(json.dumps(document()), np.array([0.1, 1e300])))
    assert found.updates[0].weights.tolist() == [float(np.float32(0.1)), float("inf")]


@pytest.mark.parametrize("array", [np.array([1, 2]), np.array([True, False]), np.array([1j, 2j])])
def test_weights_that_are_no_floating_point_numbers_are_left_as_they_are_for_the_check(
    array: np.ndarray[Any, Any],
) -> None:
    found = reply_from_record(record(json.dumps(document()), array))
    assert found.updates[0].weights.dtype == array.dtype
