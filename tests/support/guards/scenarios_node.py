"""Scenarios of who may act, what a node is, and what is known of it."""

from __future__ import annotations

from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.measurement import Quality
from sunward.domain.nodes import PowerState, Role, SleepSpec
from sunward.domain.policy import Mode
from sunward.domain.reasons import Reason
from sunward.planning.guards.case import Stage
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
        "command-recent",
        Stage.CUT,
        Reason.COMMAND_EXPIRED,
        lambda: case_of(falling(), taken_at=NOW - 1.5 * COMMAND_LIFETIME),
    ),
    (
        "data-hold",
        Stage.START,
        Reason.PIPELINE_SUSPECT,
        lambda: case_of(data_hold=Cause(Reason.PIPELINE_SUSPECT, "half of the meters disagree")),
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
)
