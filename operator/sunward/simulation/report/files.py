"""A result as a folder: result.json, one CSV per table and per figure, the figures themselves."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sunward.simulation.experiments.result import DotChart, Figure, Waterfall
from sunward.simulation.report.figures import draw

if TYPE_CHECKING:
    from sunward.simulation.experiments.result import Result


def write_result(result: Result, folder: Path, *, figures: bool = True) -> Path:
    """Write everything of one result into `folder/NAME` and return that folder.

    Raises OSError when the folder cannot be written, ImportError when `figures` are wanted and matplotlib is missing.
    """
    target = folder / result.name
    target.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result.to_data(), indent=1, ensure_ascii=False, allow_nan=False)
    (target / "result.json").write_text(text + "\n", encoding="utf-8")
    for table in result.tables:
        _write_csv(target / f"{table.name}.csv", table.header, table.rows)
    for figure in result.figures:
        header = ("line", "x" if isinstance(figure, Figure) else "row", "y", "low", "high")
        _write_csv(target / f"{figure.name}.csv", header, _points(figure))
        if figures:
            draw(figure, target)
    return target


def _points(figure: Figure | DotChart | Waterfall) -> Iterable[tuple[str | float | None, ...]]:
    if isinstance(figure, DotChart):
        for series in figure.series:
            for row, known in zip(figure.rows, series.values, strict=True):
                yield series.label, row, *((known.value, known.low, known.high) if known else (None, None, None))
        return
    if isinstance(figure, Waterfall):
        for row, value, bound in zip(figure.rows, figure.values, figure.bounds, strict=True):
            yield "level", row, value, bound, None
        yield "end", figure.end[0], figure.end[1], None, None
        return
    for line in figure.lines:
        for k, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
            low = None if line.low is None else line.low[k]
            high = None if line.high is None else line.high[k]
            yield line.label, x, y, low, high


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([name.strip() for name in header])
        writer.writerows(rows)
