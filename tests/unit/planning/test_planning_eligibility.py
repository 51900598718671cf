"""Who may sleep, asked for nodes in every state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.nodes import NodeRecord, PowerState, Role
from sunward.domain.policy import Budgets
from sunward.domain.reasons import Reason
from sunward.planning.sleep.eligibility import sleep_obstacles
from support.guards.cases import SECOND
from support.planning import NOW, a_node, a_policy, a_snapshot, some_facts

JUST_NOW = {"last_transition_at": NOW, "awake_since": NOW, "sleep_times": (NOW,) * 9}


def reasons(state: PowerState, *, record: dict[str, Any] | None = None, **node: Any) -> list[Reason]:
    view = a_node(record=NodeRecord(power_state=state, **(record or {})), **node)
    return [
        obstacle.cause.reason for obstacle in sleep_obstacles(view, a_snapshot(view, operator_started_at=NOW - WARM))
    ]


WARM = timedelta(hours=1)


def test_a_healthy_idle_node_may_sleep() -> None:
    assert reasons(PowerState.AWAKE) == []


def test_an_awake_node_that_has_just_done_something_may_not() -> None:
    expected = {Reason.DWELL_TIME, Reason.MINIMUM_AWAKE_TIME, Reason.CYCLE_LIMIT}
    assert set(reasons(PowerState.AWAKE, record=JUST_NOW)) == expected


@pytest.mark.parametrize("state", [PowerState.CORDONED, PowerState.DRAINING])
def test_a_node_on_its_way_down_may_go_on(state: PowerState) -> None:
    cordoned = some_facts(unschedulable=True, has_our_cordon_mark=True)
    assert reasons(state, record=JUST_NOW, facts=cordoned) == []
    assert reasons(state, facts=some_facts(unschedulable=True)) == [Reason.CORDONED_BY_OTHERS]


@pytest.mark.parametrize("state", [PowerState.ASLEEP, PowerState.POWER_OFF_REQUESTED])
def test_a_sleeping_node_may_stay_asleep_unless_it_must_not_sleep_at_all(state: PowerState) -> None:
    gone = some_facts(ready=False, unschedulable=True, has_our_cordon_mark=True)
    assert reasons(state, facts=gone) == []
    assert reasons(state, facts=gone, role=Role.ALWAYS_ON) == [Reason.ALWAYS_ON]


@pytest.mark.parametrize("state", [PowerState.WAKE_REQUESTED, PowerState.BOOTING])
def test_a_waking_node_counts_as_awake(state: PowerState) -> None:
    assert reasons(state) == [Reason.BOOTING]


def test_a_degraded_node_is_nobodys_plan() -> None:
    assert reasons(PowerState.DEGRADED) == [Reason.DEGRADED]


def test_the_instant_of_the_question_can_be_given() -> None:
    node = a_node(record=NodeRecord(last_transition_at=NOW))
    snapshot = a_snapshot(node, policy=a_policy(budgets=Budgets(dwell_seconds=100.0)))
    for passed, expected in ((0, [Reason.DWELL_TIME]), (99, [Reason.DWELL_TIME]), (100, [])):
        found = sleep_obstacles(node, snapshot, now=NOW + passed * SECOND)
        assert [obstacle.cause.reason for obstacle in found] == expected
    assert sleep_obstacles(node, snapshot), "the snapshot's own time counts unless another is given"
