"""Tables of intensities as people have them: their own, spreadsheets' and those of Electricity Maps' data portal.

It must not know what the rows are used for.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sunward.domain.intensity import FactorScope

TIME_COLUMNS = ("time", "time_utc", "datetime")
PORTAL_TIME, PORTAL_ZONE, PORTAL_ESTIMATED = "datetime (utc)", "zone id", "data estimated"
PORTAL_SCOPES: Mapping[FactorScope, Sequence[str]] = {
    FactorScope.DIRECT: ("(direct)",),
    FactorScope.LIFECYCLE: ("(life cycle)", "(lca)"),
}
"""How the portal's columns of intensities end; their beginning has changed over the years."""
DELIMITERS = (",", ";", "\t")
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One intensity of a table as it stands there. `where` is its line, for errors; `is_utc` is the column's word."""

    where: str
    time: object
    zone: str
    value: object
    is_utc: bool = False
    is_estimated: bool = False


def csv_cells(text: str, scope: FactorScope) -> Iterator[Cell]:
    """The intensities of a CSV file. Raises ValueError that names the line."""
    lines = text.splitlines()
    skipped = 1 if lines and lines[0].casefold().startswith("sep=") else 0  # what Excel writes for itself
    header = lines[skipped] if len(lines) > skipped else ""
    delimiter = max(DELIMITERS, key=header.count)
    table = csv.reader(io.StringIO("\n".join(lines[skipped:])), delimiter=delimiter)
    names = [name.strip() for name in next(table, [])]
    columns = _portal(names, scope) if PORTAL_TIME in [name.casefold() for name in names] else _own(names)
    for row in table:
        where = f"line {table.line_num + skipped}"
        if len(row) > len(names):
            raise ValueError(f"{where}: has {len(row)} cells, and the header {len(names)}: does a number have a comma?")
        cells = [cell.strip() for cell in row] + [""] * (len(names) - len(row))
        yield from columns.of(where, cells, decimal_comma=delimiter != ",")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Where the time is, and the values: of one zone each, or all of the zone named in a column."""

    time: int
    values: Mapping[int, str]
    zone: int | None = None
    estimated: int | None = None
    is_utc: bool = False

    def of(self, where: str, cells: Sequence[str], *, decimal_comma: bool) -> Iterator[Cell]:
        for place, name in self.values.items():
            if cells[place]:
                yield Cell(
                    where=where,
                    time=cells[self.time],
                    zone=name if self.zone is None else cells[self.zone],
                    value=_number(cells[place], decimal_comma=decimal_comma),
                    is_utc=self.is_utc,
                    is_estimated=self.estimated is not None and cells[self.estimated].casefold() == "true",
                )


def _own(names: Sequence[str]) -> _Columns:
    time = next((place for place, name in enumerate(names) if name.casefold() in TIME_COLUMNS), None)
    if time is None:
        raise ValueError(f"line 1: has no column named {', '.join(TIME_COLUMNS)} or Datetime (UTC)")
    return _Columns(time=time, values={place: name for place, name in enumerate(names) if place != time and name})


def _portal(names: Sequence[str], scope: FactorScope) -> _Columns:
    plain = [name.casefold() for name in names]
    ends = PORTAL_SCOPES[scope]
    value = next((k for k, one in enumerate(plain) if "intensity" in one and one.endswith(tuple(ends))), None)
    if PORTAL_ZONE not in plain or value is None:
        raise ValueError(f"line 1: has no column Zone id, or no carbon intensity that ends with {' or '.join(ends)}")
    return _Columns(
        time=plain.index(PORTAL_TIME),
        values={value: ""},
        zone=plain.index(PORTAL_ZONE),
        estimated=plain.index(PORTAL_ESTIMATED) if PORTAL_ESTIMATED in plain else None,
        is_utc=True,
    )


def _number(cell: str, *, decimal_comma: bool) -> object:
    text = cell.replace(",", ".") if decimal_comma and _DECIMAL_COMMA.fullmatch(cell) else cell
    try:
        return float(text)
    except ValueError:
        return cell
