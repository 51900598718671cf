"""Reads a coordinator's answer at `/progress` into the domain's values.

A coordinator runs what people submitted, so its answer is read as hostile: every field is checked for its type, range
and length, and a fault names the field instead of looking like silence. `progress_questions` asks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobPhase, JobProgress, Refusal, RefusedWorker, UpdateChecks, UpdateRule

LONGEST_STEP = 80
"""Characters of a name, and of a wrong value, that a fault repeats."""
MOST_WORKERS = 1024
"""Rows of `workers`; a job has 256 shards at most, and no more workers have ever worked on one at once."""
MOST_NAMES = 4096
"""Entries of a list of shards, and of batches by node or shard, over all rounds."""
MOST_ROUNDS = 4096
"""Rows of `history`; the last one is used."""
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""A time outside is no time of a checkpoint, and one at the end of the calendar cannot be written in UTC."""


def _printable(text: str) -> str:
    """Text that stands in statuses, logs and on terminals; raises ValueError for any other."""
    if not text.isprintable():
        raise ValueError("must be printable text of one line")
    return text


def _moment(text: object) -> datetime:
    """A time with its zone, as UTC; raises ValueError for anything else."""
    try:
        moment = datetime.fromisoformat(str(text).upper())
        if isinstance(text, str) and moment.tzinfo is not None and EARLIEST <= moment < LATEST:
            return moment.astimezone(UTC)
    except ValueError:
        pass
    raise ValueError("must be a time with its zone, such as 2026-11-22T18:00:00Z")


Name = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_printable)]
Names = Annotated[list[Name], Field(max_length=MOST_NAMES)]
Text = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]
Label = Annotated[str, Field(max_length=128), AfterValidator(_printable)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Batches = Annotated[float, Field(ge=0, le=1e12)]
BatchesByName = Annotated[dict[Name, Batches], Field(max_length=MOST_NAMES)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
SecondsPerBatch = Annotated[float, Field(ge=1e-9, le=1e6)]
"""More than nothing, or a planner would put any number of batches into no time."""


class _Part(BaseModel):
    """Fields that a newer trainer adds are passed over; those that are read must have their type and range."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class _Worker(_Part):
    node: Name
    state: Literal["alive", "left", "gone"]
    seconds_per_batch: SecondsPerBatch | None = None
    round_batches_assigned: Batches | None = None
    cached_shards: Names = []
    home_shards: Names = []

    @property
    def is_alive(self) -> bool:
        return self.state == "alive"


class _Totals(_Part):
    nodes: BatchesByName | None = None
    offloaded: BatchesByName = {}


class _Round(_Part):
    seconds: Seconds


class _RefusedWorker(_Part):
    node: Name
    refusal: Label
    in_a_row: Annotated[int, Field(ge=1, le=10**9)]


class _Updates(_Part):
    applied_rule: Annotated[UpdateRule, Field(strict=False)] | None = None
    norm_bounded: bool | None = None
    refused: Annotated[dict[Label, Annotated[int, Field(ge=0, le=10**12)]], Field(max_length=64)] = {}
    workers: Annotated[list[_RefusedWorker], Field(max_length=1024)] = []


def _each_once(workers: Sequence[_Worker]) -> Sequence[_Worker]:
    """The workers, if no node stands for two; raises ValueError otherwise."""
    seen: set[str] = set()
    for worker in workers:
        if worker.node in seen:
            raise ValueError(f"must name each node once, not {json.dumps(worker.node[:LONGEST_STEP])} twice")
        seen.add(worker.node)
    return workers


class _Answer(_Part):
    document: Literal["sunward.dev/progress/v1alpha1"] = Field(alias="schema")
    round: Annotated[int, Field(ge=0, le=10**9)]
    phase: JobPhase
    accuracy_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    batches_total: _Totals = _Totals()
    workers: Annotated[list[_Worker], Field(max_length=MOST_WORKERS), AfterValidator(_each_once)] = []
    history: Annotated[list[_Round], Field(max_length=MOST_ROUNDS)] = []
    plan: Text | None = None
    data_set: Label | None = None
    checkpoint_time: Moment | None = None
    updates: _Updates | None = None

    @property
    def alive(self) -> list[_Worker]:
        return sorted((worker for worker in self.workers if worker.is_alive), key=lambda worker: worker.node)


def parse_progress(body: bytes | str) -> JobProgress:
    """Read a progress answer, JSON. Raises InvalidInput that names the first wrong field."""
    try:
        found = _Answer.model_validate_json(body)
    except ValidationError as error:
        raise _fault(error) from None
    return JobProgress(
        round=found.round,
        phase=found.phase,
        accuracy_percent=found.accuracy_percent,
        offloaded_batches_by_shard=_pairs(found.batches_total.offloaded),
        seconds_per_batch=_pairs({w.node: w.seconds_per_batch for w in found.workers if w.seconds_per_batch}),
        cached_shards=tuple((w.node, tuple(sorted({*w.cached_shards, *w.home_shards}))) for w in found.alive),
        plan=found.plan,
        workers=_training(found),
        round_seconds=found.history[-1].seconds if found.history else None,
        data_set=found.data_set,
        batches_done=None if found.batches_total.nodes is None else int(sum(found.batches_total.nodes.values())),
        checkpoint_at=found.checkpoint_time,
        updates=None if found.updates is None else _checks(found.updates),
    )


def _checks(said: _Updates) -> UpdateChecks:
    counts: Counter[Refusal] = Counter()
    for word, count in said.refused.items():
        counts[Refusal.of(word)] += count
    return UpdateChecks(
        refused=tuple(sorted(counts.items())),
        workers=tuple(
            RefusedWorker(node=one.node, refusal=Refusal.of(one.refusal), in_a_row=one.in_a_row) for one in said.workers
        ),
        applied_rule=said.applied_rule,
        norm_bounded=said.norm_bounded,
    )


def _training(found: _Answer) -> tuple[str, ...]:
    """Nodes that train in the round that runs now; a worker that only waits or serves its shard is not one."""
    if not found.phase.is_working:
        return ()
    return tuple(worker.node for worker in found.alive if (worker.round_batches_assigned or 0) > 0)


def _pairs(numbers: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(numbers.items()))


def _fault(error: ValidationError) -> InvalidInput:
    """The first wrong field and what is expected of it, with the value where that is a number."""
    first = error.errors(include_url=False, include_context=False)[0]
    said = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    found = first["input"]
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return InvalidInput(
        "/progress" + "".join(map(_step, first["loc"])), f"{said}, not {_short(found)}" if is_number else said
    )


def _short(number: float) -> str:
    """A number in few digits; a whole number of thousands of digits has no float."""
    try:
        return f"{float(number):g}"
    except OverflowError:
        return "a number beyond 1e308"


def _step(part: int | str) -> str:
    """A step of a path as one short printable text: names of nodes and shards in it are the coordinator's."""
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if part.isidentifier() and len(part) <= LONGEST_STEP else f"[{json.dumps(part[:LONGEST_STEP])}]"
