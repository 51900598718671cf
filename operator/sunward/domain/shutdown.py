"""A clean shutdown: the order that the operator writes for a node's power agent, and what the agent says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownOrder:
    """An order to shut one boot of one machine down, as written to `EnergyNode.status.shutdown`.

    The agent carries it out until `deadline` only. `halted_at` is since when nothing runs any more, and `cut_at` when
    the relay was asked to cut the power; None before that.
    """

    operation_id: str
    boot_id: str
    fencing_token: int
    issued_at: datetime
    deadline: datetime
    halted_at: datetime | None = None
    cut_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """What a node's power agent wrote to `EnergyNode.status.agent`: unchecked, from a machine that may be taken over.

    `heartbeat_at` is the server's time as the agent knows it; `can_shut_down` is what the host answered last.
    """

    heartbeat_at: datetime
    boot_id: str
    can_shut_down: bool
