"""Asks coordinators how far they are (`/progress`), and reads the answer into the domain's values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import aiohttp

from sunward.cluster.templates import PROGRESS_PORT
from sunward.domain.jobs import JobProgress

TIMEOUT = aiohttp.ClientTimeout(total=3)
SCHEMA = "sunward.dev/progress/v1alpha1"


async def fetch_progress(session: aiohttp.ClientSession, address: str, now: datetime) -> JobProgress | None:
    """Progress of the coordinator at *address*; None when it does not answer or answers something else."""
    try:
        async with session.get(
            f"http://{address}:{PROGRESS_PORT}/progress", timeout=TIMEOUT, allow_redirects=False
        ) as response:
            response.raise_for_status()
            body = await response.json(content_type=None)
        return parse_progress(body, now)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
        return None


def parse_progress(body: Mapping[str, Any], now: datetime) -> JobProgress:
    """Read a progress answer. Raises ValueError, KeyError or TypeError when it is not one."""
    if body.get("schema") != SCHEMA:
        raise ValueError(f"expected schema {SCHEMA}, got {body.get('schema')!r}")
    return JobProgress(
        round=int(body["round"]),
        phase=str(body["phase"]),
        accuracy_percent=None if body.get("accuracy_percent") is None else float(body["accuracy_percent"]),
        batches_by_node=_pairs(body.get("batches_by_node")),
        offloaded_batches_by_shard=_pairs(body.get("offloaded_batches_by_shard")),
        seconds_per_batch=_pairs(body.get("seconds_per_batch")),
        cached_shards=tuple(
            (str(node), tuple(sorted(map(str, shards))))
            for node, shards in sorted((body.get("cached_shards") or {}).items())
        ),
        plan=body.get("plan"),
        observed_at=now,
        workers=tuple(sorted(map(str, body.get("workers") or ()))),
        round_seconds=None if body.get("round_seconds") is None else float(body["round_seconds"]),
    )


def _pairs(numbers: Mapping[str, Any] | None) -> tuple[tuple[str, float], ...]:
    return tuple((str(key), float(value)) for key, value in sorted((numbers or {}).items()))
