"""Every policy on the same days: the planner's modes against published rules, at equal work and deadlines.

A day begins at a random hour of the bundled traces; the forecast error is the scenario's. Nothing is tuned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from sunward.simulation.experiments.bench import HERE, Crew
from sunward.simulation.experiments.result import (
    Claim,
    DotChart,
    Level,
    Result,
    Row,
    Series,
    Table,
    cells,
    percent,
    points,
)
from sunward.simulation.experiments.statistics import Estimate, mean, points_gained, reduction_percent
from sunward.simulation.outcome import Outcome
from sunward.simulation.parallel import Run, run_one
from sunward.simulation.policies.rules import BASELINE, RULES
from sunward.simulation.scenario import load_scenario

PLANNED: Final = ("temporal only", "DAT", "DETA", "DETA, no sleep", "DETA, oracle")
_HOURS_OF_TRACES = 28 * 24
_SMALL = (BASELINE, "none + sleep", "DET", "greedy lowest", "FedZero rule", "DAT", "DETA", "DETA, oracle")

Days = Mapping[str, Sequence[Outcome]]


def compare_policies(seeds: Sequence[int], crew: Crew = HERE, *, small: bool = False) -> Result:
    """All policies on one day per seed; `small` keeps eight of them."""
    names = [name for name in (*(rule.name for rule in RULES), *PLANNED) if not small or name in _SMALL]
    scenario = load_scenario("paper-day")
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
        claims=_claims(days),
        tables=(_table(days), _gain_table(days)),
        figures=(_chart(days),),
    )


def first_hour(seed: int) -> int:
    """At which hour of the traces the day of a seed begins."""
    return int(np.random.default_rng(seed).integers(0, _HOURS_OF_TRACES))


def market_reduction(days: Days, name: str, baseline: str = BASELINE) -> Estimate:
    """Market-based reduction against a baseline on the same days."""
    return reduction_percent([day.market_grams for day in days[baseline]], [day.market_grams for day in days[name]])


def location_reduction(days: Days, name: str) -> Estimate:
    """Location-based reduction against none on the same days."""
    return reduction_percent([day.location_grams for day in days[BASELINE]], [day.location_grams for day in days[name]])


def _claims(days: Days) -> tuple[Claim, ...]:
    claims = [_closing_claim(days), _equal_work_claim(days), _sleep_claim(days), _best_rule_claim(days)]
    claims.append(_modes_claim(days))
    return (*claims, _forecast_claim(days), _centralise_claim(days)) if "centralise" in days else tuple(claims)


def _closing_claim(days: Days) -> Claim:
    worst = max(day.closing_error_ratio for runs in days.values() for day in runs)
    return Claim(
        name="Every ledger closes",
        paper=None,
        ours=f"largest error {worst:.1e} of the energy that flowed",
        level=Level.PREDICTED,
        holds=worst <= 1e-6,
    )


def _equal_work_claim(days: Days) -> Claim:
    owed = max(day.unfinished_batches / (day.batches + day.unfinished_batches) for r in days.values() for day in r)
    return Claim(
        name="All policies do the same work in time",
        paper=None,
        ours=f"at most {100 * owed:.2f} % of the batches of a day unfinished",
        level=Level.PREDICTED,
        holds=owed <= 0.001,
    )


def _sleep_claim(days: Days) -> Claim:
    share = market_reduction(days, "none + sleep")
    return Claim(
        name="Sleep alone",
        paper="nodes are switched off by task allocation",
        ours=f"{percent(share)} without moving or trading anything",
        level=Level.PREDICTED,
        note="the window is a whole day in which every node of the baseline stays on; "
        "a saving must not be credited to allocation that sleep alone brings",
    )


def _best_rule_claim(days: Days) -> Claim:
    rules = {rule.name for rule in RULES if not rule.unbounded} & set(days) - {BASELINE, "DET"}
    best = max(rules, key=lambda name: market_reduction(days, name).value)
    against = market_reduction(days, "DETA", best)
    return Claim(
        name="DETA against the best published rule",
        paper=None,
        ours=f"{percent(against)} below {best} ({percent(market_reduction(days, best))} below none); "
        f"DETA {percent(market_reduction(days, 'DETA'))} below none, {percent(location_reduction(days, 'DETA'))} "
        "location-based",
        level=Level.PREDICTED,
        holds=against.low > 0.0,
    )


def _modes_claim(days: Days) -> Claim:
    """None >= DET, DAT >= DETA day by day, carried out with forecasts that are wrong."""
    modes = (BASELINE, "DET", "DAT")
    count = len(days["DETA"])
    worse = {
        name: sum(day.market_grams > other.market_grams for day, other in zip(days["DETA"], days[name], strict=True))
        for name in modes
    }
    gained = {name: gain(days, name) for name in modes}
    return Claim(
        name="None, DET and DAT emit more than DETA",
        paper="DETA lowest, none highest",
        ours="; ".join(
            f"{points(gained[name])} less than {name} (more on {worse[name]} of {count} days)" for name in modes
        ),
        level=Level.SHAPE,
        holds=all(estimate.low > 0.0 for estimate in gained.values()),
        note="carried out under forecasts that err; under equal forecasts a plan of DETA is never worse, on any seed",
    )


def gain(days: Days, name: str, *, comparisons: int = 1) -> Estimate:
    """Points of none's market-based emissions that DETA saves more than a policy, on the same days."""
    grams = {key: [day.market_grams for day in days[key]] for key in (BASELINE, name, "DETA")}
    return points_gained(grams[BASELINE], grams[name], grams["DETA"], comparisons=comparisons)


