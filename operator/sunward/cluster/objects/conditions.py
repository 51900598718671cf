"""Conditions in the manner of the Kubernetes API conventions: a list keyed by type, transition times kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sunward.cluster.access.times import format_time
from sunward.cluster.objects.crd_types import StatusCondition, StatusConditionStatus
from sunward.domain.cause import Cause

MESSAGE_LIMIT = 1024
"""Characters that the definitions allow; a longer message would make the whole status invalid."""
STATUSES: Mapping[bool | None, StatusConditionStatus] = {True: "True", False: "False", None: "Unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; `status` None means Unknown."""

    type: str
    status: bool | None
    cause: Cause


def merge(
    old: Sequence[StatusCondition] | None, new: Iterable[Condition], now: datetime, generation: int
) -> list[StatusCondition]:
    """The list to store: types not named in *new* stay, and a transition time moves only with the status."""
    by_type = {condition["type"]: condition for condition in old or ()}
    for condition in new:
        status = STATUSES[condition.status]
        before = by_type.get(condition.type)
        same = before is not None and before.get("status") == status
        by_type[condition.type] = {
            "type": condition.type,
            "status": status,
            "reason": str(condition.cause.reason),
            "message": condition.cause.message[:MESSAGE_LIMIT],
            "observedGeneration": generation,
            "lastTransitionTime": before["lastTransitionTime"] if same and before else format_time(now),
        }
    return [by_type[kind] for kind in sorted(by_type)]


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether writing *new* over *old* as a merge patch would change anything."""
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if changed(before, value):
                return True
        elif isinstance(value, Mapping) and before is None:
            if changed({}, value):
                return True
        elif before != value:
            return True
    return False
