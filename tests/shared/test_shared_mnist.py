"""The demo's model on MNIST itself: `make test-shared SUNWARD_SHARED=...`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sunward_lab.building import datasets
from sunward_lab.demo.verdict import LEARNED_PERCENT
from sunward_trainer.in_process import rounds_in_process
from sunward_trainer.learning.catalogue import build_model
from sunward_trainer.learning.data import DataSet, load_data
from sunward_trainer.learning.shards import ShardSpecification, cut, take
from sunward_trainer.learning.training import Recipe
from support.trainer import assignment

pytestmark = pytest.mark.shared
HOMES = ("pi-01", "pi-02", "pi-03")


@pytest.fixture(scope="module")
def folder() -> Path:
    given = os.environ.get("SUNWARD_SHARED")
    assert given, "SUNWARD_SHARED must name the folder that holds data/mnist/mnist.npz"
    return Path(given)


@pytest.fixture(scope="module")
def mnist(folder: Path) -> DataSet:
    return load_data(shared_folder=folder / "data")


def test_the_folder_holds_the_data_set_of_seventy_thousand_digits(mnist: DataSet) -> None:
    assert (mnist.name, mnist.classes) == ("mnist", 10)
    assert (len(mnist.train_images), len(mnist.test_images)) == (60_000, 10_000)


def test_the_image_would_carry_it(folder: Path, tmp_path: Path) -> None:
    carried = datasets.prepared(tmp_path, lambda _: None) / "data/usr/share/sunward/data/mnist/mnist.npz"
    assert carried.read_bytes() == (folder / "data/mnist/mnist.npz").read_bytes()


def test_the_demos_model_learns_it(mnist: DataSet) -> None:
    """Ten rounds of the demo's size, three shards at home: enough to pass the demo's limit."""
    specifications = [ShardSpecification(name=home, node=home, samples=20_000) for home in HOMES]
    shards = {name: take(mnist, name, indices) for name, indices in cut(mnist, specifications, seed=0).items()}
    model = build_model("mnist-mlp", classes=mnist.classes)
    everyone = assignment({home: [(home, home, 150)] for home in HOMES})
    results = rounds_in_process(
        model=("mnist-mlp", mnist.classes),
        weights=model.initial(seed=0),
        shards=shards,
        recipe=Recipe(batch_size=120, learning_rate=0.1, momentum=0.9, seed=0),
        assignment_of=lambda _: everyone,
        steps_per_round=150,
    )
    last = next(result for result in results if result.round_number == 10)
    held_out = mnist.evaluation_set()
    assert model.accuracy_percent(last.weights, held_out.images, held_out.labels) > LEARNED_PERCENT["mnist"]
