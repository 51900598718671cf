"""An order that is right in every word, and what an agent knows of the world when it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sunward.cluster.access.times import format_time
from sunward_power_agent.orders import Known

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
Body = dict[str, Any]


def an_energy_node(**order: Any) -> Body:
    """The EnergyNode of pi-3 with an order in force; changes of the order, where None leaves a field out."""
    times = {"issuedAt": format_time(NOW - 5 * SECOND), "deadline": format_time(NOW + 60 * SECOND)}
    shutdown = {"operationId": "pi-3-sleep-1", "bootId": "boot-1", "leaseTransitions": 4, **times, **order}
    return {
        "metadata": {"name": "pi-3", "resourceVersion": "7"},
        "spec": {"gridZone": "DIRTY"},
        "status": {
            "powerState": "PowerOffRequested",
            "operation": {"id": "pi-3-sleep-1", "intent": "Sleep"},
            "shutdown": {key: value for key, value in shutdown.items() if value is not None},
        },
    }


def a_lease(transitions: object = 4, holder: str = "operator-1") -> Body:
    """The operator's Lease."""
    return {
        "kind": "Lease",
        "metadata": {"name": "sunward-operator", "namespace": "sunward-system"},
        "spec": {"holderIdentity": holder, "leaseTransitions": transitions},
    }


def known(**changes: Any) -> Known:
    """What the agent of pi-3 knows a moment after the order was written."""
    return replace(Known(node="pi-3", boot_id="boot-1", now=NOW, lease=a_lease()), **changes)
