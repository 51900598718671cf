"""Lists of a status cut to what the API server stores, by number and by size. What is left out is counted. Pure.

An object must stay below 1.5 MiB, and each definition bounds its lists. A status that is too large is refused whole,
so that nothing of it would be known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sunward.cluster.objects.crd_types import EnergyPlanStatusOmittedItem

Row = TypeVar("Row", bound=Mapping[str, Any])
FIELDS_LIMIT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Most rows of a list, as its definition has it, and most bytes of them as JSON."""

    rows: int
    size_bytes: int

    def holds(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether all of them fit."""
        return len(rows) <= self.rows and sum(map(size_bytes, rows)) <= self.size_bytes


@dataclass(slots=True)
class Omitted:
    """How many rows are left out or folded, by field."""

    counts: dict[str, int] = field(default_factory=dict)

    def fitting(self, name: str, rows: Iterable[Row], limit: Limit) -> list[Row]:
        """As many of the rows as fit, the first ones first; the rest are counted."""
        kept: list[Row] = []
        left, count = limit.size_bytes, 0
        for row in rows:
            count += 1
            left -= size_bytes(row)
            if left >= 0 and len(kept) < limit.rows:
                kept.append(row)
        self.count(name, count - len(kept))
        return kept

    def count(self, name: str, rows: int) -> None:
        """Rows of a field that are not there."""
        if rows > 0:
            self.counts[name] = self.counts.get(name, 0) + rows

    def rows(self) -> list[EnergyPlanStatusOmittedItem]:
        """As a list of the status; empty when everything is there."""
        rows: list[EnergyPlanStatusOmittedItem]
        rows = [{"field": name, "count": count} for name, count in sorted(self.counts.items())]
        return rows[:FIELDS_LIMIT]


def size_bytes(row: Mapping[str, Any]) -> int:
    """Size of a row as compact JSON with its comma."""
    return len(json.dumps(row, separators=(",", ":"))) + 1
