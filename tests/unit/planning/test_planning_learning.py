"""What is learned of a node: its draw idle and at work, and the time of its wakes, each sample once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sunward.domain.estimate import Estimate
from sunward.domain.jobs import JobPhase, JobView
from sunward.domain.measurement import Quality, Reading
from sunward.domain.nodes import Intent, Learned, NodeRecord, NodeView, Operation, PowerState
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act
from sunward.planning.learning import after_draw, after_wake
from sunward.planning.sleep.transitions import next_step
from support.guards.cases import MISSING
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_pod,
    a_snapshot,
    a_worker_pod,
    measured,
    relay,
    some_facts,
    some_meters,
    some_progress,
)

MINUTE = timedelta(minutes=1)
IDLE = Learned(idle_watts=Estimate(mean=3.0, spread=0.0, observations=1), observed_at=NOW - MINUTE)
RECORD = NodeRecord(learned=IDLE)


def drawing(reading: Reading, record: NodeRecord = RECORD, **changes: Any) -> NodeView:
    """A node of which the idle draw was learned a minute ago, with another reading."""
    return a_node(meters=some_meters(reading), record=record, **changes)


def training(*workers: str) -> JobView:
    return a_job(progress=some_progress(phase=JobPhase.TRAINING, workers=workers))


def test_a_node_with_nothing_to_do_shows_its_idle_draw() -> None:
    found = after_draw(drawing(measured(2.5), pods=[a_worker_pod()]), [training("pi-02")])
    assert found == Learned(idle_watts=Estimate(mean=2.75, spread=0.25, observations=2), observed_at=NOW)


def test_a_node_that_trains_shows_its_draw_at_work() -> None:
    found = after_draw(drawing(measured(6.0), pods=[a_worker_pod()]), [training("pi-01", "pi-02")])
    assert found == replace(IDLE, busy_watts=Estimate(mean=6.0, spread=0.0, observations=1), observed_at=NOW)


@pytest.mark.parametrize(
    "node",
    [
        drawing(MISSING),
        drawing(measured(2.5, quality=Quality.SUSPECT)),
        drawing(measured(2.5, at=NOW - MINUTE)),
        drawing(measured(2.5), pods=[a_pod()]),
        drawing(measured(2.5), pods=[a_pod(is_terminating=True)]),
        drawing(measured(2.5), facts=some_facts(ready=False)),
        drawing(measured(2.5), record=replace(RECORD, last_transition_at=NOW - MINUTE / 2)),
        drawing(measured(2.5), record=replace(RECORD, power_state=PowerState.DRAINING)),
        drawing(measured(0.1), record=replace(RECORD, power_state=PowerState.ASLEEP)),
    ],
    ids=[
        "no reading",
        "doubtful",
        "counted before",
        "other work",
        "leaving",
        "not Ready",
        "just woken",
        "draining",
        "off",
    ],
)
def test_a_reading_that_says_nothing_of_the_draw_changes_nothing(node: NodeView) -> None:
    assert after_draw(node, []) == IDLE


def a_wake(**changes: Any) -> NodeRecord:
    """A node that boots, 40 s after its power was asked for."""
    operation = Operation(
        id="pi-01-wake",
        intent=Intent.WAKE,
        reason=Reason.WAKE_REQUESTED,
        started_at=NOW - timedelta(seconds=40),
        deadline=NOW + MINUTE,
    )
    return NodeRecord(power_state=PowerState.BOOTING, operation=replace(operation, **changes), learned=IDLE)


def test_a_wake_takes_from_the_command_to_ready() -> None:
    wake = Estimate(mean=40.0, spread=0.0, observations=1)
    assert after_wake(a_wake(), NOW) == replace(IDLE, wake_seconds=wake)


@pytest.mark.parametrize(
    "record",
    [
        a_wake(attempt=2),
        a_wake(intent=Intent.SLEEP),
        a_wake(reason=Reason.POWERED_ON_BY_OTHERS),
        NodeRecord(power_state=PowerState.DEGRADED, learned=IDLE),
    ],
    ids=["second try", "no wake", "switched by hand", "works again"],
)
def test_a_wake_whose_length_is_not_known_teaches_nothing(record: NodeRecord) -> None:
    assert after_wake(record, NOW) == IDLE


def test_the_step_that_ends_a_wake_records_how_long_it_took() -> None:
    record = replace(a_wake(), asleep_since=NOW - 10 * MINUTE)
    node = a_node(record=record, facts=some_facts(ready_since=NOW - timedelta(seconds=1)))
    step = next_step(node, True, a_snapshot(node), relay(True), NOW)
    assert (step.record.power_state, step.act) == (PowerState.AWAKE, Act.NONE)
    assert step.record.learned.wake_seconds == Estimate(mean=40.0, spread=0.0, observations=1)
