"""Federated averaging: weights by batches, exactly, in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_trainer.learning.averaging import average
from support.trainer import update


def test_an_update_weighs_as_many_batches_as_it_trained() -> None:
    updates = [
        update("a", "pi-01", 25, [0.0, 8.0]),
        update("a", "pi-02", 25, [4.0, 0.0]),
        update("b", "pi-02", 50, [8.0, 4.0]),
    ]
    assert average(updates).tolist() == [5.0, 4.0]


def test_a_shard_split_between_two_workers_weighs_as_much_as_one_that_is_not() -> None:
    whole = average([update("a", "pi-01", 50, [1.0]), update("b", "pi-02", 50, [3.0])])
    split = average([update("a", "pi-01", 20, [1.0]), update("a", "pi-03", 30, [1.0]), update("b", "pi-02", 50, [3.0])])
    assert split.tolist() == whole.tolist() == [2.0]


def test_nothing_cannot_be_averaged() -> None:
    with pytest.raises(ValueError, match="cannot average"):
        average([])


PARTS = st.lists(st.tuples(st.integers(1, 500), st.floats(-1e3, 1e3, width=32)), min_size=1, max_size=8)


@given(parts=PARTS, order=st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_bit(parts: list[tuple[int, float]], order: st.DataObject) -> None:
    updates = [update(f"s{i}", f"pi-{i}", n, [value, -value]) for i, (n, value) in enumerate(parts)]
    shuffled = list(updates)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert average(shuffled).tobytes() == average(updates).tobytes()


@given(parts=PARTS)
def test_the_mean_lies_between_the_extremes_and_equals_the_exact_one(parts: list[tuple[int, float]]) -> None:
    mean = float(average([update(f"s{i}", batches=n, weights=[v]) for i, (n, v) in enumerate(parts)])[0])
    exact = np.average([v for _, v in parts], weights=[n for n, _ in parts])
    assert mean == pytest.approx(exact, rel=1e-6, abs=1e-6)
    assert min(v for _, v in parts) - 1e-3 <= mean <= max(v for _, v in parts) + 1e-3