def _forecast_claim(days: Days) -> Claim:
    loss = market_reduction(days, "DETA, oracle", "DETA")
    points = market_reduction(days, "DETA, oracle").value - market_reduction(days, "DETA").value
    return Claim(
        name="A perfect forecast",
        paper="complete information assumed",
        ours=f"{points:.1f} points more of the baseline; {percent(loss)} below DETA itself",
        level=Level.PREDICTED,
        note="energy is settled after the fact, so forecasts only steer when and where work runs",
    )


def _centralise_claim(days: Days) -> Claim:
    return Claim(
        name="Everything on the cleanest server",
        paper="lowest emissions with one server (Fig. 3)",
        ours=f"{percent(market_reduction(days, 'centralise'))} below none",
        level=Level.PREDICTED,
        note="one server cannot do ten servers' work within the day, so most of it runs at home at the last moment",
    )


def _gain_table(days: Days) -> Table:
    """DETA against every other policy, with intervals that hold together."""
    others = [name for name in days if name != "DETA"]
    rows = [
        (
            name,
            *cells(gain(days, name)),
            *cells(gain(days, name, comparisons=len(others)))[1:],
            sum(a.market_grams < b.market_grams for a, b in zip(days["DETA"], days[name], strict=True)),
        )
        for name in others
    ]
    return Table(
        name="gains",
        title="Points of none's emissions that DETA saves more than each policy, paired days; `all` intervals hold "
        f"together for {len(others)} comparisons (Bonferroni)",
        header=("policy", "points", "low", "high", "low, all", "high, all", f"days of {len(days['DETA'])} better"),
        rows=tuple(rows),
    )


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


def _table(days: Days) -> Table:
    return Table(
        name="policies",
        title="One day, ten workers; reductions against none with 95 % intervals, the rest as means per day",
        header=(
            "policy",
            "market-based %",
            "low",
            "high",
            "location-based %",
            "low ",
            "high ",
            "load Wh",
            "grid Wh",
            "harvest curtailed Wh",
            "moved %",
            "wakes",
            "stretch",
            "fairness",
            "unfinished batches",
            "days in time",
        ),
        rows=tuple(_row(days, name) for name in days),
    )


def _row(days: Days, name: str) -> Row:
    market, location, runs = market_reduction(days, name), location_reduction(days, name), days[name]
    return (
        name,
        *cells(market),
        *cells(location),
        round(mean([day.load_watt_hours for day in runs]).value, 1),
        round(mean([day.grid_watt_hours for day in runs]).value, 1),
        round(mean([day.curtailed_watt_hours for day in runs]).value, 1),
        round(100 * mean([day.moved_batches / day.batches for day in runs]).value, 1),
        round(mean([float(day.wakes) for day in runs]).value, 1),
        round(mean([day.stretch or 0.0 for day in runs]).value, 2),
        round(mean([day.fairness or 0.0 for day in runs]).value, 2),
        round(mean([day.unfinished_batches for day in runs]).value, 3),
        f"{sum(day.tasks_on_time for day in runs)}/{sum(day.tasks for day in runs)}",
    )
