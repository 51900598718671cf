"""An order to shut down, and why it is void. Pure: what is known goes in, a refusal or none comes out.

The order comes from an object that others can write to. Whatever it holds, it is read within bounds, and it does
something only for this node, this boot, this leader and this moment, and once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

TEXT_LIMIT = 64
SKEW_SECONDS = 5.0
"""An order from so far in the future is current: the server's time is known to about a second."""
IN_FORCE = "PowerOffRequested"
"""The state of the node in which an order is carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as it stands in `EnergyNode.status.shutdown`; `is_over` once the operator no longer waits for it."""

    operation_id: str
    boot_id: str
    fencing_token: int
    issued_at: datetime
    deadline: datetime
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an order is judged by.

    `now` is the API server's time, `lease` the Lease of the operator as it stands now; None for what is not known.
    """

    node: str
    boot_id: str
    now: datetime | None
    lease: Mapping[str, Any] | None


def part(body: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """A mapping within an object; empty where there is none."""
    for key in path:
        child = body.get(key)
        body = child if isinstance(child, Mapping) else {}
    return body


def node_of(body: Mapping[str, Any]) -> str:
    """The Kubernetes node that an EnergyNode describes."""
    return str(part(body, "spec").get("nodeName") or part(body, "metadata").get("name") or "")


def order_in(body: Mapping[str, Any]) -> Order | None:
    """The order that stands in an EnergyNode; None without one, or with one that cannot be read."""
    raw = part(body, "status", "shutdown")
    operation, boot_id, token = raw.get("operationId"), raw.get("bootId"), raw.get("leaseTransitions")
    issued, deadline = _time(raw.get("issuedAt")), _time(raw.get("deadline"))
    texts = isinstance(operation, str) and isinstance(boot_id, str)
    if not texts or not isinstance(token, int) or isinstance(token, bool) or issued is None or deadline is None:
        return None
    if not 0 < len(str(operation)) <= TEXT_LIMIT or not 0 < len(str(boot_id)) <= TEXT_LIMIT:
        return None
    return Order(
        operation_id=str(operation),
        boot_id=str(boot_id),
        fencing_token=token,
        issued_at=issued,
        deadline=deadline,
        is_over=raw.get("cutAt") is not None or raw.get("haltedAt") is not None,
    )


def refusal(order: Order, body: Mapping[str, Any], known: Known) -> str | None:
    """Why the order is void, or None. *body* is the EnergyNode in which it stands, read just now."""
    found = (
        _foreign(order, body, known),
        _out_of_force(order, body),
        _late(order, known.now),
        _fenced(order, known.lease),
    )
    return next((why for why in found if why is not None), None)


def _foreign(order: Order, body: Mapping[str, Any], known: Known) -> str | None:
    if node_of(body) != known.node:
        return "the EnergyNode describes another node"
    if order.boot_id != known.boot_id:
        return "the order is for another boot of the system"
    return None


def _out_of_force(order: Order, body: Mapping[str, Any]) -> str | None:
    if part(body, "status").get("powerState") != IN_FORCE or order.is_over:
        return "the order is no longer in force"
    if part(body, "status", "operation").get("id") != order.operation_id:
        return "the order is not of the operation in progress"
    return None


def _late(order: Order, now: datetime | None) -> str | None:
    if now is None:
        return "the API server's time is not known"
    if now >= order.deadline:
        return "the deadline of the order has passed"
    if (order.issued_at - now).total_seconds() > SKEW_SECONDS:
        return "the order is from the future"
    return None


def _fenced(order: Order, lease: Mapping[str, Any] | None) -> str | None:
    if lease is None:
        return "the operator's Lease cannot be read"
    spec = part(lease, "spec")
    if not spec.get("holderIdentity"):
        return "no operator holds the Lease"
    if spec.get("leaseTransitions") != order.fencing_token:
        return "the order is not of the operator that leads now"
    return None


def _time(text: object) -> datetime | None:
    """An RFC 3339 time with a zone as aware UTC; None for anything else."""
    if not isinstance(text, str) or len(text) > TEXT_LIMIT:
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
