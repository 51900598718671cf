"""Every guard stands alone between a named scenario and harm: with it nothing happens, without it the harm does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.measurement import Absent, Quality
from sunward.domain.nodes import (
    BatterySpec,
    Needs,
    NodeFacts,
    NodeRecord,
    NodeView,
    Operation,
    PowerOverride,
    PowerProfile,
    PowerState,
    Role,
    SleepSpec,
)
from sunward.domain.policy import Budgets, Mode
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, PowerReading
from sunward.planning.case import Case, Stage
from sunward.planning.guards import GUARDS, obstacles, without
from sunward.planning.transitions import next_step
from support.planning import (
    LONG_AGO,
    NOW,
    a_job,
    a_node,
    a_pod,
    a_policy,
    a_snapshot,
    a_worker_pod,
    a_zone,
    an_assignment,
    measured,
    relay,
    some_facts,
    some_meters,
    some_progress,
)

BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=5.0, maximum_discharge_watts=5.0)
MINUTE = timedelta(minutes=1)
MISSING = Absent(reason=Reason.DATA_MISSING, source="test")
AT_ONCE = SleepSpec(driver="Shelly", driver_ref="relay", minimum_awake_seconds=0.0)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A healthy, idle node that is wanted asleep, with one thing wrong."""

    guard: str
    stage: Stage
    reason: Reason
    build: Callable[[], Case]


def case_of(
    node: NodeView | None = None,
    *others: NodeView,
    power: PowerReading | None = None,
    token: int = 1,
    silent: bool = False,
    drain_failure: str | None = None,
    **snapshot: Any,
) -> Case:
    node = node or a_node()
    rest = others or tuple(a_node(f"pi-0{index}") for index in (2, 3, 4))
    return Case(
        node=node,
        snapshot=a_snapshot(node, *rest, **snapshot),
        now=NOW,
        power=None if silent else power or relay(True),
        fencing_token=token,
        drain_failure=drain_failure,
    )


def an_operation(**changes: Any) -> Operation:
    operation = Operation(
        id="pi-01-sleep-1",
        intent="Sleep",
        reason=Reason.SLEEP_STARTED,
        started_at=NOW - MINUTE,
        deadline=NOW + MINUTE,
        fencing_token=1,
    )
    return replace(operation, **changes)


def in_state(state: PowerState, **changes: Any) -> NodeRecord:
    return NodeRecord(power_state=state, **{"operation": an_operation()} | changes)


def facts(**changes: Any) -> NodeView:
    return a_node(facts=some_facts(**changes))


def with_power_reading(**changes: Any) -> NodeView:
    return a_node(meters=some_meters(measured(2.7, **changes)))


def falling(**changes: Any) -> NodeView:
    cordoned: NodeFacts = some_facts(unschedulable=True, has_our_cordon_mark=True)
    return a_node(record=in_state(PowerState.DRAINING), facts=cordoned, **changes)


def blind_but_awake(name: str) -> NodeView:
    return a_node(name, meters=some_meters(Absent(reason=Reason.DATA_MISSING, source="test")))


def a_cut_node(**changes: Any) -> NodeView:
    return a_node(**{"record": in_state(PowerState.POWER_OFF_REQUESTED)} | changes)


def a_waking_node(**changes: Any) -> NodeView:
    record = in_state(PowerState.WAKE_REQUESTED, operation=an_operation(intent="Wake"))
    return a_node(**{"record": record} | changes)


def budgets(**changes: Any) -> Any:
    return a_policy(budgets=replace(Budgets(), **changes))


def held_awake() -> PowerOverride:
    return PowerOverride(power="Awake", until=NOW + MINUTE, reason="firmware")


def stale_snapshot() -> Case:
    case = case_of(a_node(meters=some_meters(measured(2.7, at=NOW - MINUTE))))
    old = replace(case.snapshot, taken_at=NOW - timedelta(minutes=10))
    return replace(case, snapshot=old)


def just_asked(state: PowerState) -> NodeRecord:
    return in_state(state, operation=an_operation(started_at=NOW - timedelta(seconds=5)))


AWAY = an_assignment("default/mnist", "shard-pi-01", "pi-01", "pi-02")
HOME = an_assignment("default/mnist", "shard-pi-01", "pi-01", "pi-01")
CUT_BY_HAND = NodeRecord(
    power_state=PowerState.ASLEEP,
    asleep_since=NOW - MINUTE,
    last_transition_reason=Reason.POWERED_OFF_BY_OTHERS,
)
JUST_WOKEN = NodeRecord(awake_since=NOW - timedelta(seconds=5), last_transition_reason=Reason.AWAKE)

