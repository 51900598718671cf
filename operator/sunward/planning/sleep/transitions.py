"""The sleep state machine: from what is known of a node to the single next step, intent first.

    Awake -> Cordoned -> Draining -> PowerOffRequested -> Asleep -> WakeRequested -> Booting -> Awake

Every arrow has a timeout and a way back; Degraded is where a node ends that does not wake. All memory is in the
NodeRecord, which is written before the act: whoever reads it after a crash, at any point, continues or rolls back. A
request to a relay is sent again only when the relay proves that it did not happen. Knows no clock and no client.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeView, OverridePower, PowerState
from sunward.domain.plans import JobDirective
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, PowerReading, Step
from sunward.planning.guards.case import Case, GuardStage
from sunward.planning.guards.drain import classify
from sunward.planning.guards.placing import order
from sunward.planning.guards.registry import GUARDS, Guards
from sunward.planning.guards.rules_node import wants
from sunward.planning.sleep import halting, waking
from sunward.planning.sleep.steps import (
    SLEEP,
    Question,
    act,
    back_awake,
    begin,
    cycles_with,
    found_off,
    move,
    repeat,
    rest,
    undecided,
)

EVICTIONS_AT_ONCE = 10
"""Evictions of one step, in the order in which the check found room for the pods; the next pass asks for the rest."""


def advance(
    snapshot: Snapshot,
    want_awake: Mapping[str, bool],
    power: Mapping[str, PowerReading | None],
    now: datetime,
    *,
    fencing_token: int,
    drain_failures: Mapping[str, Cause] | None = None,
    directives: Iterable[JobDirective] = (),
    passed_over: Collection[str] = (),
    guards: Guards = GUARDS,
) -> tuple[Step, ...]:
    """One step for every node, in the order in which they must be performed.

    Each step sees the records that the steps before it write, so that the budgets hold within one pass. Nodes on their
    way come first, then sleepers that may have to wake, then the others; what a person wants awake comes first among
    its like, so that no other node's wake makes it wait. A node without a desired state keeps its state, and so does
    one whose step cannot be decided. `drain_failures` tells, by node, of evictions that can never succeed. `directives`
    are those of the plan in force: what it assigns counts at once, what was assigned before counts until the snapshot
    no longer says so. Nodes that are `passed_over` get no step, and the others rely on their records as they are.
    """
    snapshot = _with_directives(snapshot, directives)
    steps: list[Step] = []
    failures = drain_failures or {}
    asked = (node.name for node in snapshot.nodes if node.name not in passed_over)
    for name in sorted(asked, key=lambda name: _urgency(snapshot, name)):
        node = _node(snapshot, name)
        try:
            step = next_step(
                node,
                want_awake.get(name, node.record.power_state is not PowerState.ASLEEP),
                snapshot,
                power.get(name),
                now,
                fencing_token=fencing_token,
                drain_failure=failures.get(name),
                guards=guards,
            )
        except Exception as error:  # the shell around one node: the others take their steps
            step = undecided(node, error)
        steps.append(step)
        snapshot = remembered(snapshot, step)
    return tuple(steps)


def next_step(
    node: NodeView,
    want_awake: bool,
    snapshot: Snapshot,
    power: PowerReading | None,
    now: datetime,
    *,
    fencing_token: int = 0,
    drain_failure: Cause | None = None,
    guards: Guards = GUARDS,
) -> Step:
    """The next step of one node. A person's override wins over `want_awake`; every guard still holds."""
    case = Case(
        node=node,
        snapshot=snapshot,
        now=now,
        power=power,
        fencing_token=fencing_token,
        drain_failure=drain_failure,
    )
    wish = (want_awake or wants(case, OverridePower.AWAKE)) and not wants(case, OverridePower.ASLEEP)
    question = Question(case=case, want_awake=wish, guards=guards)
    forbidden = question.first(GuardStage.ACT)
    if forbidden is not None:
        return rest(question, forbidden)
    return _HANDLERS[node.record.power_state](question)


def _awake(question: Question) -> Step:
    """Stay, notice a power cut by others, clean up what a crash left, or begin to sleep."""
    if _is_cut(question):
        return found_off(question)
    if question.has_our_marks:
        return act(
            question,
            Act.UNCORDON,
            Cause(Reason.ROLLED_BACK, "removes a cordon or taint that an earlier operation left"),
        )
    if question.want_awake:
        return rest(question, Cause(Reason.AWAKE, "awake"))
    obstacle = question.first(GuardStage.START)
    if obstacle is not None:
        return rest(question, obstacle.prefixed("stays awake: "))
    operation = begin(question, SLEEP, Reason.SLEEP_STARTED, question.budgets.drain_timeout_seconds)
    message = "going to sleep: the node is cordoned first"
    return move(
        question,
        PowerState.CORDONED,
        Cause(Reason.SLEEP_STARTED, message),
        Act.CORDON,
        operation=operation,
        cordoned_by_us=True,
    )


def _cordoned(question: Question) -> Step:
    """Wait until the cordon is seen; pods are listed anew only after that."""
    way_back = _way_back(question)
    if way_back is not None:
        return way_back
    if not _is_unschedulable(question):
        if question.has_our_marks:
            return _uncordoned_by_others(question)
        return act(question, Act.CORDON, Cause(Reason.CORDONED, "the cordon is not visible yet; requested again"))
    return move(question, PowerState.DRAINING, Cause(Reason.DRAINING, "cordoned; the drain begins"))


