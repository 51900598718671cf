"""Every number that is published, by where it stands, so that a test can ask which of them are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sunward.telemetry.metrics import Metrics

Figures = Mapping[str, float]
KEYS = ("node", "zone", "pool", "type", "job", "name")
"""What a row of a list is found by, as its definition says."""


def assert_only_missing(before: Figures, after: Figures, gone: Iterable[str]) -> None:
    """Of the numbers that stood there before, exactly these are missing, and none of the others became zero."""
    assert {where for where in before if where not in after} == set(gone)
    assert {where for where, number in after.items() if number == 0 and before.get(where) != 0} == set()


def of_object(body: Any, at: str = "") -> dict[str, float]:
    """Numbers of a JSON document by their paths; rows of lists by their keys, else by their place."""
    if isinstance(body, bool) or body is None or isinstance(body, str):
        return {}
    if isinstance(body, int | float):
        return {at: body}
    if isinstance(body, Mapping):
        return {path: number for key, value in body.items() for path, number in of_object(value, f"{at}/{key}").items()}
    return {path: number for name, row in _rows(body) for path, number in of_object(row, f"{at}/{name}").items()}


def _rows(rows: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(next((str(row[key]) for key in KEYS if key in row), str(place)), row) for place, row in enumerate(rows)]


def of_metrics(metrics: Metrics) -> dict[str, float]:
    """Samples of gauges and counters by name and labels. When a sample was made is no figure."""
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for family in metrics.registry.collect()
        if family.type in ("gauge", "counter")
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def of_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, float]:
    """Cells that are numbers, by the row's first cell and the column."""
    cells = {f"{row[0]}/{column}": cell for row in rows for column, cell in zip(columns, row, strict=True)}
    return {where: float(cell) for where, cell in cells.items() if cell is not None and _is_number(str(cell))}


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()
