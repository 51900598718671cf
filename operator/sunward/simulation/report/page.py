"""One HTML page that reads from top to bottom: what was asked, what was found, then the evidence.

No script, no network, no clock: the same results give the same page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sunward.simulation.experiments.result import Claim, DotChart, Figure, Result, Row, Table, Waterfall

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:66rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
h2{margin-top:3rem;border-top:2px solid #888;padding-top:1rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.85rem;margin:.5rem 0 1.5rem}
th,td{border-bottom:1px solid #ddd;padding:.25rem .6rem;text-align:left;vertical-align:top}
th{border-bottom:2px solid #999}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.l{white-space:nowrap}.no{font-weight:bold}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(24rem,1fr));gap:1rem;align-items:start}
figure{margin:0;break-inside:avoid}img{width:100%;max-width:36rem;background:#fff}
figcaption,.note{color:#555;font-size:.85rem}
@media(prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}th,td{border-color:#444}
figcaption,.note{color:#aaa}a{color:#8bc4ff}}
@media print{body{font-size:11px;max-width:none;margin:0}h2{break-before:page}tr{break-inside:avoid}
.wide{overflow:visible}}
"""
_LEVELS = (
    ("L1 shape", "a direction or an order, as the paper shows it"),
    ("L2 from data", "follows from printed or public numbers; nothing was fitted to the claim"),
    ("L3 calibrated", "one parameter was chosen so that a number comes out; it says what that needs"),
    ("L4 predicted", "no tuning: whatever the model gives for this setting"),
)
_READING = """<h2 id="reading">How to read this page</h2>
<p>The paper is <i>Towards Net-Zero Carbon Emissions in Network AI for 6G and Beyond</i> (arXiv 2401.01007,
doi 10.1109/MCOM.003.2300175). DET trades harvested energy, DAT moves work, DETA does both; <i>none</i> does neither,
uses its own harvest first and keeps its nodes awake.</p>
<p>A reduction is 1 - (sum of grams of a mode) / (sum of grams of the baseline), both on the same seeds. Brackets and
bars are 95 % percentile bootstrap intervals over those paired runs; a shaded band is one, or what its label says.
<i>Location-based</i> grams count what the wires carried, <i>market-based</i> grams also what contracts assigned.
The level of a claim says how much it proves:</p>"""


def write_page(results: Sequence[Result], path: Path, *, title: str = "Experiments") -> None:
    """Write a page for these results; figures are looked for beside it, in a folder per result."""
    judged = any(result.claims for result in results)
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>{_contents(results)}"
        f"{_front(results) if judged else ''}{''.join(map(_section, results))}</html>\n",
        encoding="utf-8",
    )


def _contents(results: Sequence[Result]) -> str:
    links = "".join(
        f'<li><a href="#{escape(r.name)}">{escape(r.title)}</a>{_question(r.question)}</li>' for r in results
    )
    return f"<ol>{links}</ol>"


def _question(question: str) -> str:
    return f' <span class="note">{escape(question)}</span>' if question else ""


def _front(results: Sequence[Result]) -> str:
    levels = "".join(f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for name, text in _LEVELS)
    return f"{_READING}<ul>{levels}</ul>{_tally(results)}{_disagreements(results)}"


def _tally(results: Sequence[Result]) -> str:
    """Claims by level and whether they hold; those that do not are named."""
    claims = [claim for result in results for claim in result.claims]
    rows: list[Row] = []
    for level, _ in _LEVELS:
        own = [claim.holds for claim in claims if claim.level == level]
        rows.append((level, own.count(True), own.count(False), own.count(None)))
    failed = "; ".join(claim.name for claim in claims if claim.holds is False)
    table = _grid(("level", "hold", "do not hold", "reported, nothing to decide"), rows)
    return f"<h2>What was found</h2>{table}<p>Claims that do not hold: {escape(failed or 'none')}.</p>"


def _disagreements(results: Sequence[Result]) -> str:
    rows = "".join(
        f'<tr><td><a href="#{escape(result.name)}">{escape(claim.name)}</a></td><td>{escape(claim.paper or "-")}</td>'
        f"<td>{escape(claim.ours)}</td><td>{escape(claim.disagrees)}</td></tr>"
        for result in results
        for claim in result.claims
        if claim.disagrees
    )
    if not rows:
        return ""
    head = _head(("claim", "the paper", "we get", "why they differ"))
    return f"<h2>Where this disagrees with the paper</h2><div class=wide><table>{head}{rows}</table></div>"


def _section(result: Result) -> str:
    settings = ", ".join(f"{key} = {_plain(value)}" for key, value in result.settings.items())
    figures = "".join(_figure(result.name, figure) for figure in result.figures)
    tables = "".join(_table(table) for table in result.tables)
    question = f"<p>{escape(result.question)}</p>" if result.question else ""
    return (
        f'<h2 id="{escape(result.name)}">{escape(result.title)}</h2>{question}'
        f'<p class="note">{escape(settings)}</p>{_claims(result.claims)}<div class="figures">{figures}</div>{tables}'
    )


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return str(value)


def _claims(claims: Sequence[Claim]) -> str:
    if not claims:
        return ""
    rows = "".join(_claim(claim) for claim in claims)
    return f"<div class=wide><table>{_head(('claim', 'the paper', 'we get', 'level', 'holds'))}{rows}</table></div>"


def _claim(claim: Claim) -> str:
    holds = {True: "yes", False: '<span class="no">no</span>', None: "-"}[claim.holds]
    differs = f"Differs from the paper: {claim.disagrees}" if claim.disagrees else ""
    notes = "".join(f'<div class="note">{escape(text)}</div>' for text in (claim.note, differs) if text)
    return (
        f"<tr><td>{escape(claim.name)}</td><td>{escape(claim.paper or 'says nothing')}</td>"
        f'<td>{escape(claim.ours)}{notes}</td><td class="l">{escape(claim.level)}</td><td>{holds}</td></tr>'
    )


def _figure(folder: str, figure: Figure | DotChart | Waterfall) -> str:
    stem = f"{escape(folder)}/{escape(figure.name)}"
    alt = escape(f"{figure.title}; x: {figure.x_label}")
    return (
        f'<figure><a href="{stem}.svg"><img src="{stem}.svg" alt="{alt}"></a><figcaption>{escape(figure.title)} '
        f'(<a href="{stem}.png">PNG</a>, <a href="{stem}.csv">numbers</a>)</figcaption></figure>'
    )


def _table(table: Table) -> str:
    return f"<h3>{escape(table.title)}</h3>{_grid(table.header, table.rows)}"


def _grid(header: Sequence[str], rows: Sequence[Row]) -> str:
    numeric = [any(isinstance(row[k], int | float) for row in rows) for k in range(len(header))]
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<div class=wide><table>{_head(header, numeric)}{body}</table></div>"


def _head(names: Sequence[str], numeric: Iterable[bool] | None = None) -> str:
    kinds = [False] * len(names) if numeric is None else numeric
    cells = (
        f'<th class="n">{escape(name.strip())}</th>' if is_number else f"<th>{escape(name.strip())}</th>"
        for name, is_number in zip(names, kinds, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _cell(value: str | float | None) -> str:
    if isinstance(value, int | float):
        return f'<td class="n">{_number(value)}</td>'
    return f"<td>{escape(value) if value else '-'}</td>"


def _number(value: float) -> str:
    return f"{value:.1e}" if value != 0.0 and abs(value) < 1e-4 else str(value)
