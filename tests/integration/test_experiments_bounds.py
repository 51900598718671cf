"""What must hold on every seed: DETA is never worse under equal forecasts, and grams are what the books say."""

from __future__ import annotations

from math import fsum

import pytest

from sunward.optimisation.solve import solve_exact
from sunward.simulation.compile import pure_problem
from sunward.simulation.experiments.comparison.days import first_hour
from sunward.simulation.future import Future
from sunward.simulation.machine import first_state
from sunward.simulation.parallel import planner
from sunward.simulation.policies.registry import policies
from sunward.simulation.scenario import Scenario, load_scenario
from sunward.simulation.simulator import _Run, cluster_of
from sunward.simulation.snapshots import Allowed
from sunward.simulation.tasks import tasks_of

GAP = 1e-6
MODES = {
    "none": Allowed(share_energy=False, offload_tasks=False, sleep=False, shift_in_time=False),
    "DET": Allowed(share_energy=True, offload_tasks=False, sleep=False, shift_in_time=False),
    "DAT": Allowed(share_energy=False, offload_tasks=True, sleep=True, shift_in_time=True),
    "DETA": Allowed(share_energy=True, offload_tasks=True, sleep=True, shift_in_time=True),
}


def planned_grams(scenario: Scenario, seed: int, allowed: Allowed) -> float:
    """What a mode's plan of a day expects to emit, under the forecasts that the seed gives to all modes."""
    future = Future(scenario, seed, first_period=first_hour(seed))
    states = {name: first_state(scenario, name) for name in scenario.nodes}
    outlook = future.outlook(0, scenario.horizon_periods)
    problem, _ = pure_problem(scenario, tasks_of(scenario), states, outlook, 0, allowed)
    solution = solve_exact(problem, relative_gap=GAP / 10)
    assert solution.objective_grams is not None
    return solution.objective_grams


@pytest.mark.parametrize("seed", range(30))
def test_a_plan_of_deta_is_never_worse_than_a_plan_of_any_other_mode(seed: int) -> None:
    scenario = load_scenario("paper-day")
    grams = {name: planned_grams(scenario, seed, allowed) for name, allowed in MODES.items()}
    room = 1.0 + GAP
    assert grams["DETA"] <= min(grams["DET"], grams["DAT"], grams["none"]) * room
    assert max(grams["DET"], grams["DAT"]) <= grams["none"] * room


@pytest.mark.parametrize("policy", ["none", "DET", "greedy lowest", "DETA, pure", "DETA"])
def test_emissions_are_what_the_books_give_when_added_up_again(policy: str) -> None:
    scenario = load_scenario("three-sites")
    future = Future(scenario, 0)
    run = _Run(scenario, cluster_of(scenario, policies(planner)[policy], future), planner, future)
    for period in range(scenario.periods):
        run.advance(period)
    outcome = run.recorder.outcome(policy, run.tasks)
    zone_grams = [
        {zone: float(values[period]) for zone, values in future.intensity.items()} for period in range(scenario.periods)
    ]
    market, location = [], []
    for ledger, grams in zip(run.recorder.ledgers, zone_grams, strict=True):
        for row in ledger.rows:
            # the wires: what was settled, and what contracts moved on paper only
            wires = row.grid_watt_hours + row.received_contractual_watt_hours - row.sent_contractual_watt_hours
            market.append(row.grid_watt_hours * grams[row.grid_zone] / 1000.0)
            location.append(max(0.0, wires) * grams[row.grid_zone] / 1000.0)
    transit = outcome.transit_grams
    assert outcome.market_grams == pytest.approx(fsum([*market, transit]), rel=1e-6)
    assert outcome.location_grams == pytest.approx(fsum([*location, transit]), rel=1e-6)
    assert outcome.closing_error_ratio <= 1e-9
