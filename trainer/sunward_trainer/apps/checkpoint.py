"""The state of an app's job that survives a restart, in one file that is replaced at once or not at all.

The global arrays are the app's, of any type and shape, and the clients' states travel with them.
"""

import io
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray

from sunward_trainer.coordinator.checkpoint import Checkpoint, CheckpointError, describe, replace_file, restore
from sunward_trainer.protocol.plain_json import from_json, to_json

FILE: Final = "checkpoint"
_NO_WEIGHTS: Final = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCheckpoint:
    """How far the job is, the arrays after that round, and each client's state by its key.

    `arrays` are None as long as no round counts; then the app makes its own.
    """

    kept: Checkpoint
    arrays: ArrayRecord | None = None
    states: dict[str, bytes] = field(default_factory=dict)


def fresh(job: str, app: str, written: str) -> AppCheckpoint:
    """The state of a job before its first round."""
    kept = Checkpoint(job=job, model=app, data_set="", seed=0, round=0, weights=_NO_WEIGHTS, written=written)
    return AppCheckpoint(kept=kept)


def save(checkpoint: AppCheckpoint, path: Path) -> None:
    """Replace the file; on any failure the old one stays."""
    buffer = io.BytesIO()
    names = list(checkpoint.arrays.keys()) if checkpoint.arrays is not None else []
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("checkpoint.json", describe(checkpoint.kept))
        archive.writestr("names.json", to_json({"arrays": names, "states": list(checkpoint.states)}))
        for index, name in enumerate(names):
            archive.writestr(f"arrays/{index}.npy", _npy(_record(checkpoint)[name].numpy()))
        for index, state in enumerate(checkpoint.states.values()):
            archive.writestr(f"states/{index}", state)
    replace_file(path, buffer.getvalue())


def _record(checkpoint: AppCheckpoint) -> ArrayRecord:
    return checkpoint.arrays if checkpoint.arrays is not None else ArrayRecord()


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def load(path: Path, *, job: str, app: str) -> AppCheckpoint | None:
    """The checkpoint on disk, or None when there is none.

    Raises CheckpointError when it is damaged or belongs to another job or app.
    """
    if not path.is_file():
        return None
    try:
        found = _read(path)
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path}: is damaged ({error}); remove it to start again") from error
    for name, value in {"job": job, "model": app}.items():
        if getattr(found.kept, name) != value:
            raise CheckpointError(f"{path}: {name} is {getattr(found.kept, name)!r}, this run has {value!r}")
    return found


def _read(path: Path) -> AppCheckpoint:
    with zipfile.ZipFile(path) as archive:
        kept = restore(archive.read("checkpoint.json").decode(), _NO_WEIGHTS)
        names = from_json(archive.read("names.json"))
        arrays = {
            name: Array(np.load(io.BytesIO(archive.read(f"arrays/{index}.npy")), allow_pickle=False))
            for index, name in enumerate(names["arrays"])
        }
        states = {name: archive.read(f"states/{index}") for index, name in enumerate(names["states"])}
    return AppCheckpoint(kept=kept, arrays=ArrayRecord(array_dict=arrays) if arrays else None, states=states)


def with_round(checkpoint: AppCheckpoint, kept: Checkpoint, arrays: ArrayRecord | None) -> AppCheckpoint:
    """The checkpoint after one more round; its arrays stay where the app does not show any."""
    return replace(checkpoint, kept=kept, arrays=checkpoint.arrays if arrays is None else arrays)
