"""Figures of the study: learning curves and strategies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sunward.simulation.experiments.offloading import exact, splits
from sunward.simulation.experiments.offloading.estimates import middle, of
from sunward.simulation.experiments.offloading.learners import LEARNERS
from sunward.simulation.experiments.offloading.study import (
    Trained,
    Yard,
    map_states,
)
from sunward.simulation.experiments.offloading.tables import METRES
from sunward.simulation.experiments.result import Figure, Line


def _curves(yard: Yard, runs: Sequence[Trained]) -> tuple[Figure, Figure]:
    lines = {what: tuple(_band(of(runs, name), name, what) for name in LEARNERS) for what in ("gap_percent", "reward")}
    best = yard.optimum().reward
    return (
        Figure(
            name="gaps",
            title="Grams above the optimum while learning (middle and range of the seeds)",
            x_label="samples",
            y_label="% above the optimum",
            lines=lines["gap_percent"],
            log_y=True,
        ),
        Figure(
            name="rewards",
            title="Reward while learning (middle and range of the seeds)",
            x_label="samples",
            y_label="reward",
            lines=lines["reward"],
            reference=("exact optimum", best),
            y_range=(4.0 * best, 0.0),
        ),
    )


def _band(runs: Sequence[Trained], name: str, what: str) -> Line:
    points = list(zip(*(run.curve for run in runs), strict=True))
    values = [[float(getattr(point, what)) for point in row] for row in points]
    return Line(
        label=name,
        x=tuple(float(row[0].samples) for row in points),
        y=tuple(float(np.median(row)) for row in values),
        low=tuple(min(row) for row in values),
        high=tuple(max(row) for row in values),
    )


def _maps(runs: Sequence[Trained]) -> tuple[Figure, ...]:
    best = exact.solve(map_states())
    half = slice(len(METRES), None)
    found = []
    for name, label, column, exact_values in (
        ("bandwidths", "bandwidth (MHz)", 0, best.hertz / 1e6),
        ("powers", "power (W)", 1, best.watts),
    ):
        scale = 1e-6 if column == 0 else 1.0
        lines = [Line(label="exact", x=tuple(METRES), y=tuple(exact_values[half].tolist()))]
        lines += [
            Line(
                label=learner,
                x=tuple(METRES),
                y=tuple(scale * pair[column] for pair in middle(runs, learner).mapped[half]),
            )
            for learner in LEARNERS
        ]
        title = f"Best {label.split(' ')[0]} by distance, 12 Mbit within 0.8 s"
        found.append(Figure(name=name, title=title, x_label="distance (m)", y_label=label, lines=tuple(lines)))
    return tuple(found)


def _split_figure() -> Figure:
    rows = splits.strategy_map()
    lines = tuple(
        Line(
            label=f"user's grid {user:g} g/kWh",
            x=splits.MAP_GRAMS,
            y=tuple(float(steps) for _, other, harvest, steps in rows if other == user and harvest == 50.0),
        )
        for user in splits.MAP_GRAMS
    )
    return Figure(
        name="splits",
        title="Best number of steps at the server, with 50 J of harvest there",
        x_label="server's grid (g/kWh)",
        y_label="steps at the server",
        lines=lines,
    )


def figures(yard: Yard, runs: Sequence[Trained]) -> tuple[Figure, ...]:
    """All figures."""
    return (*_curves(yard, runs), *_maps(runs), _split_figure())