SCENARIOS = [
    Scenario(guard=guard, stage=stage, reason=reason, build=build)
    for guard, stage, reason, build in (
        ("leader", Stage.ACT, Reason.NOT_LEADER, lambda: case_of(is_leader=False)),
        ("fencing", Stage.ACT, Reason.NOT_LEADER, lambda: case_of(falling(), token=0)),
        ("node-exists", Stage.START, Reason.NODE_MISSING, lambda: case_of(a_node(has_facts=False, sleep=AT_ONCE))),
        ("control-plane", Stage.START, Reason.CONTROL_PLANE, lambda: case_of(facts(is_control_plane=True))),
        ("always-on", Stage.START, Reason.ALWAYS_ON, lambda: case_of(a_node(role=Role.ALWAYS_ON))),
        ("managed", Stage.START, Reason.NOT_MANAGED, lambda: case_of(facts(is_managed=False))),
        ("opted-out", Stage.START, Reason.OPTED_OUT, lambda: case_of(facts(do_not_sleep=True))),
        ("hosts-operator", Stage.START, Reason.HOSTS_OPERATOR, lambda: case_of(operator_node="pi-01")),
        (
            "hosts-coordinator",
            Stage.START,
            Reason.HOSTS_COORDINATOR,
            lambda: case_of(jobs=[a_job(coordinator_node="pi-01")]),
        ),
        ("foreign-cordon", Stage.START, Reason.CORDONED_BY_OTHERS, lambda: case_of(facts(unschedulable=True))),
        ("power-driver", Stage.START, Reason.NO_POWER_DRIVER, lambda: case_of(a_node(sleep=SleepSpec()))),
        ("node-ready", Stage.START, Reason.NODE_NOT_READY, lambda: case_of(facts(ready=False))),
        ("override-awake", Stage.START, Reason.OVERRIDDEN, lambda: case_of(a_node(override=held_awake()))),
        ("sleep-enabled", Stage.START, Reason.SLEEP_DISABLED, lambda: case_of(policy=a_policy(sleep=False))),
        ("active-mode", Stage.START, Reason.DRY_RUN, lambda: case_of(policy=a_policy(mode=Mode.DRY_RUN))),
        ("snapshot-fresh", Stage.START, Reason.DATA_STALE, stale_snapshot),
        (
            "data-hold",
            Stage.START,
            Reason.PIPELINE_SUSPECT,
            lambda: case_of(data_hold=Reason.PIPELINE_SUSPECT, data_hold_message="half of the meters disagree"),
        ),
        ("sensors-available", Stage.START, Reason.DATA_UNAVAILABLE, lambda: case_of(sensors_available=False)),
        ("power-meter", Stage.START, Reason.DATA_STALE, lambda: case_of(with_power_reading(at=NOW - 3 * MINUTE))),
        ("power-meter", Stage.RECHECK, Reason.CLOCK_SKEW, lambda: case_of(with_power_reading(at=NOW + 3 * MINUTE))),
        (
            "power-meter",
            Stage.PLAN,
            Reason.SOURCES_DISAGREE,
            lambda: case_of(with_power_reading(quality=Quality.SUSPECT)),
        ),
        (
            "power-meter",
            Stage.START,
            Reason.DATA_STALE,
            lambda: case_of(with_power_reading(quality=Quality.LAST_KNOWN_GOOD)),
        ),
        (
            "harvest-meter",
            Stage.START,
            Reason.DATA_MISSING,
            lambda: case_of(a_node(harvest_nameplate_watts=10.0, meters=some_meters(harvest=MISSING))),
        ),
        (
            "battery-meter",
            Stage.START,
            Reason.DATA_MISSING,
            lambda: case_of(a_node(battery=BATTERY, meters=some_meters(battery=MISSING))),
        ),
        ("intensity", Stage.START, Reason.UNKNOWN_ZONE, lambda: case_of(a_node(grid_zone="NOWHERE"))),
        (
            "intensity",
            Stage.START,
            Reason.DATA_STALE,
            lambda: case_of(intensities={"CLEAN": a_zone("CLEAN", measured(24.0, at=NOW - timedelta(hours=3)))}),
        ),
        (
            "intensity",
            Stage.START,
            Reason.ESTIMATED_INTENSITY,
            lambda: case_of(intensities={"CLEAN": a_zone("CLEAN", measured(24.0, quality=Quality.ESTIMATED))}),
        ),
        (
            "pipeline",
            Stage.START,
            Reason.PIPELINE_SUSPECT,
            lambda: case_of(a_node(), a_node("pi-02"), blind_but_awake("pi-03"), blind_but_awake("pi-04")),
        ),
        ("warm-up", Stage.START, Reason.WARMING_UP, lambda: case_of(operator_started_at=NOW)),
        (
            "minimum-awake-time",
            Stage.START,
            Reason.MINIMUM_AWAKE_TIME,
            lambda: case_of(a_node(record=NodeRecord(awake_since=NOW - MINUTE))),
        ),
        (
            "minimum-awake-time",
            Stage.START,
            Reason.MINIMUM_AWAKE_TIME,
            lambda: case_of(facts(ready_since=None)),
        ),
        (
            "dwell-time",
            Stage.START,
            Reason.DWELL_TIME,
            lambda: case_of(a_node(record=NodeRecord(last_transition_at=NOW - MINUTE))),
        ),
        (
            "cycle-limit",
            Stage.START,
            Reason.CYCLE_LIMIT,
            lambda: case_of(a_node(record=NodeRecord(sleep_times=(NOW - timedelta(hours=2),) * 6))),
        ),
        (
            "transition-budget",
            Stage.START,
            Reason.TRANSITION_BUDGET,
            lambda: case_of(
                a_node(), a_node("pi-02", record=in_state(PowerState.BOOTING)), a_node("pi-03"), a_node("pi-04")
            ),
        ),
        (
            "sleep-limit",
            Stage.START,
            Reason.SLEEP_LIMIT,
            lambda: case_of(unmanaged_not_ready_nodes=2),
        ),
        (
            "policy-limit",
            Stage.START,
            Reason.SLEEP_LIMIT,
            lambda: case_of(policy=budgets(maximum_asleep_nodes=0)),
        ),
        (
            "excess-sleepers",
            Stage.KEEP,
            Reason.SLEEP_LIMIT,
            lambda: case_of(
                a_node(record=in_state(PowerState.ASLEEP)),
                a_node("pi-02", record=in_state(PowerState.ASLEEP)),
                a_node("pi-03", facts=some_facts("pi-03", ready=False)),
            ),
        ),
        (
            "minimum-awake-nodes",
            Stage.START,
            Reason.MINIMUM_AWAKE_NODES,
            lambda: case_of(policy=budgets(minimum_awake_nodes=4)),
        ),
        (
            "wake-interval",
            Stage.WAKE,
            Reason.TRANSITION_BUDGET,
            lambda: case_of(a_node(), a_node("pi-02", record=JUST_WOKEN)),
        ),
        (
            "work-moved",
            Stage.START,
            Reason.WORK_NOT_MOVED,
            lambda: case_of(jobs=[a_job(assignments=(HOME,))]),
        ),
        (
            "work-moved",
            Stage.START,
            Reason.WORK_NOT_MOVED,
            lambda: case_of(jobs=[a_job(progress=some_progress(workers=("pi-01",)))]),
        ),
        (
            "work-moved",
            Stage.START,
            Reason.WORK_NOT_MOVED,
            lambda: case_of(a_node(pods=[a_worker_pod()]), jobs=[a_job(progress=None)]),
        ),
        (
            "shard-copied",
            Stage.START,
            Reason.SHARD_NOT_COPIED,
            lambda: case_of(jobs=[a_job(assignments=(AWAY,))]),
        ),
        (
            "shard-copied",
            Stage.START,
            Reason.SHARD_NOT_COPIED,
            lambda: case_of(jobs=[a_job(assignments=(AWAY,), progress=None)]),
        ),
        (
            "pods-evictable",
            Stage.START,
            Reason.UNEVICTABLE_POD,
            lambda: case_of(a_node(pods=[a_pod(do_not_disrupt=True)])),
        ),
        (
            "unambiguous",
            Stage.START,
            Reason.AMBIGUOUS_NODE,
            lambda: case_of(a_node(), a_node("pi-02", node_name="pi-01"), a_node("pi-03"), a_node("pi-04")),
        ),
        (
            "unambiguous",
            Stage.CUT,
            Reason.AMBIGUOUS_NODE,
            lambda: case_of(
                falling(),
                a_node("pi-02", sleep=SleepSpec(driver="Shelly", driver_ref="relay-pi-01")),
                a_node("pi-03"),
                a_node("pi-04"),
            ),
        ),
        (
            "pods-placeable",
            Stage.START,
            Reason.UNPLACEABLE_POD,
            lambda: case_of(a_node(pods=[a_pod(needs=Needs(millicores=8000))])),
        ),
        (
            "eviction-possible",
            Stage.RECHECK,
            Reason.DRAIN_BLOCKED,
            lambda: case_of(falling(), drain_failure="two disruption budgets"),
        ),
        ("drained", Stage.CUT, Reason.DRAINING, lambda: case_of(falling(pods=[a_pod(is_terminating=True)]))),
        ("volumes-detached", Stage.CUT, Reason.VOLUME_ATTACHED, lambda: case_of(falling(volume_attached=True))),
        ("relay-answers", Stage.START, Reason.DRIVER_FAILED, lambda: case_of(silent=True)),
        (
            "relay-recent",
            Stage.OFF,
            Reason.DATA_STALE,
            lambda: case_of(a_cut_node(), power=relay(False, at=NOW - 2 * MINUTE)),
        ),
        (
            "relay-recent",
            Stage.ON,
            Reason.DATA_STALE,
            lambda: case_of(power=relay(True, at=NOW - timedelta(hours=1))),
        ),
        ("relay-open", Stage.OFF, Reason.DRIVER_FAILED, lambda: case_of(a_cut_node(), power=relay(True, watts=0.0))),
        ("relay-closed", Stage.ON, Reason.DRIVER_FAILED, lambda: case_of(power=relay(False, watts=3.0))),
        ("draw-gone", Stage.OFF, Reason.SOURCES_DISAGREE, lambda: case_of(a_cut_node(), power=relay(False, watts=2.7))),
        ("draw-there", Stage.ON, Reason.SOURCES_DISAGREE, lambda: case_of(power=relay(True, watts=0.2))),
        (
            "request-lost",
            Stage.REPEAT_OFF,
            Reason.DRIVER_FAILED,
            lambda: case_of(a_cut_node(record=just_asked(PowerState.POWER_OFF_REQUESTED))),
        ),
        (
            "retry-due",
            Stage.WAKE,
            Reason.WAKE_TIMED_OUT,
            lambda: case_of(a_waking_node(record=in_state(PowerState.WAKE_REQUESTED, next_attempt_at=NOW + MINUTE))),
        ),
        (
            "cut-by-others",
            Stage.WAKE,
            Reason.POWERED_OFF_BY_OTHERS,
            lambda: case_of(a_node(record=CUT_BY_HAND)),
        ),
        ("ready-now", Stage.READY, Reason.NODE_NOT_READY, lambda: case_of(facts(ready=False))),
        (
            "ready-now",
            Stage.READY,
            Reason.BOOTING,
            lambda: case_of(a_waking_node(record=in_state(PowerState.BOOTING, asleep_since=NOW - MINUTE / 2))),
        ),
    )
]


