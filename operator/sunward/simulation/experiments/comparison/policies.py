"""Every policy on the same days: the operator and the pure optimiser against published rules, at equal work.

A day begins at a random hour of the bundled traces; the forecast error is the scenario's. Nothing is tuned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sunward.simulation.experiments.bench import HERE, Crew
from sunward.simulation.experiments.comparison.claims import claims
from sunward.simulation.experiments.comparison.days import (
    BEST,
    Days,
    first_hour,
    gain,
    grams,
    location_reduction,
    market_reduction,
    settled,
)
from sunward.simulation.experiments.comparison.guards import HELD_BACK, guards_table
from sunward.simulation.experiments.mode_order import LESS, MOST, order_table
from sunward.simulation.experiments.result import Cell, DotChart, Result, Row, Series, Table, cells
from sunward.simulation.experiments.statistics import mean
from sunward.simulation.outcome import Outcome
from sunward.simulation.parallel import Run, run_one
from sunward.simulation.policies.registry import PURE
from sunward.simulation.policies.rules import BASELINE, RULES
from sunward.simulation.scenario import load_scenario

PLANNED: Final = ("temporal only", "DAT", "DETA", "DETA, no sleep", "DETA, oracle")
NAMES: Final = (
    *(rule.name for rule in RULES),
    *HELD_BACK,
    *PLANNED,
    *LESS,
    *(name + PURE for name in PLANNED),
)
"""Rules alone and under the operator's guards; those that plan as the operator runs them and, with a suffix, as the
paper's model has them; and the modes that may do less than DETA, with equal forecasts."""
_SMALL = (BASELINE, "none + sleep", "DET", "greedy lowest", "FedZero rule", "DETA", "DAT" + PURE, BEST)
_ALSO_SMALL = (*HELD_BACK, *LESS, MOST)


def compare_policies(seeds: Sequence[int], crew: Crew = HERE, *, small: bool = False) -> Result:
    """All policies on one day per seed; `small` leaves out most rules and ablations."""
    scenario = load_scenario("paper-day")
    names = [name for name in NAMES if not small or name in (*_SMALL, *_ALSO_SMALL)]
    runs = [
        Run(scenario=scenario, policy=name, seed=seed, first_period=first_hour(seed))
        for name in names
        for seed in seeds
    ]
    outcomes = crew.each(run_one, runs, alone=True)
    days = {name: outcomes[k * len(seeds) : (k + 1) * len(seeds)] for k, name in enumerate(names)}
    return Result(
        name="policies",
        title="Policies on the same days",
        settings={"scenario": scenario.name, "days": len(seeds), "harvest error": "30 % at 6 h"},
        claims=claims(days),
        tables=(_table(days), _gain_table(days), guards_table(days), order_table(settled(days))),
        figures=(_chart(days),),
    )


def _gain_table(days: Days) -> Table:
    """DETA against every other policy, with intervals that hold together."""
    others = [name for name in days if name != BEST]
    return Table(
        name="gains",
        title=f"Points of none's emissions that {BEST} saves more than each policy, paired days; `all` intervals hold "
        f"together for {len(others)} comparisons (Bonferroni)",
        header=("policy", "points", "low", "high", "low, all", "high, all", f"days of {len(days[BEST])} better"),
        rows=tuple(_gain_row(days, name, len(others)) for name in others),
    )


def _gain_row(days: Days, name: str, comparisons: int) -> Row:
    better = sum(own < other for own, other in zip(grams(days, BEST), grams(days, name), strict=True))
    together = cells(gain(days, name, comparisons=comparisons))
    return (name, *cells(gain(days, name)), *together[1:], better)


def _chart(days: Days) -> DotChart:
    names = sorted((name for name in days if name != BASELINE), key=lambda name: -market_reduction(days, name).value)
    return DotChart(
        name="policies-chart",
        title="Policies on the same days",
        x_label="reduction against none (%)",
        rows=tuple(names),
        series=(
            Series(label="market-based", values=tuple(market_reduction(days, name) for name in names)),
            Series(label="location-based", values=tuple(location_reduction(days, name) for name in names)),
        ),
    )


def _mean(amount: Callable[[Outcome], float | None], digits: int) -> Callable[[Sequence[Outcome]], Cell]:
    """A column: the mean over days, None counting as zero, rounded."""
    return lambda runs: round(mean([amount(day) or 0.0 for day in runs]).value, digits)


_COLUMNS: Final[Mapping[str, Callable[[Sequence[Outcome]], Cell]]] = {
    "load Wh": _mean(lambda day: day.load_watt_hours, 1),
    "grid Wh": _mean(lambda day: day.grid_watt_hours, 1),
    "harvest curtailed Wh": _mean(lambda day: day.curtailed_watt_hours, 1),
    "g per 1000 batches": _mean(lambda day: day.grams_per_thousand_batches, 2),
    "moved %": lambda runs: round(100 * mean([day.moved_batches / day.batches for day in runs]).value, 1),
    "wakes": _mean(lambda day: float(day.wakes), 1),
    "most wakes of a node": lambda runs: max(day.power_cycles for day in runs),
    "planner Wh": _mean(lambda day: day.planner_watt_hours, 2),
    "stretch": _mean(lambda day: day.stretch, 2),
    "fairness": _mean(lambda day: day.fairness, 2),
    "unfinished batches": _mean(lambda day: day.unfinished_batches, 3),
    "days in time": lambda runs: f"{sum(day.tasks_on_time for day in runs)}/{sum(day.tasks for day in runs)}",
}
"""What stands behind the reductions, from the days of one policy."""


def _table(days: Days) -> Table:
    return Table(
        name="policies",
        title="One day, ten workers; reductions against none with 95 % intervals, the rest as means per day",
        header=("policy", "market-based %", "low", "high", "location-based %", "low ", "high ", *_COLUMNS),
        rows=tuple(_row(days, name) for name in days),
    )


def _row(days: Days, name: str) -> Row:
    reductions = (*cells(market_reduction(days, name)), *cells(location_reduction(days, name)))
    return (name, *reductions, *(column(days[name]) for column in _COLUMNS.values()))
