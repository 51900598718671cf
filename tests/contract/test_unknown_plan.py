"""What no solver found is missing in the object, the metric and the table, and never zero.

The walk publishes once with everything known, then takes inputs away and publishes again over what stood there. What
rests on an absent input must be gone, and no other number may have become zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from sunward.cli import status as table
from sunward.cluster.reporting import plan_objects
from sunward.domain.cause import Cause
from sunward.domain.plans import Plan, PlanStatus, SolverReport
from sunward.domain.reasons import Reason
from sunward.telemetry.metrics import Metrics
from support import figures
from support.loop.store import Body, merged
from support.planning import FOUND, NOW, a_plan, a_policy, a_snapshot

GRAMS = a_plan().emissions_by_mode_grams
HELD = SolverReport(status=PlanStatus.HELD, cause=Cause(Reason.DATA_UNAVAILABLE, "the metrics store does not respond"))
IMPOSSIBLE = SolverReport(
    status=PlanStatus.INFEASIBLE, cause=Cause(Reason.PLAN_INFEASIBLE, "no plan meets every limit")
)


def without(mode: str) -> Plan:
    """A plan of which the emissions of a mode are not known."""
    return a_plan(emissions_by_mode_grams={name: grams for name, grams in GRAMS.items() if name != mode})


def of_mode(mode: str) -> set[str]:
    """Where the emissions of a mode stand."""
    cell = set() if mode == "bound" else {f"table/plan-1/{mode} mg"}
    return {f"emissions/{mode}", f"metric/sunward_plan_emissions_grams{{{mode}}}"} | cell


BOUND = {"solution/lowerBoundMicrogramsCO2e"} | of_mode("bound")
ALL_GRAMS = {where for mode in GRAMS for where in of_mode(mode)}
NOTHING_FOUND = (
    ALL_GRAMS
    | BOUND
    | {"solution/objectiveMicrogramsCO2e", "solution/relativeGapPartsPerMillion", "solution/solveMilliseconds"}
)
OF_A_PLAN: Mapping[str, tuple[Plan, set[str]]] = {
    "no objective": (a_plan(solver=replace(FOUND, objective_grams=None)), {"solution/objectiveMicrogramsCO2e"}),
    "no bound": (a_plan(solver=replace(FOUND, lower_bound_grams=None)), BOUND),
    "no time": (a_plan(solver=replace(FOUND, solve_seconds=None)), {"solution/solveMilliseconds"}),
    "no gap": (a_plan(solver=replace(FOUND, relative_gap=None)), {"solution/relativeGapPartsPerMillion"}),
    "held": (a_plan(solver=HELD, emissions_by_mode_grams={}), NOTHING_FOUND),
    "infeasible": (a_plan(solver=IMPOSSIBLE, emissions_by_mode_grams={}), NOTHING_FOUND),
    **{f"no {gone}": (without(gone), of_mode(gone)) for gone in GRAMS},
}


def planned(plan: Plan, over: Body, metrics: Metrics) -> tuple[Body, figures.Figures]:
    """The EnergyPlan's status after this plan, and every number that is then told of it."""
    status = merged(over, plan_objects.plan_status(plan, a_snapshot(), {}, over, NOW))
    metrics.planned(plan, a_policy().mode, 0.5)
    rows = table.plans({"energyplans": [{"metadata": {"name": plan.name}, "status": status}]})
    kept = {key: status[key] for key in ("solution", "emissions") if key in status}
    numbers = {where.lstrip("/"): number for where, number in figures.of_object(kept).items()}
    numbers |= {f"table/{where}": number for where, number in figures.of_table(table.PLAN_COLUMNS, rows).items()}
    gauges = {w: n for w, n in figures.of_metrics(metrics).items() if w.startswith("sunward_plan_emissions_grams")}
    return status, numbers | {f"metric/{where}": number for where, number in gauges.items()}


@pytest.mark.parametrize("name", sorted(OF_A_PLAN))
def test_what_no_solver_found_is_nowhere_a_number(name: str) -> None:
    metrics = Metrics()
    plan, gone = OF_A_PLAN[name]
    status, before = planned(a_plan(), {}, metrics)
    assert set(before) == NOTHING_FOUND
    status, after = planned(plan, status, metrics)
    figures.assert_only_missing(before, after, gone)
    messages = {c["type"]: c["message"] for c in status["conditions"]}
    assert "0.0000 g" not in messages["Planned"]
    assert plan.hold is None or messages["Planned"] == messages["Applied"] == plan.hold.message
