"""What the coordinator tells the world at /progress: schema sunward.dev/progress/v1alpha1.

The operator reads it to time disruptions at round boundaries and to bill batches to nodes. Composed from
immutable values, so that a reader never sees half of a change.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sunward_trainer.coordinator.checkpoint import Checkpoint, RoundRecord
from sunward_trainer.coordinator.refusals import RefusedWorker
from sunward_trainer.learning.robust import UpdateRule
from sunward_trainer.protocol.members import Member, Members
from sunward_trainer.protocol.rounds import Missing

SCHEMA: Final = "sunward.dev/progress/v1alpha1"
MOST_ROUNDS: Final = 256
MOST_NAMES: Final = 2000
"""Newest finished rounds that /progress names, and names of workers in them; result.json has all."""

MOST_MISSING: Final = 128
"""Missing pairs that /progress names: readers take an answer up to a length only."""


class Phase(StrEnum):
    """What the coordinator is doing."""

    WAITING = "waiting"
    TRAINING = "training"
    AGGREGATING = "aggregating"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateChecks:
    """What became of updates: `applied_rule` is what was used in the last round, `norm_bounded` whether there was a
    usual norm to compare with; both are None before the first. `refused` counts by reason over the whole job, `workers`
    are those whose newest reply was refused.
    """

    rule: UpdateRule
    applied_rule: UpdateRule | None = None
    norm_bounded: bool | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    workers: tuple[RefusedWorker, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The coordinator's own part of the progress; `round_in_work` is None outside a round.

    `plan` is the plan that the round in work obeys, or the last round's; `reason` says why it waits or failed.
    `offloading_batches` are those of the round in work, by shard, that are trained away from the shard's home.
    """

    job: str
    rounds: int
    target_accuracy_percent: float | None
    phase: Phase = Phase.WAITING
    reason: str = ""
    plan: str | None = None
    round_in_work: int | None = None
    assignment_problem: str | None = None
    assigned_batches: Mapping[str, int] = field(default_factory=dict)
    offloading_batches: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    updates: UpdateChecks = UpdateChecks(rule=UpdateRule.GATE)
    checkpoint: Checkpoint | None = None


class StatusBoard:
    """The newest status, replaced as a whole by the training thread and read by the HTTP server."""

    def __init__(self, status: Status) -> None:
        self._lock = threading.Lock()
        self._status = status

    @property
    def status(self) -> Status:
        """The newest status."""
        with self._lock:
            return self._status

    def show(self, status: Status) -> None:
        """Replace it."""
        with self._lock:
            self._status = status


def progress_document(status: Status, members: Members, now: datetime) -> dict[str, Any]:
    """The JSON document of /progress. `accuracy_percent` and the like are null until they are known."""
    kept = status.checkpoint
    return {
        "schema": SCHEMA,
        "time": _text(now),
        "job": status.job,
        "phase": status.phase,
        "reason": status.reason,
        "plan": status.plan,
        "assignment_problem": status.assignment_problem,
        "round": kept.round if kept else 0,
        "round_in_work": status.round_in_work,
        "rounds": status.rounds,
        "accuracy_percent": kept.accuracy_percent if kept else None,
        "target_accuracy_percent": status.target_accuracy_percent,
        "model": kept.model if kept else None,
        "data_set": kept.data_set if kept else None,
        "checkpoint_time": kept.written if kept and kept.round else None,
        "batches_total": _totals(status),
        "batches_owed": dict(kept.debt.owed) if kept else {},
        "batches_written_off": dict(kept.debt.written_off) if kept else {},
        "missing": [_missing(entry) for entry in status.missing[:MOST_MISSING]],
        "updates": _checks(status.updates),
        "workers": [_worker(status, member, members, now) for member in members.all()],
        "history": [asdict(record) for record in _newest(kept.history)] if kept else [],
    }


def _missing(entry: Missing) -> dict[str, Any]:
    """`refusal` stands there only where an update came and was refused."""
    return {name: value for name, value in asdict(entry).items() if name != "refusal" or value is not None}


def _checks(checks: UpdateChecks) -> dict[str, Any]:
    return {
        "rule": checks.rule,
        "applied_rule": checks.applied_rule,
        "norm_bounded": checks.norm_bounded,
        "refused": dict(checks.refused),
        "workers": [
            {"node": worker.node, "refusal": worker.refusal, "in_a_row": worker.in_a_row} for worker in checks.workers
        ],
    }


def _newest(history: Sequence[RoundRecord]) -> Sequence[RoundRecord]:
    """The last rounds that fit into an answer, which readers take up to a length only; the last one always."""
    names = 0
    for count, record in enumerate(reversed(history), start=1):
        names += len(record.workers)
        if count > 1 and (count > MOST_ROUNDS or names > MOST_NAMES):
            return history[len(history) - count + 1 :]
    return history


def _totals(status: Status) -> dict[str, dict[str, int]]:
    """What counted. What is away from home in the round in work is among the offloaded at once: a plan made in the
    middle of a round could else give away the same allowance again."""
    kept = status.checkpoint
    totals = kept.batches_total if kept else {"nodes": {}, "shards": {}, "offloaded": {}}
    offloaded = Counter(totals["offloaded"]) + Counter(status.offloading_batches)
    return totals | {"offloaded": dict(sorted(offloaded.items()))}


def _worker(status: Status, member: Member, members: Members, now: datetime) -> dict[str, Any]:
    silence = members.silence_seconds(member)
    state = "left" if member.left else "alive" if members.is_alive(member) else "gone"
    return {
        "node": member.node,
        "state": state,
        "address": member.address,
        "last_seen": _text(now - timedelta(seconds=silence)),
        "home_shards": [shard.name for shard in member.home_shards],
        "cached_shards": list(member.cached_shards),
        "seconds_per_batch": member.seconds_per_batch,
        "round_batches_assigned": status.assigned_batches.get(member.node, 0),
        "round_batches_done": sum(member.batches_done.values()),
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp() -> str:
    """The present as RFC 3339 text in UTC."""
    return _text(datetime.now(UTC))
