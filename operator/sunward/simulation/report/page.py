"""One HTML page that reads from top to bottom: claims first, then figures, then tables. No script, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sunward.simulation.experiments.result import Claim, Figure, Result, Row, Table

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
table{border-collapse:collapse;font-size:.85rem;margin:.5rem 0 1.5rem;display:block;overflow-x:auto}
th,td{border-bottom:1px solid #ddd;padding:.25rem .6rem;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
figure{display:inline-block;margin:0 1rem 1rem 0}img{max-width:100%}figcaption,.note{color:#555;font-size:.85rem}
@media(prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}th,td{border-color:#444}
figcaption,.note{color:#aaa}img{background:#fff}}
"""
_LEVELS = (
    ("L1 shape", "a direction or an order, as the paper shows it"),
    ("L2 from data", "follows from printed or public numbers; nothing was fitted to the claim"),
    ("L3 calibrated", "one parameter was chosen so that a number comes out; it says what that needs"),
    ("L4 predicted", "no tuning: whatever the model gives for this setting"),
)


def write_page(results: Sequence[Result], path: Path, *, title: str = "Experiments") -> None:
    """Write a page for these results; figures are looked for beside it, in a folder per result."""
    body = "".join(_section(result) for result in results)
    levels = "".join(f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for name, text in _LEVELS)
    links = " · ".join(f'<a href="#{r.name}">{escape(r.title)}</a>' for r in results)
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>"
        "<p>Every claim stands beside the paper's words, with its level:</p>"
        f"<ul>{levels}</ul><p>{links}</p>{body}</html>\n",
        encoding="utf-8",
    )


def _section(result: Result) -> str:
    settings = ", ".join(f"{key} = {value}" for key, value in result.settings.items())
    figures = "".join(_figure(result.name, figure) for figure in result.figures)
    tables = "".join(_table(table) for table in result.tables)
    return (
        f'<h2 id="{escape(result.name)}">{escape(result.title)}</h2>'
        f'<p class="note">{escape(settings)}</p>{_claims(result.claims)}{figures}{tables}'
    )


def _claims(claims: Sequence[Claim]) -> str:
    if not claims:
        return ""
    rows = "".join(_claim(claim) for claim in claims)
    head = "".join(f"<th>{name}</th>" for name in ("Claim", "The paper", "We get", "Level", "Holds"))
    return f"<table><tr>{head}</tr>{rows}</table>"


def _claim(claim: Claim) -> str:
    holds = {True: "yes", False: "no", None: "-"}[claim.holds]
    note = f'<div class="note">{escape(claim.note)}</div>' if claim.note else ""
    cells = (escape(claim.paper or "says nothing"), escape(claim.ours) + note, escape(claim.level), holds)
    return f"<tr><td>{escape(claim.name)}</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _figure(folder: str, figure: Figure) -> str:
    source = f"{escape(folder)}/{escape(figure.name)}.svg"
    alt = f"{figure.title}: {figure.y_label} against {figure.x_label}"
    return (
        f'<figure><img src="{source}" alt="{escape(alt)}" width="480">'
        f"<figcaption>{escape(figure.title)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(name.strip())}</th>" for name in table.header)
    rows = "".join(_row(row) for row in table.rows)
    return f"<h3>{escape(table.title)}</h3><table><tr>{head}</tr>{rows}</table>"


def _row(row: Row) -> str:
    cells = "".join(
        f'<td class="n">{cell}</td>' if isinstance(cell, int | float) else f"<td>{escape(cell or '-')}</td>"
        for cell in row
    )
    return f"<tr>{cells}</tr>"
