"""Building blocks of the sleep state machine: one node's question, and the records that answer it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sunward.domain.cause import Cause
from sunward.domain.nodes import Intent, NodeRecord, NodeView, Operation, PowerState
from sunward.domain.pods import PodFacts
from sunward.domain.policy import Budgets
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act, Step
from sunward.planning.guards import rules_power
from sunward.planning.guards.case import Case, GuardStage
from sunward.planning.guards.registry import Guards, obstacles
from sunward.planning.guards.rules_time import CYCLE_WINDOW
from sunward.planning.learning import after_wake

UNDECIDED_LIMIT = 512
"""Characters that are reported of an unforeseen error."""
SLEEP = Intent.SLEEP
WAKE = Intent.WAKE


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What should happen next to one node that is wanted awake or asleep."""

    case: Case
    want_awake: bool
    guards: Guards

    @property
    def record(self) -> NodeRecord:
        """What was last written of the node."""
        return self.case.node.record

    @property
    def now(self) -> datetime:
        """The instant of the question."""
        return self.case.now

    @property
    def budgets(self) -> Budgets:
        """Timeouts and limits of the policy."""
        return self.case.snapshot.policy.budgets

    @property
    def is_overdue(self) -> bool:
        """Whether the operation's deadline has passed. No operation: the record was lost, nothing to wait for."""
        return self.record.operation is None or self.now >= self.record.operation.deadline

    @property
    def has_our_marks(self) -> bool:
        """Whether the Node carries our cordon mark or our taint."""
        facts = self.case.node.facts
        return facts is not None and (facts.has_our_cordon_mark or facts.has_our_taint)

    def first(self, stage: GuardStage) -> Cause | None:
        """Why something must not happen at a stage, by the first guard that forbids it; None when none does."""
        return next((found.cause for found in obstacles(self.case, stage, self.guards)), None)

    def allows(self, stage: GuardStage) -> bool:
        """Whether nothing stands in the way at a stage."""
        return self.first(stage) is None


def rest(question: Question, why: Cause) -> Step:
    """Nothing to write, nothing to do."""
    return _step(question, question.record, Act.NONE, why)


def undecided(node: NodeView, error: Exception) -> Step:
    """Deciding raised *error*: the node keeps its state, with nothing written and nothing done."""
    message = f"{node.name}: the next step cannot be decided: {type(error).__name__}: {error}"
    return Step(
        node=node.name,
        record=node.record,
        act=Act.NONE,
        cause=Cause(Reason.INTERNAL_ERROR, message[:UNDECIDED_LIMIT]),
        changed=False,
    )


def act(question: Question, what: Act, why: Cause, pods: tuple[PodFacts, ...] = ()) -> Step:
    """Do something that the record already announces."""
    return _step(question, question.record, what, why, pods)


def move(question: Question, state: PowerState, why: Cause, what: Act = Act.NONE, **fields: Any) -> Step:
    """Write a new state with the other *fields* of the record, then act. An order to the power agent ends with it."""
    fields.setdefault("shutdown", None)
    record = replace(
        question.record,
        power_state=state,
        last_transition_at=question.now,
        last_transition_reason=why.reason,
        **fields,
    )
    return _step(question, record, what, why)


def repeat(question: Question, what: Act, why: Cause) -> Step:
    """Send a power request again under the same operation: announced first, with its time and our token."""
    operation = question.record.operation
    assert operation is not None  # without one the question is overdue and nothing is asked again
    again = replace(operation, started_at=question.now, fencing_token=question.case.fencing_token)
    return _step(question, replace(question.record, operation=again), what, why)


def rewrite(question: Question, what: Act, why: Cause, **fields: Any) -> Step:
    """Write other *fields* of the record in the state that stands, then act."""
    return _step(question, replace(question.record, **fields), what, why)


def begin(question: Question, intent: Intent, reason: Reason, seconds: float) -> Operation:
    """A new operation whose id is the same when the same step is computed again."""
    token = question.case.fencing_token
    return Operation(
        id=f"{question.case.node.name}-{intent.lower()}-{question.now:%Y%m%dt%H%M%S}-{token}",
        intent=intent,
        reason=reason,
        started_at=question.now,
        deadline=question.now + timedelta(seconds=seconds),
        fencing_token=token,
    )


def back_awake(question: Question, why: Cause, *, woke: bool) -> Step:
    """Awake and schedulable again, taking back our marks and only ours. `woke` starts the minimum awake time."""
    return move(
        question,
        PowerState.AWAKE,
        why,
        Act.UNCORDON if question.has_our_marks else Act.NONE,
        operation=None,
        cordoned_by_us=False,
        awake_since=question.now if woke else question.record.awake_since,
        learned=after_wake(question.record, question.now) if woke else question.record.learned,
        asleep_since=None,
        next_attempt_at=None,
    )


def found_off(question: Question) -> Step:
    """The relay proves that the power was cut by another hand, or by itself: the record follows the proof."""
    tripped = rules_power.relay_sound(question.case)
    return move(
        question,
        PowerState.ASLEEP,
        tripped or Cause(Reason.POWERED_OFF_BY_OTHERS, "powered off externally, as the relay shows"),
        operation=None,
        asleep_since=question.now,
        next_attempt_at=None,
    )


def cycles_with(question: Question) -> tuple[datetime, ...]:
    """Times of the last day's sleeps, with this one."""
    recent = tuple(moment for moment in question.record.sleep_times if question.now - moment < CYCLE_WINDOW)
    return (*recent, question.now)


def _step(question: Question, record: NodeRecord, what: Act, why: Cause, pods: tuple[PodFacts, ...] = ()) -> Step:
    return Step(
        node=question.case.node.name,
        record=record,
        act=what,
        cause=why.prefixed(f"{question.case.node.name}: "),
        changed=record != question.record,
        pods=pods,
    )
