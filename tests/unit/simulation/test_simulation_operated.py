"""The operator in virtual time: its guards hold, rounds have a quorum, faults are survived, planning is not free."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunward.simulation.future import Future
from sunward.simulation.operated.cluster import OperatedCluster
from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.registry import policies
from sunward.simulation.scenario import Scenario, load_scenario, parse_scenario
from sunward.simulation.simulator import simulate
from sunward.simulation.snapshots import Allowed
from sunward.simulation.tasks import tasks_of
from support.faults import churn
from support.simulation import solve

POLICIES = policies(solve)

FOUR = """
schema: sunward.dev/scenario/v1alpha1
name: four
start: 2021-06-08T00:00:00Z
period_seconds: 1800
periods: 12
zones: {clean: {mean_grams_per_kilowatt_hour: 30}, dirty: {mean_grams_per_kilowatt_hour: 600}}
profiles: {p: {idle_watts: 3, busy_watts: 6, asleep_watts: 0.1, boot_watts: 4, boot_seconds: 60}}
nodes:
  a: {zone: clean, site: s, profile: p}
  b: {zone: clean, site: s, profile: p}
  c: {zone: dirty, site: t, profile: p}
  d: {zone: dirty, site: t, profile: p}
jobs:
  j: {batches: {a: 60, b: 60, c: 60, d: 60}, seconds_per_batch: 60, deadline_hours: 6, synchronous: true, rounds: 12,
      maximum_offload_ratio: 1.0}
