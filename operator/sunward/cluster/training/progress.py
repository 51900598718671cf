"""Asks coordinators how far they are (`/progress`), and reads the answer into the domain's values.

A coordinator runs what people submitted, so its answer is read as hostile: a limited body, every field checked, and a
fault that names the field instead of one that looks like silence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal

import aiohttp
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from sunward.cluster.training.templates import PROGRESS_PORT
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobPhase, JobProgress, Refusal, RefusedWorker, UpdateChecks, UpdateRule

TIMEOUT = aiohttp.ClientTimeout(total=3)
LARGEST_BYTES = 16 << 20
"""The history of finished rounds is in every answer; this is room for tens of thousands of them."""

LONGEST_STEP = 80
"""Characters of a name that a fault repeats."""

Name = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(max_length=1000)]
Label = Annotated[str, Field(max_length=128)]
Moment = Annotated[AwareDatetime, Field(strict=False)]
Batches = Annotated[float, Field(ge=0, le=1e12)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]


class _Part(BaseModel):
    """Fields that a newer trainer adds are passed over; those that are read must have their type and range."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class _Worker(_Part):
    node: Name
    state: Literal["alive", "left", "gone"]
    seconds_per_batch: Seconds | None = None
    round_batches_assigned: Batches | None = None
    cached_shards: list[Name] = []
    home_shards: list[Name] = []

    @property
    def is_alive(self) -> bool:
        return self.state == "alive"


class _Totals(_Part):
    nodes: dict[Name, Batches] | None = None
    offloaded: dict[Name, Batches] = {}


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


class _Answer(_Part):
    document: Literal["sunward.dev/progress/v1alpha1"] = Field(alias="schema")
    round: Annotated[int, Field(ge=0, le=10**9)]
    phase: JobPhase
    accuracy_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    batches_total: _Totals = _Totals()
    workers: list[_Worker] = []
    history: list[_Round] = []
    plan: Text | None = None
    data_set: Label | None = None
    checkpoint_time: Moment | None = None
    updates: _Updates | None = None

    @property
    def alive(self) -> list[_Worker]:
        return sorted((worker for worker in self.workers if worker.is_alive), key=lambda worker: worker.node)


async def fetch_progress(session: aiohttp.ClientSession, address: str) -> JobProgress | None:
    """Progress of the coordinator at *address*; None when it does not answer.

    Raises InvalidInput that names the field when it answers something else.
    """
    url = f"http://{address}:{PROGRESS_PORT}/progress"
    try:
        async with session.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
            if response.status != 200:
                raise InvalidInput("/progress", f"returned HTTP {response.status}")
            body = await _bounded_body(response)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return parse_progress(body)


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > LARGEST_BYTES:
            raise InvalidInput("/progress", f"returned more than {LARGEST_BYTES} bytes")
    return bytes(body)


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
    """The first wrong field and what is expected of it, without the value, which may be long."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return InvalidInput("/progress" + "".join(map(_step, first["loc"])), first["msg"])


def _step(part: int | str) -> str:
    """A step of a path as one short printable text: names of nodes and shards in it are the coordinator's."""
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if part.isidentifier() and len(part) <= LONGEST_STEP else f"[{json.dumps(part[:LONGEST_STEP])}]"
