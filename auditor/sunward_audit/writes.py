"""Which events show a write of the operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sunward_audit import facts
from sunward_audit.events import Body, Event, ObjectSeen, Request

RECORD_FIELDS = {"powerState", "operation", "lastTransition", "cycles", "owned", "timers", "drain", "nodes"}
"""What must be written before each act, and what moves with it: the progress of a drain, the policy's node counts."""

PLAN_FIELDS = {
    "currentPlan",
    "plan",
    "nextPlanTime",
    "lastPlanTime",
    "estimatedCompletionTime",
    "nextWakeTime",
    "power",
    "harvest",
    "battery",
    "intensity",
    "relay",
    "lastSeen",
    "learned",
}
"""What every planning period writes anew, with the newest figures."""

STATUS_KINDS = ("energynodes", "energypolicies", "trainingjobs", "energyplans")


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write of the operator. `is_record` for a write-ahead record, `is_plan` for what belongs to each period.

    The same write may be seen twice, as a request and as what it changed: `is_request` tells them apart. Only objects
    tell what changed, only requests tell of writes that changed nothing.
    """

    event: Event
    time: datetime
    subject: str
    what: str
    is_record: bool
    is_plan: bool
    is_request: bool = False


def request_write(event: Request) -> Write | None:
    """The write that an entry of the audit log tells of; None for a read, a refused write, and for the Lease."""
    if event.kind == "leases" or event.code >= 300 or event.verb in ("get", "list", "watch"):
        return None
    status = facts.part(event.body, "status") if isinstance(event.body, Mapping) else {}
    return Write(
        event=event,
        time=event.time,
        subject=f"{event.kind} {f'{event.namespace}/' if event.namespace else ''}{event.name}",
        what=f"{event.verb} {', '.join(sorted(status)) or event.sub}".rstrip(),
        is_record=event.kind == "nodes" or event.sub == "eviction" or bool(set(status) & RECORD_FIELDS),
        is_plan=event.kind == "energyplans" or (bool(status) and set(status) <= PLAN_FIELDS),
        is_request=True,
    )


def object_write(event: ObjectSeen, old: Body | None) -> Write | None:
    """The write that a changed object betrays, where only the operator writes: the status of our kinds, our mark on a
    Node, and its Events. None for all other changes."""
    if event.gone or event.listed:
        return None
    changed = _changes(event, old)
    if not changed:
        return None
    return Write(
        event=event,
        time=event.time,
        subject=f"{event.kind} {facts.key_of(event.body)}",
        what=", ".join(sorted(changed)),
        is_record=event.kind == "nodes" or bool(changed & RECORD_FIELDS),
        is_plan=event.kind == "energyplans" or changed <= PLAN_FIELDS,
    )


def _changes(event: ObjectSeen, old: Body | None) -> set[str]:
    new = event.body
    if event.kind in STATUS_KINDS:
        was, now = facts.part(old, "status"), facts.part(new, "status")
        return {key for key in {*was, *now} if was.get(key) != now.get(key)}
    if event.kind == "nodes":
        return {"mark"} if old is not None and facts.has_mark(old) != facts.has_mark(new) else set()
    ours = facts.part(new, "source").get("component") == "sunward-operator"
    return {str(new.get("reason"))} if event.kind == "events" and old is None and ours else set()
