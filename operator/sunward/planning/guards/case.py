"""The question that every guard answers: may this happen to this node, given what is known now?

A `Case` is all that a guard may look at, so that a guard is a pure function and can be tried alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeView
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading


class GuardStage(StrEnum):
    """The moment at which a guard is asked."""

    PLAN = "Plan"  # may the plan consider putting the node to sleep
    KEEP = "Keep"  # may a sleeping node stay asleep
    START = "Start"  # may we cordon it now
    PREFLIGHT = "Recheck"  # cordoned: does everything still hold
    CUT = "Cut"  # drained: may we ask for the power to be cut
    HALTED = "Halted"  # does the meter show that a system that was told to shut down no longer runs
    CUT_HALTED = "CutHalted"  # it was told to shut down: is it down, so that we may ask for the power to be cut
    REPEAT_CUT = "RepeatCut"  # it is down: may the request to cut the power be sent again
    OFF = "Off"  # is it proven that the power is off
    ON = "On"  # is it proven that the power is on
    REPEAT_OFF = "RepeatOff"  # may the request to cut the power be sent again
    REPEAT_ON = "RepeatOn"  # may the request for power be sent again
    WAKE = "Wake"  # may we ask for power now
    READY = "Ready"  # is it proven that the node works again
    ACT = "Act"  # may this process act at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One node in one snapshot at one instant.

    `power` is the driver's proof, None when the driver is silent. `fencing_token` is ours: the Lease's transition
    count. `drain_failure` is what the eviction API said if an eviction can never succeed.
    """

    node: NodeView
    snapshot: Snapshot
    now: datetime
    power: PowerReading | None = None
    fencing_token: int = 0
    drain_failure: Cause | None = None

    def answers_to(self, name: str | None) -> bool:
        """Whether *name* is this node, as EnergyNode or as Kubernetes node."""
        return name is not None and name in (self.node.name, self.node.spec.node_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """What must not happen, and why; `guard` is the name of the guard that forbids it."""

    guard: str
    cause: Cause


Rule = Callable[[Case], Cause | None]
"""A guard's rule: why something must not happen, or None."""
