"""The checkpoint: what it keeps, whom it refuses, and that it is whole or not there."""

import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from sunward_trainer.coordinator.checkpoint import (
    Checkpoint,
    CheckpointError,
    RoundRecord,
    describe,
    load,
    restore,
    save,
)
from sunward_trainer.protocol.rounds import Debt

RECORD = RoundRecord(
    round=1,
    plan="plan-1",
    accuracy_percent=91.5,
    loss=0.4,
    seconds=2.5,
    workers=("pi-01", "pi-02"),
    batches=100,
    missing_batches=25,
)
KEPT = Checkpoint(
    job="digits",
    model="mnist-softmax",
    data_set="toy",
    seed=3,
    round=1,
    weights=np.linspace(-1, 1, 7850, dtype=np.float32),
    written="2026-11-22T12:00:00.000Z",
    node_batches={"pi-01": 60, "pi-02": 40},
    shard_batches={"a": 100},
    debt=Debt(owed={"b": 25}, written_off={"b": 3}),
    history=(RECORD,),
)
SAME = {"job": "digits", "model": "mnist-softmax", "data_set": "toy", "seed": 3}


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state" / "checkpoint.npz"
    save(KEPT, path)
    found = load(path, **SAME)  # type: ignore[arg-type]
    assert found is not None
    for field in fields(Checkpoint):
        if field.name != "weights":
            assert getattr(found, field.name) == getattr(KEPT, field.name)
    assert found.weights.tobytes() == KEPT.weights.tobytes()
    assert found.accuracy_percent == 91.5


def test_no_file_is_a_fresh_start(tmp_path: Path) -> None:
    assert load(tmp_path / "checkpoint.npz", **SAME) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("field", "other"), [("job", "x"), ("model", "mnist-mlp"), ("data_set", "mnist"), ("seed", 4)])
def test_the_checkpoint_of_something_else_is_not_continued(tmp_path: Path, field: str, other: object) -> None:
    path = tmp_path / "checkpoint.npz"
    save(KEPT, path)
    with pytest.raises(CheckpointError, match=f"{field} is .* this run has {other!r}; use another --state-dir"):
        load(path, **{**SAME, field: other})  # type: ignore[arg-type]


@pytest.mark.parametrize("keep_bytes", [0, 10, 2000, -1])
def test_a_damaged_file_is_named_and_not_taken_for_a_fresh_start(tmp_path: Path, keep_bytes: int) -> None:
    path = tmp_path / "checkpoint.npz"
    save(KEPT, path)
    path.write_bytes(path.read_bytes()[:keep_bytes])
    with pytest.raises(CheckpointError, match=r"checkpoint\.npz: is damaged .*; remove it"):
        load(path, **SAME)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_poisoned_checkpoint_is_not_continued_from(tmp_path: Path, bad: float) -> None:
    path, weights = tmp_path / "checkpoint.npz", KEPT.weights.copy()
    weights[7] = bad
    save(replace(KEPT, weights=weights), path)
    with pytest.raises(CheckpointError, match=r"weights contain NaN or infinity\); remove it"):
        load(path, **SAME)  # type: ignore[arg-type]


def test_a_description_is_json_that_every_reader_accepts() -> None:
    with pytest.raises(ValueError, match="JSON"):
        describe(replace(KEPT, history=(replace(RECORD, loss=float("nan")),)))
    with pytest.raises(CheckpointError, match="NaN is no number in JSON"):
        restore(describe(KEPT).replace("0.4", "NaN"), KEPT.weights)


def test_a_writer_that_dies_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.npz"
    save(KEPT, path)

    def power_cut(descriptor: int) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(OSError, match="power cut"):
        save(replace(KEPT, round=2), path)
    found = load(path, **SAME)  # type: ignore[arg-type]
    assert found is not None
    assert found.round == 1
