"""What of a cluster goes into the planning problem, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.jobs import DataMobility, JobCost
from sunward.domain.nodes import BatterySpec, ExportRule, NodeRecord, NodeView, OverridePower, PowerOverride, PowerState
from sunward.domain.policy import PoolKind, PoolSpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot
from sunward.optimisation.problem.instance import ExportRule as ProblemExportRule
from sunward.optimisation.problem.instance import Job, Node
from sunward.planning.compile import LOOK_AHEAD_PERIODS, Compiled, compile_problem
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_policy,
    a_profile,
    a_snapshot,
    a_worker_pod,
    measured,
    some_facts,
    some_forecasts,
    some_meters,
    some_progress,
)

BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=9.0, maximum_discharge_watts=9.0)
STALE = measured(5.0, at=NOW - timedelta(minutes=9))
ASLEEP = NodeRecord(power_state=PowerState.ASLEEP, asleep_since=NOW - timedelta(seconds=60))


def compiled(*nodes: NodeView, relaxed: bool = False, harvest: Any = None, **snapshot: Any) -> Compiled:
    seen = a_snapshot(*nodes, **snapshot)
    return compile_problem(seen, some_forecasts(seen, harvest=harvest), relaxed=relaxed)


def node_of(made: Compiled, name: str = "pi-01") -> Node:
    return next(node for node in made.problem.nodes if node.name == name)


def jobs_of(made: Compiled) -> dict[str, Job]:
    return {job.name: job for job in made.problem.jobs}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"has_facts": False}, Reason.NODE_MISSING),
        ({"facts": some_facts(ready=False)}, Reason.NODE_NOT_READY),
        ({"facts": some_facts(unschedulable=True)}, Reason.CORDONED_BY_OTHERS),
        ({"record": NodeRecord(power_state=PowerState.DEGRADED)}, Reason.DEGRADED),
    ],
)
def test_a_node_that_cannot_be_used_is_left_out_and_its_shard_waits(changes: dict[str, Any], reason: Reason) -> None:
    made = compiled(a_node(**changes), a_node("pi-02"), jobs=[a_job(homes=("pi-01", "pi-02"))])
    assert [node.name for node in made.problem.nodes] == ["pi-02"]
    assert made.left_out["pi-01"].reason is reason
    assert all(set(job.batches) == {"pi-02"} for job in made.problem.jobs)


def test_a_cordoned_node_whose_worker_still_runs_stays_in() -> None:
    node = a_node(facts=some_facts(unschedulable=True), pods=[a_worker_pod()])
    assert not node_of(compiled(node)).can_sleep


def test_a_sleeping_node_is_in_although_it_is_not_ready_and_says_nothing() -> None:
    gone = some_facts(ready=False, unschedulable=True, has_our_cordon_mark=True)
    node = node_of(compiled(a_node(record=ASLEEP, facts=gone, meters=some_meters(STALE, STALE))))
    assert (node.initially_awake, node.can_sleep) == (False, True)


def test_a_node_that_must_stay_asleep_works_on_nothing_unless_there_is_no_other_way() -> None:
    gone = some_facts(ready=False, unschedulable=True, has_our_cordon_mark=True)
    nodes = (a_node(record=ASLEEP, facts=gone), a_node("pi-02"))
    strict = compiled(*nodes, jobs=[a_job(homes=("pi-01", "pi-02"))])
    assert all(set(job.seconds_per_batch) == {"pi-02"} for job in strict.problem.jobs)
    relaxed = compiled(*nodes, jobs=[a_job(homes=("pi-01", "pi-02"))], relaxed=True)
    assert all(set(job.seconds_per_batch) == {"pi-01", "pi-02"} for job in relaxed.problem.jobs)


def test_a_node_that_a_person_holds_asleep_works_on_nothing() -> None:
    held = PowerOverride(power=OverridePower.ASLEEP, until=None, reason="moving")
    made = compiled(a_node(override=held), a_node("pi-02"), jobs=[a_job(homes=("pi-01", "pi-02"))], relaxed=True)
    assert set(made.workers) == {"pi-02"}


def test_a_doubtful_meter_costs_the_node_its_harvest_and_its_sleep_but_not_its_work() -> None:
    node = a_node(harvest_nameplate_watts=10.0, meters=some_meters(harvest=STALE))
    made = compiled(node, harvest={"pi-01": (0.5,) * 12}, jobs=[a_job()])
    assert node_of(made).harvest_watt_hours == (0.0,) * LOOK_AHEAD_PERIODS
    assert not node_of(made).can_sleep
    assert "pi-01" in made.problem.jobs[0].seconds_per_batch


def test_a_trusted_meter_keeps_the_forecast() -> None:
    made = compiled(a_node(harvest_nameplate_watts=10.0), harvest={"pi-01": (0.5,) * 12})
    assert node_of(made).harvest_watt_hours == (0.5,) * LOOK_AHEAD_PERIODS


def test_a_battery_comes_from_its_meter_or_not_at_all() -> None:
    made = compiled(a_node(battery=BATTERY))
    battery = node_of(made).battery
    assert battery is not None
    assert (battery.initial_watt_hours, battery.minimum_watt_hours, battery.final_watt_hours) == (10.0, 4.0, 4.0)
    assert node_of(compiled(a_node(battery=BATTERY, meters=some_meters(battery=STALE)))).battery is None


def test_a_battery_below_its_reserve_keeps_what_it_has() -> None:
    battery = node_of(compiled(a_node(battery=BATTERY, meters=some_meters(battery=measured(0.1))))).battery
    assert battery is not None
    assert battery.initial_watt_hours == battery.minimum_watt_hours == pytest.approx(2.0)


def test_a_zone_without_a_forecast_is_never_attractive() -> None:
    made = compiled(a_node(grid_zone="NOWHERE"), a_node("pi-02", grid_zone="DIRTY"))
    intensity = made.problem.intensity_grams_per_kilowatt_hour
    assert intensity["NOWHERE"] == intensity["DIRTY"]


def test_without_any_forecast_there_is_nothing_to_plan_by() -> None:
    nothing = Forecasts(
        start=NOW, period=timedelta(minutes=5), harvest_watt_hours={}, intensity_grams_per_kilowatt_hour={}
    )
    with pytest.raises(ValueError, match="no grid zone has a forecast"):
        compile_problem(a_snapshot(), nothing)


def test_a_wake_that_takes_longer_than_a_period_can_still_be_planned() -> None:
    slow = a_profile(idle_watts=2.0, busy_watts=5.0, asleep_watts=0.0, wake_seconds=3000.0)
    assert node_of(compiled(a_node(power=slow))).wake_seconds == 150.0


def test_embodied_emissions_are_spread_over_the_life_of_the_machine() -> None:
    made = compiled(a_node(embodied_grams=24_000.0, embodied_lifetime_days=1000.0))
    assert node_of(made).embodied_grams_per_hour == pytest.approx(1.0)
    assert node_of(compiled(a_node())).embodied_grams_per_hour == 0.0, "what is not stated weighs on no decision"


def test_pools_have_the_members_that_are_there() -> None:
    pools = (
        PoolSpec(name="site", kind=PoolKind.PHYSICAL, efficiency=0.9, site="roof"),
        PoolSpec(name="listed", kind=PoolKind.CONTRACTUAL, efficiency=1.0, members=("pi-01", "pi-03", "gone")),
        PoolSpec(name="all", kind=PoolKind.CONTRACTUAL, efficiency=1.0),
        PoolSpec(name="alone", kind=PoolKind.PHYSICAL, efficiency=1.0, site="barn"),
    )
    made = compiled(
        a_node(),
        a_node("pi-02"),
        a_node("pi-03", site="barn", export_rule=ExportRule.SURPLUS_ONLY),
        policy=a_policy(pools=pools),
    )
    members = {pool.name: pool.members for pool in made.problem.energy_pools}
    assert members == {"site": ("pi-01", "pi-02"), "listed": ("pi-01", "pi-03"), "all": ("pi-01", "pi-02", "pi-03")}
    assert made.problem.policy.export_rule is ProblemExportRule.SURPLUS_ONLY


def test_nobody_asks_for_surplus_only_and_any_harvest_may_go() -> None:
    assert compiled(a_node()).problem.policy.export_rule is ProblemExportRule.ANY_HARVEST


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"suspend": True}, Reason.SUSPENDED),
        ({"last_round": 10}, Reason.ROUNDS_COMPLETE),
        ({"emissions_budget_grams": 2.0, "emissions_grams": 2.0}, Reason.BUDGET_EXCEEDED),
        ({"homes": ("gone",)}, Reason.WAITING_FOR_NODE),
        ({"minimum_workers": 3}, Reason.WAITING_FOR_QUORUM),
        ({"minimum_workers": 2, "data_mobility": DataMobility.NEVER}, Reason.WAITING_FOR_QUORUM),
        ({"minimum_workers": 3, "data_mobility": DataMobility.SAME_SITE}, Reason.WAITING_FOR_QUORUM),
    ],
)
def test_a_job_that_cannot_be_planned_waits_with_its_reason(changes: dict[str, Any], reason: Reason) -> None:
    made = compiled(a_node(), a_node("pi-02"), jobs=[a_job(**changes)])
    assert [entry.cause.reason for entry in made.waiting] == [reason]
    assert made.problem.jobs == ()


def test_costs_are_stated_learned_or_taken_from_the_profile() -> None:
    def entry(**job: Any) -> Job:
        return compiled(a_node(), a_node("pi-02"), jobs=[a_job(**job)]).problem.jobs[0]

    stated = entry(cost=JobCost(watt_hours_per_batch=0.002, seconds_per_batch=0.7))
    assert (stated.watt_hours_per_batch["pi-01"], stated.seconds_per_batch["pi-01"]) == (0.002, 0.7)
    learned = entry(cost=JobCost(), progress=some_progress(seconds_per_batch=(("pi-01", 0.36),)))
    assert learned.seconds_per_batch == {"pi-01": 0.36, "pi-02": 0.36}
    assert learned.watt_hours_per_batch["pi-01"] == pytest.approx((6.4 - 2.7) * 0.36 / 3600)
    assumed = entry(cost=JobCost())
    assert assumed.seconds_per_batch["pi-02"] == 1.0


def test_a_job_without_a_deadline_is_planned_at_half_speed_now_and_later() -> None:
    made = jobs_of(compiled(a_node(), jobs=[a_job(rounds=100)]))
    now, later = made["default/mnist"], made["default/mnist (later)"]
    full_speed = 300 * 0.95 / (50 * 0.5)
    assert sum(now.batches.values()) == pytest.approx(full_speed / 2 * 50)
    assert (now.release_period, now.deadline_period) == (1, 1)
    assert (later.release_period, later.deadline_period) == (2, LOOK_AHEAD_PERIODS)


def test_a_far_deadline_sets_the_pace_and_a_near_one_asks_for_everything() -> None:
    far = jobs_of(compiled(a_node(), jobs=[a_job(rounds=100, deadline=NOW + timedelta(hours=10))]))
    assert sum(far["default/mnist"].batches.values()) == pytest.approx(1.25 * 100 * 300 / 36000 * 50)
    near = compiled(a_node(), jobs=[a_job(rounds=100, deadline=NOW + timedelta(seconds=400))])
    assert sum(jobs_of(near)["default/mnist"].batches.values()) == pytest.approx(5000)
    assert near.parts[0].deadline_at_risk
    given_up = compiled(a_node(), jobs=[a_job(rounds=100, deadline=NOW + timedelta(seconds=400))], relaxed=True)
    assert sum(jobs_of(given_up)["default/mnist"].batches.values()) == pytest.approx(300 * 0.95 / 0.5)


def test_a_job_that_may_wait_is_free_within_the_whole_horizon() -> None:
    in_an_hour = NOW + timedelta(hours=1)
    made = compiled(a_node(), jobs=[a_job(rounds=50, deadline=in_an_hour)], policy=a_policy(shift_in_time=True))
    assert made.horizon.periods == 12
    (entry,) = made.problem.jobs
    assert (entry.release_period, entry.deadline_period) == (1, 12)


def test_a_job_that_may_wait_tells_what_each_home_has_left_to_hand_over() -> None:
    """Of fifty rounds half may leave. One home has spent nearly all of its share, and the other none of its own."""
    progress = some_progress(round=10, offloaded_batches_by_shard=(("shard-pi-01", 1200.0),))
    job = a_job(
        homes=("pi-01", "pi-02"),
        rounds=50,
        deadline=NOW + timedelta(hours=1),
        maximum_offload_ratio=0.5,
        progress=progress,
    )
    made = compiled(a_node(), a_node("pi-02"), jobs=[job], policy=a_policy(shift_in_time=True))
    (entry,) = made.problem.jobs
    assert [entry.may_leave(home) for home in ("pi-01", "pi-02")] == [50.0, 1250.0]
    soon = compiled(a_node(), a_node("pi-02"), jobs=[job])
    assert all(entry.maximum_offloaded_batches is None for entry in soon.problem.jobs)


def test_a_plan_that_looks_far_counts_the_sleeps_that_a_node_has_left_today() -> None:
    hours = (1, 2, 23, 25)
    node = a_node(record=NodeRecord(sleep_times=tuple(NOW - timedelta(hours=hour) for hour in hours)))
    waiting = [a_job(rounds=50, deadline=NOW + timedelta(hours=1))]
    assert node_of(compiled(node, jobs=waiting, policy=a_policy(shift_in_time=True))).maximum_sleeps == 6 - 3
    assert node_of(compiled(node, jobs=waiting)).maximum_sleeps is None


def two_sites(**job: Any) -> Snapshot:
    nodes = [a_node(f"r{i}", site="roof") for i in (1, 2)] + [a_node(f"b{i}", site="barn") for i in (1, 2)]
    return a_snapshot(*nodes, jobs=[a_job(homes=("r1", "b1", "r2"), data_mobility=DataMobility.SAME_SITE, **job)])


def test_data_that_stay_on_their_site_are_planned_site_by_site_with_the_quorum_dealt_out() -> None:
    snapshot = two_sites(minimum_workers=3)
    made = jobs_of(compile_problem(snapshot, some_forecasts(snapshot)))
    assert made["default/mnist@barn"].movable_to == ("b1", "b2")
    assert made["default/mnist@roof"].movable_to == ("r1", "r2")
    quorum = {name: job.minimum_workers for name, job in made.items() if not name.endswith("(later)")}
    assert quorum == {"default/mnist@barn": 1, "default/mnist@roof": 2}


def test_copied_shards_move_no_data() -> None:
    progress = some_progress(cached_shards=(("pi-02", ("shard-pi-01",)), ("pi-01", ("shard-pi-01",))))
    made = jobs_of(compiled(a_node(), a_node("pi-02"), jobs=[a_job(homes=("pi-01", "pi-02"), progress=progress)]))
    assert made["default/mnist (copied)"].gigabytes_per_batch == 0.0
    assert set(made["default/mnist (copied)"].batches) == {"pi-01"}
    assert made["default/mnist"].gigabytes_per_batch == pytest.approx(0.005 / 500)


def test_the_control_plane_works_only_on_its_own_data() -> None:
    hub = a_node("hub", facts=some_facts("hub", is_control_plane=True))
    made = compiled(a_node(), hub, jobs=[a_job(), a_job("own", homes=("hub",))])
    assert set(jobs_of(made)["default/mnist"].seconds_per_batch) == {"pi-01"}
    assert set(jobs_of(made)["default/own"].seconds_per_batch) == {"pi-01", "hub"}


def test_what_a_silent_coordinator_had_done_is_remembered() -> None:
    job = replace(a_job(rounds=10), progress=None, last_round=9)
    assert sum(sum(entry.batches.values()) for entry in compiled(a_node(), jobs=[job]).problem.jobs) == pytest.approx(
        50
    )
