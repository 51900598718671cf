"""Trouble on purpose: a worker loses power, the operator's pod is deleted, Prometheus is silent for a minute.

None of it may lose the job, and no node may be put to sleep on data that have gone stale.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sunward_lab import power
from sunward_lab.demo.cluster import NAMESPACE, DemoCluster, Look
from sunward_lab.demo.record import Record, at
from sunward_lab.demo.verdict import Finding

SILENT_SECONDS = 60.0
STALE_AFTER = timedelta(seconds=20)
KINDS = ("power", "operator", "prometheus")
FALLING = ("Cordoned", "Draining", "PowerOffRequested", "Asleep")


@dataclass(slots=True)
class Trouble:
    """What is still to happen, and when what happened."""

    running: DemoCluster
    run_dir: Path
    say: Callable[[str], None]
    kinds: tuple[str, ...]
    done: dict[str, str] = field(default_factory=dict)
    silent_from: datetime | None = None
    silent_until: datetime | None = None
    restart_at: float | None = None

    def look(self, seen: Look) -> None:
        """Make the trouble that is due: each kind at its share of the rounds."""
        rounds = max((at(job, "status", "round") or 0) / job["spec"]["rounds"] for job in seen.jobs) if seen.jobs else 0
        if "power" in self.kinds and "power" not in self.done and rounds >= 0.15:
            self._cut_power(seen)
        if "operator" in self.kinds and "operator" not in self.done and rounds >= 0.3:
            self.say("deleting the operator's pod")
            self.running.kubectl("delete", "pod", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=operator")
            self.done["operator"] = "deleted"
        if "prometheus" in self.kinds and "prometheus" not in self.done and rounds >= 0.4:
            self._silence()
        if self.restart_at is not None and time.monotonic() >= self.restart_at:
            self._restore()

    def finish(self) -> None:
        """Bring Prometheus back if it is still silent."""
        if self.restart_at is not None:
            self._restore()

    def _cut_power(self, seen: Look) -> None:
        """The last worker that is awake and works."""
        working = {row["node"] for job in seen.jobs for row in at(job, "status", "assignments") or ()}
        awake = [
            node["metadata"]["name"]
            for node in seen.energy_nodes
            if (at(node, "status", "powerState") or "Awake") == "Awake" and node["metadata"]["name"] in working
        ]
        if awake:
            name = sorted(awake)[-1]
            self.say(f"cutting the power of {name} externally")
            power.power_off(self.run_dir, name)
            self.done["power"] = name

    def _silence(self) -> None:
        self.say(f"stopping Prometheus for {SILENT_SECONDS:.0f} s")
        self.running.kubectl("scale", "deployment", "-n", NAMESPACE, "sunward-prometheus", "--replicas=0")
        self.done["prometheus"] = "stopped"
        self.silent_from = datetime.now(UTC)
        self.restart_at = time.monotonic() + SILENT_SECONDS

    def _restore(self) -> None:
        self.say("starting Prometheus again")
        self.running.kubectl("scale", "deployment", "-n", NAMESPACE, "sunward-prometheus", "--replicas=1")
        self.silent_until = datetime.now(UTC)
        self.restart_at = None

    def judge(self, record: Record) -> list[Finding]:
        """What the trouble must not have caused."""
        findings = [
            Finding(
                promise=f"disruption took place: {kind}", kept=kind in self.done, evidence=self.done.get(kind, "no")
            )
            for kind in self.kinds
        ]
        if self.silent_from is not None:
            findings.append(self._nobody_slept(record, self.silent_from))
        return findings

    def _nobody_slept(self, record: Record, silent_from: datetime) -> Finding:
        until = self.silent_until or datetime.now(UTC)
        begun = [
            f"{t['node']} {t['time'][11:19]}"
            for t in record.transitions
            if t.get("from") == "Awake"
            and t.get("to") in FALLING
            and silent_from + STALE_AFTER <= datetime.fromisoformat(t["time"].replace("Z", "+00:00")) < until
        ]
        return Finding(
            promise="no node was put to sleep while the meters were silent",
            kept=not begun,
            evidence=", ".join(begun) or "none",
        )
