"""A scenario is refused with the path of every fault; the ready ones run as they ship."""

from __future__ import annotations

import pytest

from sunward.domain.errors import InvalidInput
from sunward.simulation.future import Future
from sunward.simulation.policies.rules import RULES
from sunward.simulation.scenario import bundled_scenarios, load_scenario, parse_scenario
from sunward.simulation.simulator import simulate
from sunward.simulation.tasks import Work, tasks_of
from support.simulation import MINIMAL_SCENARIO, no_solver


def test_three_scenarios_are_ready() -> None:
    assert bundled_scenarios() == ("one-site", "paper-day", "three-sites")


@pytest.mark.parametrize("name", bundled_scenarios())
def test_a_ready_scenario_runs_without_any_other_folder(name: str) -> None:
    scenario = load_scenario(name)
    outcome = simulate(scenario, RULES[0], no_solver)
    assert outcome.unfinished_batches == 0.0
    assert outcome.tasks == outcome.tasks_on_time == len(tasks_of(scenario))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("zone: Z", "zone: Y"), "nodes.a.zone"),
        (("{a: 10}", "{b: 10}"), "jobs.j.batches"),
        (("idle_watts: 1", "idle_watts: -1"), "profiles.p.idle_watts"),
        (("period_seconds: 3600", "period_seconds: 0"), "period_seconds"),
        (("seconds_per_batch: 60", "second_per_batch: 60"), "jobs.j.second_per_batch"),
        (("2021-06-08T00:00:00Z", "2021-06-08T00:00:00"), "start"),
        (("{mean_grams_per_kilowatt_hour: 300}", "{}"), "zones.Z"),
    ],
)
def test_a_fault_is_named_by_its_path(change: tuple[str, str], path: str) -> None:
    assert change[0] in MINIMAL_SCENARIO
    with pytest.raises(InvalidInput, match=path):
        parse_scenario(MINIMAL_SCENARIO.replace(*change), "tiny")


def test_an_unknown_city_is_named_when_the_traces_are_read() -> None:
    text = MINIMAL_SCENARIO.replace("profile: p}", "profile: p, harvest: {city: atlantis, nameplate_watts: 1}}")
    with pytest.raises(InvalidInput, match=r"nodes\.a\.harvest\.city"):
        Future(parse_scenario(text, "tiny"), seed=0)


def test_an_idle_hour_of_one_node_costs_what_a_pocket_calculator_says() -> None:
    outcome = simulate(parse_scenario(MINIMAL_SCENARIO, "tiny"), RULES[0], no_solver)
    busy_hours = 10 * 60 / 3600
    assert outcome.load_watt_hours == pytest.approx(4 * 1.0 + 0.9 * busy_hours * (2.0 - 1.0))
    assert outcome.location_grams == pytest.approx(outcome.load_watt_hours * 0.3)


def test_more_work_than_owed_is_refused() -> None:
    task = tasks_of(parse_scenario(MINIMAL_SCENARIO, "tiny"))[0]
    with pytest.raises(ValueError, match="owes"):
        task.done([Work(task="j", home="a", on="a", batches=11.0)], period=0)


def test_forecasts_are_unbiased_and_grow_worse_with_the_lead() -> None:
    text = MINIMAL_SCENARIO + "forecast_error: {intensity_ratio: 0.3}\nhorizon_periods: 12\n"
    scenario = parse_scenario(text, "tiny")
    looks = [Future(scenario, seed).outlook(0, 12).intensity["Z"] / 300.0 for seed in range(4000)]
    means = [sum(look[k] for look in looks) / len(looks) for k in range(12)]
    spreads = [(sum((look[k] - 1) ** 2 for look in looks) / len(looks)) ** 0.5 for k in range(12)]
    assert means == pytest.approx([1.0] * 12, abs=0.03)
    assert spreads[5] == pytest.approx(0.3, rel=0.1)
    assert spreads == sorted(spreads)


def test_a_perfect_outlook_is_the_truth() -> None:
    text = MINIMAL_SCENARIO + "forecast_error: {intensity_ratio: 0.3}\n"
    future = Future(parse_scenario(text, "tiny"), seed=5)
    assert list(future.outlook(1, 3, perfect=True).intensity["Z"]) == [300.0] * 3


def test_a_dead_node_draws_nothing_and_its_work_is_done_later() -> None:
    text = MINIMAL_SCENARIO + "outages: [{node: a, from_hours: 0, to_hours: 2}]\n"
    outcome = simulate(parse_scenario(text, "tiny"), RULES[0], no_solver)
    assert outcome.load_by_period[:2] == (0.0, 0.0)
    assert outcome.unfinished_batches == 0.0
    assert outcome.stretch == pytest.approx(3 / 4)


def test_what_a_dead_node_could_not_do_in_time_is_counted() -> None:
    text = MINIMAL_SCENARIO + "outages: [{node: a, from_hours: 0, to_hours: 4}]\n"
    outcome = simulate(parse_scenario(text, "tiny"), RULES[0], no_solver)
    assert outcome.unfinished_batches == 10.0
    assert outcome.tasks_on_time == 0
