"""Updates that are not as ordered, or far larger than the others', never reach the model."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_trainer.coordinator.gate import Gate
from sunward_trainer.learning.averaging import Update, average
from sunward_trainer.learning.inspection import Refusal, Scale, fault_of, scale_of, too_large
from sunward_trainer.protocol.rounds import Missing, MissingReason, RoundBook, WorkerReply
from support.trainer import assignment, update

NAN, INF = float("nan"), float("inf")
START = np.zeros(2, dtype=np.float32)
GOOD = update("a", "pi-01", 10, [1.0, 2.0])

BAD: dict[str, tuple[Mapping[str, Any], Refusal]] = {
    "more batches": ({"batches": 10**12}, Refusal.WRONG_BATCHES),
    "negative batches": ({"batches": -(10**9)}, Refusal.WRONG_BATCHES),
    "no batches": ({"batches": 0}, Refusal.WRONG_BATCHES),
    "loss NaN": ({"loss": NAN}, Refusal.WRONG_FIGURES),
    "loss infinite": ({"loss": INF}, Refusal.WRONG_FIGURES),
    "loss negative": ({"loss": -0.1}, Refusal.WRONG_FIGURES),
    "loss absurd": ({"loss": 1e300}, Refusal.WRONG_FIGURES),
    "seconds NaN": ({"seconds": NAN}, Refusal.WRONG_FIGURES),
    "seconds negative": ({"seconds": -1.0}, Refusal.WRONG_FIGURES),
    "whole numbers": ({"weights": np.array([1, 2])}, Refusal.WRONG_TYPE),
    "texts": ({"weights": np.array(["a", "b"])}, Refusal.WRONG_TYPE),
    "complex numbers": ({"weights": np.array([1j, 2.0])}, Refusal.WRONG_TYPE),
    "one number short": ({"weights": np.zeros(1, dtype=np.float32)}, Refusal.WRONG_SHAPE),
    "a table": ({"weights": np.zeros((2, 1), dtype=np.float32)}, Refusal.WRONG_SHAPE),
    "a scalar": ({"weights": np.float32(1.0).reshape(())}, Refusal.WRONG_SHAPE),
    "nothing": ({"weights": np.zeros(0, dtype=np.float32)}, Refusal.WRONG_SHAPE),
    "NaN": ({"weights": np.array([NAN, 1.0], dtype=np.float32)}, Refusal.NOT_FINITE),
    "infinity": ({"weights": np.array([1.0, -INF], dtype=np.float32)}, Refusal.NOT_FINITE),
    "another name": ({"node": "pi-02"}, Refusal.WRONG_WORKER),
}


def reply(*updates: Update, node: str = "pi-01", missing: Iterable[Missing] = ()) -> WorkerReply:
    return WorkerReply(node=node, round_number=1, updates=updates, missing=tuple(missing))


def book(work: Mapping[str, Iterable[tuple[str, str, int]]], *updates: Update) -> RoundBook:
    """A round of a model with two numbers, in which these updates were sent."""
    found = RoundBook(number=1, parameters=2)
    found.give_orders(assignment(work))
    for node in {one.node for one in updates}:
        found.take(reply(*(one for one in updates if one.node == node), node=node))
    return found


@pytest.mark.parametrize("what", BAD)
def test_an_update_that_is_not_as_ordered_is_missing_with_its_reason(what: str) -> None:
    changes, refusal = BAD[what]
    found = RoundBook(number=1, parameters=2)
    found.give_orders(assignment({"pi-01": [("a", "pi-01", 10)]}))
    found.take(reply(replace(GOOD, **changes)))
    assert found.updates == []
    assert found.missing == [
        Missing(shard="a", node="pi-01", batches=10, reason=MissingReason.REFUSED, refusal=refusal)
    ]
    assert found.waiting_for == ()
    assert found.offloading == {}


def test_an_update_as_ordered_has_no_fault() -> None:
    assert fault_of(GOOD, batches=10, parameters=2) is None
    assert fault_of(replace(GOOD, weights=GOOD.weights.astype(np.float64)), batches=10, parameters=None) is None


def test_a_pair_that_the_reply_does_not_mention_is_not_waited_for() -> None:
    found = book({"pi-01": [("a", "pi-01", 10), ("b", "pi-01", 5)]}, GOOD)
    assert found.waiting_for == ()
    assert [(entry.shard, entry.refusal) for entry in found.missing] == [("b", Refusal.NOT_REPORTED)]


def test_what_a_worker_says_of_a_missing_pair_is_not_taken_for_its_order() -> None:
    found = RoundBook(number=1, parameters=2)
    found.give_orders(assignment({"pi-01": [("a", "pi-01", 10)]}))
    lie = Missing(shard="a", node="pi-09", batches=-5, reason=MissingReason.FAILED, detail="out of memory")
    found.take(reply(missing=[lie]))
    assert found.missing == [replace(lie, node="pi-01", batches=10)]


@pytest.mark.parametrize("what", ["NaN", "infinity", "one number short", "a table", "negative batches"])
def test_the_average_leaves_out_what_cannot_be_averaged(what: str) -> None:
    others = [replace(GOOD, node="pi-02"), replace(GOOD, node="pi-03")]
    assert average([replace(GOOD, **BAD[what][0]), *others]).tolist() == [1.0, 2.0]


def test_a_change_is_too_large_only_by_itself_and_for_each_batch() -> None:
    usual = Scale(norm=1.0, norm_per_batch=0.1)
    far = too_large(5.0, usual, START)
    assert not far(update(batches=10, weights=[3.0, 4.0]))
    assert far(update(batches=10, weights=[3.1, 4.0]))
    assert not far(update(batches=11, weights=[3.1, 4.0]))  # more batches may go farther
    assert not far(update(batches=1, weights=[3.0, 4.0]))  # and a single batch goes far for one


def test_a_round_without_any_change_bounds_nothing() -> None:
    still = [update("a", f"pi-0{number}", 10, [0.0, 0.0]) for number in range(3)]
    assert not too_large(5.0, scale_of(still, START), START)(update(weights=[9.0, 9.0]))


def test_a_worker_with_many_pairs_has_one_voice_about_what_is_usual() -> None:
    many = [update(f"s{number}", "pi-09", 10, [900.0, 0.0]) for number in range(5)]
    honest = [update("a", "pi-01", 10, [1.0, 0.0]), update("b", "pi-02", 10, [1.0, 0.0])]
    assert scale_of([*many, *honest], START).norm == pytest.approx(1.0)


WORK = {f"pi-0{number}": [(f"s{number}", f"pi-0{number}", 10)] for number in range(1, 5)}


def honest(number: int, size: float = 1.0) -> Update:
    return update(f"s{number}", f"pi-0{number}", 10, [size, 0.0])


@pytest.mark.parametrize("factor", [10.0, 1000.0, 1e30])
def test_the_gate_takes_back_what_is_far_larger_than_the_others(factor: float) -> None:
    found = book(WORK, honest(1), honest(2, 1.5), honest(3, 0.7), honest(4, factor))
    assert Gate(5.0).close(found, START)
    assert sorted(one.node for one in found.updates) == ["pi-01", "pi-02", "pi-03"]
    assert [(entry.node, entry.refusal) for entry in found.missing] == [("pi-04", Refusal.NORM_TOO_LARGE)]
    assert found.arrived == {"s1": 10, "s2": 10, "s3": 10}


def test_what_was_taken_back_was_not_trained_away_from_home() -> None:
    away = {**WORK, "pi-04": [("s4", "pi-01", 10)]}
    found = book(away, honest(1), honest(2), honest(3), honest(4, 1000.0))
    Gate(5.0).close(found, START)
    assert +found.offloaded == {}


def test_two_workers_are_compared_with_the_round_before() -> None:
    pair = {node: WORK[node] for node in ("pi-01", "pi-02")}
    gate = Gate(5.0)
    assert not gate.close(book(pair, honest(1), honest(2)), START)
    found = book(pair, honest(1), honest(2, 1000.0))
    assert gate.close(found, START)
    assert [one.node for one in found.updates] == ["pi-01"]


def test_before_there_is_anything_to_compare_with_a_change_is_bounded_by_the_weights() -> None:
    pair = {node: WORK[node] for node in ("pi-01", "pi-02")}
    start = np.array([3.0, 4.0], dtype=np.float32)
    near, far = update("s1", "pi-01", 10, [3.0, 50.0]), update("s2", "pi-02", 10, [13.37e3, 13.37e3])
    assert not Gate(10.0).close(found := book(pair, near, far), start)
    assert [one.node for one in found.updates] == ["pi-01"]
    assert [(entry.node, entry.refusal) for entry in found.missing] == [("pi-02", Refusal.NORM_TOO_LARGE)]


def test_a_round_that_was_unusually_quiet_does_not_stop_a_small_job() -> None:
    pair = {node: WORK[node] for node in ("pi-01", "pi-02")}
    gate = Gate(5.0)
    gate.close(book(pair, honest(1, 1e-6), honest(2, 1e-6)), START)
    assert gate.close(first := book(pair, honest(1), honest(2)), START)
    assert first.updates == []
    assert not gate.close(second := book(pair, honest(1), honest(2)), START)
    assert len(second.updates) == 2


SIZES = st.lists(st.floats(0.0, 1e6), min_size=3, max_size=9)


@given(sizes=SIZES, factor=st.floats(2.0, 1000.0))
def test_more_than_half_of_the_workers_pass_the_gate_whatever_they_send(sizes: list[float], factor: float) -> None:
    work = {f"pi-{index}": [(f"s{index}", f"pi-{index}", 10)] for index in range(len(sizes))}
    sent = [update(f"s{index}", f"pi-{index}", 10, [size, 0.0]) for index, size in enumerate(sizes)]
    found = book(work, *sent)
    Gate(factor).close(found, START)
    assert 2 * len(found.updates) >= len(sizes)
    assert len(found.updates) + len(found.missing) == len(sizes)
