"""A simulation as a result with a table and figures, so that it is written like an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from sunward.simulation.experiments.result import Figure, Line, Result, Row, Table
from sunward.simulation.outcome import Outcome
from sunward.simulation.scenario import Scenario


def result_of(scenario: Scenario, outcomes: Sequence[Outcome], seed: int) -> Result:
    """Totals per policy and the course of load, harvest and emissions; no claims, for nothing was asked."""
    return Result(
        name=scenario.name,
        title=f"{scenario.name}: {scenario.description}",
        settings={"seed": seed, "periods": scenario.periods, "period_seconds": scenario.period_seconds},
        tables=(_totals(outcomes),),
        figures=(
            _figure(scenario, outcomes, "emissions", "emissions (g CO2e per period)", "market_grams_by_period"),
            _figure(scenario, outcomes, "load", "load (Wh per period)", "load_by_period"),
            _figure(scenario, outcomes[:1], "harvest", "harvest offered (Wh per period)", "harvest_by_period"),
        ),
    )


def _totals(outcomes: Sequence[Outcome]) -> Table:
    header = (
        "policy",
        "market g",
        "location g",
        "marginal g",
        "embodied g",
        "operator's own g",
        "load Wh",
        "grid Wh",
        "harvest Wh",
        "curtailed Wh",
        "sent Wh",
        "sent over wires Wh",
        "lost Wh",
        "g per 1000 batches",
        "moved batches",
        "unfinished batches",
        "wakes",
        "naps of a node in 24 h",
        "evictions",
        "stretch",
        "fairness",
        "closing error",
    )
    return Table(name="totals", title="Totals", header=header, rows=tuple(_row(outcome) for outcome in outcomes))


def _row(outcome: Outcome) -> Row:
    amounts = (
        outcome.market_grams,
        outcome.location_grams,
        outcome.marginal_grams,
        outcome.embodied_grams,
        outcome.planner_grams,
        outcome.load_watt_hours,
        outcome.grid_watt_hours,
        outcome.harvest_watt_hours,
        outcome.curtailed_watt_hours,
        outcome.sent_watt_hours,
        outcome.sent_physical_watt_hours,
        outcome.lost_watt_hours,
        outcome.grams_per_thousand_batches,
        outcome.moved_batches,
        outcome.unfinished_batches,
        float(outcome.wakes),
        float(outcome.power_cycles),
        float(outcome.evictions),
        outcome.stretch,
        outcome.fairness,
    )
    rounded = tuple(None if amount is None else round(amount, 3) for amount in amounts)
    return (outcome.policy, *rounded, outcome.closing_error_ratio)


def _figure(scenario: Scenario, outcomes: Sequence[Outcome], name: str, y_label: str, field: str) -> Figure:
    hours = tuple(k * scenario.period_hours for k in range(scenario.periods))
    return Figure(
        name=name,
        title=f"{scenario.name}: {name}",
        x_label="hours since the start",
        y_label=y_label,
        lines=tuple(Line(label=o.policy, x=hours, y=getattr(o, field)) for o in outcomes),
    )
