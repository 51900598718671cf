"""`EnergyNode.status` <-> `NodeRecord`: the operator's memory across restarts, written before it acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.objects.agents import shutdown_order, shutdown_patch
from sunward.cluster.objects.crd_types import EnergyNodeStatus, EnergyNodeStatusOperation
from sunward.cluster.objects.learned import learned, wake_patch
from sunward.cluster.objects.statuses import status_of
from sunward.domain.nodes import Intent, NodeRecord, Operation, PowerState
from sunward.domain.reasons import Reason

TAINT_KEY = "sunward.dev/asleep"
CORDON_MARK = "sunward.dev/cordoned-by"
MANAGED_LABEL = "sunward.dev/managed"
DO_NOT_SLEEP = "sunward.dev/do-not-sleep"


def node_record(body: Mapping[str, Any]) -> NodeRecord:
    """Read what an earlier pass, perhaps of an earlier process, wrote. An empty status means awake."""
    status: EnergyNodeStatus = status_of(body)
    transition = status.get("lastTransition") or {}
    owned = status.get("owned") or {}
    timers = status.get("timers") or {}
    return NodeRecord(
        power_state=PowerState(status.get("powerState") or PowerState.AWAKE),
        operation=_operation(status.get("operation") or {}),
        cordoned_by_us=bool(owned.get("cordon", False)),
        last_transition_at=parse_time(transition.get("time")),
        last_transition_reason=_reason(transition.get("reason")),
        awake_since=parse_time(timers.get("awakeSince")),
        asleep_since=parse_time(timers.get("asleepSince")),
        next_attempt_at=parse_time(timers.get("nextAttemptAt")),
        sleep_times=tuple(moment for moment in map(parse_time, status.get("cycles") or ()) if moment),
        observed_generation=status.get("observedGeneration") or 0,
        learned=learned(status.get("learned") or {}),
        shutdown=shutdown_order(status),
    )


def _reason(text: str | None) -> Reason | None:
    return Reason(text) if text and text in Reason._value2member_map_ else None


def _operation(body: EnergyNodeStatusOperation) -> Operation | None:
    identity, intent = body.get("id"), body.get("intent")
    started, deadline = parse_time(body.get("startedAt")), parse_time(body.get("deadline"))
    if not identity or intent is None or started is None or deadline is None:
        return None
    return Operation(
        id=identity,
        intent=Intent(intent),
        reason=_reason(body.get("reason")) or Reason.ROLLED_BACK,
        started_at=started,
        deadline=deadline,
        attempt=body.get("attempt") or 1,
        fencing_token=body.get("leaseTransitions") or 0,
    )


def record_patch(record: NodeRecord) -> EnergyNodeStatus:
    """The part of a merge patch on `status` that stores *record*; None removes a field."""
    patch: EnergyNodeStatus = {
        "powerState": record.power_state.value,
        "operation": _operation_body(record),
        "shutdown": shutdown_patch(record.shutdown),
        "owned": {"cordon": record.cordoned_by_us},
        "timers": {
            "awakeSince": format_time(record.awake_since),
            "asleepSince": format_time(record.asleep_since),
            "nextAttemptAt": format_time(record.next_attempt_at),
        },
        "cycles": [format_time(moment) for moment in record.sleep_times[-48:]],
    }
    if record.learned.wake_seconds is not None:
        patch["learned"] = wake_patch(record.learned)
    return patch


def _operation_body(record: NodeRecord) -> EnergyNodeStatusOperation | None:
    operation = record.operation
    if operation is None:
        return None
    return {
        "id": operation.id,
        "intent": operation.intent.value,
        "step": str(record.power_state),
        "reason": str(operation.reason),
        "startedAt": format_time(operation.started_at),
        "stepStartedAt": format_time(record.last_transition_at),
        "deadline": format_time(operation.deadline),
        "attempt": operation.attempt,
        "leaseTransitions": operation.fencing_token,
    }
