"""A simulation as a result with tables and figures, so that it is written like an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sunward.accounting.savings import View
from sunward.simulation.experiments.result import Cell, Figure, Line, Result, Table
from sunward.simulation.outcome import Outcome
from sunward.simulation.report.savings import Gain, gain
from sunward.simulation.scenario import Scenario

TOTALS: Final[Mapping[str, Callable[[Outcome], float | None]]] = {
    "market g": lambda o: o.market_grams,
    "location g": lambda o: o.location_grams,
    "marginal g": lambda o: o.marginal_grams,
    "embodied g": lambda o: o.embodied_grams,
    "operator's own g": lambda o: o.planner_grams,
    "SCI, g per 1000 batches": lambda o: o.software_intensity.grams_per_unit if o.software_intensity else None,
    "embodied share of the SCI": lambda o: o.software_intensity.embodied_share if o.software_intensity else None,
    "operational g per 1000 batches": lambda o: o.grams_per_thousand_batches,
    "g per task in time": lambda o: o.grams_per_task_on_time,
    "g per prompt task": lambda o: o.grams_per_prompt_task,
    "24/7 score": lambda o: o.carbon_free_score,
    "load Wh": lambda o: o.load_watt_hours,
    "grid Wh": lambda o: o.grid_watt_hours,
    "fed into the grid Wh": lambda o: o.fed_in_watt_hours,
    "moved batches": lambda o: o.moved_batches,
    "unfinished batches": lambda o: o.unfinished_batches,
    "wakes": lambda o: o.wakes,
    "naps of a node in 24 h": lambda o: o.power_cycles,
    "evictions": lambda o: o.evictions,
    "evictions of a pod in 1 h": lambda o: o.evictions_per_pod_hour,
    "stretch": lambda o: o.stretch,
    "fairness": lambda o: o.fairness,
    "closing error": lambda o: o.closing_error_ratio,
}
"""Columns of the totals, each with what it shows of an outcome."""

HARVEST: Final[Mapping[str, Callable[[Outcome], float | None]]] = {
    "harvest Wh": lambda o: o.harvest_watt_hours,
    "used": lambda o: o.harvest_use.used if o.harvest_use else None,
    "stored": lambda o: o.harvest_use.stored if o.harvest_use else None,
    "sent": lambda o: o.harvest_use.sent if o.harvest_use else None,
    "curtailed": lambda o: o.harvest_use.curtailed if o.harvest_use else None,
    "utilisation": lambda o: o.harvest_use.utilisation if o.harvest_use else None,
}
"""Where the harvest went, as shares of it."""

TRANSFERS: Final[Mapping[str, Callable[[Outcome], float | None]]] = {
    "sent by wire Wh": lambda o: o.transferred.sent_physical_watt_hours,
    "received by wire Wh": lambda o: o.transferred.received_physical_watt_hours,
    "sent by contract Wh": lambda o: o.transferred.sent_contractual_watt_hours,
    "received by contract Wh": lambda o: o.transferred.received_contractual_watt_hours,
    "lost Wh": lambda o: o.transferred.lost_watt_hours,
}
"""Physical and contractual energy in columns of their own, because they are never added."""

SAVINGS: Final[Mapping[str, Callable[[Gain], float | None]]] = {
    f"{View.LOCATION} g": lambda g: g.location.grams,
    f"{View.LOCATION} ratio": lambda g: g.location.ratio,
    f"{View.MARKET} g": lambda g: g.market.grams,
    f"{View.MARKET} ratio": lambda g: g.market.ratio,
    "more in batteries Wh": lambda g: g.location.stored_watt_hours,
    "location g after the operator's own": lambda g: g.net.grams,
    "operator's g per g saved": lambda g: g.net.overhead_ratio,
    "average signal g": lambda g: g.signals.own_grams if g.signals else None,
    "marginal signal g": lambda g: g.signals.other_grams if g.signals else None,
    "task hours per hour of the baseline": lambda g: g.stretch,
}
"""Savings never stand alone: batteries, the planner, the other signal and the time that work took are beside them."""


def result_of(scenario: Scenario, outcomes: Sequence[Outcome], seed: int) -> Result:
    """Totals per policy, savings against the first one, and the course of load, harvest and emissions.

    It makes no claims, because a simulation asks no question.
    """
    return Result(
        name=scenario.name,
        title=f"{scenario.name}: {scenario.description}",
        settings={"seed": seed, "periods": scenario.periods, "period_seconds": scenario.period_seconds},
        tables=(
            _table("totals", "Totals", TOTALS, outcomes),
            _savings(outcomes),
            _table("harvest", "Where the harvest went", HARVEST, outcomes),
            _table("transfers", "Energy shared between nodes", TRANSFERS, outcomes),
            _stages(outcomes),
        ),
        figures=(
            _figure(scenario, outcomes, "emissions", "market-based g CO2e per period", "market_grams_by_period"),
            _figure(scenario, outcomes, "location", "location-based g CO2e per period", "location_grams_by_period"),
            _figure(scenario, outcomes, "load", "load (Wh per period)", "load_by_period"),
            _figure(scenario, outcomes[:1], "harvest", "harvest offered (Wh per period)", "harvest_by_period"),
        ),
    )


def _table(
    name: str, title: str, columns: Mapping[str, Callable[[Outcome], float | None]], outcomes: Sequence[Outcome]
) -> Table:
    """One row per policy."""
    return Table(
        name=name,
        title=title,
        header=("policy", *columns),
        rows=tuple((o.policy, *(_rounded(column(o)) for column in columns.values())) for o in outcomes),
    )


def _rounded(amount: float | None) -> Cell:
    """Six decimals, so that a closing error still shows."""
    return None if amount is None else round(amount, 6)


def _savings(outcomes: Sequence[Outcome]) -> Table:
    gains = [gain(outcomes[0], outcome) for outcome in outcomes[1:]]
    return Table(
        name="savings",
        title=f"Savings against {gains[0].location.method}" if gains else "Savings",
        header=("policy", *SAVINGS, "signals contradict"),
        rows=tuple(
            (one.policy, *(_rounded(column(one)) for column in SAVINGS.values()), _contradict(one)) for one in gains
        ),
    )


def _contradict(one: Gain) -> str | None:
    """Whether the saving changes its sign with the signal; then neither number may be quoted alone."""
    if one.signals is None:
        return None
    return "yes" if one.signals.contradict else "no"


def _stages(outcomes: Sequence[Outcome]) -> Table:
    """Energy and emissions by stage of the life cycle; scenarios train, and serve or adapt nothing."""
    return Table(
        name="stages",
        title="Life cycle: moving data over the network is preparation, what the nodes drew is development",
        header=("policy", "stage", "Wh", "location g", "share"),
        rows=tuple(
            (o.policy, str(one.stage), *map(_rounded, (one.watt_hours, one.location_grams, one.share)))
            for o in outcomes
            for one in o.stages
        ),
    )


def _figure(scenario: Scenario, outcomes: Sequence[Outcome], name: str, y_label: str, field: str) -> Figure:
    hours = tuple(k * scenario.period_hours for k in range(scenario.periods))
    return Figure(
        name=name,
        title=f"{scenario.name}: {name}",
        x_label="hours since the start",
        y_label=y_label,
        lines=tuple(Line(label=o.policy, x=hours, y=getattr(o, field)) for o in outcomes),
    )
