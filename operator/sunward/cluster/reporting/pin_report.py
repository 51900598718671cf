"""Pinned nodes -> status of EnergyNodes, TrainingJobs and the EnergyPolicy; and what they cost over time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sunward.cluster.objects.crd_types import (
    EnergyNodeStatus,
    EnergyPolicyStatus,
    EnergyPolicyStatusPin,
    TrainingJobStatus,
)
from sunward.domain.jobs import JobView
from sunward.domain.pins import PinCost, PinnedNode, by_namespace
from sunward.domain.units import SECONDS_PER_HOUR

PINS_LIMIT = 16
NODES_LIMIT = 256
NAMESPACES_LIMIT = 64
LONGEST_PASS = timedelta(minutes=1)
"""What happened in a longer time between two passes is not known, and counts for nothing."""


def of_node(pinned: PinnedNode | None) -> EnergyNodeStatus:
    """Who pins a node, and what that costs; nothing for a node that is not pinned."""
    if pinned is None:
        return {"pinnedBy": [], "pinnedMilligramsCO2ePerHour": None}
    return {
        "pinnedBy": [
            {"namespace": pin.namespace, "holder": pin.holder, "reason": str(pin.reason)}
            for pin in pinned.pins[:PINS_LIMIT]
        ],
        "pinnedMilligramsCO2ePerHour": _milligrams(pinned.grams_per_hour),
    }


def of_job(job: JobView, pinned: Sequence[PinnedNode]) -> TrainingJobStatus:
    """The nodes that a job pins, itself or with its pods."""
    own = [one.node for one in pinned if any(_is_of(job, pin.namespace, pin.holder) for pin in one.pins)]
    return {"pinnedNodes": sorted(own)[:NODES_LIMIT]}


def _is_of(job: JobView, namespace: str, holder: str) -> bool:
    key = job.spec.key
    return namespace == job.spec.namespace and holder in (key, f"{key}-coordinator")


def of_policy(pinned: Sequence[PinnedNode]) -> EnergyPolicyStatus:
    """What each namespace pins, the one with most nodes first."""
    costs = sorted(by_namespace(pinned).items(), key=lambda item: (-item[1].nodes, item[0]))
    return {"pins": [_row(name, cost) for name, cost in costs[:NAMESPACES_LIMIT]]}


def _row(namespace: str, cost: PinCost) -> EnergyPolicyStatusPin:
    row: EnergyPolicyStatusPin = {"namespace": namespace, "nodes": cost.nodes}
    if cost.grams_per_hour is not None:
        row["milligramsCO2ePerHour"] = round(1000 * cost.grams_per_hour)
    return row


def _milligrams(grams: float | None) -> int | None:
    return None if grams is None else round(1000 * grams)


class PinMemory:
    """When it last looked: the grams of a pass are those of the time since the pass before."""

    def __init__(self) -> None:
        self._looked_at: datetime | None = None

    def grams_since(self, pinned: Sequence[PinnedNode], now: datetime) -> Mapping[str, float]:
        """By namespace: grams that its pins cost since the last look, as far as they are known."""
        before, self._looked_at = self._looked_at, now
        passed = timedelta(0) if before is None else now - before
        hours = passed.total_seconds() / SECONDS_PER_HOUR if timedelta(0) < passed <= LONGEST_PASS else 0.0
        costs = by_namespace([one for one in pinned if one.grams_per_hour is not None])
        return {name: cost.grams_per_hour * hours for name, cost in costs.items() if cost.grams_per_hour}
