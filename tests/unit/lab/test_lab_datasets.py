"""Which data set the trainer's image carries."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunward_lab.building import datasets


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shared"
    (folder / "data/mnist").mkdir(parents=True)
    (folder / "data/mnist/mnist.npz").write_bytes(b"digits of people")
    monkeypatch.setenv("SUNWARD_SHARED", str(folder))
    return folder


def prepared(tmp_path: Path) -> Path:
    cache = tmp_path / "cache"
    cache.mkdir(exist_ok=True)
    return datasets.prepared(cache, lambda _: None)


def test_mnist_of_the_folder_given_lies_where_the_trainer_looks(tmp_path: Path, shared: Path) -> None:
    found = prepared(tmp_path) / "data/usr/share/sunward/data/mnist/mnist.npz"
    assert found.read_bytes() == b"digits of people"


def test_another_content_is_another_folder_and_the_same_the_same(tmp_path: Path, shared: Path) -> None:
    first = prepared(tmp_path)
    assert prepared(tmp_path) == first
    (shared / "data/mnist/mnist.npz").write_bytes(b"other digits")
    assert prepared(tmp_path) != first


def test_a_file_that_only_root_may_read_can_be_read_in_the_image(tmp_path: Path, shared: Path) -> None:
    (shared / "data/mnist/mnist.npz").chmod(0o600)
    found = prepared(tmp_path) / "data/usr/share/sunward/data/mnist/mnist.npz"
    assert found.stat().st_mode & 0o044 == 0o044
