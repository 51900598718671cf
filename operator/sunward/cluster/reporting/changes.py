"""Which differences between a status as it stands and a new one are worth a write, and which an event. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sunward.cluster.objects import conditions
from sunward.cluster.objects.crd_types import StatusCondition
from sunward.domain.reasons import Reason


def conditions_changed(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[StatusCondition]:
    """Conditions whose status changed: each is worth an event.

    What is said of a node for the first time stands in its status alone, unless its object cannot be used: the events
    of hundreds of nodes at once would drown the API server and tell nothing new.
    """
    before = {c["type"]: c["status"] for c in old.get("conditions") or ()}
    changed: list[StatusCondition] = [c for c in new.get("conditions") or () if before.get(c["type"]) != c["status"]]
    if kind == "energynodes" and not before:
        return [c for c in changed if c["reason"] == Reason.INVALID_SPEC]
    return changed


def worth_writing(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the difference is more than a newer figure of about the same size.

    Readings change with every sample; they are written together with something that matters: a condition, another
    plan, a round. So a quiet cluster is not written to.
    """
    return conditions.changed(_essence(old), _essence(new))


def is_urgent(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a job's new status tells more than what its coordinator says and how its pods are at the moment.

    What the operator itself decided, and the end of a job, is never late.
    """
    return conditions.changed(_own_word(old), _own_word(new))


def _own_word(status: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("observedGeneration", "plan", "assignments", "completionTime")
    stated = {c["type"]: c["status"] for c in status.get("conditions") or () if c["type"] != "Running"}
    return {**{key: status[key] for key in kept if key in status}, "conditions": stated}


def _essence(status: Mapping[str, Any]) -> dict[str, Any]:
    conditions_ = [
        {key: condition.get(key) for key in ("type", "status", "reason", "observedGeneration")}
        | ({"message": condition.get("message")} if condition.get("reason") == Reason.PARTS_FAILING else {})
        for condition in status.get("conditions") or ()
    ]
    qualities = {what: (status.get(what) or {}).get("quality") for what in ("power", "harvest", "battery", "intensity")}
    kept = (
        "observedGeneration",
        "powerState",
        "currentPlan",
        "plan",
        "round",
        "workers",
        "readyWorkers",
        "selector",
        "completionTime",
        "assignments",
    )
    return {
        **{key: status[key] for key in kept if key in status},
        "nodes": status.get("nodes"),
        "drain": status.get("drain"),
        "relay": (status.get("relay") or {}).get("output"),
        "hold": (status.get("hold") or {}).get("reason"),
        "conditions": conditions_,
        "qualities": qualities,
    }
