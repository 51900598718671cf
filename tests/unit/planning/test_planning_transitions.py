"""Single steps of the sleep state machine that a whole walk does not reach."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeRecord, NodeView, Operation, OverridePower, PowerOverride, PowerState, SleepSpec
from sunward.domain.policy import Budgets
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act, PowerReading, Step
from sunward.planning.sleep.transitions import advance, next_step
from support.planning import NOW, a_job, a_node, a_pod, a_policy, a_snapshot, an_assignment, needing, relay, some_facts

OTHERS = tuple(a_node(f"pi-0{index}") for index in (2, 3, 4))
LATER = NOW + timedelta(minutes=10)
CORDONED = some_facts(unschedulable=True, has_our_cordon_mark=True, has_our_taint=True)


def an_operation(intent: str = "Sleep", **changes: Any) -> Operation:
    operation = Operation(
        id="pi-01-op",
        intent=intent,
        reason=Reason.SLEEP_STARTED,
        started_at=NOW - timedelta(seconds=30),
        deadline=LATER,
        fencing_token=3,
    )
    return replace(operation, **changes)


def a_node_in(state: PowerState, *, operation: Operation | None = None, **node: Any) -> NodeView:
    record = {key: node.pop(key) for key in tuple(node) if key in NodeRecord.__dataclass_fields__}
    return a_node(record=NodeRecord(power_state=state, operation=operation or an_operation(), **record), **node)


def step_of(
    node: NodeView,
    *,
    want_awake: bool = False,
    power: PowerReading | None = None,
    token: int = 3,
    **snapshot: Any,
) -> Step:
    seen = a_snapshot(node, *OTHERS, **snapshot)
    return next_step(node, want_awake, seen, power, NOW, fencing_token=token)


def outcome(step: Step) -> tuple[PowerState, Act, Reason]:
    return step.record.power_state, step.act, step.cause.reason


@pytest.mark.parametrize("state", list(PowerState))
def test_who_does_not_hold_the_lease_does_nothing(state: PowerState) -> None:
    step = step_of(a_node_in(state, facts=CORDONED), power=relay(True), is_leader=False)
    assert (step.act, step.changed, step.cause.reason) == (Act.NONE, False, Reason.NOT_LEADER)


@pytest.mark.parametrize("state", list(PowerState))
def test_an_older_leader_does_not_touch_a_younger_leaders_operation(state: PowerState) -> None:
    step = step_of(a_node_in(state, facts=CORDONED), power=relay(True), token=2)
    assert (step.act, step.changed, step.cause.reason) == (Act.NONE, False, Reason.NOT_LEADER)


def test_marks_left_on_an_awake_node_are_taken_back() -> None:
    node = a_node(facts=CORDONED)
    assert outcome(step_of(node, power=relay(True))) == (PowerState.AWAKE, Act.UNCORDON, Reason.ROLLED_BACK)


def test_somebody_elses_taint_free_cordon_on_an_awake_node_stays() -> None:
    node = a_node(facts=some_facts(unschedulable=True))
    assert step_of(node, want_awake=True, power=relay(True)).act is Act.NONE


def test_a_cordon_that_is_not_seen_yet_is_asked_for_again_without_a_new_record() -> None:
    step = step_of(a_node_in(PowerState.CORDONED), power=relay(True))
    assert (step.act, step.changed) == (Act.CORDON, False)


def test_somebody_who_uncordons_right_after_us_gets_the_node_back() -> None:
    node = a_node_in(PowerState.CORDONED, facts=some_facts(has_our_cordon_mark=True))
    assert outcome(step_of(node, power=relay(True))) == (PowerState.AWAKE, Act.UNCORDON, Reason.NO_LONGER_HOLDS)


@pytest.mark.parametrize("state", [PowerState.CORDONED, PowerState.DRAINING])
def test_a_node_that_is_needed_again_comes_back(state: PowerState) -> None:
    step = step_of(a_node_in(state, facts=CORDONED), want_awake=True, power=relay(True))
    assert outcome(step) == (PowerState.AWAKE, Act.UNCORDON, Reason.ROLLED_BACK)


@pytest.mark.parametrize("state", [PowerState.CORDONED, PowerState.DRAINING])
def test_a_node_that_is_cut_by_others_on_its_way_counts_as_asleep(state: PowerState) -> None:
    gone = replace(CORDONED, ready=False)
    step = step_of(a_node_in(state, facts=gone), power=relay(False))
    assert outcome(step) == (PowerState.ASLEEP, Act.NONE, Reason.POWERED_OFF_BY_OTHERS)


TRIPPED = replace(relay(False), faults=("overpower",))


def test_a_relay_that_cut_the_power_itself_says_why() -> None:
    step = step_of(a_node(facts=some_facts(ready=False)), want_awake=True, power=TRIPPED)
    assert outcome(step) == (PowerState.ASLEEP, Act.NONE, Reason.RELAY_TRIPPED)
    assert "overpower" in step.cause.message


@pytest.mark.parametrize(("minutes", "act"), [(1, Act.NONE), (15, Act.POWER_ON)])
def test_a_relay_that_tripped_is_switched_on_after_its_pause_and_not_before(minutes: int, act: Act) -> None:
    since = NOW - timedelta(minutes=minutes)
    record = NodeRecord(power_state=PowerState.ASLEEP, asleep_since=since, last_transition_reason=Reason.RELAY_TRIPPED)
    node = a_node(record=record, facts=some_facts(ready=False))
    assert step_of(node, want_awake=True, power=TRIPPED).act is act


def test_a_relay_that_trips_again_gets_no_second_order_of_the_same_try() -> None:
    node = a_node_in(PowerState.WAKE_REQUESTED, facts=some_facts(ready=False))
    assert step_of(node, want_awake=True, power=relay(False)).act is Act.POWER_ON
    assert step_of(node, want_awake=True, power=TRIPPED).act is Act.NONE


def test_a_relay_that_says_off_under_a_ready_node_is_not_believed() -> None:
    step = step_of(a_node(), want_awake=True, power=relay(False))
    assert outcome(step) == (PowerState.AWAKE, Act.NONE, Reason.AWAKE)


def test_the_drain_evicts_by_uid_and_waits_for_pods_that_leave() -> None:
    pods = [a_pod("stays", is_daemon=True), a_pod("goes"), a_pod("leaves", is_terminating=True)]
    step = step_of(a_node_in(PowerState.DRAINING, facts=CORDONED, pods=pods), power=relay(True))
    assert step.act is Act.EVICT
    assert [pod.uid for pod in step.pods] == ["uid-goes"]
    step = step_of(a_node_in(PowerState.DRAINING, facts=CORDONED, pods=pods[::2]), power=relay(True))
    assert outcome(step) == (PowerState.DRAINING, Act.NONE, Reason.DRAINING)


def test_a_drain_asks_for_a_few_pods_at_once_the_largest_first() -> None:
    pods = [a_pod(f"web-{n}", needs=needing(millicores=10 * n)) for n in range(25)]
    step = step_of(a_node_in(PowerState.DRAINING, facts=CORDONED, pods=pods), power=relay(True))
    assert [pod.name for pod in step.pods] == [f"web-{n}" for n in range(24, 14, -1)]


def test_a_pod_that_arrived_after_the_cordon_and_cannot_go_rolls_back() -> None:
    node = a_node_in(PowerState.DRAINING, facts=CORDONED, pods=[a_pod("bare", owner_kind=None)])
    assert outcome(step_of(node, power=relay(True))) == (PowerState.AWAKE, Act.UNCORDON, Reason.UNEVICTABLE_POD)


def test_work_that_was_given_back_to_the_node_rolls_back() -> None:
    job = a_job(assignments=(an_assignment("default/mnist", "shard-pi-01", "pi-01", "pi-01"),))
    step = step_of(a_node_in(PowerState.DRAINING, facts=CORDONED), power=relay(True), jobs=[job])
    assert outcome(step) == (PowerState.AWAKE, Act.UNCORDON, Reason.WORK_NOT_MOVED)


def test_the_power_is_cut_under_the_same_operation_with_our_token_and_a_new_deadline() -> None:
    node = a_node_in(PowerState.DRAINING, facts=CORDONED)
    step = step_of(node, power=relay(True), token=5)
    assert outcome(step) == (PowerState.POWER_OFF_REQUESTED, Act.POWER_OFF, Reason.POWER_OFF_REQUESTED)
    operation = step.record.operation
    assert operation is not None
    assert (operation.id, operation.fencing_token, operation.started_at) == ("pi-01-op", 5, NOW)
    assert operation.deadline == NOW + timedelta(seconds=120)
    assert step.record.sleep_times == (NOW,)


def test_a_silent_relay_leaves_a_drained_node_powered() -> None:
    step = step_of(a_node_in(PowerState.DRAINING, facts=CORDONED), power=None)
    assert outcome(step) == (PowerState.DRAINING, Act.NONE, Reason.DRIVER_FAILED)


def test_a_cut_is_not_repeated_while_the_relay_may_still_follow() -> None:
    operation = an_operation(started_at=NOW - timedelta(seconds=5))
    node = a_node_in(PowerState.POWER_OFF_REQUESTED, operation=operation, facts=CORDONED)
    assert outcome(step_of(node, power=relay(True))) == (
        PowerState.POWER_OFF_REQUESTED,
        Act.NONE,
        Reason.POWER_OFF_REQUESTED,
    )


def test_a_cut_without_proof_in_time_switches_the_power_on() -> None:
    operation = an_operation(deadline=NOW)
    node = a_node_in(PowerState.POWER_OFF_REQUESTED, operation=operation, facts=CORDONED)
    step = step_of(node, power=None)
    assert outcome(step) == (PowerState.WAKE_REQUESTED, Act.POWER_ON, Reason.POWER_OFF_TIMED_OUT)


def test_a_node_on_its_way_down_whose_operation_was_lost_comes_back() -> None:
    node = a_node(record=NodeRecord(power_state=PowerState.DRAINING), facts=CORDONED)
    assert outcome(step_of(node, power=relay(True))) == (PowerState.AWAKE, Act.UNCORDON, Reason.DRAIN_TIMED_OUT)


def test_an_evicted_pod_that_can_never_go_rolls_back_at_once() -> None:
    node = a_node_in(PowerState.DRAINING, facts=CORDONED, pods=[a_pod()])
    (step, *_) = advance(
        a_snapshot(node, *OTHERS),
        {"pi-01": False},
        {"pi-01": relay(True)},
        NOW,
        fencing_token=3,
        drain_failures={"pi-01": Cause(Reason.DRAIN_BLOCKED, "two disruption budgets select it")},
    )
    assert outcome(step) == (PowerState.AWAKE, Act.UNCORDON, Reason.DRAIN_BLOCKED)


def test_a_sleeping_node_stays_asleep_without_any_data() -> None:
    node = a_node_in(PowerState.ASLEEP, facts=replace(CORDONED, ready=False), asleep_since=NOW)
    step = step_of(node, power=None, sensors_available=False)
    assert outcome(step) == (PowerState.ASLEEP, Act.NONE, Reason.ASLEEP)


def test_a_wake_needs_no_data() -> None:
    node = a_node_in(PowerState.ASLEEP, facts=replace(CORDONED, ready=False), asleep_since=NOW - timedelta(hours=1))
    step = step_of(node, want_awake=True, power=None, sensors_available=False, intensities={})
    assert (step.record.power_state, step.act) == (PowerState.WAKE_REQUESTED, Act.POWER_ON)


@pytest.mark.parametrize(
    ("node", "snapshot"),
    [
        ({"override": PowerOverride(power=OverridePower.AWAKE, until=None, reason="visit")}, {}),
        ({}, {"policy": a_policy(sleep=False)}),
        ({"facts": replace(CORDONED, ready=False, is_managed=False)}, {}),
    ],
)
def test_a_sleeping_node_that_may_no_longer_sleep_wakes(node: dict[str, Any], snapshot: dict[str, Any]) -> None:
    facts = {"facts": replace(CORDONED, ready=False)} | node
    asleep = a_node_in(PowerState.ASLEEP, asleep_since=NOW - timedelta(hours=1), **facts)
    assert step_of(asleep, power=relay(False), **snapshot).act is Act.POWER_ON


@pytest.mark.parametrize(
    ("facts", "ours", "act"),
    [
        ({"unschedulable": False}, True, Act.POWER_ON),
        ({"unschedulable": True}, True, Act.NONE),
        ({"unschedulable": False}, False, Act.NONE),  # the power was cut by others: it never had our cordon
        ({"unschedulable": False, "exists": False}, True, Act.NONE),
    ],
)
def test_a_sleeping_node_that_a_person_uncordons_wakes(facts: dict[str, Any], ours: bool, act: Act) -> None:
    asleep_for_an_hour: dict[str, Any] = {"asleep_since": NOW - timedelta(hours=1), "cordoned_by_us": ours}
    node = a_node_in(PowerState.ASLEEP, facts=replace(CORDONED, ready=False, **facts), **asleep_for_an_hour)
    step = step_of(node, power=relay(False))
    assert (step.act, step.cause.reason is Reason.NO_LONGER_HOLDS) == (act, act is Act.POWER_ON)


def test_a_node_that_a_person_uncordons_while_its_power_is_cut_is_switched_on_again() -> None:
    long_ago = an_operation(started_at=NOW - timedelta(seconds=30), deadline=LATER)
    uncordoned = replace(CORDONED, unschedulable=False)
    node = a_node_in(PowerState.POWER_OFF_REQUESTED, operation=long_ago, facts=uncordoned)
    assert outcome(step_of(node, power=relay(True))) == (
        PowerState.WAKE_REQUESTED,
        Act.POWER_ON,
        Reason.NO_LONGER_HOLDS,
    )


def test_a_persons_order_to_sleep_wins_over_the_plan() -> None:
    node = a_node(override=PowerOverride(power=OverridePower.ASLEEP, until=NOW + timedelta(hours=1), reason="moving"))
    assert step_of(node, want_awake=True, power=relay(True)).act is Act.CORDON


def test_a_node_that_wakes_by_itself_and_is_ready_long_after_is_taken_back() -> None:
    awake = replace(CORDONED, ready_since=NOW - timedelta(seconds=5))
    node = a_node_in(PowerState.ASLEEP, asleep_since=NOW - timedelta(hours=1), facts=awake)
    assert outcome(step_of(node, power=None)) == (PowerState.BOOTING, Act.NONE, Reason.POWERED_ON_BY_OTHERS)


def test_a_cordon_only_node_is_asleep_although_it_is_ready() -> None:
    node = a_node_in(
        PowerState.ASLEEP,
        asleep_since=NOW - timedelta(hours=1),
        facts=CORDONED,
        sleep=SleepSpec(driver="CordonOnly"),
    )
    assert step_of(node, power=PowerReading(is_on=False, watts=None, time=NOW)).cause.reason is Reason.ASLEEP


def test_a_relay_that_is_still_off_is_asked_again_after_a_while() -> None:
    operation = an_operation("Wake")
    node = a_node_in(PowerState.WAKE_REQUESTED, operation=operation, facts=replace(CORDONED, ready=False))
    step = step_of(node, power=relay(False), token=7)
    assert step.act is Act.POWER_ON
    assert step.record.operation == replace(operation, started_at=NOW, fencing_token=7)


def test_a_node_that_calls_itself_ready_behind_a_relay_that_is_off_is_not_awake_yet() -> None:
    awake = replace(CORDONED, ready_since=NOW - timedelta(seconds=5))
    node = a_node_in(PowerState.WAKE_REQUESTED, operation=an_operation("Wake", started_at=NOW), facts=awake)
    assert outcome(step_of(node, power=relay(False))) == (PowerState.WAKE_REQUESTED, Act.NONE, Reason.WAKE_REQUESTED)
    assert outcome(step_of(node, power=relay(True)))[0] is PowerState.AWAKE


def test_a_wake_without_any_word_from_the_relay_waits() -> None:
    node = a_node_in(PowerState.WAKE_REQUESTED, facts=replace(CORDONED, ready=False))
    assert outcome(step_of(node, power=None)) == (PowerState.WAKE_REQUESTED, Act.NONE, Reason.WAKE_REQUESTED)


def test_a_wake_whose_operation_was_lost_is_tried_again_after_the_first_pause() -> None:
    record = NodeRecord(power_state=PowerState.BOOTING)
    step = step_of(a_node(record=record, facts=replace(CORDONED, ready=False)), power=relay(True))
    assert outcome(step) == (PowerState.WAKE_REQUESTED, Act.NONE, Reason.WAKE_TIMED_OUT)
    assert step.record.next_attempt_at == NOW + timedelta(minutes=1)
    again = step_of(
        a_node(record=replace(step.record, next_attempt_at=NOW), facts=replace(CORDONED, ready=False)),
        power=relay(True),
    )
    assert again.act is Act.POWER_ON
    assert again.record.operation is not None
    assert again.record.operation.attempt == 2


def test_a_wake_without_proof_in_time_pauses_before_the_next_try() -> None:
    node = a_node_in(
        PowerState.WAKE_REQUESTED,
        operation=an_operation("Wake", deadline=NOW),
        facts=replace(CORDONED, ready=False),
    )
    step = step_of(node, power=None)
    assert outcome(step) == (PowerState.WAKE_REQUESTED, Act.NONE, Reason.WAKE_TIMED_OUT)
    assert step.record.next_attempt_at == NOW + timedelta(minutes=1)


def test_without_retries_a_failed_wake_is_degraded_at_once() -> None:
    policy = a_policy(budgets=Budgets(wake_retry_seconds=()))
    node = a_node_in(
        PowerState.BOOTING, operation=an_operation("Wake", deadline=NOW), facts=replace(CORDONED, ready=False)
    )
    step = step_of(node, power=relay(True), policy=policy)
    assert outcome(step) == (PowerState.DEGRADED, Act.NONE, Reason.DEGRADED)
    assert "failed attempts: 1" in step.cause.message


@pytest.mark.parametrize("pauses", [(60.0,), (60.0, 300.0), (60.0, 300.0, 900.0, 900.0)])
def test_a_node_that_is_given_up_names_the_failed_attempts(pauses: tuple[float, ...]) -> None:
    policy = a_policy(budgets=Budgets(wake_retry_seconds=pauses))
    operation = replace(an_operation("Wake", deadline=NOW), attempt=len(pauses))
    node = a_node_in(PowerState.WAKE_REQUESTED, operation=operation, facts=replace(CORDONED, ready=False))
    node = replace(node, record=replace(node.record, next_attempt_at=NOW))
    step = step_of(node, power=None, policy=policy)
    assert outcome(step) == (PowerState.DEGRADED, Act.NONE, Reason.DEGRADED)
    assert f"failed attempts: {len(pauses)}" in step.cause.message


def test_a_degraded_node_is_left_alone_and_cordoned() -> None:
    node = a_node_in(PowerState.DEGRADED, facts=replace(CORDONED, ready=False))
    assert outcome(step_of(node, want_awake=True, power=relay(False))) == (
        PowerState.DEGRADED,
        Act.NONE,
        Reason.DEGRADED,
    )


def test_a_node_without_an_object_is_not_touched() -> None:
    step = step_of(a_node(has_facts=False), power=relay(True))
    assert (step.act, step.changed) == (Act.NONE, False)


def test_nodes_without_a_wish_keep_their_state() -> None:
    asleep = a_node_in(PowerState.ASLEEP, facts=replace(CORDONED, ready=False), asleep_since=NOW)
    steps = advance(a_snapshot(asleep, *OTHERS), {}, {}, NOW, fencing_token=3)
    assert all((step.act, step.changed) == (Act.NONE, False) for step in steps)


def test_two_nodes_told_to_sleep_in_one_pass_go_one_by_one() -> None:
    steps = advance(
        a_snapshot(a_node(), *OTHERS),
        dict.fromkeys(("pi-01", "pi-02", "pi-03", "pi-04"), False),
        {name: relay(True) for name in ("pi-01", "pi-02", "pi-03", "pi-04")},
        NOW,
        fencing_token=1,
    )
    assert [step.act for step in steps] == [Act.CORDON, Act.NONE, Act.NONE, Act.NONE]
    assert {step.cause.reason for step in steps[1:]} == {Reason.TRANSITION_BUDGET}


def test_a_wish_for_power_waits_its_turn() -> None:
    down = replace(CORDONED, ready=False)
    node = a_node_in(PowerState.ASLEEP, facts=down, asleep_since=NOW - timedelta(hours=1))
    waking = a_node("pi-02", record=NodeRecord(power_state=PowerState.BOOTING, last_transition_at=NOW), facts=down)
    step = next_step(node, True, a_snapshot(node, waking), relay(False), NOW, fencing_token=3)
    assert outcome(step) == (PowerState.ASLEEP, Act.NONE, Reason.TRANSITION_BUDGET)


def test_a_step_names_its_node_and_is_the_same_when_asked_again() -> None:
    step = step_of(a_node(), power=relay(True))
    assert step.cause.message.startswith("pi-01: ")
    assert step == step_of(a_node(), power=relay(True))
