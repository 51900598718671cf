"""Old EnergyPlans go, so that a cluster's memory of its plans does not grow for ever: `spec.keepPlans` of them stay."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sunward.cluster.access.api import Api, ApiError, ours
from sunward.cluster.reporting import plan_objects

MOST_AT_ONCE = 4
"""Deletions in one pass: after `keepPlans` was lowered, many are due, and nothing is in a hurry."""

Body = Mapping[str, Any]


def expired(plans: Collection[Body], closed: Collection[str], keep: int) -> Sequence[Body]:
    """Plans to delete, the oldest first: beyond the *keep* youngest, and only such whose books are *closed*.

    A plan that still waits for its settlement stays, whatever its age: with it the period's ledger would be lost.
    """
    by_age = sorted(plans, key=lambda body: plan_objects.period_of(body)[0])
    return [body for body in by_age[: max(0, len(by_age) - keep)] if body["metadata"]["name"] in closed]


async def remove(api: Api, plans: Sequence[Body]) -> list[str]:
    """Delete the first few; returns the names that are gone. What another client deleted first counts as gone."""
    gone = []
    for body in plans[:MOST_AT_ONCE]:
        metadata = body["metadata"]
        try:
            await api.delete(ours("energyplans", metadata["name"]), uid=metadata["uid"])
        except ApiError as error:
            if error.status not in (404, 409):
                raise
        gone.append(metadata["name"])
    return gone
