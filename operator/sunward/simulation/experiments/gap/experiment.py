"""`sunward experiment gap`: the ladder of a scenario, as a table, a waterfall and data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import Final

from sunward.simulation.experiments.bench import HERE, Crew
from sunward.simulation.experiments.comparison.days import first_hour
from sunward.simulation.experiments.gap.rungs import RULES, Case, Effort, Piece, Rung, Step, baseline, rung, tightened
from sunward.simulation.experiments.result import Result, Row, Table, Waterfall
from sunward.simulation.experiments.week import week_scenario
from sunward.simulation.scenario import bundled_scenarios, load_scenario

POLICY_DAYS: Final = "policy-days"
TRACE_DAYS: Final = "trace-days"
PURE: Final = "optimum"
NONE: Final = "none"
HEADER: Final = ("restriction", "g", "bound g", "added g", "kWh", "idle h", "proven")


def cases_of(names: Sequence[str], days: int) -> tuple[Case, ...]:
    """The cases that these names stand for: a bundled scenario, a file, or one of the two sets of days.

    Raises InvalidInput for a scenario that does not exist or is wrong.
    """
    return tuple(case for name in names or bundled_scenarios() for case in _cases(name, days))


def _cases(name: str, days: int) -> Iterable[Case]:
    if name in (POLICY_DAYS, TRACE_DAYS):
        scenario = load_scenario("paper-day") if name == POLICY_DAYS else week_scenario(days=1)
        for seed in range(days):
            yield Case(name=name, scenario=scenario, seed=seed, first_period=first_hour(seed))
        return
    scenario = load_scenario(name)
    yield Case(name=scenario.name, scenario=scenario)


def gap(cases: Sequence[Case], crew: Crew = HERE, *, effort: Effort) -> Result:
    """The ladder of every scenario or set of days; cases are computed rung by rung."""
    pieces = [Piece(case=case, rule=rule, effort=effort) for case in cases for rule in RULES]
    found = crew.each(rung, pieces, alone=True)
    bases = [run.market_grams for run in crew.each(baseline, cases, alone=True)]
    ladders = [tightened(found[k * len(RULES) : (k + 1) * len(RULES)]) for k in range(len(cases))]
    by_name: dict[str, list[int]] = {}
    for place, case in enumerate(cases):
        by_name.setdefault(case.name, []).append(place)
    sets = {name: [ladders[k] for k in places] for name, places in by_name.items()}
    grams = {name: mean([bases[k] for k in places]) or 0.0 for name, places in by_name.items()}
    return Result(
        name="gap",
        title="From the optimum to the operated run",
        settings={
            "scenarios": tuple(sets),
            "days each": {name: len(days) for name, days in sets.items()},
            "seconds per model": effort.seconds,
        },
        tables=tuple(_table(name, days, grams[name]) for name, days in sets.items()),
        figures=tuple(_waterfall(name, days, grams[name]) for name, days in sets.items()),
    )


def mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where any value is unknown, because the mean of the others would be of other days."""
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known and len(known) == len(values) else None


def label(one: Rung) -> str:
    """What the rung is called in tables and figures."""
    return PURE if one.rule is None else f"+ {one.rule}"


def _table(name: str, days: Sequence[Sequence[Rung]], none: float) -> Table:
    """Means per day; `added` is what a restriction costs on top of those above it."""
    what = f"means of {len(days)} days" if len(days) > 1 else "one run"
    return Table(
        name=f"ladder-{name}",
        title=f"{name}: from the optimum to the operated run, {what}",
        header=HEADER,
        rows=(*_rows(days), (NONE, _rounded(none, 1), None, None, None, None, "")),
    )


def _rows(days: Sequence[Sequence[Rung]]) -> Iterable[Row]:
    before: float | None = None
    for rungs in zip(*days, strict=True):
        grams = mean([one.grams for one in rungs])
        added = None if grams is None or before is None else grams - before
        yield (
            label(rungs[0]),
            _rounded(grams, 1),
            _rounded(mean([one.bound_grams for one in rungs]), 1),
            _rounded(added, 1),
            _rounded(mean([one.kilowatt_hours for one in rungs]), 3),
            _rounded(mean([one.idle_hours for one in rungs]), 1),
            _proven(rungs),
        )
        before = grams if grams is not None else before


def _proven(rungs: Sequence[Rung]) -> str:
    """How many of the days are proven; runs of the operator are no optima."""
    if isinstance(rungs[0].rule, Step):
        return "run"
    return f"{sum(one.is_proven for one in rungs)}/{len(rungs)}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits) + 0.0


def _waterfall(name: str, days: Sequence[Sequence[Rung]], none: float) -> Waterfall:
    columns: Mapping[str, tuple[float | None, float | None]] = {
        label(rungs[0]): (mean([one.grams for one in rungs]), mean([one.bound_grams for one in rungs]))
        for rungs in zip(*days, strict=True)
    }
    return Waterfall(
        name=f"waterfall-{name}",
        title=f"{name}: where the grams go",
        x_label="market-based emissions (g per run)",
        rows=tuple(columns),
        values=tuple(value for value, _ in columns.values()),
        bounds=tuple(bound for _, bound in columns.values()),
        end=(NONE, none),
    )
