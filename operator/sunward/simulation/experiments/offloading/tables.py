"""Tables of the study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from sunward.simulation.experiments.offloading import account, exact, splits
from sunward.simulation.experiments.offloading.claims import OFFSETS
from sunward.simulation.experiments.offloading.estimates import estimated, middle, of
from sunward.simulation.experiments.offloading.learners import LEARNERS
from sunward.simulation.experiments.offloading.study import (
    Effort,
    Score,
    Trained,
    Yard,
    fixed_choices,
    interquartile_mean,
    map_states,
    yards_outside,
)
from sunward.simulation.experiments.result import Row, Table


def _learners(yard: Yard, runs: Sequence[Trained]) -> Table:
    rows: list[Row] = [_fixed_row("exact", yard.optimum())]
    rows += [_learner_row(name, of(runs, name)) for name in LEARNERS]
    rows += [_fixed_row(name, score) for name, score in fixed_choices(yard).items()]
    return Table(
        name="learners",
        title="Gap to the optimum: interquartile mean over seeds with 95 % interval",
        header=(
            "method",
            "learns from",
            "gap %",
            "low",
            "high",
            "best seed",
            "worst seed",
            "gap of the whole task %",
            "in time before repair %",
            "reward",
            "training processor s",
            "us per state",
        ),
        rows=tuple(rows),
    )


def _fixed_row(name: str, score: Score) -> Row:
    gap = round(score.gap_percent, 3)
    task, timely = round(score.task_gap_percent, 4), round(score.in_time_percent, 1)
    return (name, "-", gap, None, None, gap, gap, task, timely, round(score.reward, 4), 0.0, None)


def _learner_row(name: str, runs: Sequence[Trained]) -> Row:
    gaps = [run.inside.gap_percent for run in runs]
    one = estimated(gaps)
    return (
        name,
        LEARNERS[name].sees,
        round(one.value, 3),
        round(one.low, 3),
        round(one.high, 3),
        round(min(gaps), 3),
        round(max(gaps), 3),
        round(float(np.mean([run.inside.task_gap_percent for run in runs])), 4),
        round(float(np.mean([run.inside.in_time_percent for run in runs])), 1),
        round(float(np.mean([run.inside.reward for run in runs])), 4),
        round(float(np.mean([run.training_seconds for run in runs])), 1),
        round(float(np.mean([run.microseconds for run in runs])), 2),
    )


def _seeds(runs: Sequence[Trained]) -> Table:
    rows = tuple(
        (
            run.piece.learner,
            run.piece.seed,
            run.piece.budget.samples,
            run.piece.budget.updates,
            round(run.inside.gap_percent, 3),
            round(run.inside.in_time_percent, 1),
            round(run.inside.reward, 4),
        )
        for run in runs
    )
    header = ("method", "seed", "samples", "updates", "gap %", "in time before repair %", "reward")
    return Table(name="seeds", title="Every seed, failed ones included", header=header, rows=rows)


def _offsets(yard: Yard, runs: Sequence[Trained]) -> Table:
    best = yard.optimum().reward
    rows = []
    for offset in OFFSETS:
        for name in LEARNERS:
            mean = float(np.mean([run.inside.reward for run in of(runs, name)]))
            rows.append((name, 0.0 - offset, round(100.0 * (best - mean) / abs(mean + offset), 2)))
    header = ("method", "zero of the reward", "optimum above it %")
    title = "A percentage of a reward depends on where its zero lies"
    return Table(name="offsets", title=title, header=header, rows=tuple(rows))


def _outside(effort: Effort, runs: Sequence[Trained]) -> Table:
    rows: list[Row] = []
    for place, yard in yards_outside(effort.test_states):
        rows.append((place, "exact", 0.0, 0.0, 0.0, round(yard.optimum().in_time_percent, 1)))
        for name in LEARNERS:
            gaps = [run.outside[place].gap_percent for run in of(runs, name)]
            timely = float(np.mean([run.outside[place].in_time_percent for run in of(runs, name)]))
            rows.append(
                (
                    place,
                    name,
                    round(interquartile_mean(gaps), 2),
                    round(min(gaps), 2),
                    round(max(gaps), 2),
                    round(timely, 1),
                )
            )
    header = ("states", "method", "gap %", "best seed", "worst seed", "in time before repair %")
    return Table(name="adaptation", title="Ranges that no training has seen", header=header, rows=tuple(rows))


METRES: Final = tuple([float(metres) for metres in np.arange(50.0, 401.0, 25.0)])
"""Distances of the map."""


def _strategies(runs: Sequence[Trained]) -> Table:
    states = map_states()
    best = exact.solve(states)
    rows: list[Row] = []
    for name in LEARNERS:
        for number, (hertz, watts) in enumerate(middle(runs, name).mapped):
            rows.append(
                (
                    name,
                    METRES[number % len(METRES)],
                    float(states.bits[number]) / 1e6,
                    round(float(best.hertz[number]) / 1e6, 3),
                    round(hertz / 1e6, 3),
                    round(hertz / 1e6 - float(best.hertz[number]) / 1e6, 3),
                    round(float(best.watts[number]), 4),
                    round(watts, 4),
                    round(watts - float(best.watts[number]), 4),
                )
            )
    header = ("method", "m", "Mbit", "B* MHz", "B MHz", "difference MHz", "p* W", "p W", "difference W")
    title = "Strategies by distance, within 0.8 s: the optimum and the middle seed of each learner, after repair"
    return Table(name="strategies", title=title, header=header, rows=tuple(rows))


def _split_counts(shared: splits.Splits) -> Table:
    rows = tuple((steps, count) for steps, count in enumerate(shared.counts))
    header = ("steps at the server", "states")
    return Table(
        name="split-counts", title="Best number of steps at the server, over 400 states", header=header, rows=rows
    )


def _split_map() -> Table:
    header = ("server g/kWh", "user g/kWh", "harvest J", "K_s*")
    title = "Best steps at the server by both grids and the harvest"
    return Table(name="split-map", title=title, header=header, rows=tuple(splits.strategy_map()))


def _accounts(runs: Sequence[Trained]) -> Table:
    rows: list[Row] = []
    for name in LEARNERS:
        seconds = float(np.mean([run.training_seconds for run in of(runs, name)]))
        took = account.of_seconds(seconds)
        rows.append((name, round(seconds, 1), round(took.watt_hours, 4), round(took.grams, 5), account.METHOD))
    paper = account.of_energy(8.148)
    rows.append(("GDM in the paper", None, 8.148, round(paper.grams, 3), "codecarbon, as printed"))
    header = ("training", "processor s", "Wh", "g", "method")
    return Table(name="accounts", title="What one training takes", header=header, rows=tuple(rows))


def tables(effort: Effort, yard: Yard, runs: Sequence[Trained], shared: splits.Splits) -> tuple[Table, ...]:
    """All tables."""
    return (
        _learners(yard, runs),
        _seeds(runs),
        _offsets(yard, runs),
        _outside(effort, runs),
        _strategies(runs),
        _split_counts(shared),
        _split_map(),
        _accounts(runs),
    )