"""


def ran(extra: str = "", policy: str = "DETA", text: str = FOUR) -> Outcome:
    return simulate(parse_scenario(text + extra, "four"), POLICIES[policy], solve)


def test_work_goes_to_the_clean_site_and_the_dirty_one_sleeps() -> None:
    outcome = ran()
    assert outcome.batches == pytest.approx(240.0)
    assert outcome.moved_batches > 100.0
    assert outcome.power_cycles == 1
    assert outcome.location_grams < ran(policy="DETA, no sleep").location_grams < ran(policy="none").location_grams


def test_never_more_than_half_of_the_nodes_sleep_although_an_optimiser_would() -> None:
    hours = 12 * 0.5
    assert ran().awake_hours >= 2 * hours
    assert ran(policy="DETA, pure").awake_hours < 2 * hours


def test_the_cycle_limit_is_what_keeps_nodes_from_flapping(tmp_path: Path) -> None:
    """Grids turn over every 15 minutes; without the limit only half an hour awake and a quarter asleep bound naps."""
    limited = churn.operated(churn.scenario(churn.weather(2), tmp_path))
    loose = churn.operated(churn.scenario(churn.weather(2), tmp_path, maximum_cycles_per_day=1000))
    assert limited.power_cycles == 6 < loose.power_cycles <= 24 * 60 // 45
    held = churn.held(churn.scenario(churn.weather(2), tmp_path))
    assert limited.market_grams + limited.planner_grams < held.market_grams
    assert limited.batches == pytest.approx(held.batches)


def test_the_optimiser_alone_naps_beyond_what_machines_bear() -> None:
    assert simulate(load_scenario("paper-day"), POLICIES["DETA, pure"], solve).power_cycles > 6


def test_a_round_goes_on_without_a_node_that_dies_while_a_quorum_is_left() -> None:
    outcome = ran("outages: [{node: a, from_hours: 0.3, to_hours: 6}]\n", policy="DETA, no sleep")
    assert outcome.tasks_on_time == 0
    assert outcome.lost_batches > 0.0
    assert outcome.batches > 150.0
    assert outcome.batches + outcome.unfinished_batches == pytest.approx(240.0)


def test_without_a_quorum_training_waits_for_the_node_to_come_back() -> None:
    text = FOUR.replace("rounds: 12,", "rounds: 12, minimum_workers: 4,").replace("ratio: 1.0", "ratio: 0.0")
    outcome = ran("outages: [{node: a, from_hours: 0.3, to_hours: 2}]\n", text=text)
    assert outcome.batches == pytest.approx(240.0)
    assert outcome.stretch is not None
    assert outcome.stretch > ran(text=text).stretch  # type: ignore[operator]  # finished, so not None


def test_a_node_that_dies_asleep_is_worked_around_and_comes_back() -> None:
    outcome = ran("outages: [{node: d, from_hours: 2, to_hours: 3}]\n")
    assert outcome.unfinished_batches == 0.0
    assert outcome.closing_error_ratio < 1e-9


def test_a_node_whose_meters_are_silent_does_not_sleep() -> None:
    quiet = ran("silences: [{node: d, from_hours: 0, to_hours: 6}]\n")
    everybody = ran("silences: [{node: c, from_hours: 0, to_hours: 6}, {node: d, from_hours: 0, to_hours: 6}]\n")
    assert ran().awake_hours < quiet.awake_hours < everybody.awake_hours
    assert everybody.power_cycles == 0  # half of the meters silent: the pipeline is suspected, and everything held
    assert everybody.fallbacks == 12


def test_wakes_take_time_and_energy() -> None:
    slow = FOUR.replace("boot_watts: 4, boot_seconds: 60", "boot_watts: 40, boot_seconds: 600")
    text = slow.replace("deadline_hours: 6", "deadline_hours: 3, every_hours: 3").replace(
        "a: 60, b: 60, c: 60", "a: 20, b: 20, c: 20"
    )
    quick = text.replace("boot_watts: 40, boot_seconds: 600", "boot_watts: 4, boot_seconds: 60")
    assert ran(text=text).wakes > 0
    assert ran(text=text).load_watt_hours > ran(text=quick).load_watt_hours


def test_what_the_operator_draws_is_told_beside_the_cluster_and_never_in_it() -> None:
    free = ran("operator: {watts: 0, watt_hours_per_plan: 0}\n")
    paid = ran("operator: {watts: 0.5, watt_hours_per_plan: 0.01, zone: clean}\n")
    assert (free.planner_watt_hours, free.planner_grams) == (0.0, 0.0)
    assert paid.planner_watt_hours == pytest.approx(0.5 * 6.0 + 0.01 * paid.plans)
    assert paid.planner_grams == pytest.approx(paid.planner_watt_hours * 30.0 / 1000.0)
    assert paid.market_grams == free.market_grams
    assert ran(policy="none").planner_watt_hours == 0.0


def test_marginal_intensities_are_priced_beside_the_average_and_change_no_plan() -> None:
    text = FOUR.replace(
        "{mean_grams_per_kilowatt_hour: 30}",
        "{mean_grams_per_kilowatt_hour: 30, marginal_mean_grams_per_kilowatt_hour: 900}",
    )
    both = text.replace(
        "{mean_grams_per_kilowatt_hour: 600}",
        "{mean_grams_per_kilowatt_hour: 600, marginal_mean_grams_per_kilowatt_hour: 900}",
    )
    outcome = ran(text=both)
    assert outcome.marginal_grams == pytest.approx(0.9 * outcome.grid_watt_hours)
    assert outcome.location_grams == ran().location_grams
    assert ran(text=text).marginal_grams is None
    assert ran().marginal_grams is None


def test_the_hourly_score_counts_what_the_grid_has_without_carbon() -> None:
    half = FOUR.replace("mean_grams_per_kilowatt_hour: 30}", "mean_grams_per_kilowatt_hour: 30, carbon_free_ratio: 1}")
    outcome, dark = ran(text=half), ran()
    assert outcome.carbon_free_score is not None
    assert 0.5 < outcome.carbon_free_score < 1.0  # most of the work is done where the grid is clean
    assert dark.carbon_free_score == 0.0


def test_embodied_grams_follow_the_hours_awake() -> None:
    text = FOUR.replace("boot_seconds: 60}", "boot_seconds: 60, embodied_grams: 17520, embodied_lifetime_days: 730}")
    outcome = ran(text=text)
    assert outcome.embodied_grams == pytest.approx(outcome.awake_hours)
    found = outcome.software_intensity
    assert found is not None
    assert found.grams_per_unit == pytest.approx(
        1000.0 * (outcome.location_grams + outcome.awake_hours) / outcome.batches
    )


def test_a_machine_of_which_nothing_is_stated_has_no_score() -> None:
    assert (ran().embodied_grams, ran().software_intensity) == (None, None)


def test_energy_is_shared_in_the_settlement_when_the_policy_shares() -> None:
    sunny = FOUR.replace(
        "a: {zone: clean, site: s, profile: p}",
        "a: {zone: clean, site: s, profile: p, harvest: {city: berlin, nameplate_watts: 40}}",
    )
    sunny += "trace_offset_hours: 9\npools: {all: {kind: contractual}}\n"
    assert ran(text=sunny).sent_watt_hours > 0.0
    assert ran(text=sunny, policy="DAT").sent_watt_hours == 0.0


def test_a_shard_travels_once_and_the_way_is_paid_for() -> None:
    text = FOUR.replace("maximum_offload_ratio: 1.0", "maximum_offload_ratio: 1.0, gigabytes_per_batch: 0.01")
    outcome = ran(text=text)
    per_shard = 0.6 * 4.0 * 400.0 / 1000.0
    trips = outcome.transit_grams / per_shard
    assert trips == pytest.approx(round(trips))
    assert 2 <= round(trips) <= 4  # those of c and d, each to a or to b or to both, however many rounds there are


def test_hysteresis_keeps_a_plan_that_little_would_improve(tmp_path: Path) -> None:
    weather = churn.weather(1)
    patient = churn.operated(churn.scenario(weather, tmp_path, minimum_gain_ratio=0.3))
    eager = churn.operated(churn.scenario(weather, tmp_path, minimum_gain_ratio=0.0))
    assert patient.wakes <= eager.wakes
    assert patient.evictions <= eager.evictions


def test_a_policy_that_gives_no_plan_cannot_run_the_operator() -> None:
    scenario: Scenario = parse_scenario(FOUR, "four")
    allowed = Allowed(share_energy=False, offload_tasks=False, sleep=False, shift_in_time=False)
    cluster = OperatedCluster(scenario, POLICIES["none"], allowed, Future(scenario, 0))
    with pytest.raises(ValueError, match="without a plan"):
        cluster.run(0, tasks_of(scenario))


def test_a_clock_that_ticks_finer_changes_little() -> None:
    coarse, fine = ran("operator: {tick_seconds: 10}\n"), ran("operator: {tick_seconds: 2}\n")
    assert fine.load_watt_hours == pytest.approx(coarse.load_watt_hours, rel=0.01)
    assert fine.location_grams == pytest.approx(coarse.location_grams, rel=0.02)


SUNNY = FOUR.replace("site: t,", "site: t, harvest: {city: berlin, nameplate_watts: 20},").replace(
    "maximum_offload_ratio: 1.0", "maximum_offload_ratio: 0.5"
)
"""The dirty site has panels, and the sun rises three hours after the start."""


def operated(*, waits: bool, extra: str = "", policy: str = "DETA") -> Outcome:
    text = SUNNY + f"trace_offset_hours: 1\noperator: {{shift_in_time: {str(waits).lower()}}}\n"
    return ran(extra, policy=policy, text=text)


def test_a_job_that_waits_for_the_sun_emits_less_and_is_done_in_time() -> None:
    waits, hurries = operated(waits=True), operated(waits=False)
    assert (waits.tasks_on_time, hurries.tasks_on_time) == (1, 1)
    assert waits.batches == pytest.approx(hurries.batches) == pytest.approx(240.0)
    assert waits.moved_batches <= 120.0
    assert waits.market_grams < 0.9 * hurries.market_grams


@pytest.mark.parametrize("node", ["a", "c"])
def test_a_node_that_fails_while_a_job_waits_costs_no_deadline(node: str) -> None:
    outage = f"outages: [{{node: {node}, from_hours: 0.3, to_hours: 3.0}}]\n"
    assert operated(waits=True, extra=outage).tasks_on_time == operated(waits=False, extra=outage).tasks_on_time
