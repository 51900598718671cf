"""Data sets are found, named and checked; shards are cut the same way by everybody."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sunward_trainer.learning.data import DataError, Installed, load_data, load_shard_data
from sunward_trainer.learning.shards import ShardSpecification, cut, load, parse_shard, store, take
from support.trainer import store_data, toy_data


def _idx(values: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def _write_idx(folder: Path, *, compress: bool) -> None:
    images = np.arange(4 * 784, dtype=np.uint32).reshape(4, 28, 28).astype(np.uint8)
    parts = {
        "train-images-idx3-ubyte": images,
        "train-labels-idx1-ubyte": np.array([0, 1, 2, 9], dtype=np.uint8),
        "t10k-images-idx3-ubyte": images[:2],
        "t10k-labels-idx1-ubyte": np.array([9, 0], dtype=np.uint8),
    }
    folder.mkdir(exist_ok=True)
    for name, values in parts.items():
        content = _idx(values)
        path = folder / (f"{name}.gz" if compress else name)
        path.write_bytes(gzip.compress(content) if compress else content)


@pytest.mark.parametrize("compress", [False, True])
def test_idx_files_are_read_plain_or_compressed(tmp_path: Path, compress: bool) -> None:
    _write_idx(tmp_path / "mine", compress=compress)
    found = load_data(tmp_path / "mine")
    assert found.name == "mine"
    assert found.train_labels.tolist() == [0, 1, 2, 9]
    assert found.train_images.shape == (4, 784)
    assert found.train_images[0, :5].tolist() == [0, 1, 2, 3, 4]
    assert found.classes == 10


def test_an_idx_file_cut_short_is_named(tmp_path: Path) -> None:
    _write_idx(tmp_path, compress=False)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte: .*cut short"):
        load_data(tmp_path)


def test_a_folder_that_was_asked_for_is_never_replaced_by_another_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither an \.npz file nor the four idx files"):
        load_data(tmp_path)
    (tmp_path / "x.npz").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"x\.npz: .*lacks one of x_train"):
        load_data(tmp_path)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    small = np.zeros((3, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", x_train=small, y_train=np.zeros(3), x_test=small, y_test=np.zeros(3))
    with pytest.raises(DataError, match="28 x 28 pixels, have 64"):
        load_data(tmp_path)


def test_mnist_is_found_in_the_shared_folder_before_anything_else(tmp_path: Path) -> None:
    toy = store_data(toy_data(), tmp_path / "mnist")
    (toy / "toy.npz").rename(toy / "mnist.npz")
    assert load_data(shared_folder=tmp_path).name == "mnist"
    assert load_data(shared_folder=toy).name == "mnist"


def test_without_any_file_the_digits_of_scikit_learn_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUNWARD_SHARED_DATA", raising=False)
    found = load_data(installed=Installed(shared=(), fashion=tmp_path))
    assert found.name == "digits"
    assert (len(found.train_labels), len(found.test_labels), found.classes) == (1500, 297, 10)
    assert found.train_images.shape[1] == 784
    assert found.train_images.max() == 255


def _specifications(samples: list[int]) -> list[ShardSpecification]:
    return [ShardSpecification(name=f"s{i}", node=f"pi-{i}", samples=n) for i, n in enumerate(samples)]


TOY = toy_data(samples=200)


@given(
    samples=st.lists(st.integers(1, 120), min_size=1, max_size=8),
    seed=st.integers(0, 1000),
    by_label=st.booleans(),
)
def test_shards_share_no_sample_and_never_exceed_the_data(samples: list[int], seed: int, by_label: bool) -> None:
    partition = "by-label" if by_label else "iid"
    found = cut(TOY, _specifications(samples), seed=seed, partition=partition)  # type: ignore[arg-type]
    everything = np.concatenate(list(found.values()))
    assert len(set(everything.tolist())) == len(everything) <= 200
    assert all(len(indices) >= 1 for indices in found.values())
    if sum(samples) <= 200:
        assert [len(indices) for indices in found.values()] == samples
    again = cut(TOY, _specifications(samples), seed=seed, partition=partition)  # type: ignore[arg-type]
    assert all((found[name] == again[name]).all() for name in found)


def test_shards_cut_by_label_see_few_classes_and_mixed_ones_see_all() -> None:
    shards = _specifications([40] * 5)
    by_label = cut(TOY, shards, seed=1, partition="by-label")
    mixed = cut(TOY, shards, seed=1)
    assert all(len(set(TOY.train_labels[indices])) == 2 for indices in by_label.values())
    assert all(len(set(TOY.train_labels[indices])) > 5 for indices in mixed.values())


def test_two_shards_of_one_name_are_refused() -> None:
    twice = [*_specifications([5]), *_specifications([5])]
    with pytest.raises(DataError, match="same name"):
        cut(TOY, twice, seed=0)


def test_more_shards_than_samples_are_refused() -> None:
    with pytest.raises(DataError, match="201 shards cannot share the 200 samples of toy"):
        cut(TOY, _specifications([1] * 201), seed=0)


def test_a_shard_is_stored_and_read_back_unchanged(tmp_path: Path) -> None:
    shard = take(TOY, "a", np.array([3, 1, 150]))
    file = store(shard, tmp_path / "shards")
    found = load("a", file.path)
    assert (found.images == shard.images).all()
    assert (found.labels == shard.labels).all()
    assert file.samples == 3
    assert file.size_bytes == file.path.stat().st_size
    assert store(shard, tmp_path / "again").sha256 == file.sha256


def test_a_damaged_shard_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match=r"a\.npz: cannot be read"):
        load("a", path)


@pytest.mark.parametrize("text", ["a", "a=pi-01", "a=pi-01:", "a=pi-01:0", "A/../b=pi:5", "a=pi-01:-3"])
def test_a_shard_that_cannot_be_read_is_answered_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example a=pi-01:6000"):
        parse_shard(text)


def test_a_shard_is_read_from_its_short_form() -> None:
    assert parse_shard("a=pi-01.local:6000") == ShardSpecification(name="a", node="pi-01.local", samples=6000)


def _npz(folder: Path, **arrays: NDArray[np.generic]) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "shard.npz", **arrays)  # type: ignore[arg-type]
    return folder


@pytest.mark.parametrize("compress", [False, True])
def test_a_shard_of_its_own_is_read_from_idx_files(tmp_path: Path, compress: bool) -> None:
    _write_idx(tmp_path, compress=compress)
    images, labels = load_shard_data(tmp_path)
    assert (images.shape, labels.tolist()) == ((4, 784), [0, 1, 2, 9])


def test_a_shard_of_its_own_needs_no_test_data(tmp_path: Path) -> None:
    images = np.ones((3, 28, 28), dtype=np.uint8)
    found, labels = load_shard_data(_npz(tmp_path / "a", x_train=images, y_train=np.array([3, 0, 9])))
    assert (found.shape, labels.tolist()) == ((3, 784), [3, 0, 9])


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "contains neither an .npz file nor the idx files"),
        ({"x_train": np.ones((3, 784))}, "lacks one of x_train, y_train"),
        ({"x_train": np.ones((3, 784)), "y_train": np.ones(2)}, "3 images but 2 labels"),
        ({"x_train": np.ones((3, 9)), "y_train": np.ones(3)}, "must have 28 x 28 pixels"),
        ({"x_train": np.ones((2, 784)), "y_train": np.array([1, 256])}, "labels must be from 0 to 255"),
        ({"x_train": np.ones((2, 784)), "y_train": np.array([1, -1])}, "labels must be from 0 to 255"),
    ],
)
def test_a_folder_that_is_no_shard_is_named(tmp_path: Path, arrays: dict[str, NDArray[np.generic]], said: str) -> None:
    folder = _npz(tmp_path / "a", **arrays) if arrays else tmp_path
    with pytest.raises(DataError, match=said):
        load_shard_data(folder)
