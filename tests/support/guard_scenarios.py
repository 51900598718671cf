"""For every guard a named scenario in which it alone stands between a node and harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sunward.domain.measurement import Quality
from sunward.domain.nodes import Needs, NodeRecord, PowerState, Role, SleepSpec
from sunward.domain.policy import Mode
from sunward.domain.reasons import Reason
from sunward.planning.case import Case, Stage
from support.guard_cases import (
    AWAY,
    BATTERY,
    HOME,
    MINUTE,
    MISSING,
    a_cut_node,
    a_waking_node,
    blind_but_awake,
    budgets,
    case_of,
    facts,
    falling,
    held_awake,
    in_state,
    just_asked,
    stale_snapshot,
    with_power_reading,
)
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_pod,
    a_policy,
    a_worker_pod,
    a_zone,
    measured,
    relay,
    some_facts,
    some_meters,
    some_progress,
)

AT_ONCE = SleepSpec(driver="Shelly", driver_ref="relay", minimum_awake_seconds=0.0)
CUT_BY_HAND = NodeRecord(
    power_state=PowerState.ASLEEP,
    asleep_since=NOW - MINUTE,
    last_transition_reason=Reason.POWERED_OFF_BY_OTHERS,
)
JUST_WOKEN = NodeRecord(awake_since=NOW - timedelta(seconds=5), last_transition_reason=Reason.AWAKE)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A healthy, idle node that is wanted asleep, with one thing wrong."""

    guard: str
    stage: Stage
    reason: Reason
    build: Callable[[], Case]


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
        (
            "cordoned",
            Stage.CUT,
            Reason.NO_LONGER_HOLDS,
            lambda: case_of(a_node(record=in_state(PowerState.DRAINING))),
        ),
        (
            "cordoned",
            Stage.REPEAT_OFF,
            Reason.NO_LONGER_HOLDS,
            lambda: case_of(a_cut_node(facts=some_facts())),
        ),
        (
            "still-cordoned",
            Stage.KEEP,
            Reason.NO_LONGER_HOLDS,
            lambda: case_of(a_node(record=in_state(PowerState.ASLEEP, cordoned_by_us=True))),
        ),
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
