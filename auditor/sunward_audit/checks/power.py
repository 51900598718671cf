"""I1, I2 and I15: whose power is cut, under what, and on whose word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sunward_audit import facts
from sunward_audit.events import Body, Event, ObjectSeen, RelayOrder
from sunward_audit.verdicts import Verdict
from sunward_audit.view import View

SAME_TIME = timedelta(seconds=2)
"""How far the relays' clock may be behind the one that dates records."""


def cut_node(view: View, event: Event) -> str | None:
    """The Node whose power is being cut by this event: the intent on record, or the order at its relay; at the first
    look also a Node that is off already."""
    if isinstance(event, RelayOrder):
        return None if event.on else event.node
    if isinstance(event, ObjectSeen) and event.kind == "energynodes" and event.listed:
        is_cut = facts.power_state(event.body) in ("PowerOffRequested", "Asleep")
        return facts.kubernetes_node(event.body) if is_cut else None
    step = view.step_of(event)
    if step is None or step.new != "PowerOffRequested":
        return None
    return facts.kubernetes_node(step.body)


def protected(view: View, event: Event) -> Iterator[Verdict]:
    """I1: no power-off of control plane, opted-out, unmanaged, always-on or self-hosting nodes, nor under a foreign
    cordon."""
    name = cut_node(view, event)
    if name is None:
        return
    node, energy = view.find("nodes", name), view.energy_of(name)
    reasons = {
        "has no Node object": node is None,
        "is part of the control plane": facts.is_control_plane(node),
        "has the role AlwaysOn": facts.part(energy, "spec").get("role") == "AlwaysOn",
        "is not managed": facts.labels(node).get(facts.MANAGED) != "true",
        "is opted out": _opted_out(node),
        "hosts the operator": name == view.operator_node or any(map(_is_operator, view.pods_on(name))),
        "is cordoned by another party": facts.is_cordoned(node) and not facts.has_mark(node),
        "is not cordoned": not facts.is_cordoned(node),
    }
    yield from _all_of(name, "is switched off and", reasons)


def undrained(view: View, event: Event) -> Iterator[Verdict]:
    """I2: at power-off no pod that would be lost is bound to the node, and no volume is attached to it."""
    name = cut_node(view, event)
    if name is None or view.is_on(name) is False:
        return
    left = [facts.key_of(pod) for pod in view.pods_on(name) if facts.is_lost_with_power(pod)]
    volumes = [facts.name_of(v) for v in view.of("volumeattachments") if facts.part(v, "spec").get("nodeName") == name]
    if left:
        yield Verdict(subject=name, broken="is switched off under pods", evidence=", ".join(sorted(left)))
    if volumes:
        yield Verdict(subject=name, broken="is switched off under volumes", evidence=", ".join(sorted(volumes)))
    if not left and not volumes:
        yield Verdict(subject=name)


def announced(view: View, event: Event) -> Iterator[Verdict]:
    """I15: the intent is on record before the relay is asked, under the same operation and token."""
    del event
    for order in view.orders_due:
        if order.operation is None:
            continue
        written = _written(view, order)
        said = written is not None and written <= order.time + SAME_TIME
        broken = None if said else "an order that no record announced"
        yield Verdict(subject=f"{order.node} {order.operation}", broken=broken, evidence=f"on={order.on} {order.token}")


def _written(view: View, order: RelayOrder) -> datetime | None:
    """When the intent behind an order was put on record; that of an EnergyNode that is gone still counts."""
    energy = view.energy_of(order.node)
    said = ("WakeRequested" if order.on else "PowerOffRequested", order.operation or "", order.token)
    names = list(view.announced) if energy is None else [facts.name_of(energy)]
    return min((known[said] for known in (view.announced[name] for name in names) if said in known), default=None)


def fencing(view: View, event: Event) -> Iterator[Verdict]:
    """I15: tokens never fall, and each belongs to one process."""
    if not isinstance(event, RelayOrder) or event.token is None:
        return
    subject = f"{event.node} {event.operation}"
    earlier = [order for order in view.earlier_orders if order.token is not None]
    younger = next((order for order in earlier if (order.token or 0) > (event.token or 0)), None)
    shared = next((o for o in earlier if o.token == event.token and _other(o.process, event.process)), None)
    if younger is not None:
        yield Verdict(subject=subject, broken="an old token after a younger one", evidence=_order(younger))
    if shared is not None:
        yield Verdict(subject=subject, broken="two processes share a token", evidence=_order(shared))
    if younger is None and shared is None:
        yield Verdict(subject=subject)


def needless(view: View, event: Event) -> Iterator[Verdict]:
    """I15: what a relay has obeyed is not asked for again under the same operation."""
    if not isinstance(event, RelayOrder) or event.operation is None:
        return
    same = any(
        (order.node, order.operation, order.on) == (event.node, event.operation, event.on)
        for order in view.earlier_orders
    )
    obeyed = same and view.is_on(event.node) is event.on
    broken = "an order is repeated although it was obeyed" if obeyed else None
    yield Verdict(subject=f"{event.node} {event.operation}", broken=broken, evidence=f"on={event.on}")


def tokens_on_record(view: View, event: Event) -> Iterator[Verdict]:
    """I15 as far as records show it: no operation is announced under a token that is older than the node's last."""
    if not isinstance(event, ObjectSeen) or event.kind != "energynodes" or event.gone:
        return
    new, old = facts.token_of(event.body), facts.token_of(view.before)
    same = facts.operation(event.body).get("id") == facts.operation(view.before).get("id")
    if new is None or old is None or same:
        return
    broken = "announces an operation under an older token" if new < old else None
    yield Verdict(subject=facts.name_of(event.body), broken=broken, evidence=f"{new} after {old}")


def one_holder(view: View, event: Event) -> Iterator[Verdict]:
    """I15 as far as the Lease shows it: one transition count has one holder and never falls."""
    if not isinstance(event, ObjectSeen) or event.kind != "leases" or event.gone or view.before is None:
        return
    if facts.name_of(event.body) != facts.LEASE:
        return
    old, new = facts.part(view.before, "spec"), facts.part(event.body, "spec")
    was, now = int(old.get("leaseTransitions") or 0), int(new.get("leaseTransitions") or 0)
    holders = (old.get("holderIdentity"), new.get("holderIdentity"))
    swapped = now == was and all(holders) and holders[0] != holders[1]
    evidence = f"{was} of {holders[0]}, then {now} of {holders[1]}"
    broken = "its count fell" if now < was else "two holders share a count" if swapped else None
    yield Verdict(subject=facts.LEASE, broken=broken, evidence=evidence)


def _all_of(name: str, says: str, reasons: dict[str, bool]) -> Iterator[Verdict]:
    broken = [why for why, holds in reasons.items() if holds]
    yield from (Verdict(subject=name, broken=f"{says} {why}") for why in broken)
    if not broken:
        yield Verdict(subject=name)


def _opted_out(node: Body | None) -> bool:
    return facts.DO_NOT_SLEEP in facts.annotations_of(node) or facts.labels(node).get(facts.DO_NOT_SLEEP) == "true"


def _is_operator(pod: Body) -> bool:
    wanted = facts.labels(pod)
    ours = "sunward" in (wanted.get("app.kubernetes.io/part-of"), wanted.get("app.kubernetes.io/name"))
    return ours and wanted.get("app.kubernetes.io/component") == "operator"


def _other(one: str, another: str) -> bool:
    return bool(one) and bool(another) and one != another


def _order(order: RelayOrder) -> str:
    return (
        f"{order.node} {order.operation} token {order.token} of {order.process or 'an unknown process'} at {order.time}"
    )
