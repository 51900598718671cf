"""The live view: nodes with their power and sun, the round, what moves, and grams so far against the baseline."""

from __future__ import annotations

import sys

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sunward_lab.demo.cluster import Look
from sunward_lab.demo.record import at
from sunward_lab.demo.verdict import Sums, sums

COLOURS = {"Awake": "green", "Asleep": "blue", "Degraded": "red"}


class LiveView:
    """Draws looks on a terminal, or one line now and then where there is none."""

    def __init__(self) -> None:
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=4) if sys.stdout.isatty() else None
        self._last_line = ""

    def __enter__(self) -> LiveView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, seen: Look) -> None:
        """Draw one look."""
        if self._live is not None:
            self._live.update(screen(seen))
            return
        line = plain_line(seen)
        if line != self._last_line:
            print(line, flush=True)
            self._last_line = line


def screen(seen: Look) -> RenderableType:
    """The whole view."""
    return Group(_nodes(seen), Text(""), _job(seen), _transfers(seen), _grams(sums(seen.plans)))


def _nodes(seen: Look) -> Table:
    table = Table(title="Nodes", title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in ("node", "site", "g/kWh", "state", "power", "harvest", "battery", "why"):
        table.add_column(column, justify="right" if column in ("g/kWh", "power", "harvest", "battery") else "left")
    for node in seen.energy_nodes:
        state = at(node, "status", "powerState") or "Awake"
        table.add_row(
            node["metadata"]["name"],
            at(node, "spec", "site") or "",
            _thousandth(at(node, "status", "intensity", "milligramsPerKilowattHour"), "{:.0f}"),
            Text(state, style=COLOURS.get(state, "yellow")),
            _thousandth(at(node, "status", "power", "milliwatts"), "{:.2f} W"),
            _thousandth(at(node, "status", "harvest", "milliwatts"), "{:.2f} W"),
            _percent(at(node, "status", "battery", "chargePercent")),
            at(node, "status", "lastTransition", "reason") or "",
        )
    return table


def _job(seen: Look) -> Text:
    for job in seen.jobs:
        ppm = at(job, "status", "accuracyPartsPerMillion")
        accuracy = "-" if ppm is None else f"{ppm / 10_000:.2f} %"
        rows = at(job, "status", "assignments") or ()
        moved = [f"{r['shard']} on {r['node']} ({r['batches']})" for r in rows if r["node"] != r.get("fromNode")]
        head = f"job {job['metadata']['name']}: round {at(job, 'status', 'round') or 0} of {job['spec']['rounds']}"
        return Text(f"{head}, accuracy {accuracy}\nmoved: {', '.join(moved) or 'none'}")
    return Text("no job yet")


def _transfers(seen: Look) -> Text:
    rows = at(seen.plans[-1], "status", "transfers") if seen.plans else ()
    parts = [f"{t['fromNode']} -> {t['toNode']} {t['sentMicrowattHours'] / 1000:.1f} mWh" for t in rows or ()]
    return Text(f"planned transfers: {', '.join(parts) or 'none'}")


def _grams(figures: Sums) -> Text:
    saved = figures.baseline_grams - figures.location_grams
    share = f" ({100 * saved / figures.baseline_grams:.1f} %)" if figures.baseline_grams > 0 else ""
    return Text(
        f"settled so far: {figures.location_grams * 1000:.2f} mg location-based, "
        f"baseline {figures.baseline_grams * 1000:.2f} mg, saved {saved * 1000:.2f} mg{share}",
        style="bold",
    )


def plain_line(seen: Look) -> str:
    """The view in one line, for logs."""
    states = [f"{n['metadata']['name']}={at(n, 'status', 'powerState') or 'Awake'}" for n in seen.energy_nodes]
    job = seen.jobs[0] if seen.jobs else None
    ppm = at(job, "status", "accuracyPartsPerMillion")
    figures = sums(seen.plans)
    return (
        f"round {at(job, 'status', 'round') or 0} accuracy {'-' if ppm is None else f'{ppm / 10_000:.1f}'} "
        f"settled {figures.location_grams * 1000:.1f}/{figures.baseline_grams * 1000:.1f} mg  {' '.join(states)}"
    )


def _thousandth(value: int | None, pattern: str) -> str:
    return "-" if value is None else pattern.format(value / 1000)


def _percent(value: int | None) -> str:
    return "" if value is None else f"{value} %"
