"""Rules under the operator's safety rules: the same decision, held back by the same guards as a plan."""

from __future__ import annotations

import pytest

from sunward.simulation.future import Future
from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.base import Orders, View
from sunward.simulation.policies.guarded import GUARDED, Guarded
from sunward.simulation.policies.registry import SLEEPERS, policies
from sunward.simulation.policies.rules import Rule, none
from sunward.simulation.scenario import load_scenario, parse_scenario
from sunward.simulation.simulator import simulate
from sunward.simulation.tasks import tasks_of
from support.simulation import no_solver, solve

POLICIES = policies(solve)

FOUR = """
schema: sunward.dev/scenario/v1alpha1
name: four
start: 2021-06-08T00:00:00Z
period_seconds: 1800
periods: 12
zones: {clean: {mean_grams_per_kilowatt_hour: 30}, dirty: {mean_grams_per_kilowatt_hour: 600}}
profiles: {p: {idle_watts: 3, busy_watts: 6, asleep_watts: 0, boot_watts: 4, boot_seconds: 60}}
nodes:
  a: {zone: dirty, site: s, profile: p}
  b: {zone: dirty, site: s, profile: p}
  c: {zone: clean, site: t, profile: p}
  d: {zone: clean, site: t, profile: p}
jobs:
  j: {batches: {a: 60, b: 60, c: 60, d: 60}, seconds_per_batch: 60, deadline_hours: 6, synchronous: true, rounds: 12}
"""


def ran(name: str, text: str = FOUR) -> Outcome:
    return simulate(parse_scenario(text, "four"), POLICIES[name], no_solver)


def test_who_may_sleep_when_all_want_to_is_the_dirtiest_half() -> None:
    """All work an hour, then the two in the dirty zone sleep for five, less the minutes of falling asleep."""
    outcome = ran("none + sleep" + GUARDED)
    assert outcome.awake_hours == pytest.approx(4 * 6.0 - 2 * 5.0, abs=0.1)
    assert outcome.power_cycles == 1
    work = 0.9 * (6.0 - 3.0) * 1.0
    dirty, clean = 2 * (work + 3.0 * 1.0), 2 * (work + 3.0 * 6.0)
    assert outcome.market_grams == pytest.approx(0.6 * dirty + 0.03 * clean, rel=0.05)


def test_the_same_rule_without_guards_lets_everybody_sleep() -> None:
    assert ran("none + sleep").awake_hours == pytest.approx(4.0)


@pytest.mark.parametrize("name", ["greedy lowest", "cleanest half", "packing + sleep"])
def test_work_moves_no_further_than_its_owner_allows(name: str) -> None:
    outcome = ran(name + GUARDED)
    assert outcome.unfinished_batches == pytest.approx(0.0)
    assert outcome.moved_batches <= 120.0 + 1e-6
    assert outcome.lost_batches == 0.0
    assert outcome.power_cycles <= 6


def test_the_cleanest_half_works_for_the_other_as_long_as_it_may() -> None:
    outcome = ran("cleanest half" + GUARDED)
    assert 40.0 <= outcome.moved_batches <= 60.0
    assert outcome.market_grams < ran("none").market_grams


def test_without_moves_a_guarded_rule_needs_no_copies_and_moves_nothing() -> None:
    text = FOUR.replace("rounds: 12", "rounds: 12, maximum_offload_ratio: 0.0")
    for name in ("greedy lowest", "cleanest half", "packing + sleep"):
        assert ran(name + GUARDED, text).moved_batches == 0.0


def test_fewer_cycles_allowed_are_fewer_cycles() -> None:
    assert ran("none + sleep" + GUARDED, FOUR + "operator: {maximum_cycles_per_day: 0}\n").power_cycles == 0


def test_a_quorum_that_moving_would_break_keeps_the_work_at_home() -> None:
    text = FOUR.replace("rounds: 12", "rounds: 12, minimum_workers: 4, maximum_offload_ratio: 1.0")
    assert ran("cleanest half" + GUARDED, text).moved_batches == 0.0


def test_a_rule_that_waits_pauses_its_job() -> None:
    waits = Rule(name="late", source="test", order=lambda view: Orders() if view.period < 6 else none(view))
    outcome = simulate(parse_scenario(FOUR, "four"), Guarded(rule=waits), no_solver)
    assert outcome.stretch == pytest.approx(8 / 12)
    assert outcome.unfinished_batches == pytest.approx(0.0)


def test_a_guarded_rule_sees_the_forecasts_that_it_sees_alone() -> None:
    seen: list[int] = []

    def note(view: View) -> Orders:
        seen.append(view.count)
        return none(view)

    simulate(parse_scenario(FOUR, "four"), Guarded(rule=Rule(name="n", source="test", order=note)), no_solver)
    assert seen[0] == 12


def test_every_sleeping_rule_has_a_guarded_twin_that_runs_the_operators_cluster() -> None:
    for name in SLEEPERS:
        assert POLICIES[name].allowed is None
        assert POLICIES[name + GUARDED].allowed is not None
        assert POLICIES[name].source in POLICIES[name + GUARDED].source


def test_it_orders_from_a_snapshot_only() -> None:
    scenario = parse_scenario(FOUR, "four")
    view = View(
        scenario=scenario, period=0, outlook=Future(scenario, 0).outlook(0, 1), states={}, tasks=tasks_of(scenario)
    )
    with pytest.raises(ValueError, match="from a snapshot"):
        POLICIES["none + sleep" + GUARDED].decide(view, 1)


@pytest.mark.parametrize("name", ["paper-day", "one-site", "three-sites"])
def test_under_the_same_guards_a_plan_emits_less_than_any_rule(name: str) -> None:
    scenario = load_scenario(name)
    plan = simulate(scenario, POLICIES["DETA"], solve)
    for rule in (*SLEEPERS, "cleanest half"):
        assert plan.market_grams < simulate(scenario, POLICIES[rule + GUARDED], no_solver).market_grams
