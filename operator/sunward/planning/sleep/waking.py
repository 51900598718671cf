"""Steps of a node on its way up. Waking never needs fresh data: availability comes before emissions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.nodes import PowerState
from sunward.domain.reasons import Reason
from sunward.domain.steps import Act, Step
from sunward.planning.guards.case import GuardStage
from sunward.planning.guards.rules_power import CORDON_ONLY
from sunward.planning.sleep.steps import WAKE, Question, back_awake, begin, move, repeat, rest


def asleep(question: Question) -> Step:
    """Stay asleep, wake, or notice that it was woken by another hand."""
    if _is_up(question):
        operation = begin(question, WAKE, Reason.POWERED_ON_BY_OTHERS, question.budgets.boot_timeout_seconds)
        message = "powered on externally"
        return move(question, PowerState.BOOTING, Cause(Reason.POWERED_ON_BY_OTHERS, message), operation=operation)
    must_wake = question.first(GuardStage.KEEP)
    if not question.want_awake and must_wake is None:
        return rest(question, Cause(Reason.ASLEEP, "asleep"))
    too_soon = question.first(GuardStage.WAKE)
    if too_soon is not None:
        return rest(question, too_soon.prefixed("the wake is delayed: "))
    if must_wake is None:
        return ask_for_power(question, Cause(Reason.WAKE_REQUESTED, "waking: the plan needs the node"))
    is_wanted = question.want_awake and must_wake.reason is not Reason.NO_LONGER_HOLDS
    reason = Reason.WAKE_REQUESTED if is_wanted else must_wake.reason  # which is looked at once more before the act
    return ask_for_power(question, Cause(reason, f"waking: {must_wake.message}"))


def ask_for_power(question: Question, why: Cause) -> Step:
    """Begin a wake: the intent is written, then the relay is asked."""
    operation = begin(question, WAKE, why.reason, question.budgets.boot_timeout_seconds)
    return move(
        question,
        PowerState.WAKE_REQUESTED,
        why,
        Act.POWER_ON,
        operation=operation,
        next_attempt_at=None,
    )


def wake_requested(question: Question) -> Step:
    """Wait for proof that the power is on, or for the time of the next try."""
    if question.allows(GuardStage.READY) and _may_trust_ready(question):
        return back_awake(question, Cause(Reason.AWAKE, "awake again"), woke=True)
    if question.record.next_attempt_at is not None:
        return _between_tries(question)
    if question.allows(GuardStage.ON):
        return move(question, PowerState.BOOTING, Cause(Reason.BOOTING, "the relay confirms that the power is on"))
    if question.is_overdue:
        return _try_failed(question)
    if question.allows(GuardStage.REPEAT_ON):
        return repeat(
            question, Act.POWER_ON, Cause(Reason.WAKE_REQUESTED, "the relay is still off; power-on requested again")
        )
    return rest(question, Cause(Reason.WAKE_REQUESTED, "waiting for confirmation that the power is on"))


def booting(question: Question) -> Step:
    """Wait until the Node is Ready, then give it back to the scheduler."""
    if question.allows(GuardStage.READY):
        return back_awake(question, Cause(Reason.AWAKE, "awake again"), woke=True)
    if question.is_overdue:
        return _try_failed(question)
    return rest(question, Cause(Reason.BOOTING, "boots"))


def degraded(question: Question) -> Step:
    """Left to people, cordoned as it is, until the Node works again by itself."""
    if question.allows(GuardStage.READY):
        return back_awake(question, Cause(Reason.AWAKE, "works again"), woke=True)
    return rest(question, Cause(Reason.DEGRADED, "the node did not wake; power it on manually and check its console"))


def _is_up(question: Question) -> bool:
    """The relay proves it, or the Node says so long enough after the power was cut."""
    if question.allows(GuardStage.ON):
        return True
    return question.case.node.spec.sleep.driver != CORDON_ONLY and question.allows(GuardStage.READY)


def _may_trust_ready(question: Question) -> bool:
    """While a request for power is under way, Ready counts only if the relay does not prove that the power is off."""
    return not question.allows(GuardStage.OFF)


def _try_failed(question: Question) -> Step:
    """Pause before the next try; the last pause ends in Degraded."""
    tries = question.budgets.wake_retry_seconds
    operation = question.record.operation
    attempt = operation.attempt if operation else 1
    if attempt > len(tries):
        return _give_up(question)
    pause = timedelta(seconds=tries[attempt - 1])
    message = f"wake attempt {attempt} failed; waiting {pause.total_seconds():.0f} s"
    return move(
        question, PowerState.WAKE_REQUESTED, Cause(Reason.WAKE_TIMED_OUT, message), next_attempt_at=question.now + pause
    )


def _between_tries(question: Question) -> Step:
    too_soon = question.first(GuardStage.WAKE)
    if too_soon is not None:
        return rest(question, too_soon.prefixed("waits: "))
    operation = question.record.operation
    attempt = operation.attempt if operation else 1
    if attempt >= len(question.budgets.wake_retry_seconds):
        return _give_up(question)
    step = ask_for_power(question, Cause(Reason.WAKE_REQUESTED, f"wake attempt {attempt + 1}"))
    begun = step.record.operation
    assert begun is not None
    return replace(step, record=replace(step.record, operation=replace(begun, attempt=attempt + 1)))


def _give_up(question: Question) -> Step:
    attempts = question.record.operation.attempt if question.record.operation else 1
    message = f"the node did not wake (failed attempts: {attempts}); power it on manually and check its console"
    return move(question, PowerState.DEGRADED, Cause(Reason.DEGRADED, message), operation=None, next_attempt_at=None)
