"""A scenario is refused with the path of every fault; the ready ones run as they ship."""

from __future__ import annotations

from pathlib import Path

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


TWO_NODES = ("nodes: {a: {zone: Z, site: s, profile: p}}", "nodes: {a: &n {zone: Z, site: s, profile: p}, b: *n}")
SKY = "harvest: {sky: {latitude_degrees: 91, longitude_degrees: 1}, nameplate_watts: 1}"

FAULTS: tuple[tuple[tuple[str, str], str], ...] = (
    (("zone: Z", "zone: Y"), "nodes.a.zone: 'Y' is unknown; known: Z"),
    (("profile: p}", "profile: q}"), "nodes.a.profile: 'q' is unknown"),
    (("{a: 10}", "{b: 10}"), "jobs.j.batches: 'b' is unknown"),
    (("{a: 10}", "{a: 0}"), "jobs.j: batches must not all be zero"),
    (("{a: 10}", "{}"), "jobs.j.batches: "),
    (("idle_watts: 1", "idle_watts: -1"), "profiles.p.idle_watts: "),
    (("idle_watts: 1", "idle_watts: .nan"), "profiles.p.idle_watts: "),
    (("busy_watts: 2", "busy_watts: .inf"), "profiles.p.busy_watts: "),
    (("busy_watts: 2", "busy_watts: 0.5"), "profiles.p: busy_watts must be at least idle_watts"),
    (("period_seconds: 3600", "period_seconds: 0"), "period_seconds: "),
    (("periods: 4", "periods: four"), "periods: "),
    (("periods: 4", "periods: 100001"), "periods: "),
    (("seconds_per_batch: 60", "second_per_batch: 60"), "jobs.j.second_per_batch: "),
    (("2021-06-08T00:00:00Z", "2021-06-08T00:00:00"), "start: "),
    (("2021-06-08T00:00:00Z", "yesterday"), "start: "),
    (("{mean_grams_per_kilowatt_hour: 300}", "{}"), "zones.Z: give trace"),
    (("v1alpha1", "v9"), "schema: "),
    (("name: tiny", "name: ../tiny"), "name: "),
    (("name: tiny", "name: tiny\nname: other"), "'name' is there twice"),
    (("{a: 10}", "{a: 10, a: 11}"), "'a' is there twice"),
    (("name: tiny", "name: [tiny"), "is not valid YAML: "),
    (("name: tiny", "\tname: tiny"), "is not valid YAML: "),
    (("deadline_hours: 4", "deadline_hours: 4, release_hours: 5"), "jobs.j: deadline_hours must be after"),
    (("deadline_hours: 4", "deadline_hours: 0.1"), "jobs.j.deadline_hours: less than one period"),
    (("deadline_hours: 4", "deadline_hours: 4, every_hours: 0.1"), "jobs.j.every_hours: shorter than one period"),
    (("deadline_hours: 4", "deadline_hours: 4, maximum_offload_ratio: 50"), "jobs.j.maximum_offload_ratio: "),
    (("deadline_hours: 4", "deadline_hours: 4, minimum_workers: 2"), "jobs.j: minimum_workers needs synchronous"),
    (("profile: p}", "profile: p, " + SKY + "}"), "nodes.a.harvest.sky.latitude_degrees: "),
    (("profile: p}", "profile: p, harvest: {nameplate_watts: 1}}"), "nodes.a.harvest: give either city or sky"),
    (("jobs:", "outages: [{node: q, from_hours: 0, to_hours: 1}]\njobs:"), "outages.0.node: 'q' is unknown"),
    (("jobs:", "outages: [{node: a, from_hours: 2, to_hours: 1}]\njobs:"), "outages.0: to_hours must be after"),
    (("jobs:", "silences: [{node: q, from_hours: 0, to_hours: 1}]\njobs:"), "silences.0.node: 'q' is unknown"),
    (("jobs:", "pools: {x: {kind: physical, sites: [t]}}\njobs:"), "pools.x.sites: 't' is unknown"),
    (("jobs:", "pools: {x: {kind: magic}}\njobs:"), "pools.x.kind: "),
    (("jobs:", "operator: {zone: Y}\njobs:"), "operator.zone: 'Y' is unknown"),
    (("jobs:", "colour: red\njobs:"), "colour: "),
)


@pytest.mark.parametrize(("change", "words"), FAULTS)
def test_a_fault_is_one_line_that_names_its_path(change: tuple[str, str], words: str) -> None:
    assert change[0] in MINIMAL_SCENARIO
    with pytest.raises(InvalidInput) as caught:
        parse_scenario(MINIMAL_SCENARIO.replace(*change), "tiny.yaml")
    message = str(caught.value)
    assert message.startswith("tiny.yaml: ")
    assert words in message
    assert "\n" not in message


def test_shards_without_a_common_measure_are_refused_where_all_must_train_together() -> None:
    text = MINIMAL_SCENARIO.replace(*TWO_NODES).replace("{a: 10}", "{a: 10.001, b: 7.003}")
    assert parse_scenario(text, "tiny").jobs["j"].homes == ("a", "b")
    with pytest.raises(InvalidInput, match=r"jobs\.j: batches of a synchronous job need a common measure"):
        parse_scenario(text.replace("deadline_hours: 4", "deadline_hours: 4, synchronous: true"), "tiny")


def test_a_home_with_more_data_has_more_shards_of_the_same_size() -> None:
    text = MINIMAL_SCENARIO.replace(*TWO_NODES).replace("{a: 10}", "{a: 7.5, b: 5}")
    assert parse_scenario(text, "tiny").jobs["j"].equal_shards() == {"a": 3, "b": 2}


def test_trace_files_are_looked_for_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "grid.csv").write_text("seconds,here\n0,100\n3600,200\n", encoding="utf-8")
    text = MINIMAL_SCENARIO.replace("{mean_grams_per_kilowatt_hour: 300}", "{trace: here}")
    path = tmp_path / "tiny.yaml"
    path.write_text(text + "intensity_file: grid.csv\n", encoding="utf-8")
    assert list(Future(load_scenario(path), 0).intensity["Z"][:4]) == [100.0, 200.0, 100.0, 200.0]
    path.write_text(text + "intensity_file: gone.csv\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"gone\.csv"):
        Future(load_scenario(path), 0)


@pytest.mark.parametrize("content", [b"", b"- a\n", b"hello\n", b"\x00\xff\xfe"])
def test_what_is_no_scenario_at_all_is_refused_by_its_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"odd\.yaml: "):
        load_scenario(path)


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
