"""A sleep's clean end: the power agent shuts the system down, the meter shows it, and only then the relay cuts.

    order to the agent -> the draw falls and stays down (or the time is over) -> order to the relay -> proof of off

From the order on, the way leads forward: a machine that is halted boots only after its power was cut. The one way back
is for a system that certainly never began, or that runs again. An agent that is dead, lies or hangs costs the time of
the shutdown; after it the relay's rules hold as they do without an agent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.nodes import PowerState
from sunward.domain.reasons import Reason
from sunward.domain.shutdown import AgentReport, ShutdownOrder
from sunward.domain.steps import Act, Step
from sunward.planning.guards.case import Case, GuardStage
from sunward.planning.guards.rules_power import CORDON_ONLY
from sunward.planning.guards.rules_shutdown import came_back, runs, system_alive
from sunward.planning.sleep import waking
from sunward.planning.sleep.steps import SLEEP, Question, begin, cycles_with, move, rest, rewrite

ORDERS = 3
"""Orders to the agent in one sleep, while each becomes void before it is carried out."""
AGENT_FRESH = timedelta(seconds=60)
"""An agent that missed three reports is taken for dead."""


def listening_agent(case: Case) -> AgentReport | None:
    """The node's agent, if it may be used, lives, and can shut this boot of the system down."""
    agent, sleep = case.node.agent, case.node.spec.sleep
    if agent is None or not agent.can_shut_down or not sleep.uses_agent or sleep.driver == CORDON_ONLY:
        return None
    age = case.now - agent.heartbeat_at
    skew = timedelta(seconds=case.snapshot.policy.staleness.clock_skew_seconds)
    return agent if -skew <= age <= AGENT_FRESH else None


def cut_stage(case: Case) -> GuardStage:
    """What is asked before the relay cuts: of a system that was told to shut down, whether it is down or runs on."""
    order = case.node.record.shutdown
    if order is None or (order.halted_at is None and system_alive(case)):
        return GuardStage.CUT
    return GuardStage.CUT_HALTED


def order_shutdown(question: Question, agent: AgentReport) -> Step:
    """The node is drained: its agent is ordered to shut the system down."""
    operation = question.record.operation
    assert operation is not None  # without one the drain is overdue and has been rolled back
    return _ordered(question, agent, operation.id, sleep_times=cycles_with(question))


def shutting_down(question: Question) -> Step:
    """Wait for the draw of a halted machine, or for the end of the time that a shutdown may take."""
    if question.allows(GuardStage.CUT_HALTED):
        return _cut(question, "the system is down; power-off requested", is_down=True)
    if question.is_overdue and system_alive(question.case):
        return _never_began(question)
    order, agent = _order(question), listening_agent(question.case)
    if agent is not None and _is_void(question, order, agent):
        return _ordered(question, agent, order.operation_id)
    return _watched(question, order)


def cut_again(question: Question) -> Step:
    """The system is down and the relay has not proven that the power is off: asked again, for as long as it takes."""
    operation = question.record.operation
    if came_back(question.case):
        message = "the system runs again before the relay cut the power: powered on"
        return waking.ask_for_power(question, Cause(Reason.POWERED_ON_BY_OTHERS, message))
    paused = operation is not None and question.now - operation.started_at < timedelta(
        seconds=question.budgets.power_off_timeout_seconds
    )
    if (question.is_overdue and paused) or not question.allows(GuardStage.REPEAT_CUT):
        return rest(question, Cause(Reason.POWER_OFF_REQUESTED, "waiting for confirmation that the power is off"))
    return _cut(question, "the system is down, but the relay is still on; power-off requested again", is_down=True)


def _ordered(question: Question, agent: AgentReport, operation_id: str, **fields: object) -> Step:
    seconds = question.budgets.shutdown_timeout_seconds
    begun = question.record.operation
    attempt = begun.attempt + 1 if begun and question.record.shutdown else 1
    operation = replace(begin(question, SLEEP, Reason.SHUTDOWN_ORDERED, seconds), id=operation_id, attempt=attempt)
    order = ShutdownOrder(
        operation_id=operation_id,
        boot_id=agent.boot_id,
        fencing_token=question.case.fencing_token,
        issued_at=question.now,
        deadline=question.now + timedelta(seconds=seconds / 2),
    )
    why = Cause(Reason.SHUTDOWN_ORDERED, "drained; the power agent is ordered to shut the system down")
    return move(
        question,
        PowerState.POWER_OFF_REQUESTED,
        why,
        Act.SHUT_DOWN,
        operation=operation,
        shutdown=order,
        **fields,
    )


def _is_void(question: Question, order: ShutdownOrder, agent: AgentReport) -> bool:
    """Whether the agent would refuse the order, because another operator leads or another boot runs, and it may be
    given again: a machine that reboots whatever it is told is cut off in the end."""
    operation = question.record.operation
    is_void = order.fencing_token != question.case.fencing_token or order.boot_id != agent.boot_id
    return is_void and not question.is_overdue and operation is not None and operation.attempt < ORDERS


def _watched(question: Question, order: ShutdownOrder) -> Step:
    """Remember since when the meter shows a halted machine, or forget it when the draw is back."""
    if order.halted_at is None and question.allows(GuardStage.HALTED):
        seen, message = question.now, "the draw is that of a halted machine"
    elif order.halted_at is not None and runs(question.case):
        seen, message = None, "the draw is back: the system still runs"
    else:
        return rest(question, Cause(Reason.SHUTDOWN_ORDERED, "waiting for the system to shut down"))
    why = Cause(Reason.SHUTDOWN_ORDERED, message)
    return rewrite(question, Act.NONE, why, shutdown=replace(order, halted_at=seen))


def _never_began(question: Question) -> Step:
    """The agent is dead, lies or hangs, and the system runs: the relay's own rules, and a way back."""
    obstacle = question.first(GuardStage.CUT)
    if obstacle is None and not question.want_awake:
        return _cut(question, "the system did not shut down in time; power-off requested", is_down=False)
    why = f": {obstacle.message}" if obstacle else ""
    message = f"the system did not shut down in time and the node stays awake{why}"
    return waking.ask_for_power(question, Cause(Reason.SHUTDOWN_TIMED_OUT, message))


def _cut(question: Question, message: str, *, is_down: bool) -> Step:
    order = _order(question)
    operation = begin(question, SLEEP, Reason.POWER_OFF_REQUESTED, question.budgets.power_off_timeout_seconds)
    reason = Reason.POWER_OFF_REQUESTED if is_down else Reason.SHUTDOWN_TIMED_OUT
    halted_at = order.halted_at or question.now if is_down else None
    return rewrite(
        question,
        Act.POWER_OFF,
        Cause(reason, message),
        operation=replace(operation, id=order.operation_id),
        shutdown=replace(order, halted_at=halted_at, cut_at=question.now),
    )


def _order(question: Question) -> ShutdownOrder:
    order = question.record.shutdown
    assert order is not None  # asked only while one is in force
    return order
