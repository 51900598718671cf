"""Shards: parts of a data set that live on one node, cut the same way by everybody.

The cut is a function of the list of shards, the seed and the data set, so that each node can make its own
shards without coordination, and no sample is in two of them. A shard is stored as one file that can be sent
over the network and checked by its SHA-256.
"""

import hashlib
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sunward_trainer.learning.data import Classes, DataError, DataSet, Pixels, read_arrays

Partition = Literal["iid", "by-label"]
_SPECIFICATION: Final = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)=(?P<node>[a-z0-9][a-z0-9.-]*):(?P<samples>[0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSpecification:
    """A shard's name, the node it lives on, and how many samples it asks for."""

    name: str
    node: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Images and labels of one shard, in memory."""

    name: str
    images: Pixels
    labels: Classes


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFile:
    """A stored shard: where it is and what its bytes hash to."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    samples: int


def parse_shard(text: str) -> ShardSpecification:
    """Read `NAME=NODE:SAMPLES`. Raises ValueError with an example."""
    found = _SPECIFICATION.fullmatch(text)
    if found is None or not int(found["samples"]):
        raise ValueError(f"{text!r} is not a shard; write NAME=NODE:SAMPLES, for example a=pi-01:6000")
    return ShardSpecification(name=found["name"], node=found["node"], samples=int(found["samples"]))


def cut(
    data: DataSet, shards: Sequence[ShardSpecification], *, seed: int, partition: Partition = "iid"
) -> dict[str, NDArray[np.int64]]:
    """Which training samples belong to which shard: disjoint index arrays by shard name, (samples,) each.
    `iid` deals a random permutation; `by-label` sorts by label first, so that each shard sees few classes
    (the pathological split of McMahan et al. 2017). When the shards together ask for more samples than the
    data set has, every shard shrinks by the same factor and keeps at least one. Raises DataError when two
    shards share a name or there are more shards than samples.
    """
    if len({shard.name for shard in shards}) != len(shards):
        raise DataError("two shards have the same name; give every shard its own")
    available, asked = len(data.train_labels), sum(shard.samples for shard in shards)
    if len(shards) > available:
        raise DataError(f"{len(shards)} shards cannot share the {available} samples of {data.name}")
    order = np.random.default_rng(seed).permutation(available)
    if partition == "by-label":
        order = order[np.argsort(data.train_labels[order], kind="stable")]
    scale = min(1.0, available / asked) if asked else 1.0
    counts = [max(1, int(shard.samples * scale)) for shard in shards]
    ends = np.cumsum(counts)
    return {shard.name: order[end - count : end] for shard, count, end in zip(shards, counts, ends, strict=True)}


def take(data: DataSet, name: str, indices: NDArray[np.int64]) -> Shard:
    """The shard with the training samples at `indices`, (samples,)."""
    return Shard(name=name, images=data.train_images[indices], labels=data.train_labels[indices])


def store(shard: Shard, folder: Path) -> ShardFile:
    """Write the shard to `folder` at once or not at all, and describe the file."""
    buffer = io.BytesIO()
    np.savez(buffer, images=shard.images, labels=shard.labels.astype(np.uint8))
    return store_bytes(shard.name, buffer.getvalue(), folder, samples=len(shard.labels))


def store_bytes(name: str, content: bytes, folder: Path, *, samples: int) -> ShardFile:
    """Write a shard's bytes to `folder` at once or not at all, and describe the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    unfinished = folder / f".{name}.{os.getpid()}.partial"
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return ShardFile(
        name=name,
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        samples=samples,
    )


def load(name: str, path: Path) -> Shard:
    """Read a stored shard. Raises DataError naming the file."""
    try:
        with path.open("rb") as file:
            images, labels = read_arrays(file, str(path), "images", "labels")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if images.dtype != np.uint8 or images.ndim != 2 or len(images) != len(labels) or not len(labels):
        raise DataError(f"{path}: images must be (samples, 784) unsigned bytes with one label each")
    return Shard(name=name, images=images, labels=labels.astype(np.int64))
