"""Which harvest gives 74.9 %: the one number that the paper leaves open and that decides its headline.

For each siting of the sun and each trading rule the harvest over demand is found by false position on the
reduction of DETA, which grows with harvest up to that point; the interval comes from the same seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sunward.simulation.experiments.ensembles import Runs, Siting, run_modes, ten_workers
from sunward.simulation.experiments.paper import REDUCTION_PERCENT
from sunward.simulation.experiments.result import Claim, Level, Result, Row, Table, percent
from sunward.simulation.experiments.session import Mode, Solver, Trading

_LOOKS = 12
_CLOSE_POINTS = 0.01
_HIGHEST = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A siting and a rule, the harvest published for them, and what we find."""

    siting: Siting
    trading: Trading
    published: str
    harvest: float | None = None
    runs: Runs | None = None


_POINTS = (
    Point(siting=Siting.UNIFORM, trading=Trading.ANY_HARVEST, published="0.2666"),
    Point(siting=Siting.FIVE, trading=Trading.ANY_HARVEST, published="0.2703"),
    Point(siting=Siting.EXPONENTIAL, trading=Trading.ANY_HARVEST, published="0.2958"),
    Point(siting=Siting.THREE, trading=Trading.SURPLUS_ONLY, published="0.29-0.30"),
    Point(siting=Siting.FIVE, trading=Trading.SURPLUS_ONLY, published="about 0.36"),
    Point(siting=Siting.EXPONENTIAL, trading=Trading.SURPLUS_ONLY, published="about 0.40"),
)


def calibration(seeds: Sequence[int], solve: Solver, *, small: bool = False) -> Result:
    """All sitings and rules; `small` looks only at five random workers that may sell any harvest."""
    points = [p for p in _POINTS if not small] or [_POINTS[1]]
    found = [_calibrate(point, seeds, solve) for point in points]
    return Result(
        name="calibration",
        title=f"Which harvest gives {REDUCTION_PERCENT} %",
        settings={"seeds": len(seeds), "small": small},
        claims=tuple(_claim(point) for point in found),
        tables=(_table(found),),
    )


def harvest_for(siting: Siting, trading: Trading, target: float, seeds: Sequence[int], solve: Solver) -> float | None:
    """Harvest over demand at which DETA cuts `target` percent; None when no harvest up to 0.5 reaches it."""
    low, high = 0.0, _HIGHEST
    at_low, at_high = -target, _deta(siting, trading, high, seeds, solve) - target
    if at_high < 0.0:
        return None
    middle = high
    for _ in range(_LOOKS):  # false position, halving a side that stays: the curve bends only one way
        middle = high - at_high * (high - low) / (at_high - at_low)
        found = _deta(siting, trading, middle, seeds, solve) - target
        if abs(found) < _CLOSE_POINTS:
            break
        if found > 0.0:
            high, at_high, at_low = middle, found, at_low / 2
        else:
            low, at_low, at_high = middle, found, at_high / 2
    return middle


def _deta(siting: Siting, trading: Trading, harvest: float, seeds: Sequence[int], solve: Solver) -> float:
    build = ten_workers(siting, harvest, trading=trading)
    return run_modes(build, seeds, solve, (Mode.NONE, Mode.DETA)).reduction(Mode.DETA).value


def _calibrate(point: Point, seeds: Sequence[int], solve: Solver) -> Point:
    harvest = harvest_for(point.siting, point.trading, REDUCTION_PERCENT, seeds, solve)
    runs = None
    if harvest is not None:
        runs = run_modes(ten_workers(point.siting, harvest, trading=point.trading), seeds, solve)
    return Point(siting=point.siting, trading=point.trading, published=point.published, harvest=harvest, runs=runs)


def _claim(point: Point) -> Claim:
    name = f"{point.siting}, {point.trading}"
    if point.harvest is None or point.runs is None:
        return Claim(name=name, paper="harvest not stated", ours="not reached", level=Level.CALIBRATED, holds=False)
    return Claim(
        name=name,
        paper="harvest not stated",
        ours=f"harvest {point.harvest:.3f} of demand: DET {percent(point.runs.reduction(Mode.DET))}, "
        f"DAT {percent(point.runs.reduction(Mode.DAT))}, DETA {percent(point.runs.reduction(Mode.DETA))}",
        level=Level.CALIBRATED,
        note=f"an independent computation found {point.published}",
    )


def _table(found: Sequence[Point]) -> Table:
    rows: list[Row] = []
    for point in found:
        cells = [None] * 9 if point.runs is None else _cells(point.runs)
        harvest = None if point.harvest is None else round(point.harvest, 4)
        rows.append((str(point.siting), str(point.trading), harvest, point.published, *cells))
    header = ("siting", "rule", "harvest / demand", "published", "DET %", "low", "high")
    return Table(
        name="points",
        title="Harvest that gives the headline, and what the other modes give there",
        header=(*header, "DAT %", "low ", "high ", "DETA %", "low  ", "high  "),
        rows=tuple(rows),
    )


def _cells(runs: Runs) -> list[float]:
    cells: list[float] = []
    for mode in (Mode.DET, Mode.DAT, Mode.DETA):
        estimate = runs.reduction(mode)
        cells += [round(estimate.value, 1), round(estimate.low, 1), round(estimate.high, 1)]
    return cells
