"""`EnergyNode.status.shutdown` and `status.agent`: an order, and the report of a node's power agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.objects.crd_types import EnergyNodeStatus, EnergyNodeStatusShutdown
from sunward.cluster.objects.statuses import status_of
from sunward.domain.shutdown import AgentReport, ShutdownOrder


def agent_report(body: Mapping[str, Any]) -> AgentReport | None:
    """What the power agent says of itself; None where it says nothing that can be used."""
    status: EnergyNodeStatus = status_of(body)
    agent = status.get("agent") or {}
    boot_id = agent.get("bootId")
    try:
        heartbeat = parse_time(agent.get("heartbeatTime"))
    except ValueError:
        return None
    if heartbeat is None or not boot_id:
        return None
    return AgentReport(heartbeat_at=heartbeat, boot_id=boot_id, can_shut_down=agent.get("canShutDown") is True)


def only_agent_differs(seen: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether an EnergyNode is as it was seen but for what its power agent reported since."""
    return _without_agent(seen) == _without_agent(stored)


def _without_agent(body: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata, status = body["metadata"], status_of(body)
    return {
        "metadata": {key: value for key, value in metadata.items() if key not in ("resourceVersion", "managedFields")},
        "spec": body.get("spec"),
        "status": {key: value for key, value in status.items() if key != "agent"},
    }


def shutdown_order(status: EnergyNodeStatus) -> ShutdownOrder | None:
    """The order that stands in a status; None where there is none."""
    order = status.get("shutdown")
    if order is None:
        return None
    operation, boot_id = order.get("operationId"), order.get("bootId")
    issued, deadline = parse_time(order.get("issuedAt")), parse_time(order.get("deadline"))
    if not operation or not boot_id or issued is None or deadline is None:
        return None
    return ShutdownOrder(
        operation_id=operation,
        boot_id=boot_id,
        fencing_token=order.get("leaseTransitions") or 0,
        issued_at=issued,
        deadline=deadline,
        halted_at=parse_time(order.get("haltedAt")),
        cut_at=parse_time(order.get("cutAt")),
    )


def shutdown_patch(order: ShutdownOrder | None) -> EnergyNodeStatusShutdown | None:
    """The part of a merge patch that stores an order; None removes it."""
    if order is None:
        return None
    return {
        "operationId": order.operation_id,
        "bootId": order.boot_id,
        "leaseTransitions": order.fencing_token,
        "issuedAt": format_time(order.issued_at),
        "deadline": format_time(order.deadline),
        "haltedAt": format_time(order.halted_at),
        "cutAt": format_time(order.cut_at),
    }
