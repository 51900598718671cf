"""What a complete job leaves behind beside its weights: result.json, schema sunward.dev/result/v1alpha1."""

from dataclasses import asdict
from typing import Any, Final

from sunward_trainer.coordinator.checkpoint import Checkpoint

RESULT_SCHEMA: Final = "sunward.dev/result/v1alpha1"


def result_document(kept: Checkpoint, *, rounds: int, target_accuracy_percent: float | None) -> dict[str, Any]:
    """The document of the last checkpoint. `target_reached` is null without a target or an accuracy."""
    accuracy, target = kept.accuracy_percent, target_accuracy_percent
    return {
        "schema": RESULT_SCHEMA,
        "job": kept.job,
        "model": kept.model,
        "parameters": len(kept.weights),
        "data_set": kept.data_set,
        "seed": kept.seed,
        "round": kept.round,
        "rounds": rounds,
        "accuracy_percent": accuracy,
        "target_accuracy_percent": target,
        "target_reached": None if target is None or accuracy is None else accuracy >= target,
        "batches_total": kept.batches_total,
        "batches_owed": dict(kept.debt.owed),
        "batches_written_off": dict(kept.debt.written_off),
        "updates_refused": dict(kept.refused_updates),
        "history": [asdict(record) for record in kept.history],
        "written": kept.written,
    }
