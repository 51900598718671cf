"""A worker that trains as ordered and then sends something else; in which round what, its first argument says as JSON.

python hostile_worker.py '{"1": "nan", "2": "garbage"}' worker --node ...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, RecordDict

from sunward_trainer.__main__ import main
from sunward_trainer.learning.averaging import Update
from sunward_trainer.protocol.records import reply_to_record
from sunward_trainer.protocol.rounds import WorkerReply
from sunward_trainer.worker import work

LIES: dict[str, Callable[[Update], Update]] = {
    "nan": lambda one: replace(one, weights=np.full_like(one.weights, np.nan)),
    "short": lambda one: replace(one, weights=one.weights[:-5]),
    "huge": lambda one: replace(one, weights=one.weights * np.float32(1e6)),
    "batches": lambda one: replace(one, batches=-(10**9)),
}
GARBAGE = RecordDict({"weights": ArrayRecord(), "document": ConfigRecord({"json": "[" * 50_000})})


def telling(lies: dict[str, str]) -> Callable[[WorkerReply], RecordDict]:
    """What takes the place of `reply_to_record`."""

    def tell(reply: WorkerReply) -> RecordDict:
        kind = lies.get(str(reply.round_number))
        if kind == "garbage":
            return GARBAGE
        return reply_to_record(replace(reply, updates=tuple(map(LIES[kind], reply.updates))) if kind else reply)

    return tell


if __name__ == "__main__":
    work.reply_to_record = telling(json.loads(sys.argv[1]))  # type: ignore[assignment]
    raise SystemExit(main(sys.argv[2:]))
