"""Finding a data set on this machine, without ever downloading one.

The first that is present wins: the folder given, MNIST on the search path, Debian's Fashion-MNIST, and at last
the digits that come with scikit-learn. Whoever uses it reports `DataSet.name`, so that an accuracy is never
read as one of another data set.
"""

import gzip
import os
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (samples, 784), 0 to 255
Classes = NDArray[np.int64]  # (samples,), classes counted from 0

FASHION_FOLDER: Final = Path("/usr/share/datasets/fashion-mnist")
SHARED_FOLDERS: Final = (
    Path("/usr/share/sunward/data"),
    Path("/var/lib/sunward/data"),
)
_IDX_FILES: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_DIGITS_FOR_TESTING: Final = 297
_LARGEST_LABEL: Final = 255


class DataError(ValueError):
    """A data set or shard cannot be used; the text names the file and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Images to train and to test on; `name` is mnist, fashion-mnist, digits, or the folder given."""

    name: str
    train_images: Pixels
    train_labels: Classes
    test_images: Pixels
    test_labels: Classes

    @property
    def classes(self) -> int:
        """Number of classes that the labels span."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1

    def evaluation_set(self) -> "EvaluationSet":
        """What evaluating needs, so that the rest can be let go."""
        images = as_images(self.test_images)
        return EvaluationSet(name=self.name, classes=self.classes, images=images, labels=self.test_labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """Images to evaluate on, with the name and the classes of their data set."""

    name: str
    classes: int
    images: NDArray[np.float32]  # (samples, 784), grey levels from 0 to 1
    labels: Classes


def as_images(pixels: Pixels) -> NDArray[np.float32]:
    """Grey levels from 0 to 1 of pixels from 0 to 255: (samples, 784)."""
    return pixels.astype(np.float32) / np.float32(255.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Where packages of this machine put data sets."""

    shared: tuple[Path, ...] = SHARED_FOLDERS
    fashion: Path = FASHION_FOLDER


def load_data(
    data_folder: Path | None = None, shared_folder: Path | None = None, *, installed: Installed = Installed()
) -> DataSet:
    """The data set to use here (see the module's order).

    Raises DataError when `data_folder` was given but holds neither MNIST idx files nor an npz, or when what it
    holds is damaged. A folder that was asked for is never silently replaced by another data set.
    """
    if data_folder is not None:
        return _from_folder(data_folder, name=_name_of(data_folder))
    for folder in _search_path(shared_folder, installed.shared):
        if (folder / "mnist.npz").is_file():
            return _from_npz(folder / "mnist.npz", name="mnist")
    if _idx_paths(installed.fashion) is not None:
        return _from_folder(installed.fashion, name="fashion-mnist")
    return _digits()


def _search_path(shared_folder: Path | None, shared: Iterable[Path]) -> Iterable[Path]:
    given = os.environ.get("SUNWARD_SHARED_DATA")
    roots = [shared_folder, Path(given) if given else None, *shared]
    for root in roots:
        if root is not None:
            yield root / "mnist"
            yield root


def _name_of(folder: Path) -> str:
    return "mnist" if (folder / "mnist.npz").is_file() else folder.resolve().name


def _from_folder(folder: Path, *, name: str) -> DataSet:
    archives = sorted(folder.glob("*.npz"))
    if archives:
        return _from_npz(archives[0], name=name)
    paths = _idx_paths(folder)
    if paths is None:
        raise DataError(f"{folder}: holds neither an .npz file nor the four idx files of MNIST; put one there")
    images, labels, test_images, test_labels = (_read_idx(path) for path in paths)
    return _checked(name, folder, images, labels, test_images, test_labels)


def _from_npz(path: Path, *, name: str) -> DataSet:
    with path.open("rb") as file:
        parts = read_arrays(file, str(path), "x_train", "y_train", "x_test", "y_test")
    return _checked(name, path, *parts)


