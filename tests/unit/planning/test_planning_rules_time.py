"""Guards about time at their limits: to the moment, and by whose word."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sunward.domain.nodes import NodeRecord, SleepSpec
from sunward.domain.reasons import Reason
from sunward.planning.guards import rules_time
from support.guards.cases import A_MOMENT, MINUTE, SECOND, budgets, case_of, facts, reason_of
from support.planning import LONG_AGO, NOW, a_node, some_facts

DAY = timedelta(hours=24)
SLEEP = SleepSpec(driver="Shelly", driver_ref="relay", minimum_awake_seconds=1800.0, maximum_cycles_per_day=3)


def limit(seconds: int, reason: Reason) -> list[tuple[timedelta, Reason | None]]:
    """At the limit it may happen, a moment before it not."""
    at = seconds * SECOND
    return [(timedelta(0), reason), (at - A_MOMENT, reason), (at, None), (at + A_MOMENT, None)]


@pytest.mark.parametrize(("passed", "reason"), limit(60, Reason.WARMING_UP), ids=str)
def test_an_operator_looks_before_it_acts(passed: timedelta, reason: Reason | None) -> None:
    case = case_of(policy=budgets(warm_up_seconds=60.0), operator_started_at=NOW - passed)
    assert reason_of(rules_time.warm_up, case) is reason


@pytest.mark.parametrize(("passed", "reason"), limit(600, Reason.DWELL_TIME), ids=str)
def test_a_node_is_left_alone_after_its_last_transition(passed: timedelta, reason: Reason | None) -> None:
    node = a_node(record=NodeRecord(last_transition_at=NOW - passed))
    assert reason_of(rules_time.dwell_time, case_of(node, policy=budgets(dwell_seconds=600.0))) is reason


def test_a_node_to_which_nothing_ever_happened_need_not_dwell() -> None:
    assert reason_of(rules_time.dwell_time, case_of(policy=budgets(dwell_seconds=600.0))) is None


@pytest.mark.parametrize(("passed", "reason"), limit(1800, Reason.MINIMUM_AWAKE_TIME), ids=str)
def test_a_wake_must_pay_for_itself(passed: timedelta, reason: Reason | None) -> None:
    by_record = a_node(sleep=SLEEP, record=NodeRecord(awake_since=NOW - passed))
    by_node = a_node(sleep=SLEEP, facts=some_facts(ready_since=NOW - passed))
    assert reason_of(rules_time.minimum_awake_time, case_of(by_record)) is reason
    assert reason_of(rules_time.minimum_awake_time, case_of(by_node)) is reason


def test_our_own_record_of_a_wake_is_believed_before_the_node() -> None:
    node = a_node(sleep=SLEEP, record=NodeRecord(awake_since=NOW - MINUTE), facts=some_facts(ready_since=LONG_AGO))
    assert reason_of(rules_time.minimum_awake_time, case_of(node)) is Reason.MINIMUM_AWAKE_TIME


@pytest.mark.parametrize(
    ("seconds", "reason"), [(0.0, None), (0.5, Reason.MINIMUM_AWAKE_TIME), (1.0, Reason.MINIMUM_AWAKE_TIME)]
)
def test_an_unknown_wake_is_too_recent_for_any_minimum(seconds: float, reason: Reason | None) -> None:
    sleep = SleepSpec(driver="Shelly", driver_ref="relay", minimum_awake_seconds=seconds)
    for node in (a_node(sleep=sleep, has_facts=False), a_node(sleep=sleep, facts=some_facts(ready_since=None))):
        assert reason_of(rules_time.minimum_awake_time, case_of(node)) is reason


def test_the_default_minimum_holds_for_a_node_of_unknown_age() -> None:
    assert reason_of(rules_time.minimum_awake_time, case_of(facts(ready_since=None))) is Reason.MINIMUM_AWAKE_TIME


@pytest.mark.parametrize(
    ("slept", "reason"),
    [
        ((), None),
        ((NOW,) * 2, None),
        ((NOW,) * 3, Reason.CYCLE_LIMIT),
        ((NOW,) * 4, Reason.CYCLE_LIMIT),
        ((NOW, NOW, NOW - DAY), None),
        ((NOW, NOW, NOW - DAY + A_MOMENT), Reason.CYCLE_LIMIT),
        ((LONG_AGO,) * 9, None),
    ],
)
def test_a_machine_is_cycled_three_times_in_any_24_hours(slept: tuple[datetime, ...], reason: Reason | None) -> None:
    node = a_node(sleep=SLEEP, record=NodeRecord(sleep_times=slept))
    assert reason_of(rules_time.cycle_limit, case_of(node)) is reason