def test_every_guard_has_a_scenario_and_there_are_more_than_thirty() -> None:
    assert {scenario.guard for scenario in SCENARIOS} == set(GUARDS)
    assert len(GUARDS) > 30


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s.guard}-{s.stage}-{s.reason}")
def test_the_guard_and_nothing_else_objects(scenario: Scenario) -> None:
    found = obstacles(scenario.build(), scenario.stage)
    assert [(obstacle.guard, obstacle.reason) for obstacle in found] == [(scenario.guard, scenario.reason)]
    assert found[0].message


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s.guard}-{s.stage}-{s.reason}")
def test_without_the_guard_nothing_stands_in_the_way(scenario: Scenario) -> None:
    assert obstacles(scenario.build(), scenario.stage, without(scenario.guard)) == ()


def at_start() -> list[Scenario]:
    """A person's wish to keep a node awake is obeyed before any guard is asked, so its guard is a second line."""
    return [s for s in SCENARIOS if s.stage is Stage.START and s.guard != "override-awake"]


@pytest.mark.parametrize("scenario", at_start(), ids=lambda s: f"{s.guard}-{s.reason}")
def test_a_node_is_cordoned_only_when_the_guard_is_gone(scenario: Scenario) -> None:
    case = scenario.build()

    def act_with(guards: Any) -> Act:
        step = next_step(
            case.node, False, case.snapshot, case.power, case.now, fencing_token=case.fencing_token, guards=guards
        )
        assert scenario.reason is step.reason or step.act is Act.CORDON
        return step.act

    assert act_with(GUARDS) is Act.NONE
    assert act_with(without(scenario.guard)) is Act.CORDON


