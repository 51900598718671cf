"""The report folder: what happened as JSON, as a figure and as one page that needs nothing else."""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import itertools

from matplotlib import pyplot as plt  # the backend must be chosen first
from matplotlib.axes import Axes  # as above
from matplotlib.ticker import MaxNLocator  # as above

from sunward_lab.demo.record import Record, at  # as above
from sunward_lab.demo.verdict import Finding, settled, sums  # as above

Body = dict[str, Any]
# Okabe and Ito's palette: distinguishable for colour-blind readers and in print.
STATE_COLOURS = {
    "Awake": "#009E73",
    "Asleep": "#0072B2",
    "Cordoned": "#F0E442",
    "Draining": "#E69F00",
    "PowerOffRequested": "#D55E00",
    "WakeRequested": "#CC79A7",
    "Booting": "#56B4E9",
    "Degraded": "#000000",
}


def write(folder: Path, record: Record, findings: Sequence[Finding], facts: Body) -> Path:
    """Write report.json, demo.png and index.html into *folder*; returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "facts": facts,
        "findings": [asdict(finding) for finding in findings],
        "sums": asdict(sums(record.last.plans if record.last else [])),
        "transitions": record.transitions,
        "rounds": record.rounds,
        "moved": record.moved,
        "plans": record.last.plans if record.last else [],
        "jobs": record.last.jobs if record.last else [],
    }
    (folder / "report.json").write_text(json.dumps(data, indent=1, default=str), encoding="utf-8")
    _figure(folder / "demo.png", record)
    page = folder / "index.html"
    page.write_text(_page(folder / "demo.png", record, findings, facts), encoding="utf-8")
    return page


def _figure(path: Path, record: Record) -> None:
    figure, (states, power, grams) = plt.subplots(3, 1, figsize=(10, 11), height_ratios=(1.2, 1, 1))
    _draw_states(states, record)
    _draw_power(power, record)
    _draw_grams(grams, record)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _draw_states(axes: Axes, record: Record) -> None:
    names = sorted(record.samples)
    shown: set[str] = set()
    for row, name in enumerate(names):
        samples = record.samples[name]
        for now, following in itertools.pairwise(samples):
            label = None if now.state in shown else now.state
            shown.add(now.state)
            colour = STATE_COLOURS.get(now.state, "#999999")
            axes.barh(row, following.time - now.time, left=now.time, color=colour, label=label, height=0.7)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("seconds since the start")
    axes.set_title("Power states of the nodes")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=4, fontsize=8, frameon=False)


def _draw_power(axes: Axes, record: Record) -> None:
    """Sums over the nodes whose meters answered at that moment."""
    moments = sorted({s.time for samples in record.samples.values() for s in samples})
    by_time: dict[float, list[tuple[float | None, float | None]]] = {moment: [] for moment in moments}
    for samples in record.samples.values():
        for sample in samples:
            by_time[sample.time].append((sample.power_watts, sample.harvest_watts))
    load = [_sum(p for p, _ in rows) for rows in by_time.values()]
    harvest = [_sum(h for _, h in rows) for rows in by_time.values()]
    axes.plot(moments, load, color="#D55E00", label="load (metered)")
    axes.plot(moments, harvest, color="#E69F00", linestyle="--", label="harvest (metered)")
    axes.set_xlabel("seconds since the start")
    axes.set_ylabel("watts, all nodes")
    axes.set_title("Load and harvest")
    axes.legend(fontsize=8, frameon=False)


def _sum(values: Iterable[float | None]) -> float:
    """Sum of what was metered; where nothing was, a gap in the line and not a zero."""
    known = [value for value in values if value is not None]
    return sum(known) if known else math.nan


def _draw_grams(axes: Axes, record: Record) -> None:
    plans = settled(record.last.plans if record.last else [])
    totals = [plan["status"]["settlement"]["totals"] for plan in plans]
    rows = (
        ("baselineMicrogramsCO2e", "none baseline", "#000000", ":"),
        ("locationBasedMicrogramsCO2e", "location-based", "#0072B2", "-"),
        ("marketBasedMicrogramsCO2e", "market-based", "#009E73", "--"),
    )
    for key, label, colour, line in rows:
        running = 0.0
        values = []
        for total in totals:
            running += (total.get(key) or 0) / 1000
            values.append(running)
        axes.plot(range(1, len(values) + 1), values, line, color=colour, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("settled planning periods")
    axes.set_ylabel("mg CO2e, cumulative")
    axes.set_title("Emissions from metered energy")
    axes.legend(fontsize=8, frameon=False)


def _page(figure: Path, record: Record, findings: Sequence[Finding], facts: Body) -> str:
    image = base64.b64encode(figure.read_bytes()).decode("ascii")
    promises = "".join(
        f"<tr><td>{'yes' if f.kept else '<b>NO</b>'}</td><td>{html.escape(f.promise)}</td>"
        f"<td>{html.escape(f.evidence)}</td></tr>"
        for f in findings
    )
    rows = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in facts.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sunward demo</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}}
table{{border-collapse:collapse;width:100%;margin:1rem 0}}td,th{{border-bottom:1px solid #ddd;padding:.35rem .6rem;
text-align:left;vertical-align:top}}img{{max-width:100%}}</style></head><body>
<h1>Sunward demo</h1><p>Real: API server, kubelets, containers, Prometheus, training, power cuts. Mocked, through their
real interfaces: the sensors' readings, the relays' meters, the emissions API. Energies are metered, emissions are
metered energy times average life-cycle intensity; the baseline is the same work at home with every node awake.</p>
<table>{rows}</table><h2>Promises</h2><table><tr><th>kept</th><th>promise</th><th>evidence</th></tr>{promises}</table>
<img alt="Power states, load and emissions" src="data:image/png;base64,{image}">
<h2>Changes of power state</h2>
<table><tr><th>time</th><th>node</th><th>to</th><th>why</th></tr>{_changes(record)}</table>
</body></html>
"""


def _changes(record: Record) -> str:
    return "".join(
        f"<tr><td>{html.escape(str(t['time'])[11:19])}</td><td>{html.escape(t['node'])}</td>"
        f"<td>{html.escape(str(t.get('to')))}</td>"
        f"<td>{html.escape(str(t.get('reason')))}: {html.escape(str(at(t, 'message') or ''))}</td></tr>"
        for t in sorted(record.transitions, key=lambda t: str(t["time"]))
    )
