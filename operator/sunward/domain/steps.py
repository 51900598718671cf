"""One step of a node's sleep or wake: what to remember first, then the single act to perform.

The record is written to `EnergyNode.status` before the act (write-ahead); a crash between the two is repaired by the
next pass, which compares the record with what Kubernetes and the power driver prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sunward.domain.cause import Cause
from sunward.domain.nodes import NodeRecord
from sunward.domain.pods import PodFacts


class Act(StrEnum):
    """External acts on a node; each is idempotent and performed at most once per step."""

    NONE = "None"
    CORDON = "Cordon"
    EVICT = "Evict"
    SHUT_DOWN = "ShutDown"
    POWER_OFF = "PowerOff"
    POWER_ON = "PowerOn"
    UNCORDON = "Uncordon"


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerReading:
    """Proof of a node's power state from its driver. `watts` is None where the driver does not meter.

    `faults` are what the relay reports of itself (overpower, overtemp). `shared_with` are other names of the same
    switch, which should not exist: whose power it is cannot be told then.
    """

    is_on: bool
    watts: float | None
    time: datetime
    faults: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Write `record` first, then perform `act`; `pods` are the pods to evict (by UID) when the act is EVICT.

    `changed` tells whether the record differs from what is stored, so that a quiet pass writes nothing.
    """

    node: str
    record: NodeRecord
    act: Act
    cause: Cause
    changed: bool
    pods: tuple[PodFacts, ...] = ()
