"""Accepted answers, remembered and recalled by likeness: for people to read, and never a source of numbers.

Only solved answers enter, so that nothing that failed, was refused or was not verified is ever recalled.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunward.advisor.answer import Advice
from sunward.advisor.knowledge.index import words_of
from sunward.advisor.request.types import Base, Status

MOST_RECALLED: Final = 3
MOST_REMEMBERED: Final = 1000
"""Answers that are kept; the oldest goes first."""
_SCHEMA: Final = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS accepted USING fts5("
    "request, form UNINDEXED, base UNINDEXED, objective UNINDEXED, added_edits UNINDEXED, watt_hours UNINDEXED, "
    "tokenize = 'porter unicode61')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """An earlier request, the kinds of its edits, and how near it is: the greater, the nearer.

    `added_edits` are those that turns before it in a conversation gave, `watt_hours` what answering took.
    """

    request: str
    edits: tuple[str, ...]
    objective: str
    score: float
    added_edits: int = 0
    watt_hours: float = 0.0

    def as_data(self) -> dict[str, object]:
        """As an answer's `similar` shows it."""
        return {
            "request": self.request,
            "edits": list(self.edits),
            "objective": self.objective,
            "added_edits": self.added_edits,
            "energy_watt_hours": self.watt_hours,
            "score": round(self.score, 3),
        }


class Repository:
    """A file of accepted answers. Raises sqlite3.Error where the file is damaged, locked or none of ours."""

    def __init__(self, path: Path | str) -> None:
        """Open the file, or make it."""
        self._table = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        self._table.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def remember(self, request: str, base: Base, answer: Advice) -> bool:
        """Keep a solved answer; the same request on the same base replaces its row. Whether it was kept."""
        if answer.status is not Status.SOLVED or answer.request is None:
            return False
        whole = json.dumps(answer.request.as_data(), sort_keys=True)
        own = len(answer.draft.edits) if answer.draft is not None else 0
        digest = hashlib.sha256(base.problem.to_json().encode()).hexdigest()
        row = (request, whole, digest, answer.request.objective, len(answer.request.edits) - own)
        self._table.execute("DELETE FROM accepted WHERE request = ? AND base = ?", (request, digest))
        self._table.execute(
            "INSERT INTO accepted VALUES (?, ?, ?, ?, ?, ?)", (*row, answer.account["energy_watt_hours"])
        )
        self._table.execute(
            "DELETE FROM accepted WHERE rowid <= (SELECT max(rowid) FROM accepted) - ?", (MOST_REMEMBERED,)
        )
        return True

    def recall(self, request: str, count: int = MOST_RECALLED) -> list[Recalled]:
        """The most alike requests, the most alike first; none where no word is shared."""
        query = " OR ".join(f'"{word}"' for word in words_of(request))
        if not query:
            return []
        rows = self._table.execute(
            "SELECT request, form, objective, added_edits, watt_hours, bm25(accepted) FROM accepted "
            "WHERE accepted MATCH ? ORDER BY request = ? DESC, bm25(accepted), rowid DESC LIMIT ?",
            (query, request, count),
        )
        return [_recalled(*row) for row in rows]

    def forget(self) -> int:
        """Empty the file; how many answers there were."""
        count = int(self._table.execute("SELECT count(*) FROM accepted").fetchone()[0])
        self._table.execute("DELETE FROM accepted")
        self._table.execute("VACUUM")
        return count


def _recalled(request: str, form: str, objective: str, added_edits: int, watt_hours: float, score: float) -> Recalled:
    """A row as it may be shown: kinds of edits, and no value of any."""
    try:
        edits = json.loads(form)["edits"]
        kinds = tuple(dict.fromkeys(str(edit["edit"]) for edit in edits))
    except (ValueError, KeyError, TypeError):
        kinds = ()
    return Recalled(
        request=str(request),
        edits=kinds,
        objective=str(objective),
        score=-score,
        added_edits=added_edits,
        watt_hours=watt_hours,
    )
