"""`sunward explain-reason NAME`: what a reason means and what to do about it, as the operations page has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import typer

from sunward.cli.output import Output, print_data
from sunward.domain.errors import InvalidInput
from sunward.domain.reasons import Reason
from sunward.settings.documents import one_line

Row = Mapping[str, str]
OF_THE_ROW: Final = ("section", "page")
"""Keys of a row that say where it stands; all others are columns of its table."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain-reason")(explain_reason)


def explain_reason(
    name: Annotated[str, typer.Argument(metavar="REASON", help="As conditions, events and metrics spell it.")] = "",
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Print what a reason means and what to do about it; without a name, all reasons."""
    if not name:
        typer.echo("\n".join(sorted(reason.value for reason in Reason)))
        return
    rows = rows_of(name)
    if output is not Output.TABLE:
        print_data({"reason": _spelt(name), "rows": [dict(row) for row in rows]}, output)
        return
    typer.echo(f"{_spelt(name)}\n" + "\n".join(lines(rows)))


def rows_of(name: str) -> Sequence[Row]:
    """What the operations page says of a reason, in any case. Raises InvalidInput for a word that is none."""
    return _help()[_spelt(name)]


def lines(rows: Sequence[Row]) -> list[str]:
    """The rows as text, each with the place where the page has it."""
    found = []
    for row in rows:
        found.append(f"  {row['section']}")
        found += [f"    {column}: {cell}" for column, cell in row.items() if column not in OF_THE_ROW]
        found.append(f"    see {row['page']}")
    return found


def _spelt(name: str) -> str:
    known = {reason.value.lower(): reason.value for reason in Reason}
    if name.lower() in known:
        return known[name.lower()]
    near = [known[word] for word in get_close_matches(name.lower(), known, n=3)]
    hint = f"did you mean {', '.join(near)}?" if near else "sunward explain-reason lists all of them"
    raise InvalidInput("REASON", f"{one_line(name, 80)!r} is no reason: {hint}")


@cache
def _help() -> Mapping[str, Sequence[Row]]:
    text = (files("sunward.cli.explaining") / "reason_help.json").read_text(encoding="utf-8")
    found: Mapping[str, Sequence[Row]] = json.loads(text)
    return found
