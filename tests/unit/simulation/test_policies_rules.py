"""Each rule does what its description says, seen on small clusters where the answer is plain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sunward.simulation.future import Future
from sunward.simulation.machine import first_state
from sunward.simulation.policies.base import Orders, View
from sunward.simulation.policies.rules import RULES
from sunward.simulation.scenario import Scenario, parse_scenario
from sunward.simulation.tasks import tasks_of

RULE = {rule.name: rule for rule in RULES}

CLUSTER = """
schema: sunward.dev/scenario/v1alpha1
name: three
start: 2021-06-08T00:00:00Z
trace_offset_hours: 11
period_seconds: 3600
periods: 6
zones:
  clean: {mean_grams_per_kilowatt_hour: 30}
  middle: {mean_grams_per_kilowatt_hour: 150}
  dirty: {mean_grams_per_kilowatt_hour: 600}
profiles: {p: {idle_watts: 3, busy_watts: 6, asleep_watts: 0, boot_watts: 4, boot_seconds: 0}}
nodes:
  a: {zone: dirty, site: s, profile: p}
  b: {zone: middle, site: s, profile: p}
  c: {zone: clean, site: s, profile: p}
  d: {zone: dirty, site: s, profile: p, harvest: {city: berlin, nameplate_watts: 30}}
jobs:
  j: {batches: {a: 60, b: 60, c: 60, d: 60}, seconds_per_batch: 60, deadline_hours: 6, maximum_offload_ratio: 0.5}
"""


def view(period: int = 0, text: str = CLUSTER) -> View:
    scenario: Scenario = parse_scenario(text, "test")
    tasks = tasks_of(scenario)
    states = {name: first_state(scenario, name) for name in scenario.nodes}
    future = Future(scenario, 0)
    outlook, observed = future.outlook(period, scenario.periods - period), future.observed(period)
    return View(scenario=scenario, period=period, outlook=outlook, observed=observed, states=states, tasks=tasks)


def decide(name: str, seen: View) -> Orders:
    (orders,) = RULE[name].decide(seen, 1)
    return orders


def done(orders: Orders) -> dict[tuple[str, str], float]:
    return {(work.home, work.on): work.batches for work in orders.work}


def awake(orders: Orders, name: str) -> float:
    return orders.awake_hours.get(name, 1.0)


def test_none_runs_everything_at_home_and_leaves_all_nodes_on() -> None:
    orders = decide("none", view())
    assert done(orders) == {(name, name): 60.0 for name in "abcd"}
    assert not orders.awake_hours
    assert not orders.share_energy


def test_trading_only_differs_from_none_by_sharing() -> None:
    assert decide("DET", view()) == replace(decide("none", view()), share_energy=True)


def test_none_and_sleep_switches_off_who_has_nothing_to_do() -> None:
    text = CLUSTER.replace("{a: 60, b: 60, c: 60, d: 60}", "{a: 60, b: 30}")
    orders = decide("none + sleep", view(text=text))
    assert [awake(orders, name) for name in "abcd"] == pytest.approx([1.0, 0.5, 0.0, 0.0])


def test_threshold_hold_waits_where_the_grid_is_above_200() -> None:
    orders = decide("threshold hold", view())
    assert set(done(orders)) == {("b", "b"), ("c", "c")}
    assert not orders.awake_hours


def test_what_can_no_longer_wait_runs_whatever_the_rule_says() -> None:
    held = decide("threshold hold", view(period=5))
    assert set(done(held)) == {(name, name) for name in "abcd"}


def test_curtailment_threshold_trains_below_100_or_on_own_surplus() -> None:
    assert set(done(decide("curtailment threshold", view()))) == {("c", "c"), ("d", "d")}


def test_fedzero_uses_no_more_than_the_excess_and_only_where_it_is() -> None:
    seen = view()
    orders = decide("FedZero rule", seen)
    assert set(done(orders)) == {("d", "d")}
    scarce = view(text=CLUSTER.replace("nameplate_watts: 30", "nameplate_watts: 3"))
    watts = 3 + 3 * 0.9
    assert done(decide("FedZero rule", scarce))["d", "d"] == pytest.approx(60 * scarce.harvest("d")[0] / watts)


def test_greedy_moves_half_of_the_dirty_work_to_cleaner_nodes_with_time() -> None:
    orders = done(decide("greedy lowest", view()))
    assert orders["a", "c"] == pytest.approx(30.0)
    assert all(home == on or home in "abd" for home, on in orders)


def test_packing_fills_nodes_in_order_and_ignores_emissions() -> None:
    text = CLUSTER.replace("{a: 60, b: 60, c: 60, d: 60}", "{c: 60}")
    orders = decide("packing + sleep", view(text=text))
    assert done(orders) == {("c", "a"): 30.0, ("c", "c"): 30.0}
    assert awake(orders, "b") == awake(orders, "d") == 0.0


def test_spread_gives_every_node_an_equal_part_of_what_may_move() -> None:
    text = CLUSTER.replace("{a: 60, b: 60, c: 60, d: 60}", "{a: 40}")
    orders = done(decide("spread", view(text=text)))
    assert orders == pytest.approx({("a", "a"): 25.0, ("a", "b"): 5.0, ("a", "c"): 5.0, ("a", "d"): 5.0})


def test_renewable_score_sends_work_only_to_nodes_with_sun() -> None:
    orders = done(decide("renewable score", view()))
    assert {on for home, on in orders if home != on} <= {"d"}


def test_centralising_puts_everything_on_the_cleanest_node() -> None:
    assert {on for _, on in done(decide("centralise", view()))} == {"c"}


def test_suspend_resume_takes_the_cleanest_hours_of_a_changing_grid() -> None:
    text = CLUSTER.replace("dirty: {mean_grams_per_kilowatt_hour: 600}", "dirty: {trace: us-ciso}")
    running = [("a", "a") in done(decide("suspend-resume", view(period, text))) for period in range(5)]
    ahead = view(text=text)
    values = [ahead.intensity("a", k) for k in range(6)]
    assert running[values.index(min(values[:5]))] or min(values) == values[5]
    assert not running[0] or values[0] <= sorted(values)[2]


def test_no_rule_orders_more_than_is_owed_or_may_move() -> None:
    for rule in RULES:
        (orders,) = rule.decide(view(), 1)
        for home in "abcd":
            mine = [work for work in orders.work if work.home == home]
            assert sum(work.batches for work in mine) <= 60.0 + 1e-9, rule.name
            moved = sum(work.batches for work in mine if work.on != home)
            assert rule.unbounded or moved <= 30.0 + 1e-9, rule.name