def _draining(question: Question) -> Step:
    """Evict what is left, then ask for the power to be cut."""
    way_back = _way_back(question)
    if way_back is not None:
        return way_back
    if not _is_unschedulable(question):
        return _uncordoned_by_others(question)
    evictable = sorted(classify(question.case.node.pods).evictable, key=order)[:EVICTIONS_AT_ONCE]
    if evictable:
        return act(question, Act.EVICT, Cause(Reason.DRAINING, f"evicts {len(evictable)} pods"), tuple(evictable))
    obstacle = question.first(GuardStage.CUT)
    if obstacle is not None:
        return rest(question, obstacle.prefixed("waits: "))
    agent = halting.listening_agent(question.case)
    if agent is not None:
        return halting.order_shutdown(question, agent)
    operation = question.record.operation
    assert operation is not None  # without one the drain is overdue and has been rolled back
    limit = begin(question, SLEEP, operation.reason, question.budgets.power_off_timeout_seconds)
    return move(
        question,
        PowerState.POWER_OFF_REQUESTED,
        Cause(Reason.POWER_OFF_REQUESTED, "drained; power-off requested"),
        Act.POWER_OFF,
        operation=replace(limit, id=operation.id),
        sleep_times=cycles_with(question),
    )


def _power_off_requested(question: Question) -> Step:
    """Wait for proof; without it in time, switch the power on again and go back."""
    if question.allows(GuardStage.OFF):
        message = "the relay confirms that the power is off"
        return move(
            question, PowerState.ASLEEP, Cause(Reason.ASLEEP, message), operation=None, asleep_since=question.now
        )
    order = question.record.shutdown
    if order is not None and order.cut_at is None:
        return halting.shutting_down(question)
    if order is not None and order.halted_at is not None:
        return halting.cut_again(question)
    if question.is_overdue:
        message = "the power-off was not confirmed in time: powered on again"
        return waking.ask_for_power(question, Cause(Reason.POWER_OFF_TIMED_OUT, message))
    if _is_uncordoned(question):
        return waking.ask_for_power(
            question, Cause(Reason.NO_LONGER_HOLDS, "uncordoned by another client: powered on again")
        )
    if question.allows(GuardStage.REPEAT_OFF):
        return repeat(
            question,
            Act.POWER_OFF,
            Cause(Reason.POWER_OFF_REQUESTED, "the relay is still on; power-off requested again"),
        )
    return rest(question, Cause(Reason.POWER_OFF_REQUESTED, "waiting for confirmation that the power is off"))


def _way_back(question: Question) -> Step | None:
    """Reasons to stop a sleep before the power is cut, the most certain first."""
    if _is_cut(question):
        return found_off(question)
    if question.want_awake:
        return back_awake(question, Cause(Reason.ROLLED_BACK, "needed again: the node stays awake"), woke=False)
    obstacle = question.first(GuardStage.PREFLIGHT)
    if obstacle is not None:
        return back_awake(question, obstacle.prefixed("stays awake: "), woke=False)
    if question.is_overdue:
        return back_awake(
            question, Cause(Reason.DRAIN_TIMED_OUT, "not drained in time: the node stays awake"), woke=False
        )
    return None


def _uncordoned_by_others(question: Question) -> Step:
    return back_awake(
        question, Cause(Reason.NO_LONGER_HOLDS, "uncordoned by another client: the node stays awake"), woke=False
    )


def _is_cut(question: Question) -> bool:
    """Relay and Kubernetes agree that it is off. While the Node is Ready, a relay that says off may be wrong."""
    facts = question.case.node.facts
    return question.allows(GuardStage.OFF) and not (facts is not None and facts.ready)


def _is_uncordoned(question: Question) -> bool:
    facts = question.case.node.facts
    return facts is not None and facts.exists and not facts.unschedulable


def _is_unschedulable(question: Question) -> bool:
    facts = question.case.node.facts
    return facts is not None and facts.unschedulable


_HANDLERS: Mapping[PowerState, Callable[[Question], Step]] = {
    PowerState.AWAKE: _awake,
    PowerState.CORDONED: _cordoned,
    PowerState.DRAINING: _draining,
    PowerState.POWER_OFF_REQUESTED: _power_off_requested,
    PowerState.ASLEEP: waking.asleep,
    PowerState.WAKE_REQUESTED: waking.wake_requested,
    PowerState.BOOTING: waking.booting,
    PowerState.DEGRADED: waking.degraded,
}


def _urgency(snapshot: Snapshot, name: str) -> tuple[int, bool, str]:
    node = _node(snapshot, name)
    state = node.record.power_state
    rank = 0 if state.in_transition else 1 if state is PowerState.ASLEEP else 2
    return (rank, not is_ordered_awake(node, snapshot), name)


def is_ordered_awake(node: NodeView, snapshot: Snapshot) -> bool:
    """Whether a person's override wants the node awake now."""
    return wants(Case(node=node, snapshot=snapshot, now=snapshot.taken_at), OverridePower.AWAKE)


def _node(snapshot: Snapshot, name: str) -> NodeView:
    return next(node for node in snapshot.nodes if node.name == name)


def _with_directives(snapshot: Snapshot, directives: Iterable[JobDirective]) -> Snapshot:
    new = {directive.job: directive.assignments for directive in directives}
    jobs = tuple(
        replace(job, assignments=tuple(dict.fromkeys((*job.assignments, *new.get(job.spec.key, ())))))
        for job in snapshot.jobs
    )
    return replace(snapshot, jobs=jobs)


def remembered(snapshot: Snapshot, step: Step) -> Snapshot:
    """The snapshot with the record that a step writes."""
    if not step.changed:
        return snapshot
    nodes = tuple(replace(node, record=step.record) if node.name == step.node else node for node in snapshot.nodes)
    return replace(snapshot, nodes=nodes)