def test_a_healthy_idle_node_may_sleep() -> None:
    case = case_of()
    assert all(obstacles(case, stage) == () for stage in (Stage.PLAN, Stage.START, Stage.ACT, Stage.WAKE, Stage.ON))


def test_an_unknown_guard_cannot_be_left_out() -> None:
    with pytest.raises(KeyError):
        without("no-such-guard")


def test_a_finished_job_holds_nobody_awake() -> None:
    job = a_job(assignments=(HOME, AWAY), coordinator_node="pi-01", finished=Reason.ROUNDS_COMPLETE)
    assert obstacles(case_of(jobs=[job]), Stage.START) == ()


def test_a_silent_coordinator_holds_only_the_nodes_of_its_own_workers() -> None:
    job = a_job(homes=("pi-02",), progress=None)
    assert obstacles(case_of(jobs=[job]), Stage.START) == ()


def test_a_copied_shard_frees_its_home() -> None:
    progress = some_progress(cached_shards=(("pi-02", ("shard-pi-01",)),))
    assert obstacles(case_of(jobs=[a_job(assignments=(AWAY,), progress=progress)]), Stage.START) == ()


def test_an_override_to_sleep_wins_over_a_policy_that_does_not_sleep() -> None:
    override = PowerOverride(power="Asleep", until=None, reason="moving house")
    assert obstacles(case_of(a_node(override=override), policy=a_policy(sleep=False)), Stage.START) == ()


