"""Every guard stands alone between a named scenario and harm: with it nothing happens, without it the harm does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.nodes import NodeRecord, OverridePower, PowerOverride, PowerState, SleepSpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, PowerReading
from sunward.planning.guards.case import GuardStage
from sunward.planning.guards.registry import GUARDS, obstacles, without
from sunward.planning.sleep.transitions import next_step
from support.guards.cases import AWAY, HOME, a_cut_node, case_of, held_awake, in_state
from support.guards.scenarios import SCENARIOS, Scenario
from support.guards.scenarios_limits import CUT_BY_HAND
from support.planning import LONG_AGO, NOW, a_job, a_node, a_pod, a_policy, a_profile, relay, some_facts, some_progress


def test_every_guard_has_a_scenario_and_there_are_more_than_thirty() -> None:
    assert {scenario.guard for scenario in SCENARIOS} == set(GUARDS)
    assert len(GUARDS) > 30


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s.guard}-{s.stage}-{s.reason}")
def test_the_guard_and_nothing_else_objects(scenario: Scenario) -> None:
    found = obstacles(scenario.build(), scenario.stage)
    assert [(obstacle.guard, obstacle.cause.reason) for obstacle in found] == [(scenario.guard, scenario.reason)]
    assert found[0].cause.message


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s.guard}-{s.stage}-{s.reason}")
def test_without_the_guard_nothing_stands_in_the_way(scenario: Scenario) -> None:
    assert obstacles(scenario.build(), scenario.stage, without(scenario.guard)) == ()


def at_start() -> list[Scenario]:
    """A person's wish to keep a node awake is obeyed before any guard is asked, so its guard is a second line."""
    return [s for s in SCENARIOS if s.stage is GuardStage.START and s.guard != "override-awake"]


@pytest.mark.parametrize("scenario", at_start(), ids=lambda s: f"{s.guard}-{s.reason}")
def test_a_node_is_cordoned_only_when_the_guard_is_gone(scenario: Scenario) -> None:
    case = scenario.build()

    def act_with(guards: Any) -> Act:
        step = next_step(
            case.node, False, case.snapshot, case.power, case.now, fencing_token=case.fencing_token, guards=guards
        )
        assert scenario.reason is step.cause.reason or step.act is Act.CORDON
        return step.act

    assert act_with(GUARDS) is Act.NONE
    assert act_with(without(scenario.guard)) is Act.CORDON


def test_a_healthy_idle_node_may_sleep() -> None:
    case = case_of()
    assert all(
        obstacles(case, stage) == ()
        for stage in (GuardStage.PLAN, GuardStage.START, GuardStage.ACT, GuardStage.WAKE, GuardStage.ON)
    )


def test_an_unknown_guard_cannot_be_left_out() -> None:
    with pytest.raises(KeyError):
        without("no-such-guard")


def test_a_finished_job_holds_nobody_awake() -> None:
    job = a_job(assignments=(HOME, AWAY), coordinator_node="pi-01", finished=Reason.ROUNDS_COMPLETE)
    assert obstacles(case_of(jobs=[job]), GuardStage.START) == ()


def test_a_silent_coordinator_holds_only_the_nodes_of_its_own_workers() -> None:
    job = a_job(homes=("pi-02",), progress=None)
    assert obstacles(case_of(jobs=[job]), GuardStage.START) == ()


def test_a_copied_shard_frees_its_home() -> None:
    progress = some_progress(cached_shards=(("pi-02", ("shard-pi-01",)),))
    assert obstacles(case_of(jobs=[a_job(assignments=(AWAY,), progress=progress)]), GuardStage.START) == ()


def test_an_override_to_sleep_wins_over_a_policy_that_does_not_sleep() -> None:
    override = PowerOverride(power=OverridePower.ASLEEP, until=None, reason="moving house")
    assert obstacles(case_of(a_node(override=override), policy=a_policy(sleep=False)), GuardStage.START) == ()


def test_a_relay_without_a_meter_proves_by_its_output_alone() -> None:
    off = PowerReading(is_on=False, watts=None, time=NOW)
    on = PowerReading(is_on=True, watts=None, time=NOW)
    assert obstacles(case_of(a_cut_node(), power=off), GuardStage.OFF) == ()
    assert obstacles(case_of(power=on), GuardStage.ON) == ()


def test_a_node_that_says_ready_after_its_sleep_is_believed() -> None:
    woken = some_facts(ready_since=NOW - timedelta(seconds=10))
    record = in_state(PowerState.BOOTING, asleep_since=NOW - timedelta(seconds=40))
    assert obstacles(case_of(a_node(record=record, facts=woken)), GuardStage.READY) == ()


def test_a_cordon_only_node_is_ready_at_once() -> None:
    record = in_state(PowerState.BOOTING, asleep_since=NOW)
    node = a_node(record=record, sleep=SleepSpec(driver="CordonOnly"))
    assert obstacles(case_of(node), GuardStage.READY) == ()


def test_a_coordinator_pod_counts_even_when_the_job_does_not_say_where_it_runs() -> None:
    pod = a_pod("mnist-coordinator", labels=(("sunward.dev/component", "coordinator"),), owner_kind="TrainingJob")
    reasons = {obstacle.cause.reason for obstacle in obstacles(case_of(a_node(pods=[pod])), GuardStage.START)}
    assert Reason.HOSTS_COORDINATOR in reasons


def test_power_profiles_set_the_line_between_asleep_and_awake() -> None:
    node = a_node(power=a_profile(idle_watts=4.0, busy_watts=8.0, asleep_watts=2.0))
    assert obstacles(case_of(node, power=relay(True, watts=3.1)), GuardStage.ON) == ()
    assert obstacles(case_of(node, power=relay(False, watts=2.9)), GuardStage.OFF) == ()


def test_stale_snapshots_from_the_future_are_no_better() -> None:
    case = case_of()
    ahead: Snapshot = replace(case.snapshot, taken_at=NOW + timedelta(minutes=10))
    found = {obstacle.guard for obstacle in obstacles(replace(case, snapshot=ahead), GuardStage.START)}
    assert "snapshot-fresh" in found


def test_a_node_cut_by_hand_is_woken_after_a_while_or_when_a_person_asks() -> None:
    old = replace(CUT_BY_HAND, asleep_since=LONG_AGO)
    assert obstacles(case_of(a_node(record=old)), GuardStage.WAKE) == ()
    assert obstacles(case_of(a_node(record=CUT_BY_HAND, override=held_awake())), GuardStage.WAKE) == ()


def test_long_ago_is_long_enough() -> None:
    record = NodeRecord(awake_since=LONG_AGO, last_transition_at=LONG_AGO, sleep_times=(LONG_AGO,) * 9)
    assert obstacles(case_of(a_node(record=record)), GuardStage.START) == ()
