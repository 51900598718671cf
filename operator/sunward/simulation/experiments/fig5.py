"""Fig. 5: emissions of none, DET, DAT and DETA against the number of servers, under three trading rules.

Market-based numbers let a contract move harvest between regions; location-based ones, which the SCI demands,
do not. The paper's testbed has one server per region, so none of its transfers is physical: both are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from sunward.simulation.experiments.ensembles import (
    CALIBRATED_HARVEST,
    Runs,
    Siting,
    half_lit,
    run_modes,
    ten_workers,
)
from sunward.simulation.experiments.paper import REDUCTION_PERCENT, REGIONS
from sunward.simulation.experiments.result import Claim, Figure, Level, Result, Row, Table, line, percent
from sunward.simulation.experiments.session import Mode, Session, Solver, Trading
from sunward.simulation.experiments.statistics import Estimate

_WORKERS = tuple(range(2, 11))
_FEW_WORKERS = (2, 5, 10)
_MEAN_INTENSITY = sum(REGIONS.values()) / len(REGIONS)
_HARVEST = 0.27
_OPTIMISED = (Mode.DET, Mode.DAT, Mode.DETA)


def fig5(seeds: Sequence[int], solve: Solver, *, small: bool = False) -> Result:
    """Modes against servers with sun on half of the workers, and the calibrated point at ten."""
    sizes = _FEW_WORKERS if small else _WORKERS
    grown = {
        rule: {n: run_modes(_grown(n, rule), seeds, solve) for n in sizes}
        for rule in (Trading.ANY_HARVEST, Trading.SURPLUS_ONLY, Trading.CO_LOCATED)
    }
    point = run_modes(ten_workers(Siting.FIVE, CALIBRATED_HARVEST), seeds, solve)
    return Result(
        name="fig5",
        title="Fig. 5: none, DET, DAT and DETA against servers",
        settings={"seeds": len(seeds), "harvest_ratio": _HARVEST, "calibrated": CALIBRATED_HARVEST},
        claims=(
            *_order_claims(grown),
            _growth_claim(grown[Trading.ANY_HARVEST]),
            _headline_claim(point),
            _location_claim(point),
            _one_site_claim(grown[Trading.CO_LOCATED][10]),
        ),
        tables=(_point_table(grown, point),),
        figures=tuple(_figure(rule, runs) for rule, runs in grown.items()),
    )


def _grown(workers: int, rule: Trading) -> Callable[[int], Session]:
    """Workers in random regions (their mean intensity when they share one site), half of them with sun."""

    def build(seed: int) -> Session:
        order = np.random.default_rng(10_000 + seed).permutation(list(REGIONS.values()))
        placed = tuple(float(grams) for grams in order[:workers])
        if rule is Trading.CO_LOCATED:
            placed = (_MEAN_INTENSITY,) * workers
        return Session(intensities=placed, harvest_ratios=half_lit(_HARVEST, workers, seed), trading=rule)

    return build


def never_worse(runs: Runs) -> bool:
    """DETA <= DET, DAT and none, and both <= none, on every single seed (to the solver's tolerance)."""
    grams = [runs.market[mode] for mode in Mode]
    return all(
        deta <= min(none, det, dat) * (1 + 1e-6) + 1e-9 and max(det, dat) <= none * (1 + 1e-6) + 1e-9
        for none, det, dat, deta in zip(*grams, strict=True)
    )


def _order_claims(grown: dict[Trading, dict[int, Runs]]) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            name=f"None >= DET, DAT >= DETA ({rule})",
            paper="DETA lowest, none highest",
            ours="on every seed and at every number of servers",
            level=Level.SHAPE,
            holds=all(never_worse(runs) for runs in by_workers.values()),
        )
        for rule, by_workers in grown.items()
    )


def _growth_claim(by_workers: dict[int, Runs]) -> Claim:
    values = [runs.reduction(Mode.DETA).value for runs in by_workers.values()]
    return Claim(
        name="DETA's reduction grows with the number of servers",
        paper="increases with the number of servers",
        ours=", ".join(f"{value:.1f}" for value in values) + f" % for {min(by_workers)} to {max(by_workers)} workers",
        level=Level.SHAPE,
        holds=values[-1] > values[0] and all(later > earlier - 2 for earlier, later in pairwise(values)),
        note="saturates after five to six workers; steps down of under two points are within the intervals",
    )


def _headline_claim(point: Runs) -> Claim:
    found = point.reduction(Mode.DETA)
    return Claim(
        name="DETA at ten servers",
        paper=f"up to {REDUCTION_PERCENT} %",
        ours=percent(found),
        level=Level.CALIBRATED,
        holds=found.low <= REDUCTION_PERCENT <= found.high,
        note=f"one parameter was chosen for this: harvest {CALIBRATED_HARVEST} of demand on five random workers; "
        "with any harvest tradable, 0 W asleep and three times the time. Not a reproduction",
    )


def _location_claim(point: Runs) -> Claim:
    plan, allocation = point.location_reduction(Mode.DETA), point.reduction(Mode.DAT)
    return Claim(
        name="The same without contractual transfers",
        paper=None,
        ours=f"DETA's plan {percent(plan)} location-based; the best such plan is DAT's, {percent(allocation)}",
        level=Level.CALIBRATED,
        holds=plan.value <= allocation.high,
        note="one server per region: no transfer is physical, and the SCI excludes market-based measures",
    )


def _one_site_claim(runs: Runs) -> Claim:
    found = runs.reduction(Mode.DETA)
    return Claim(
        name="Ten servers on one site",
        paper=None,
        ours=percent(found),
        level=Level.PREDICTED,
        note="one grid, physical sharing, the same harvest on five workers: little is left to move",
    )


def _point_table(grown: dict[Trading, dict[int, Runs]], point: Runs) -> Table:
    rows: list[Row] = [(f"calibrated, {mode}", *_cells(point, mode)) for mode in _OPTIMISED]
    for rule, by_workers in grown.items():
        rows += [(f"{rule}, half lit, {mode}", *_cells(by_workers[10], mode)) for mode in _OPTIMISED]
    return Table(
        name="ten-workers",
        title="Ten workers: reduction against none, percent, with 95 % intervals",
        header=("setting", "market-based", "low", "high", "location-based", "low ", "high "),
        rows=tuple(rows),
    )


def _cells(runs: Runs, mode: Mode) -> tuple[float, ...]:
    return (*_rounded(runs.reduction(mode)), *_rounded(runs.location_reduction(mode)))


def _rounded(estimate: Estimate) -> tuple[float, float, float]:
    return round(estimate.value, 1), round(estimate.low, 1), round(estimate.high, 1)


def _figure(rule: Trading, by_workers: dict[int, Runs]) -> Figure:
    x = tuple(map(float, by_workers))
    market = [line(str(m), x, tuple(runs.reduction(m) for runs in by_workers.values())) for m in _OPTIMISED]
    location = line(
        "DETA, location-based", x, tuple(runs.location_reduction(Mode.DETA) for runs in by_workers.values())
    )
    lines = market if rule is Trading.CO_LOCATED else [*market, location]
    return Figure(
        name=f"reduction-{str(rule).replace(' ', '-')}",
        title=f"Reduction against none, {rule}",
        x_label="workers",
        y_label="reduction (%)",
        lines=tuple(lines),
    )