def test_a_relay_without_a_meter_proves_by_its_output_alone() -> None:
    off = PowerReading(is_on=False, watts=None, time=NOW)
    on = PowerReading(is_on=True, watts=None, time=NOW)
    assert obstacles(case_of(a_cut_node(), power=off), Stage.OFF) == ()
    assert obstacles(case_of(power=on), Stage.ON) == ()


def test_a_node_that_says_ready_after_its_sleep_is_believed() -> None:
    woken = some_facts(ready_since=NOW - timedelta(seconds=10))
    record = in_state(PowerState.BOOTING, asleep_since=NOW - timedelta(seconds=40))
    assert obstacles(case_of(a_node(record=record, facts=woken)), Stage.READY) == ()


def test_a_cordon_only_node_is_ready_at_once() -> None:
    record = in_state(PowerState.BOOTING, asleep_since=NOW)
    node = a_node(record=record, sleep=SleepSpec(driver="CordonOnly"))
    assert obstacles(case_of(node), Stage.READY) == ()


def test_a_coordinator_pod_counts_even_when_the_job_does_not_say_where_it_runs() -> None:
    pod = a_pod("mnist-coordinator", labels=(("sunward.dev/component", "coordinator"),), owner_kind="TrainingJob")
    reasons = {obstacle.reason for obstacle in obstacles(case_of(a_node(pods=[pod])), Stage.START)}
    assert Reason.HOSTS_COORDINATOR in reasons


def test_power_profiles_set_the_line_between_asleep_and_awake() -> None:
    node = a_node(power=PowerProfile(idle_watts=4.0, busy_watts=8.0, asleep_watts=2.0))
    assert obstacles(case_of(node, power=relay(True, watts=3.1)), Stage.ON) == ()
    assert obstacles(case_of(node, power=relay(False, watts=2.9)), Stage.OFF) == ()


def test_stale_snapshots_from_the_future_are_no_better() -> None:
    case = case_of()
    ahead: Snapshot = replace(case.snapshot, taken_at=NOW + timedelta(minutes=10))
    found = {obstacle.guard for obstacle in obstacles(replace(case, snapshot=ahead), Stage.START)}
    assert "snapshot-fresh" in found


def test_a_node_cut_by_hand_is_woken_after_a_while_or_when_a_person_asks() -> None:
    old = replace(CUT_BY_HAND, asleep_since=LONG_AGO)
    assert obstacles(case_of(a_node(record=old)), Stage.WAKE) == ()
    assert obstacles(case_of(a_node(record=CUT_BY_HAND, override=held_awake())), Stage.WAKE) == ()


def test_long_ago_is_long_enough() -> None:
    record = NodeRecord(awake_since=LONG_AGO, last_transition_at=LONG_AGO, sleep_times=(LONG_AGO,) * 9)
    assert obstacles(case_of(a_node(record=record)), Stage.START) == ()
