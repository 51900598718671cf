"""How commands print: a table for people, JSON or YAML for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = 1
_LEAST_WIDTH = 12
_MOST_WIDTH = 26


class Output(StrEnum):
    """Value of `--output`."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def print_data(data: Any, output: Output) -> None:
    """Nothing but the data goes to standard output."""
    if output is Output.JSON:
        print(json.dumps(data, indent=2, default=str))
    else:
        print(yaml.safe_dump(data, sort_keys=False), end="")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table that fits the terminal; an empty one says so."""
    Console().print(table(title, columns, rows))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table | Text:
    """A table to print or to redraw; without rows a line that says so."""
    if not rows:
        return Text(f"{title}: none")
    found = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        found.add_column(column, overflow="fold")
    for row in rows:
        found.add_row(*(Text("" if cell is None else shown(str(cell))) for cell in row))
    return found


class GrowingTable:
    """A table whose rows are printed as they come. Every column has its width from the beginning, except the first,
    which has what is left of the terminal and folds."""

    def __init__(self, title: str, columns: Sequence[str], widths: Sequence[int]) -> None:
        """Print the title and the header; *widths* are those of all columns but the first."""
        self._console = Console()
        first = max(_LEAST_WIDTH, self._console.width - sum(widths) - _GAP * len(widths))
        self._widths = (min(first, _MOST_WIDTH), *widths)
        self._console.print(Text(shown(title), style="italic"))
        header = self._table()
        header.add_row(*(Text(column, style="bold") for column in columns))
        self._console.print(header)

    def add(self, *cells: Any) -> None:
        """Print one row."""
        row = self._table()
        row.add_row(*(Text(shown(str(cell))) for cell in cells))
        self._console.print(row)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, _GAP, 0, 0))
        for place, width in enumerate(self._widths):
            table.add_column(width=width, overflow="fold", justify="right" if place else "left")
        return table


def number(value: float) -> str:
    """A number in at most five digits: two decimals below a hundred, one below ten thousand, none above."""
    digits = 2 if abs(value) < 99.995 else 1 if abs(value) < 9999.95 else 0
    return f"{value:.{digits}f}"


def shown(text: str) -> str:
    """Text as a terminal may show it: names come from files, and a control character in one would act, not print."""
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)
