"""Asks coordinators how far they are (`/progress`), and reads the answer into the domain's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from sunward.cluster.training.templates import PROGRESS_PORT
from sunward.domain.jobs import JobProgress

TIMEOUT = aiohttp.ClientTimeout(total=3)
SCHEMA = "sunward.dev/progress/v1alpha1"


async def fetch_progress(session: aiohttp.ClientSession, address: str) -> JobProgress | None:
    """Progress of the coordinator at *address*; None when it does not answer or answers something else."""
    try:
        async with session.get(
            f"http://{address}:{PROGRESS_PORT}/progress", timeout=TIMEOUT, allow_redirects=False
        ) as response:
            response.raise_for_status()
            body = await response.json(content_type=None)
        return parse_progress(body)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
        return None


def parse_progress(body: Mapping[str, Any]) -> JobProgress:
    """Read a progress answer. Raises ValueError, KeyError or TypeError when it is not one."""
    if body.get("schema") != SCHEMA:
        raise ValueError(f"expected schema {SCHEMA}, got {body.get('schema')!r}")
    workers: list[Mapping[str, Any]] = list(body.get("workers") or ())
    totals = body.get("batches_total") or {}
    history = body.get("history") or ()
    return JobProgress(
        round=int(body["round"]),
        phase=str(body["phase"]),
        accuracy_percent=None if body.get("accuracy_percent") is None else float(body["accuracy_percent"]),
        offloaded_batches_by_shard=_pairs(totals.get("offloaded")),
        seconds_per_batch=_pairs({w["node"]: w["seconds_per_batch"] for w in workers if w.get("seconds_per_batch")}),
        cached_shards=tuple(
            (str(w["node"]), tuple(sorted({*w.get("cached_shards", ()), *w.get("home_shards", ())})))
            for w in sorted(workers, key=lambda w: str(w["node"]))
            if w.get("state") == "alive"
        ),
        plan=body.get("plan"),
        workers=_training(workers, str(body["phase"])),
        round_seconds=float(history[-1]["seconds"]) if history else None,
        data_set=None if body.get("data_set") is None else str(body["data_set"]),
    )


def _training(workers: list[Mapping[str, Any]], phase: str) -> tuple[str, ...]:
    """Nodes that train in the round that runs now; a worker that only waits or serves its shard is not one."""
    if phase not in ("training", "aggregating"):
        return ()
    busy = (w for w in workers if w.get("state") == "alive" and (w.get("round_batches_assigned") or 0) > 0)
    return tuple(sorted(str(w["node"]) for w in busy))


def _pairs(numbers: Mapping[str, Any] | None) -> tuple[tuple[str, float], ...]:
    return tuple((str(key), float(value)) for key, value in sorted((numbers or {}).items()))
