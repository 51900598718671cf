"""The whole federation without Flower: it learns, and splitting or moving work changes little."""

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from sunward_trainer.in_process import RoundResult, rounds_in_process
from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import DataSet
from sunward_trainer.learning.shards import Shard, ShardSpecification, cut, take
from sunward_trainer.learning.training import Recipe
from support.trainer import assignment, toy_data

RECIPE = Recipe(batch_size=20, learning_rate=0.1, momentum=0.9, seed=0)
AT_HOME = {"pi-01": [("a", "pi-01", 10)], "pi-02": [("b", "pi-02", 10)]}
MOVED = {"pi-01": [("a", "pi-01", 5)], "pi-02": [("b", "pi-02", 10), ("a", "pi-01", 5)]}


@pytest.fixture(scope="module")
def data() -> DataSet:
    return toy_data(samples=400, testing=200)


@pytest.fixture(scope="module")
def shards(data: DataSet) -> Mapping[str, Shard]:
    wanted = [ShardSpecification(name=n, node=f"pi-{n}", samples=200) for n in ("a", "b")]
    indices = cut(data, wanted, seed=0)
    return {name: take(data, name, rows) for name, rows in indices.items()}


def _run(shards: Mapping[str, Shard], work: object, rounds: int) -> list[RoundResult]:
    model = build_model("mnist-softmax")
    results = rounds_in_process(
        model=("mnist-softmax", 10),
        weights=model.initial(0),
        shards=shards,
        recipe=RECIPE,
        assignment_of=lambda _: assignment(work),  # type: ignore[arg-type]
        steps_per_round=10,
    )
    return list(itertools.islice(results, rounds))


def _accuracy(data: DataSet, result: RoundResult) -> float:
    images = data.test_images.astype(np.float32) / np.float32(255)
    return build_model("mnist-softmax").accuracy_percent(result.weights, images, data.test_labels)


def test_the_federation_learns(data: DataSet, shards: Mapping[str, Shard]) -> None:
    results = _run(shards, AT_HOME, 5)
    assert _accuracy(data, results[-1]) > 95.0
    assert results[-1].batches == {"a": 10, "b": 10}


def test_moving_batches_to_another_worker_does_not_cost_accuracy(data: DataSet, shards: Mapping[str, Shard]) -> None:
    home, moved = _run(shards, AT_HOME, 5)[-1], _run(shards, MOVED, 5)[-1]
    assert moved.batches == home.batches
    assert _accuracy(data, moved) > _accuracy(data, home) - 3.0


def test_moving_a_whole_shard_changes_nothing_at_all(shards: Mapping[str, Shard]) -> None:
    everything = {"pi-02": [("b", "pi-02", 10), ("a", "pi-01", 10)]}
    assert _run(shards, everything, 2)[-1].weights.tobytes() == _run(shards, AT_HOME, 2)[-1].weights.tobytes()


def test_a_shard_that_nobody_has_is_owed(shards: Mapping[str, Shard]) -> None:
    result = _run({"b": shards["b"]}, AT_HOME, 1)[0]
    assert result.batches == {"b": 10}
    assert result.debt.owed == {"a": 10}


def test_a_round_without_any_update_keeps_the_weights(shards: Mapping[str, Shard]) -> None:
    result = _run({}, AT_HOME, 1)[0]
    assert result.weights.tobytes() == build_model("mnist-softmax").initial(0).tobytes()
    assert result.debt.owed == {"a": 10, "b": 10}
