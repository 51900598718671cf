"""The state that survives a restart, in one file that is replaced at once or not at all.

A round counts when its checkpoint is on disk. A coordinator killed before that repeats the round from the same
weights; killed after it, it goes on with the next one. So no round is counted twice and none is skipped.
"""

import io
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunward_trainer.learning.data import read_arrays
from sunward_trainer.learning.models import Weights
from sunward_trainer.protocol.plain_json import from_json, to_json
from sunward_trainer.protocol.rounds import Debt

SCHEMA: Final = "sunward.dev/checkpoint/v1alpha1"


class CheckpointError(ValueError):
    """The checkpoint cannot be continued from; the text names the file and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """What is kept of a finished round; `seconds` runs from its first order to its aggregation.

    An app may not tell its accuracy or loss: they are None then.
    """

    round: int
    plan: str
    accuracy_percent: float | None
    loss: float | None
    seconds: float
    workers: tuple[str, ...]
    batches: int
    missing_batches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that a restarted coordinator needs; `round` is the last one aggregated, 0 before the first.

    `refused_updates` counts by reason.
    """

    job: str
    model: str
    data_set: str
    seed: int
    round: int
    weights: Weights
    written: str
    node_batches: dict[str, int] = field(default_factory=dict)
    shard_batches: dict[str, int] = field(default_factory=dict)
    offloaded_batches: dict[str, int] = field(default_factory=dict)
    debt: Debt = field(default_factory=Debt)
    history: tuple[RoundRecord, ...] = ()
    refused_updates: dict[str, int] = field(default_factory=dict)

    @property
    def accuracy_percent(self) -> float | None:
        """Accuracy after the last round, or None before the first."""
        return self.history[-1].accuracy_percent if self.history else None

    @property
    def batches_total(self) -> dict[str, dict[str, int]]:
        """Batches that counted: by the node that trained them, by shard, and by shard those away from home."""
        return {"nodes": self.node_batches, "shards": self.shard_batches, "offloaded": self.offloaded_batches}


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Replace the file with this checkpoint; on any failure the old one stays."""
    buffer = io.BytesIO()
    np.savez(buffer, document=np.array(describe(checkpoint)), weights=checkpoint.weights)
    replace_file(path, buffer.getvalue())


def describe(checkpoint: Checkpoint) -> str:
    """Everything but the weights, as JSON."""
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__ if name != "weights"}
    fields["debt"] = asdict(checkpoint.debt)
    fields["history"] = [asdict(record) for record in checkpoint.history]
    return to_json({"schema": SCHEMA, **fields})


def replace_file(path: Path, content: bytes) -> None:
    """Write, flush to disk, rename, flush the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.partial")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Path, *, job: str, model: str, data_set: str, seed: int) -> Checkpoint | None:
    """The checkpoint on disk, or None when there is none.

    Raises CheckpointError when it is damaged or belongs to another job, model, data set or seed.
    """
    if not path.is_file():
        return None
    try:
        document, weights = read_arrays(io.BytesIO(path.read_bytes()), str(path), "document", "weights")
        found = restore(str(document), weights)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: is damaged ({error}); remove it to start again") from error
    refuse_another(found, str(path), job=job, model=model, data_set=data_set, seed=seed)
    return found


def refuse_another(found: Checkpoint, origin: str, *, job: str, model: str, data_set: str, seed: int) -> None:
    """Raise CheckpointError, which names `origin`, when a checkpoint belongs to another run."""
    expected = {"job": job, "model": model, "data_set": data_set, "seed": seed}
    for name, value in expected.items():
        if getattr(found, name) != value:
            raise CheckpointError(
                f"{origin}: {name} is {getattr(found, name)!r}, this run has {value!r}; use another --state-dir"
            )


def restore(description: str, weights: Weights) -> Checkpoint:
    """The checkpoint with this description, as `describe` writes it. Raises CheckpointError when it is damaged."""
    try:
        return _restore(from_json(description), weights)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{type(error).__name__}: {error}") from error


def _restore(document: dict[str, Any], weights: Weights) -> Checkpoint:
    if document.pop("schema", None) != SCHEMA:
        raise ValueError(f"schema is not {SCHEMA}")
    if not bool(np.isfinite(weights).all()):
        raise ValueError("its weights contain NaN or infinity")
    document["debt"] = Debt(**document["debt"])
    document["history"] = tuple(
        RoundRecord(**{**record, "workers": tuple(record["workers"])}) for record in document["history"]
    )
    return Checkpoint(**document, weights=weights)
