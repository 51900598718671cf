"""Scenarios of how often and how many, of what runs on a node, and of what is proven of its power."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeRecord, PowerState, SleepSpec
from sunward.domain.pods import PendingPod
from sunward.domain.reasons import Reason
from sunward.planning.guards.case import GuardStage
from support.guards.cases import (
    AWAY,
    HOME,
    MINUTE,
    Row,
    a_cut_node,
    a_halting_node,
    a_waking_node,
    budgets,
    case_of,
    facts,
    falling,
    in_state,
    just_asked,
)
from support.planning import NOW, a_job, a_node, a_pod, a_room, a_worker_pod, needing, relay, some_facts, some_progress

CUT_BY_HAND = NodeRecord(
    power_state=PowerState.ASLEEP,
    asleep_since=NOW - MINUTE,
    last_transition_reason=Reason.POWERED_OFF_BY_OTHERS,
)
TRIPPED = replace(CUT_BY_HAND, last_transition_reason=Reason.RELAY_TRIPPED)
JUST_WOKEN = NodeRecord(awake_since=NOW - timedelta(seconds=5), last_transition_reason=Reason.AWAKE)

OF_THE_LIMITS: tuple[Row, ...] = (
    ("warm-up", GuardStage.START, Reason.WARMING_UP, lambda: case_of(operator_started_at=NOW)),
    (
        "minimum-awake-time",
        GuardStage.START,
        Reason.MINIMUM_AWAKE_TIME,
        lambda: case_of(a_node(record=NodeRecord(awake_since=NOW - MINUTE))),
    ),
    (
        "minimum-awake-time",
        GuardStage.START,
        Reason.MINIMUM_AWAKE_TIME,
        lambda: case_of(facts(ready_since=None)),
    ),
    (
        "dwell-time",
        GuardStage.START,
        Reason.DWELL_TIME,
        lambda: case_of(a_node(record=NodeRecord(last_transition_at=NOW - MINUTE))),
    ),
    (
        "cycle-limit",
        GuardStage.START,
        Reason.CYCLE_LIMIT,
        lambda: case_of(a_node(record=NodeRecord(sleep_times=(NOW - timedelta(hours=2),) * 6))),
    ),
    (
        "transition-budget",
        GuardStage.START,
        Reason.TRANSITION_BUDGET,
        lambda: case_of(
            a_node(), a_node("pi-02", record=in_state(PowerState.BOOTING)), a_node("pi-03"), a_node("pi-04")
        ),
    ),
    (
        "sleep-limit",
        GuardStage.START,
        Reason.SLEEP_LIMIT,
        lambda: case_of(unmanaged_not_ready_nodes=2),
    ),
    (
        "policy-limit",
        GuardStage.START,
        Reason.SLEEP_LIMIT,
        lambda: case_of(policy=budgets(maximum_asleep_nodes=0)),
    ),
    (
        "excess-sleepers",
        GuardStage.KEEP,
        Reason.SLEEP_LIMIT,
        lambda: case_of(
            a_node(record=in_state(PowerState.ASLEEP)),
            a_node("pi-02", record=in_state(PowerState.ASLEEP)),
            a_node("pi-03", facts=some_facts("pi-03", ready=False)),
        ),
    ),
    (
        "minimum-awake-nodes",
        GuardStage.START,
        Reason.MINIMUM_AWAKE_NODES,
        lambda: case_of(policy=budgets(minimum_awake_nodes=4)),
    ),
    (
        "wake-interval",
        GuardStage.WAKE,
        Reason.TRANSITION_BUDGET,
        lambda: case_of(a_node(), a_node("pi-02", record=JUST_WOKEN)),
    ),
    (
        "work-moved",
        GuardStage.START,
        Reason.WORK_NOT_MOVED,
        lambda: case_of(jobs=[a_job(assignments=(HOME,))]),
    ),
    (
        "work-moved",
        GuardStage.START,
        Reason.WORK_NOT_MOVED,
        lambda: case_of(jobs=[a_job(progress=some_progress(workers=("pi-01",)))]),
    ),
    (
        "work-moved",
        GuardStage.START,
        Reason.WORK_NOT_MOVED,
        lambda: case_of(a_node(pods=[a_worker_pod()]), jobs=[a_job(progress=None)]),
    ),
    (
        "shard-copied",
        GuardStage.START,
        Reason.SHARD_NOT_COPIED,
        lambda: case_of(jobs=[a_job(assignments=(AWAY,))]),
    ),
    (
        "shard-copied",
        GuardStage.START,
        Reason.SHARD_NOT_COPIED,
        lambda: case_of(jobs=[a_job(assignments=(AWAY,), progress=None)]),
    ),
    (
        "pods-evictable",
        GuardStage.START,
        Reason.UNEVICTABLE_POD,
        lambda: case_of(a_node(pods=[a_pod(do_not_disrupt=True)])),
    ),
    (
        "budgets-allow",
        GuardStage.START,
        Reason.DISRUPTION_BUDGET,
        lambda: case_of(a_node(pods=[a_pod(budget=Cause(Reason.DISRUPTION_BUDGET, "allows no eviction"))])),
    ),
    (
        "pods-pending",
        GuardStage.KEEP,
        Reason.PENDING_POD,
        lambda: case_of(
            a_node(record=in_state(PowerState.ASLEEP), facts=some_facts(unschedulable=True, has_our_cordon_mark=True)),
            free_capacities=(),
            closed_capacities=(a_room("pi-01"),),
            pending=(PendingPod(pod=a_pod("web-2", node_name=None), since=NOW),),
        ),
    ),
    (
        "unambiguous",
        GuardStage.START,
        Reason.AMBIGUOUS_NODE,
        lambda: case_of(a_node(), a_node("pi-02", node_name="pi-01"), a_node("pi-03"), a_node("pi-04")),
    ),
    (
        "unambiguous",
        GuardStage.CUT,
        Reason.AMBIGUOUS_NODE,
        lambda: case_of(
            falling(),
            a_node("pi-02", sleep=SleepSpec(driver="Shelly", driver_ref="relay-pi-01")),
            a_node("pi-03"),
            a_node("pi-04"),
        ),
    ),
    (
        "unambiguous",
        GuardStage.START,
        Reason.AMBIGUOUS_NODE,
        lambda: case_of(power=replace(relay(True), shared_with=("relay-pi-02",))),
    ),
    (
        "unambiguous",
        GuardStage.REPEAT_OFF,
        Reason.AMBIGUOUS_NODE,
        lambda: case_of(a_cut_node(), power=replace(relay(True), shared_with=("relay-pi-02",))),
    ),
    (
        "pods-placeable",
        GuardStage.START,
        Reason.UNPLACEABLE_POD,
        lambda: case_of(a_node(pods=[a_pod(needs=needing(millicores=8000))])),
    ),
    (
        "eviction-possible",
        GuardStage.PREFLIGHT,
        Reason.DRAIN_BLOCKED,
        lambda: case_of(falling(), drain_failure=Cause(Reason.DRAIN_BLOCKED, "two disruption budgets")),
    ),
    ("drained", GuardStage.CUT, Reason.DRAINING, lambda: case_of(falling(pods=[a_pod(is_terminating=True)]))),
    ("volumes-detached", GuardStage.CUT, Reason.VOLUME_ATTACHED, lambda: case_of(falling(volume_attached=True))),
    ("relay-answers", GuardStage.START, Reason.DRIVER_FAILED, lambda: case_of(silent=True)),
    (
        "relay-recent",
        GuardStage.OFF,
        Reason.DATA_STALE,
        lambda: case_of(a_cut_node(), power=relay(False, at=NOW - 2 * MINUTE)),
    ),
    (
        "relay-recent",
        GuardStage.ON,
        Reason.DATA_STALE,
        lambda: case_of(power=relay(True, at=NOW - timedelta(hours=1))),
    ),
    ("relay-open", GuardStage.OFF, Reason.DRIVER_FAILED, lambda: case_of(a_cut_node(), power=relay(True, watts=0.0))),
    ("relay-closed", GuardStage.ON, Reason.DRIVER_FAILED, lambda: case_of(power=relay(False, watts=3.0))),
    (
        "draw-gone",
        GuardStage.OFF,
        Reason.SOURCES_DISAGREE,
        lambda: case_of(a_cut_node(), power=relay(False, watts=2.7)),
    ),
    ("draw-there", GuardStage.ON, Reason.SOURCES_DISAGREE, lambda: case_of(power=relay(True, watts=0.2))),
    (
        "draw-there",
        GuardStage.REPEAT_OFF,
        Reason.SOURCES_DISAGREE,
        lambda: case_of(a_cut_node(), power=relay(True, watts=0.2)),
    ),
    (
        "draw-gone",
        GuardStage.REPEAT_ON,
        Reason.SOURCES_DISAGREE,
        lambda: case_of(a_waking_node(), power=relay(False, watts=2.7)),
    ),
    (
        "request-lost",
        GuardStage.REPEAT_OFF,
        Reason.DRIVER_FAILED,
        lambda: case_of(a_cut_node(record=just_asked(PowerState.POWER_OFF_REQUESTED))),
    ),
    (
        "draw-halted",
        GuardStage.HALTED,
        Reason.SHUTDOWN_ORDERED,
        lambda: case_of(a_halting_node(), power=relay(True, watts=2.0)),
    ),
    (
        "draw-halted",
        GuardStage.HALTED,
        Reason.DATA_MISSING,
        lambda: case_of(a_halting_node(), power=replace(relay(True), watts=None)),
    ),
    (
        "system-down",
        GuardStage.CUT_HALTED,
        Reason.SHUTDOWN_ORDERED,
        lambda: case_of(a_halting_node(), power=relay(True, watts=0.1)),
    ),
    (
        "system-down",
        GuardStage.CUT_HALTED,
        Reason.SHUTDOWN_TIMED_OUT,
        lambda: case_of(a_halting_node(deadline=NOW), power=relay(True)),
    ),
    (
        "system-down",
        GuardStage.CUT_HALTED,
        Reason.POWERED_ON_BY_OTHERS,
        lambda: case_of(a_halting_node(halted_at=NOW - MINUTE / 2), power=relay(True, watts=2.7)),
    ),
    (
        "request-lost",
        GuardStage.REPEAT_CUT,
        Reason.DRIVER_FAILED,
        lambda: case_of(
            a_halting_node(halted_at=NOW - MINUTE / 2, started_at=NOW - timedelta(seconds=5)),
            power=relay(True, watts=0.1),
        ),
    ),
    (
        "unambiguous",
        GuardStage.CUT_HALTED,
        Reason.AMBIGUOUS_NODE,
        lambda: case_of(
            a_halting_node(halted_at=NOW - MINUTE / 2),
            power=replace(relay(True, watts=0.1), shared_with=("relay-pi-02",)),
        ),
    ),
    (
        "relay-recent",
        GuardStage.CUT_HALTED,
        Reason.DATA_STALE,
        lambda: case_of(a_halting_node(halted_at=NOW - MINUTE / 2), power=relay(True, watts=0.1, at=NOW - 2 * MINUTE)),
    ),
    (
        "retry-due",
        GuardStage.WAKE,
        Reason.WAKE_TIMED_OUT,
        lambda: case_of(a_waking_node(record=in_state(PowerState.WAKE_REQUESTED, next_attempt_at=NOW + MINUTE))),
    ),
    (
        "cut-by-others",
        GuardStage.WAKE,
        Reason.POWERED_OFF_BY_OTHERS,
        lambda: case_of(a_node(record=CUT_BY_HAND)),
    ),
    (
        "relay-sound",
        GuardStage.START,
        Reason.RELAY_TRIPPED,
        lambda: case_of(power=replace(relay(True), faults=("overtemp",))),
    ),
    (
        "relay-sound",
        GuardStage.REPEAT_ON,
        Reason.RELAY_TRIPPED,
        lambda: case_of(a_waking_node(), power=replace(relay(False), faults=("overpower",))),
    ),
    ("trip-pause", GuardStage.WAKE, Reason.RELAY_TRIPPED, lambda: case_of(a_node(record=TRIPPED))),
    ("ready-now", GuardStage.READY, Reason.NODE_NOT_READY, lambda: case_of(facts(ready=False))),
    (
        "ready-now",
        GuardStage.READY,
        Reason.BOOTING,
        lambda: case_of(a_waking_node(record=in_state(PowerState.BOOTING, asleep_since=NOW - MINUTE / 2))),
    ),
)
