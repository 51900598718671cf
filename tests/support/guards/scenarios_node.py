"""Scenarios of who may act, what a node is, and what is known of it."""

from __future__ import annotations

from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.measurement import Quality
from sunward.domain.nodes import PowerState, Role, SleepSpec
from sunward.domain.policy import OperatingMode
from sunward.domain.reasons import Reason
from sunward.planning.guards.case import GuardStage
from sunward.planning.guards.rules_data import COMMAND_LIFETIME
from support.guards.cases import (
    BATTERY,
    MINUTE,
    MISSING,
    Row,
    a_cut_node,
    blind_but_awake,
    case_of,
    facts,
    falling,
    held_awake,
    in_state,
    stale_snapshot,
    with_power_reading,
)
from support.planning import NOW, a_job, a_node, a_policy, a_zone, measured, some_facts, some_meters

AT_ONCE = SleepSpec(driver="Shelly", driver_ref="relay", minimum_awake_seconds=0.0)

OF_THE_NODE: tuple[Row, ...] = (
    ("leader", GuardStage.ACT, Reason.NOT_LEADER, lambda: case_of(is_leader=False)),
    ("fencing", GuardStage.ACT, Reason.NOT_LEADER, lambda: case_of(falling(), token=0)),
    ("node-exists", GuardStage.START, Reason.NODE_MISSING, lambda: case_of(a_node(has_facts=False, sleep=AT_ONCE))),
    ("control-plane", GuardStage.START, Reason.CONTROL_PLANE, lambda: case_of(facts(is_control_plane=True))),
    ("always-on", GuardStage.START, Reason.ALWAYS_ON, lambda: case_of(a_node(role=Role.ALWAYS_ON))),
    ("managed", GuardStage.START, Reason.NOT_MANAGED, lambda: case_of(facts(is_managed=False))),
    ("opted-out", GuardStage.START, Reason.OPTED_OUT, lambda: case_of(facts(do_not_sleep=True))),
    ("kept-by-others", GuardStage.START, Reason.OPTED_OUT, lambda: case_of(facts(kept_by="karpenter.sh/disrupted"))),
    ("hosts-operator", GuardStage.START, Reason.HOSTS_OPERATOR, lambda: case_of(operator_node="pi-01")),
    (
        "hosts-coordinator",
        GuardStage.START,
        Reason.HOSTS_COORDINATOR,
        lambda: case_of(jobs=[a_job(coordinator_node="pi-01")]),
    ),
    ("foreign-cordon", GuardStage.START, Reason.CORDONED_BY_OTHERS, lambda: case_of(facts(unschedulable=True))),
    (
        "cordoned",
        GuardStage.CUT,
        Reason.NO_LONGER_HOLDS,
        lambda: case_of(a_node(record=in_state(PowerState.DRAINING))),
    ),
    (
        "cordoned",
        GuardStage.REPEAT_OFF,
        Reason.NO_LONGER_HOLDS,
        lambda: case_of(a_cut_node(facts=some_facts())),
    ),
    (
        "still-cordoned",
        GuardStage.KEEP,
        Reason.NO_LONGER_HOLDS,
        lambda: case_of(a_node(record=in_state(PowerState.ASLEEP, cordoned_by_us=True))),
    ),
    ("power-driver", GuardStage.START, Reason.NO_POWER_DRIVER, lambda: case_of(a_node(sleep=SleepSpec()))),
    ("node-ready", GuardStage.START, Reason.NODE_NOT_READY, lambda: case_of(facts(ready=False))),
    ("override-awake", GuardStage.START, Reason.OVERRIDDEN, lambda: case_of(a_node(override=held_awake()))),
    ("sleep-enabled", GuardStage.START, Reason.SLEEP_DISABLED, lambda: case_of(policy=a_policy(sleep=False))),
    ("active-mode", GuardStage.START, Reason.DRY_RUN, lambda: case_of(policy=a_policy(mode=OperatingMode.DRY_RUN))),
    ("snapshot-fresh", GuardStage.START, Reason.DATA_STALE, stale_snapshot),
    (
        "command-recent",
        GuardStage.CUT,
        Reason.COMMAND_EXPIRED,
        lambda: case_of(falling(), taken_at=NOW - 1.5 * COMMAND_LIFETIME),
    ),
    (
        "data-hold",
        GuardStage.START,
        Reason.PIPELINE_SUSPECT,
        lambda: case_of(data_hold=Cause(Reason.PIPELINE_SUSPECT, "half of the meters disagree")),
    ),
    ("sensors-available", GuardStage.START, Reason.DATA_UNAVAILABLE, lambda: case_of(sensors_available=False)),
    ("power-meter", GuardStage.START, Reason.DATA_STALE, lambda: case_of(with_power_reading(at=NOW - 3 * MINUTE))),
    ("power-meter", GuardStage.PREFLIGHT, Reason.CLOCK_SKEW, lambda: case_of(with_power_reading(at=NOW + 3 * MINUTE))),
    (
        "power-meter",
        GuardStage.PLAN,
        Reason.SOURCES_DISAGREE,
        lambda: case_of(with_power_reading(quality=Quality.SUSPECT)),
    ),
    (
        "power-meter",
        GuardStage.START,
        Reason.DATA_STALE,
        lambda: case_of(with_power_reading(quality=Quality.LAST_KNOWN_GOOD)),
    ),
    (
        "harvest-meter",
        GuardStage.START,
        Reason.DATA_MISSING,
        lambda: case_of(a_node(harvest_nameplate_watts=10.0, meters=some_meters(harvest=MISSING))),
    ),
    (
        "battery-meter",
        GuardStage.START,
        Reason.DATA_MISSING,
        lambda: case_of(a_node(battery=BATTERY, meters=some_meters(battery=MISSING))),
    ),
    ("intensity", GuardStage.START, Reason.UNKNOWN_ZONE, lambda: case_of(a_node(grid_zone="NOWHERE"))),
    (
        "intensity",
        GuardStage.START,
        Reason.DATA_STALE,
        lambda: case_of(intensities={"CLEAN": a_zone("CLEAN", measured(24.0, at=NOW - timedelta(hours=3)))}),
    ),
    (
        "intensity",
        GuardStage.START,
        Reason.ESTIMATED_INTENSITY,
        lambda: case_of(intensities={"CLEAN": a_zone("CLEAN", measured(24.0, quality=Quality.ESTIMATED))}),
    ),
    (
        "pipeline",
        GuardStage.START,
        Reason.PIPELINE_SUSPECT,
        lambda: case_of(a_node(), a_node("pi-02"), blind_but_awake("pi-03"), blind_but_awake("pi-04")),
    ),
)
