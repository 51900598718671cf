"""Single steps of a clean shutdown: when the agent is ordered, when the relay may cut, and the ways back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.nodes import NodeView, PowerState, SleepSpec
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act, PowerReading, Step
from sunward.planning.guards.case import GuardStage
from sunward.planning.sleep.halting import cut_stage, listening_agent
from sunward.planning.sleep.transitions import next_step
from support.guards.cases import (
    MINUTE,
    SECOND,
    a_halting_node,
    an_agent,
    an_operation,
    an_order,
    case_of,
    falling,
    in_state,
)
from support.planning import NOW, a_node, a_profile, a_snapshot, relay

OTHERS = tuple(a_node(f"pi-0{index}") for index in (2, 3, 4))
HALTED = relay(True, watts=0.3)
UNMETERED = PowerReading(is_on=True, watts=None, time=NOW)
GONE: dict[str, Any] = {"ready": False}
LATE: dict[str, Any] = {"deadline": NOW - MINUTE}


def step_of(
    node: NodeView, power: PowerReading | None = None, *, want_awake: bool = False, token: int = 1, **changes: Any
) -> Step:
    """The next step of a node beside three others."""
    picture = a_snapshot(node, *OTHERS, **changes)
    return next_step(node, want_awake, picture, power or relay(True), NOW, fencing_token=token)


def outcome(step: Step) -> tuple[PowerState, Act, Reason]:
    """What a step comes to."""
    return step.record.power_state, step.act, step.cause.reason


WAITS = (PowerState.POWER_OFF_REQUESTED, Act.NONE, Reason.SHUTDOWN_ORDERED)
CUTS = (PowerState.POWER_OFF_REQUESTED, Act.POWER_OFF, Reason.POWER_OFF_REQUESTED)
CUTS_AT_LAST = (PowerState.POWER_OFF_REQUESTED, Act.POWER_OFF, Reason.SHUTDOWN_TIMED_OUT)
GIVES_UP = (PowerState.WAKE_REQUESTED, Act.POWER_ON, Reason.SHUTDOWN_TIMED_OUT)


def test_a_drained_node_with_an_agent_is_shut_down_before_its_relay_is_asked() -> None:
    step = step_of(replace(falling(), agent=an_agent()))
    assert outcome(step) == (PowerState.POWER_OFF_REQUESTED, Act.SHUT_DOWN, Reason.SHUTDOWN_ORDERED)
    assert step.record.shutdown == an_order(issued_at=NOW, deadline=NOW + 75 * SECOND)
    assert step.record.operation is not None
    assert step.record.operation.id == "pi-01-sleep-1"
    assert step.record.operation.deadline == NOW + 150 * SECOND
    assert step.record.sleep_times == (NOW,)


@pytest.mark.parametrize(
    "agent",
    [
        None,
        an_agent(can_shut_down=False),
        an_agent(heartbeat_at=NOW - 61 * SECOND),
        an_agent(heartbeat_at=NOW + 61 * SECOND),
    ],
)
def test_without_an_agent_that_lives_and_can_the_relay_cuts_as_ever(agent: Any) -> None:
    step = step_of(replace(falling(), agent=agent))
    assert outcome(step) == CUTS
    assert step.record.shutdown is None


@pytest.mark.parametrize("sleep", [{"uses_agent": False}, {"driver": "CordonOnly", "driver_ref": None}])
def test_an_agent_that_may_not_be_used_is_not(sleep: dict[str, Any]) -> None:
    node = replace(falling(), agent=an_agent())
    spec = SleepSpec(**{"driver": "Shelly", "driver_ref": "relay-pi-01"} | sleep)
    assert listening_agent(case_of(replace(node, spec=replace(node.spec, sleep=spec)))) is None


def test_the_draw_of_a_halted_machine_is_remembered_and_must_stay() -> None:
    first = step_of(a_halting_node(), HALTED)
    assert outcome(first) == WAITS
    assert first.record.shutdown == an_order(halted_at=NOW)
    assert outcome(step_of(a_halting_node(halted_at=NOW - 4 * SECOND), HALTED)) == WAITS
    step = step_of(a_halting_node(halted_at=NOW - 5 * SECOND), HALTED)
    assert outcome(step) == CUTS
    assert step.record.shutdown == an_order(halted_at=NOW - 5 * SECOND, cut_at=NOW)
    assert step.record.operation is not None
    assert step.record.operation.deadline == NOW + 120 * SECOND


def test_a_draw_that_comes_back_is_no_halted_machine() -> None:
    step = step_of(a_halting_node(halted_at=NOW - 5 * SECOND), relay(True, watts=2.7))
    assert (step.act, step.record.shutdown) == (Act.NONE, an_order())


def test_a_relay_that_says_nothing_neither_proves_nor_disproves() -> None:
    node = a_halting_node(halted_at=NOW - 5 * SECOND)
    step = next_step(node, False, a_snapshot(node, *OTHERS), None, NOW, fencing_token=1)
    assert (step.act, step.changed) == (Act.NONE, False)


def test_a_board_that_draws_much_when_halted_has_a_line_of_its_own() -> None:
    node = a_halting_node()
    profile = a_profile(idle_watts=2.7, asleep_watts=0.1, halted_watts=1.9)
    five = replace(node, spec=replace(node.spec, power=profile))
    assert step_of(node, relay(True, watts=1.9)).record.shutdown == an_order()
    assert step_of(five, relay(True, watts=1.9)).record.shutdown == an_order(halted_at=NOW)


@pytest.mark.parametrize("power", [relay(True), UNMETERED])
def test_before_the_time_is_over_nothing_but_the_meter_lets_the_relay_cut(power: PowerReading) -> None:
    assert outcome(step_of(a_halting_node(**GONE), power)) == WAITS


@pytest.mark.parametrize("power", [relay(True), UNMETERED])
def test_after_it_a_node_that_is_not_ready_counts_as_down(power: PowerReading) -> None:
    step = step_of(a_halting_node(**LATE, **GONE), power)
    assert outcome(step) == CUTS
    assert step.record.shutdown == an_order(halted_at=NOW, cut_at=NOW)


def begun_long_ago(**changes: Any) -> NodeView:
    """An order whose deadline passed so long ago that a Node which is Ready was not shut down."""
    node = a_halting_node(**LATE, **changes)
    order = an_order(deadline=NOW - 61 * SECOND)
    return replace(node, record=replace(node.record, shutdown=order))


def test_a_system_that_never_began_is_cut_by_the_rules_of_the_relay() -> None:
    step = step_of(begun_long_ago())
    assert outcome(step) == CUTS_AT_LAST
    assert step.record.shutdown is not None
    assert step.record.shutdown.halted_at is None


def test_ready_is_not_believed_while_it_may_be_from_before_the_shutdown() -> None:
    assert outcome(step_of(a_halting_node(**LATE))) == WAITS


@pytest.mark.parametrize("changes", [{"unschedulable": False}, {"is_managed": False}])
def test_what_forbids_a_cut_gives_back_a_system_that_never_began(changes: dict[str, Any]) -> None:
    assert outcome(step_of(begun_long_ago(**changes))) == GIVES_UP


def test_a_node_that_is_wanted_again_is_given_back_if_its_shutdown_never_began() -> None:
    assert outcome(step_of(begun_long_ago(), want_awake=True)) == GIVES_UP


@pytest.mark.parametrize("changes", [{"unschedulable": False}, {"is_managed": False}])
def test_once_the_system_is_down_it_is_cut_whatever_else_holds_because_it_cannot_boot_otherwise(
    changes: dict[str, Any],
) -> None:
    down = a_halting_node(halted_at=NOW - 5 * SECOND, **changes)
    assert outcome(step_of(down, HALTED, want_awake=True)) == CUTS


def test_a_relay_that_is_shared_is_never_asked() -> None:
    down = a_halting_node(halted_at=NOW - 5 * SECOND)
    assert outcome(step_of(down, replace(HALTED, shared_with=("relay-2",)))) == WAITS


def test_another_leader_gives_the_order_again_and_not_for_ever() -> None:
    step = step_of(a_halting_node(agent=an_agent()), token=2)
    assert step.act is Act.SHUT_DOWN
    assert step.record.shutdown == an_order(issued_at=NOW, deadline=NOW + 75 * SECOND, fencing_token=2)
    assert step.record.operation is not None
    assert (step.record.operation.id, step.record.operation.attempt) == ("pi-01-sleep-1", 2)
    assert step_of(a_halting_node(agent=an_agent(), attempt=3), token=2).act is Act.NONE


def test_a_system_that_rebooted_instead_is_ordered_again() -> None:
    step = step_of(a_halting_node(agent=an_agent(boot_id="boot-2")))
    assert step.record.shutdown == an_order(issued_at=NOW, deadline=NOW + 75 * SECOND, boot_id="boot-2")


def asked(**changes: Any) -> NodeView:
    """The system is down and the relay was asked to cut, a minute ago."""
    changes = {"halted_at": NOW - MINUTE, "cut_at": NOW - MINUTE, "ready": False} | changes
    return a_halting_node(**changes)


def test_a_relay_that_did_not_cut_is_asked_again_and_the_machine_is_never_given_up() -> None:
    assert outcome(step_of(asked(), HALTED)) == CUTS
    assert outcome(step_of(asked(started_at=NOW - 5 * SECOND), HALTED)) == (
        PowerState.POWER_OFF_REQUESTED,
        Act.NONE,
        Reason.POWER_OFF_REQUESTED,
    )
    assert outcome(step_of(asked(deadline=NOW - MINUTE, started_at=NOW - 3 * MINUTE), HALTED)) == CUTS


def test_a_relay_that_does_not_cut_for_long_is_asked_less_often() -> None:
    waiting = asked(deadline=NOW - SECOND, started_at=NOW - MINUTE)
    assert step_of(waiting, HALTED).act is Act.NONE


@pytest.mark.parametrize(
    ("changes", "power"),
    [({}, relay(True)), ({"ready": True, "ready_since": NOW - 20 * SECOND}, UNMETERED)],
)
def test_a_system_that_runs_again_before_the_cut_is_left_on(changes: dict[str, Any], power: PowerReading) -> None:
    step = step_of(asked(**changes), power)
    assert outcome(step) == (PowerState.WAKE_REQUESTED, Act.POWER_ON, Reason.POWERED_ON_BY_OTHERS)
    assert step.record.shutdown is None


def test_the_proof_of_off_ends_the_order() -> None:
    step = step_of(asked(), relay(False))
    assert outcome(step) == (PowerState.ASLEEP, Act.NONE, Reason.ASLEEP)
    assert step.record.shutdown is None


def test_a_power_cut_by_others_in_the_middle_is_noticed() -> None:
    assert outcome(step_of(a_halting_node(), relay(False)))[0] is PowerState.ASLEEP


@pytest.mark.parametrize(
    ("node", "stage"),
    [
        (falling(), GuardStage.CUT),
        (a_halting_node(), GuardStage.CUT_HALTED),
        (begun_long_ago(), GuardStage.CUT),
        (asked(ready=True), GuardStage.CUT_HALTED),
    ],
)
def test_the_last_look_asks_what_the_step_rested_on(node: NodeView, stage: GuardStage) -> None:
    assert cut_stage(case_of(node)) is stage


def test_an_order_without_its_operation_lets_nothing_be_cut() -> None:
    record = in_state(PowerState.POWER_OFF_REQUESTED, operation=None, shutdown=an_order())
    step = step_of(replace(a_halting_node(), record=record), HALTED)
    assert step.act is Act.NONE
    assert an_operation().id == "pi-01-sleep-1"


def test_the_time_of_a_shutdown_is_the_policys() -> None:
    node = replace(falling(), agent=an_agent())
    snapshot = a_snapshot(node, *OTHERS)
    budgets = replace(snapshot.policy.budgets, shutdown_timeout_seconds=40.0)
    snapshot = replace(snapshot, policy=replace(snapshot.policy, budgets=budgets))
    step = next_step(node, False, snapshot, relay(True), NOW, fencing_token=1)
    assert step.record.shutdown is not None
    assert step.record.shutdown.deadline == NOW + timedelta(seconds=20)
