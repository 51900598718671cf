"""Guards about power at their limits: which token, which reading, how many watts, and how soon."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sunward.domain.nodes import NodeRecord, NodeView, OverridePower, PowerOverride, PowerState, SleepSpec
from sunward.domain.policy import Staleness
from sunward.domain.reasons import Reason
from sunward.domain.steps import PowerReading
from sunward.planning.guards import rules_power
from sunward.planning.guards.case import Case
from support.guards.cases import A_MOMENT, MINUTE, SECOND, an_operation, case_of, facts, in_state, reason_of
from support.planning import LONG_AGO, NOW, a_node, a_policy, a_profile, relay, some_facts

LIMITS = Staleness(sensors_seconds=120.0, clock_skew_seconds=60.0)
POLICY = a_policy(staleness=LIMITS)
PROFILE = a_profile(idle_watts=3.0, busy_watts=8.0, asleep_watts=1.0)
"""2 W are half way between asleep and idle."""


@pytest.mark.parametrize(("leads", "reason"), [(True, None), (False, Reason.NOT_LEADER)])
def test_only_the_holder_of_the_lease_acts(leads: bool, reason: Reason | None) -> None:
    assert reason_of(rules_power.leader, case_of(is_leader=leads)) is reason


@pytest.mark.parametrize(("ours", "reason"), [(6, Reason.NOT_LEADER), (7, None), (8, None)])
def test_an_operation_of_a_younger_leader_is_not_touched(ours: int, reason: Reason | None) -> None:
    node = a_node(record=in_state(PowerState.DRAINING, operation=an_operation(fencing_token=7)))
    assert reason_of(rules_power.fencing, case_of(node, token=ours)) is reason


def test_any_leader_may_begin_with_a_node_that_is_in_no_operation() -> None:
    assert reason_of(rules_power.fencing, case_of(token=0)) is None


def asked(*, operation_at: datetime | None = None, asleep_since: datetime | None = None) -> NodeView:
    operation = None if operation_at is None else an_operation(started_at=operation_at)
    state = PowerState.POWER_OFF_REQUESTED if operation else PowerState.ASLEEP
    return a_node(record=NodeRecord(power_state=state, operation=operation, asleep_since=asleep_since))


READ = [
    (timedelta(0), None),
    (120 * SECOND, None),
    (120 * SECOND + A_MOMENT, Reason.DATA_STALE),
    (-60 * SECOND, None),
    (-60 * SECOND - A_MOMENT, Reason.DATA_STALE),
]


@pytest.mark.parametrize(("age", "reason"), READ, ids=str)
def test_a_relay_proves_something_while_its_reading_is_fresh(age: timedelta, reason: Reason | None) -> None:
    case = case_of(power=relay(True, at=NOW - age), policy=POLICY)
    assert reason_of(rules_power.relay_recent, case) is reason


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (asked(operation_at=NOW - SECOND), None),
        (asked(operation_at=NOW - SECOND + A_MOMENT), Reason.DATA_STALE),
        (asked(asleep_since=NOW - SECOND), None),
        (asked(asleep_since=NOW - SECOND + A_MOMENT), Reason.DATA_STALE),
        (asked(operation_at=NOW - SECOND, asleep_since=NOW), None),
        (asked(operation_at=NOW, asleep_since=LONG_AGO), Reason.DATA_STALE),
    ],
)
def test_a_reading_from_before_the_request_proves_nothing(node: NodeView, reason: Reason | None) -> None:
    case = case_of(node, power=relay(False, at=NOW - SECOND), policy=POLICY)
    assert reason_of(rules_power.relay_recent, case) is reason


def test_a_silent_relay_is_one_obstacle_and_not_four() -> None:
    case = case_of(silent=True)
    others = (rules_power.relay_recent, rules_power.relay_open, rules_power.relay_closed)
    assert reason_of(rules_power.relay_answers, case) is Reason.DRIVER_FAILED
    assert [reason_of(rule, case) for rule in (*others, rules_power.draw_gone, rules_power.draw_there)] == [None] * 5


@pytest.mark.parametrize(("on", "is_open", "is_closed"), [(True, False, True), (False, True, False)])
def test_an_output_proves_one_thing(on: bool, is_open: bool, is_closed: bool) -> None:
    case = case_of(power=relay(on))
    assert reason_of(rules_power.relay_answers, case) is None
    assert (reason_of(rules_power.relay_open, case) is None) is is_open
    assert (reason_of(rules_power.relay_closed, case) is None) is is_closed


@pytest.mark.parametrize(
    ("watts", "gone", "there"),
    [(0.0, True, False), (1.0, True, False), (2.0, True, False), (2.001, False, True), (3.0, False, True)],
)
def test_half_way_to_idle_a_machine_runs(watts: float, gone: bool, there: bool) -> None:
    case = case_of(a_node(power=PROFILE), power=relay(True, watts=watts))
    assert (reason_of(rules_power.draw_gone, case) is None) is gone
    assert (reason_of(rules_power.draw_there, case) is None) is there


def test_a_relay_without_a_meter_says_nothing_of_the_draw() -> None:
    case = case_of(power=PowerReading(is_on=True, watts=None, time=NOW))
    assert reason_of(rules_power.draw_gone, case) is None
    assert reason_of(rules_power.draw_there, case) is None


@pytest.mark.parametrize(
    ("waited", "reason"),
    [
        (timedelta(0), Reason.DRIVER_FAILED),
        (10 * SECOND - A_MOMENT, Reason.DRIVER_FAILED),
        (10 * SECOND, None),
        (11 * SECOND, None),
    ],
    ids=str,
)
def test_a_relay_gets_ten_seconds_before_a_request_is_repeated(waited: timedelta, reason: Reason | None) -> None:
    node = asked(operation_at=NOW - MINUTE)
    case = case_of(node, power=relay(True, at=NOW - MINUTE + waited))
    assert reason_of(rules_power.request_lost, case) is reason


def test_without_a_request_or_an_answer_nothing_is_known_to_be_on_its_way() -> None:
    assert reason_of(rules_power.request_lost, case_of(asked(), power=relay(True))) is None
    assert reason_of(rules_power.request_lost, case_of(asked(operation_at=NOW), silent=True)) is None


@pytest.mark.parametrize(
    ("due", "reason"),
    [(None, None), (NOW - A_MOMENT, None), (NOW, None), (NOW + A_MOMENT, Reason.WAKE_TIMED_OUT)],
)
def test_a_wake_is_tried_again_when_its_pause_is_over(due: datetime | None, reason: Reason | None) -> None:
    node = a_node(record=in_state(PowerState.WAKE_REQUESTED, next_attempt_at=due))
    assert reason_of(rules_power.retry_due, case_of(node)) is reason


def cut(since: datetime | None, why: Reason = Reason.POWERED_OFF_BY_OTHERS, power: OverridePower | None = None) -> Case:
    record = NodeRecord(power_state=PowerState.ASLEEP, asleep_since=since, last_transition_reason=why)
    sleep = SleepSpec(driver="Shelly", driver_ref="relay", minimum_asleep_seconds=900.0)
    override = None if power is None else PowerOverride(power=power, until=None, reason="fan")
    return case_of(a_node(record=record, sleep=sleep, override=override))


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (cut(NOW), Reason.POWERED_OFF_BY_OTHERS),
        (cut(NOW - 900 * SECOND + A_MOMENT), Reason.POWERED_OFF_BY_OTHERS),
        (cut(NOW - 900 * SECOND), None),
        (cut(NOW - 901 * SECOND), None),
        (cut(None), None),
        (cut(NOW, Reason.ASLEEP), None),
        (cut(NOW, power=OverridePower.AWAKE), None),
        (cut(NOW, power=OverridePower.ASLEEP), Reason.POWERED_OFF_BY_OTHERS),
    ],
)
def test_whoever_cut_the_power_by_hand_gets_time_at_the_machine(case: Case, reason: Reason | None) -> None:
    assert reason_of(rules_power.cut_by_others, case) is reason


def tripped(
    since: datetime | None,
    *faults: str,
    why: Reason = Reason.RELAY_TRIPPED,
    asked: datetime | None = None,
    power: OverridePower | None = None,
) -> Case:
    """Cut by its own relay at a time, tried again at another."""
    case = cut(since, why, power)
    operation = None if asked is None else an_operation(started_at=asked)
    node = replace(case.node, record=replace(case.node.record, operation=operation))
    return replace(case, node=node, power=replace(relay(False), faults=faults))


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (tripped(NOW), Reason.RELAY_TRIPPED),
        (tripped(NOW - 900 * SECOND + A_MOMENT), Reason.RELAY_TRIPPED),
        (tripped(NOW - 900 * SECOND), None),
        (tripped(NOW - 900 * SECOND, "overtemp"), None),
        (tripped(NOW - 800 * SECOND, "overtemp", why=Reason.WAKE_TIMED_OUT), Reason.RELAY_TRIPPED),
        (tripped(NOW - 800 * SECOND, why=Reason.WAKE_TIMED_OUT), None),
        (tripped(NOW - 5000 * SECOND, "overtemp", asked=NOW - 800 * SECOND), Reason.RELAY_TRIPPED),
        (tripped(NOW - 5000 * SECOND, "overtemp", asked=NOW - 900 * SECOND), None),
        (tripped(None, "overtemp"), None),
        (tripped(NOW, "overtemp", power=OverridePower.AWAKE), None),
        (tripped(NOW, "overtemp", power=OverridePower.ASLEEP), Reason.RELAY_TRIPPED),
    ],
)
def test_a_relay_that_tripped_is_left_alone_for_a_while(case: Case, reason: Reason | None) -> None:
    assert reason_of(rules_power.trip_pause, case) is reason


def test_a_relay_names_its_faults_and_none_is_no_fault() -> None:
    found = rules_power.relay_sound(case_of(power=replace(relay(True), faults=("overpower", "overtemp"))))
    assert found is not None
    assert "overpower, overtemp" in found.message
    assert rules_power.relay_sound(case_of(power=relay(True))) is None
    assert rules_power.relay_sound(case_of(silent=True)) is None


def woken(slept: timedelta | None, ready: timedelta | None, driver: str = "Shelly") -> Case:
    """Asleep and Ready since so long ago."""
    record = in_state(PowerState.BOOTING, asleep_since=None if slept is None else NOW - slept)
    known = some_facts(ready_since=None if ready is None else NOW - ready)
    return case_of(a_node(record=record, facts=known, sleep=SleepSpec(driver=driver, driver_ref="relay")))


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (woken(MINUTE - A_MOMENT, None), Reason.BOOTING),
        (woken(MINUTE, None), None),
        (woken(MINUTE + A_MOMENT, None), None),
        (woken(30 * SECOND, 31 * SECOND), Reason.BOOTING),
        (woken(30 * SECOND, 30 * SECOND), Reason.BOOTING),
        (woken(30 * SECOND, 29 * SECOND), None),
        (woken(None, None), None),
        (woken(timedelta(0), None, "CordonOnly"), None),
    ],
)
def test_ready_is_believed_when_it_was_said_after_the_sleep(case: Case, reason: Reason | None) -> None:
    assert reason_of(rules_power.ready_now, case) is reason


@pytest.mark.parametrize("node", [a_node(has_facts=False), facts(exists=False), facts(ready=False)])
def test_a_node_that_is_not_there_or_not_ready_is_not_back(node: NodeView) -> None:
    assert reason_of(rules_power.ready_now, case_of(node)) is Reason.NODE_NOT_READY