def load_shard_data(folder: Path) -> tuple[Pixels, Classes]:
    """Images, (samples, 784), and labels, (samples,), of a folder that contains one shard.

    An .npz with x_train and y_train (x_test and y_test may be there too), or the two idx files of training images and
    labels. Raises DataError that names the folder.
    """
    archives = sorted(folder.glob("*.npz"))
    if archives:
        with archives[0].open("rb") as file:
            images, labels = read_arrays(file, str(archives[0]), "x_train", "y_train")
    else:
        paths = _idx_paths(folder, _IDX_FILES[:2])
        if paths is None:
            raise DataError(f"{folder}: contains neither an .npz file nor the idx files {_IDX_FILES[0]} and -labels-")
        images, labels = (_read_idx(path) for path in paths)
    found = _checked(folder.name, folder, images, labels, images[:1], labels[:1])
    if found.train_labels.min() < 0 or found.train_labels.max() > _LARGEST_LABEL:
        raise DataError(f"{folder}: labels must be from 0 to {_LARGEST_LABEL}")
    return found.train_images, found.train_labels


def read_arrays(file: BinaryIO, origin: str, *names: str) -> list[NDArray[Any]]:
    """The named arrays of an npz file, in that order and in whatever shape they have: the caller checks it.

    Images are meant to be (samples, 784) or (samples, 28, 28) and labels (samples,).
    Raises DataError naming `origin` when the file is damaged or lacks one.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:  # a pickle could run anything; shards come from other nodes
            return [archive[name] for name in names]
    except (EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{origin}: cannot be read, or lacks one of {', '.join(names)} ({error})") from error


def _checked(name: str, path: Path, *parts: NDArray[np.generic]) -> DataSet:
    images, labels, test_images, test_labels = parts
    for pictures, classes in ((images, labels), (test_images, test_labels)):
        if len(pictures) != len(classes) or not len(pictures):
            raise DataError(f"{path}: {len(pictures)} images but {len(classes)} labels")
        if pictures[0].size != 784:
            raise DataError(f"{path}: images must have 28 x 28 pixels, have {pictures[0].size}")
    return DataSet(
        name=name,
        train_images=images.reshape(len(images), 784).astype(np.uint8, copy=False),
        train_labels=labels.astype(np.int64),
        test_images=test_images.reshape(len(test_images), 784).astype(np.uint8, copy=False),
        test_labels=test_labels.astype(np.int64),
    )


def _idx_paths(folder: Path, names: Iterable[str] = _IDX_FILES) -> list[Path] | None:
    found = [next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None) for name in names]
    return [path for path in found if path is not None] if None not in found else None


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """An idx file: two zero bytes, type 8 (unsigned byte), the number of axes, their lengths, the values."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    axes = raw[3] if raw[:3] == b"\0\0\x08" else 0
    shape = np.frombuffer(raw, dtype=">u4", count=axes, offset=4).tolist() if len(raw) >= 4 + 4 * axes else []
    if not shape or len(raw) != 4 + 4 * axes + int(np.prod(shape)):
        raise DataError(f"{path}: is not an idx file of unsigned bytes, or is cut short")
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * axes).reshape(shape)


def _digits() -> DataSet:
    """The 1,797 digits of scikit-learn, each 8x8 pixel widened to 3x3 with a border of two: 28x28."""
    from sklearn.datasets import load_digits

    pictures, labels = load_digits(return_X_y=True)
    small = np.round(pictures.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    wide = np.pad(small.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    order = np.random.default_rng(0).permutation(len(labels))
    flat, labels = wide.reshape(-1, 784)[order], labels.astype(np.int64)[order]
    return DataSet(
        name="digits",
        train_images=flat[:-_DIGITS_FOR_TESTING],
        train_labels=labels[:-_DIGITS_FOR_TESTING],
        test_images=flat[-_DIGITS_FOR_TESTING:],
        test_labels=labels[-_DIGITS_FOR_TESTING:],
    )
