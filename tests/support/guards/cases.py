"""Cases for guards: a healthy, idle node that is wanted asleep, and every way in which something may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent
from sunward.domain.nodes import (
    BatterySpec,
    Intent,
    NodeFacts,
    NodeRecord,
    NodeView,
    Operation,
    OverridePower,
    PowerOverride,
    PowerState,
)
from sunward.domain.policy import Budgets, PolicySpec
from sunward.domain.reasons import Reason
from sunward.domain.shutdown import AgentReport, ShutdownOrder
from sunward.domain.steps import PowerReading
from sunward.planning.guards.case import Case, GuardStage, Rule
from support.planning import NOW, a_node, a_policy, a_snapshot, an_assignment, measured, relay, some_facts, some_meters

BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=5.0, maximum_discharge_watts=5.0)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
A_MOMENT = timedelta(milliseconds=1)
MISSING = Absent(cause=Cause(Reason.DATA_MISSING), source="test")
AWAY = an_assignment("default/mnist", "shard-pi-01", "pi-01", "pi-02")
HOME = an_assignment("default/mnist", "shard-pi-01", "pi-01", "pi-01")

Row = tuple[str, GuardStage, Reason, Callable[[], Case]]
"""A guard, when it is asked, why it objects, and to what."""


def reason_of(rule: Rule, case: Case) -> Reason | None:
    """Why a rule objects, or None when it does not."""
    refusal = rule(case)
    return None if refusal is None else refusal.reason


def case_of(
    node: NodeView | None = None,
    *others: NodeView,
    power: PowerReading | None = None,
    token: int = 1,
    silent: bool = False,
    drain_failure: Cause | None = None,
    **snapshot: Any,
) -> Case:
    """A node wanted asleep beside three others, its relay on and read just now."""
    node = node or a_node()
    rest = others or tuple(a_node(f"pi-0{index}") for index in (2, 3, 4))
    return Case(
        node=node,
        snapshot=a_snapshot(node, *rest, **snapshot),
        now=NOW,
        power=None if silent else power or relay(True),
        fencing_token=token,
        drain_failure=drain_failure,
    )


def an_operation(**changes: Any) -> Operation:
    """A sleep that was begun a minute ago and may take a minute more."""
    operation = Operation(
        id="pi-01-sleep-1",
        intent=Intent.SLEEP,
        reason=Reason.SLEEP_STARTED,
        started_at=NOW - MINUTE,
        deadline=NOW + MINUTE,
        fencing_token=1,
    )
    return replace(operation, **changes)


def in_state(state: PowerState, **changes: Any) -> NodeRecord:
    """The record of a node in the middle of something."""
    return NodeRecord(power_state=state, **{"operation": an_operation()} | changes)


def facts(**changes: Any) -> NodeView:
    """A node of which Kubernetes says something else than usual."""
    return a_node(facts=some_facts(**changes))


def with_power_reading(**changes: Any) -> NodeView:
    """A node whose draw was read otherwise than usual."""
    return a_node(meters=some_meters(measured(2.7, **changes)))


def falling(**changes: Any) -> NodeView:
    """A node that we cordoned and drain."""
    cordoned: NodeFacts = some_facts(unschedulable=True, has_our_cordon_mark=True)
    return a_node(record=in_state(PowerState.DRAINING), facts=cordoned, **changes)


def blind_but_awake(name: str) -> NodeView:
    """A node that runs and whose power meter says nothing."""
    return a_node(name, meters=some_meters(MISSING))


def a_cut_node(**changes: Any) -> NodeView:
    """A node that we cordoned, drained, and whose power we asked to be cut."""
    cordoned = some_facts(unschedulable=True, has_our_cordon_mark=True)
    defaults: dict[str, Any] = {"record": in_state(PowerState.POWER_OFF_REQUESTED), "facts": cordoned}
    return a_node(**defaults | changes)


def an_order(**changes: Any) -> ShutdownOrder:
    """An order to the power agent, of a minute ago, that it may still begin."""
    order = ShutdownOrder(
        operation_id="pi-01-sleep-1",
        boot_id="boot-1",
        fencing_token=1,
        issued_at=NOW - MINUTE,
        deadline=NOW + MINUTE / 2,
    )
    return replace(order, **changes)


def a_halting_node(*, agent: AgentReport | None = None, **changes: Any) -> NodeView:
    """A node whose power agent was ordered to shut it down; changes of the order, the operation and the Node."""
    order = {key: changes.pop(key) for key in tuple(changes) if key in ("halted_at", "cut_at", "boot_id")}
    operation = {key: changes.pop(key) for key in tuple(changes) if key in ("deadline", "started_at", "attempt")}
    record = in_state(PowerState.POWER_OFF_REQUESTED, operation=an_operation(**operation), shutdown=an_order(**order))
    cordoned = {"unschedulable": True, "has_our_cordon_mark": True, "has_our_taint": True}
    return replace(a_node(record=record, facts=some_facts(**cordoned | changes)), agent=agent)


def an_agent(**changes: Any) -> AgentReport:
    """A power agent that reported a moment ago and can shut its node down."""
    return replace(AgentReport(heartbeat_at=NOW - SECOND, boot_id="boot-1", can_shut_down=True), **changes)


def a_waking_node(**changes: Any) -> NodeView:
    """A node for which we asked for power."""
    record = in_state(PowerState.WAKE_REQUESTED, operation=an_operation(intent=Intent.WAKE))
    return a_node(**{"record": record} | changes)


def budgets(**changes: Any) -> PolicySpec:
    """A policy with other limits."""
    return a_policy(budgets=replace(Budgets(), **changes))


def held_awake() -> PowerOverride:
    """A person's order to stay awake, for a minute more."""
    return PowerOverride(power=OverridePower.AWAKE, until=NOW + MINUTE, reason="firmware")


def stale_snapshot() -> Case:
    """Fresh readings in a snapshot that is ten minutes old."""
    case = case_of(a_node(meters=some_meters(measured(2.7, at=NOW - MINUTE))))
    old = replace(case.snapshot, taken_at=NOW - timedelta(minutes=10))
    return replace(case, snapshot=old)


def just_asked(state: PowerState) -> NodeRecord:
    """A request that the relay may still follow."""
    return in_state(state, operation=an_operation(started_at=NOW - timedelta(seconds=5)))
