"""Which harvest gives 74.9 %: the one number that the paper leaves open and that decides its headline.

For each siting of the sun and each trading rule the harvest over demand is found by false position on the
reduction of DETA, which grows with harvest up to that point. Its interval comes from the same seeds: every
resample of them has a curve of its own around the point, and crosses the target elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sunward.simulation.experiments.bench import Bench
from sunward.simulation.experiments.ensembles import Runs, Siting, run_modes, ten_workers
from sunward.simulation.experiments.paper import REDUCTION_PERCENT
from sunward.simulation.experiments.result import Claim, Figure, Level, Result, Row, Table, cells, line, percent
from sunward.simulation.experiments.session import Mode, Trading
from sunward.simulation.experiments.statistics import Estimate, root_estimate

_LOOKS = 12
_CLOSE_POINTS = 0.01
"""A tenth of the last printed digit of the reduction."""
_HIGHEST = 0.5
"""The most harvest over demand that is tried."""
_AROUND = (0.7, 0.85, 1.0, 1.15, 1.3)
"""Harvests over the one found at which each resample's curve is known, for the interval."""
_CURVE = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
_CURVE_SEEDS = 30
_MODES = (Mode.DET, Mode.DAT, Mode.DETA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A siting and a rule, the harvest published for them, and what we find."""

    siting: Siting
    trading: Trading
    published: str
    harvest: Estimate | None = None
    runs: Runs | None = None


_CURVE_RULES = (Trading.ANY_HARVEST, Trading.SURPLUS_ONLY)
_POINTS = (
    Point(siting=Siting.UNIFORM, trading=Trading.ANY_HARVEST, published="0.2666"),
    Point(siting=Siting.FIVE, trading=Trading.ANY_HARVEST, published="0.2703"),
    Point(siting=Siting.EXPONENTIAL, trading=Trading.ANY_HARVEST, published="0.2958"),
    Point(siting=Siting.THREE, trading=Trading.SURPLUS_ONLY, published="0.29-0.30"),
    Point(siting=Siting.FIVE, trading=Trading.SURPLUS_ONLY, published="about 0.36"),
    Point(siting=Siting.EXPONENTIAL, trading=Trading.SURPLUS_ONLY, published="about 0.40"),
)


def calibration(seeds: Sequence[int], bench: Bench, *, small: bool = False) -> Result:
    """All sitings and rules; `small` looks only at five random workers that may sell any harvest."""
    points = [p for p in _POINTS if not small] or [_POINTS[1]]
    found = [_calibrate(point, seeds, bench) for point in points]
    curves = () if small else tuple(_curve(rule, seeds[:_CURVE_SEEDS], bench) for rule in _CURVE_RULES)
    return Result(
        name="calibration",
        title=f"Which harvest gives {REDUCTION_PERCENT} %",
        settings={"seeds": len(seeds), "small": small},
        claims=tuple(_claim(point) for point in found),
        tables=(_table(found),),
        figures=curves,
    )


def harvest_for(siting: Siting, trading: Trading, target: float, seeds: Sequence[int], bench: Bench) -> float | None:
    """Harvest over demand at which DETA cuts `target` percent; None when no harvest up to 0.5 reaches it."""
    low, high = 0.0, _HIGHEST
    at_low, at_high = -target, _deta(siting, trading, high, seeds, bench) - target
    if at_high < 0.0:
        return None
    middle = high
    for _ in range(_LOOKS):  # the Illinois rule (Dowell and Jarratt 1971) halves a side that stays: the curve is bent
        middle = high - at_high * (high - low) / (at_high - at_low)
        found = _deta(siting, trading, middle, seeds, bench) - target
        if abs(found) < _CLOSE_POINTS:
            break
        if found > 0.0:
            high, at_high, at_low = middle, found, at_low / 2
        else:
            low, at_low, at_high = middle, found, at_high / 2
    return middle


def _deta(siting: Siting, trading: Trading, harvest: float, seeds: Sequence[int], bench: Bench) -> float:
    build = ten_workers(siting, harvest, trading=trading)
    return run_modes(build, seeds, bench, (Mode.NONE, Mode.DETA)).reduction(Mode.DETA).value


def _calibrate(point: Point, seeds: Sequence[int], bench: Bench) -> Point:
    harvest = harvest_for(point.siting, point.trading, REDUCTION_PERCENT, seeds, bench)
    if harvest is None:
        return point
    runs = run_modes(ten_workers(point.siting, harvest, trading=point.trading), seeds, bench)
    return replace(point, harvest=_with_interval(point, harvest, runs, seeds, bench), runs=runs)


def _with_interval(point: Point, harvest: float, there: Runs, seeds: Sequence[int], bench: Bench) -> Estimate:
    """The harvest with its interval. Baselines differ with the harvest, so grams are kept as (levels, runs)."""
    levels = [harvest * factor for factor in _AROUND]
    runs = [
        there
        if level == harvest
        else run_modes(ten_workers(point.siting, level, trading=point.trading), seeds, bench, (Mode.NONE, Mode.DETA))
        for level in levels
    ]
    before = np.array([one.market[Mode.NONE] for one in runs])
    after = np.array([one.market[Mode.DETA] for one in runs])
    return root_estimate(levels, before, after, REDUCTION_PERCENT)


def _curve(rule: Trading, seeds: Sequence[int], bench: Bench) -> Figure:
    """Every mode against the harvest, for the most natural reading: each worker's harvest drawn alone."""
    runs = [run_modes(ten_workers(Siting.EXPONENTIAL, level, trading=rule), seeds, bench) for level in _CURVE]
    return Figure(
        name=f"harvest-{str(rule).replace(' ', '-')}",
        title=f"Reduction against harvest, {rule}",
        x_label="harvest over demand (exponential over ten workers)",
        y_label="market-based reduction against none (%)",
        lines=tuple(line(str(mode), _CURVE, tuple(one.reduction(mode) for one in runs)) for mode in _MODES),
        reference=(f"paper: {REDUCTION_PERCENT} %", REDUCTION_PERCENT),
        y_range=(-5.0, 100.0),
    )


def _claim(point: Point) -> Claim:
    name = f"{point.siting}, {point.trading}"
    if point.harvest is None or point.runs is None:
        return Claim(name=name, paper="harvest not stated", ours="not reached", level=Level.CALIBRATED, holds=False)
    modes = ", ".join(f"{mode} {percent(point.runs.reduction(mode))}" for mode in _MODES)
    found = point.harvest
    return Claim(
        name=name,
        paper="harvest not stated",
        ours=f"harvest {found.value:.3f} [{found.low:.3f}, {found.high:.3f}] of demand: {modes}",
        level=Level.CALIBRATED,
        note=f"an independent computation found {point.published}",
    )


def _table(found: Sequence[Point]) -> Table:
    rows: list[Row] = []
    for point in found:
        harvest = (None,) * 3 if point.harvest is None else cells(point.harvest, 4)
        modes = (None,) * 9 if point.runs is None else _mode_cells(point.runs)
        rows.append((str(point.siting), str(point.trading), *harvest, point.published, *modes))
    header = ("siting", "rule", "harvest / demand", "low", "high", "other", "DET %", "low ", "high ")
    return Table(
        name="points",
        title="Harvest that gives the headline with its 95 % interval, and what the modes give there; "
        "`other` is an independent computation",
        header=(*header, "DAT %", "low  ", "high  ", "DETA %", "low   ", "high   "),
        rows=tuple(rows),
    )


def _mode_cells(runs: Runs) -> tuple[float, ...]:
    return tuple(number for mode in _MODES for number in cells(runs.reduction(mode)))
