"""The demo's memory: what was seen over time, from which the verdict and the figures are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sunward_lab.demo.cluster import Look

Body = dict[str, Any]


def at(body: Any, *path: str) -> Any:
    """A value deep in an object, None where any part is missing."""
    for key in path:
        body = (body or {}).get(key)
    return body


@dataclass(slots=True)
class Sample:
    """One moment of one node."""

    time: float
    state: str
    power_watts: float | None
    harvest_watts: float | None


@dataclass(slots=True)
class Record:
    """Everything that was seen. Times are seconds since the first look."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    transitions: list[Body] = field(default_factory=list)
    rounds: list[tuple[float, int, float | None]] = field(default_factory=list)
    ended_pods: list[str] = field(default_factory=list)
    lost_pods: list[str] = field(default_factory=list)
    moved: dict[str, int] = field(default_factory=dict)
    last: Look | None = None

    def add(self, seen: Look) -> None:
        """Take in one look."""
        now = (datetime.now(UTC) - self.started).total_seconds()
        for node in seen.energy_nodes:
            self._add_node(node, now)
        for job in seen.jobs:
            accuracy = at(job, "status", "accuracyPartsPerMillion")
            number = at(job, "status", "round") or 0
            if not self.rounds or self.rounds[-1][1] != number:
                self.rounds.append((now, number, None if accuracy is None else accuracy / 10_000))
        for plan in seen.plans:
            for row in at(plan, "status", "assignments") or ():
                if row["node"] != row.get("fromNode"):
                    key = f"{row['shard']}: {row.get('fromNode')} -> {row['node']}"
                    self.moved[key] = max(self.moved.get(key, 0), row["batches"])
        self.last = seen

    def _add_node(self, node: Body, now: float) -> None:
        name = node["metadata"]["name"]
        milliwatts, harvest = (at(node, "status", what, "milliwatts") for what in ("power", "harvest"))
        self.samples.setdefault(name, []).append(
            Sample(
                time=now,
                state=at(node, "status", "powerState") or "Awake",
                power_watts=None if milliwatts is None else milliwatts / 1000,
                harvest_watts=None if harvest is None else harvest / 1000,
            )
        )
        transition = at(node, "status", "lastTransition")
        if transition and transition.get("time"):
            known = {(t["node"], t["time"]) for t in self.transitions}
            if (name, transition["time"]) not in known:
                self.transitions.append({"node": name, **transition})

    def pod_changed(self, kind: str, pod: Body) -> None:
        """Take in one event of a watch on our pods; what a pod looked like at its end tells why it ended."""
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        if kind == "DELETED" and not _accounted_for(pod):
            self.lost_pods.append(name)
        if kind == "DELETED":
            self.ended_pods.append(name)


def _accounted_for(pod: Body) -> bool:
    if at(pod, "status", "phase") in ("Succeeded", "Failed"):
        return True
    conditions = at(pod, "status", "conditions") or ()
    return any(c["type"] == "DisruptionTarget" and c["reason"] == "EvictionByEvictionAPI" for c in conditions)
