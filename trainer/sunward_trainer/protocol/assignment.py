"""The assignment file: which worker trains how many batches of which shard this round.

The file is written by the operator and arrives as file changes, so every error names the path inside the
document, and a bad version never replaces a good one. This module knows nothing of Flower or of the network.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sunward_trainer.protocol.data_mobility import DataMobility

SCHEMA: Final = "sunward.dev/assignment/v1alpha1"


class AssignmentError(ValueError):
    """The document is not a usable assignment. `path` says where, `why` says what to change."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardWork:
    """Batches of one shard that one worker trains in a round; `from_node` is the shard's home."""

    shard: str
    from_node: str
    batches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAssignment:
    """What one worker trains in a round."""

    node: str
    shards: tuple[ShardWork, ...]

    @property
    def batches(self) -> int:
        """Batches of all shards together."""
        return sum(work.batches for work in self.shards)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundAssignment:
    """What every worker trains in a round, under the plan that decided it.

    `until_round` is the last round that the plan asks for; None sets no limit.
    """

    job: str
    plan: str
    workers: tuple[WorkerAssignment, ...]
    until_round: int | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes with at least one batch, in the file's order."""
        return tuple(worker.node for worker in self.workers if worker.batches)


def parse_assignment(text: str) -> RoundAssignment:
    """Read the JSON document. Raises AssignmentError naming the path and the fix."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise AssignmentError("$", f"is not JSON ({error.msg} at line {error.lineno})") from error
    root = _object(document, "$")
    schema = _text(root, "$.schema")
    if schema != SCHEMA:
        raise AssignmentError("$.schema", f"must be {SCHEMA!r}, is {schema!r}")
    workers = tuple(_worker(entry, f"$.workers[{index}]") for index, entry in enumerate(_list(root, "$.workers")))
    _refuse_twice([worker.node for worker in workers], "$.workers[{}].node", "names the same node twice")
    _refuse_two_homes(workers)
    return RoundAssignment(
        job=_text(root, "$.job"), plan=_text(root, "$.plan"), workers=workers, until_round=_last_round(root)
    )


def _last_round(root: dict[str, Any]) -> int | None:
    last = root.get("until_round")
    if last is None:
        return None
    if isinstance(last, bool) or not isinstance(last, int) or last < 0:
        raise AssignmentError("$.until_round", f"must be a whole number of 0 or more or left out, is {last!r}")
    return last


def _worker(entry: Any, path: str) -> WorkerAssignment:
    fields = _object(entry, path)
    shards = tuple(
        _shard_work(item, f"{path}.shards[{index}]") for index, item in enumerate(_list(fields, f"{path}.shards"))
    )
    _refuse_twice([work.shard for work in shards], path + ".shards[{}].shard", "names the same shard twice")
    return WorkerAssignment(node=_text(fields, f"{path}.node"), shards=shards)


def _shard_work(entry: Any, path: str) -> ShardWork:
    fields = _object(entry, path)
    batches = fields.get("batches")
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < 0:
        raise AssignmentError(f"{path}.batches", f"must be a whole number of 0 or more, is {batches!r}")
    return ShardWork(
        shard=_text(fields, f"{path}.shard"),
        from_node=_text(fields, f"{path}.from_node"),
        batches=batches,
    )


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AssignmentError(path, f"must be an object, is {type(value).__name__}")
    return value


def _list(fields: dict[str, Any], path: str) -> list[Any]:
    value = fields.get(path.rpartition(".")[2])
    if not isinstance(value, list):
        raise AssignmentError(path, f"must be a list, is {type(value).__name__}")
    return value


def _text(fields: dict[str, Any], path: str) -> str:
    value = fields.get(path.rpartition(".")[2])
    if not isinstance(value, str) or not value:
        raise AssignmentError(path, f"must be a non-empty string, is {value!r}")
    return value


def _refuse_twice(names: list[str], path: str, why: str) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise AssignmentError(path.format(index), f"{why} ({name!r}); merge the two entries")


def _refuse_two_homes(workers: tuple[WorkerAssignment, ...]) -> None:
    homes: dict[str, str] = {}
    for outer, worker in enumerate(workers):
        for inner, work in enumerate(worker.shards):
            home = homes.setdefault(work.shard, work.from_node)
            if home != work.from_node:
                path = f"$.workers[{outer}].shards[{inner}].from_node"
                raise AssignmentError(path, f"shard {work.shard!r} has its home on {home!r} elsewhere in the file")


def _refuse_moves(assignment: RoundAssignment) -> None:
    for outer, worker in enumerate(assignment.workers):
        for inner, work in enumerate(worker.shards):
            if work.from_node != worker.node:
                path = f"$.workers[{outer}].shards[{inner}].from_node"
                raise AssignmentError(path, f"shard {work.shard!r} may not leave {work.from_node!r} (--data-mobility)")


@dataclass(slots=True)
class AssignmentFile:
    """The file on disk, read anew at each round start; a bad version keeps the last good one.

    `problem` says why the newest version on disk is not in use, or is None.
    """

    path: Path
    job: str
    data_mobility: DataMobility = DataMobility.ANYWHERE
    good: RoundAssignment | None = None
    problem: str | None = field(default=None)

    def read(self) -> RoundAssignment | None:
        """The newest usable assignment, or None when none has been seen yet."""
        try:
            found = parse_assignment(self.path.read_text(encoding="utf-8"))
            if found.job != self.job:
                raise AssignmentError("$.job", f"is {found.job!r}, but this coordinator runs {self.job!r}")
            if self.data_mobility is DataMobility.NEVER:
                _refuse_moves(found)
        except (AssignmentError, OSError, UnicodeDecodeError) as error:
            kept = f"; keeping plan {self.good.plan!r}" if self.good else ""
            self.problem = f"{self.path}: {error}{kept}"
            return self.good
        self.good, self.problem = found, None
        return found
