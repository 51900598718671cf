"""Machines of a test on a real control plane: each has a relay, a meter, and a KWOK of its own for a kubelet.

Cutting the power kills that KWOK, so that the node's Lease is no longer renewed and nobody answers for its pods, just
as on real hardware; the real node lifecycle controller does the rest. Giving power starts it again after the boot time.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sunward_lab import cluster, kwok, processes
from sunward_lab.processes import Process
from sunward_lab.settings import RunFolder
from support.real.journal import Journal

_STAGES: Final = """
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-initialize}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
      - {key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ["True"]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      {{ range NodeConditions }}
      - lastHeartbeatTime: {{ $now | Quote }}
        lastTransitionTime: {{ $now | Quote }}
        message: {{ .message | Quote }}
        reason: {{ .reason | Quote }}
        status: {{ .status | Quote }}
        type: {{ .type | Quote }}
      {{ end }}
      phase: Running
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-run}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
      - {key: '.metadata.deletionTimestamp', operator: DoesNotExist}
      - {key: '.status.phase', operator: In, values: [Pending]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Running
      startTime: {{ $now | Quote }}
      conditions:
      - {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
      - {type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }}}
      - {type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-end}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
      - {key: '.metadata.deletionTimestamp', operator: Exists}
      - {key: '.metadata.annotations["test.sunward.dev/will-not-end"]', operator: DoesNotExist}
  next:
    delete: true
"""
"""A pod that will not end stays until somebody deletes it by force, as one does whose process ignores SIGTERM.

KWOK's own stages date Ready back to the node's creation, and end every pod at once, finalizers or not."""

IDLE_WATTS: Final = 2.7
ASLEEP_WATTS: Final = 0.1


class Fault(StrEnum):
    """What a relay does wrong."""

    NONE = "none"
    STUCK = "stuck"  # answers, and does nothing
    LIES = "lies"  # shows what it was asked for, and does nothing
    ERROR = "error"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Phase:
    """What a meter showed from a time on (seconds since 1970); a silent one is off or broken."""

    since: float
    watts: float
    harvest_watts: float
    silent: bool


@dataclass(slots=True, kw_only=True)
class Machine:
    """One node. `boot_seconds` pass from power to a kubelet that answers; a machine that `boots` not stays silent.

    `drop_lease` deletes the node's Lease: every KWOK has a name of its own and would wait for the last one's to expire.
    """

    name: str
    run: RunFolder
    journal: Journal
    drop_lease: Callable[[str], object]
    switchable: bool = True
    boot_seconds: float = 1.0
    boots: bool = True
    harvest_watts: float = 0.0
    powered: bool = True
    output: bool = True
    fault: Fault = Fault.NONE
    phases: list[Phase] = field(default_factory=list)
    _kubelet: Process | None = None
    _boot: threading.Timer | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Answer for the node from now on."""
        with self._lock:
            if self.switchable:
                self.drop_lease(self.name)
                self._kubelet = self._start_kubelet()
            self._boot = None
            self._meter()
            self.journal.record("up", node=self.name)

    def _start_kubelet(self) -> Process:
        stages = self.run.path / "kwok-stages.yaml"
        stages.write_text(_STAGES, encoding="utf-8")
        flags = (f"--manage-single-node={self.name}", "--cidr=10.199.0.0/16", f"--config={stages}")
        argv = kwok.command(self.run.read_settings(), self.run, cluster.binaries(), *flags)
        return processes.start(f"kwok-{self.name}", argv, records=self.run.processes, logs=self.run.logs)

    def switch(self, on: bool) -> bool:
        """The relay is asked for a state; returns what its output was before."""
        with self._lock:
            was_on, self.output = self.output, on if self.fault is not Fault.STUCK else self.output
            if self.fault is Fault.NONE and on != self.powered:
                self._power(on)
            return was_on

    def die(self) -> None:
        """It breaks: the power stays on, nobody answers any more."""
        with self._lock:
            self._end_kubelet()
            self._meter(silent=True)
            self.journal.record("died", node=self.name)

    @property
    def alive(self) -> bool:
        """Whether somebody answers for the node."""
        return not self.switchable or (self._kubelet is not None and self._kubelet.is_alive())

    @property
    def watts(self) -> float:
        """What the relay's meter shows."""
        return IDLE_WATTS if self.powered else ASLEEP_WATTS

    def close(self) -> None:
        """End what this machine started."""
        with self._lock:
            self._end_kubelet()

    def shine(self, watts: float) -> None:
        """The sun on its panel changes."""
        with self._lock:
            self.harvest_watts = watts
            self._meter(silent=not self.alive)

    def _power(self, on: bool) -> None:
        self.powered = on
        self._end_kubelet()
        self._meter(silent=True)
        self.journal.record("powered" if on else "cut", node=self.name)
        if on and self.boots:
            self._boot = threading.Timer(self.boot_seconds, self.start)
            self._boot.daemon = True
            self._boot.start()

    def _end_kubelet(self) -> None:
        if self._boot is not None:
            self._boot.cancel()
            self._boot = None
        if self._kubelet is not None:
            self._kubelet.signal(signal.SIGKILL)
            self._kubelet = None

    def _meter(self, *, silent: bool = False) -> None:
        self.phases.append(Phase(time.time(), self.watts, self.harvest_watts, silent))

    def shown(self, at: float) -> Phase | None:
        """What the exporter showed at a time; None when it was silent or not yet there."""
        phase = next((one for one in reversed(self.phases) if one.since <= at), None)
        return None if phase is None or phase.silent else phase

    def joules(self, at: float, *, harvest: bool) -> float:
        """What the exporter's counter stood at: the integral of what was shown while it was not silent."""
        ends = [*(phase.since for phase in self.phases[1:]), at]
        return sum(
            max(0.0, min(end, at) - phase.since) * (phase.harvest_watts if harvest else phase.watts)
            for phase, end in zip(self.phases, ends, strict=True)
            if not phase.silent
        )


def close_all(machines: Sequence[Machine]) -> None:
    """End all kubelets."""
    for machine in machines:
        machine.close()
