"""I4 and I5: how pods leave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sunward_audit import facts
from sunward_audit.events import Body, Event, ObjectSeen, Request
from sunward_audit.verdicts import Verdict
from sunward_audit.view import View

OWN_RECORDS = ("energyplans",)
RECENT = timedelta(seconds=60)


def deletions(view: View, event: Event) -> Iterator[Verdict]:
    """I4: the operator deletes no pod but one that has ended, by its UID, and nothing else but its own records."""
    if not _ours(view, event, "delete", "deletecollection"):
        return
    assert isinstance(event, Request)
    subject = f"{event.kind} {event.namespace}/{event.name}"
    if event.kind != "pods":
        broken = None if event.kind in OWN_RECORDS else "is deleted"
        yield Verdict(subject=subject, broken=broken)
        return
    pod = _last_of(view, f"{event.namespace}/{event.name}")
    phase = facts.part(pod, "status").get("phase")
    uid = facts.part(event.body, "preconditions").get("uid") if isinstance(event.body, dict) else None
    if pod is not None and phase not in facts.ENDED:
        yield Verdict(subject=subject, broken="is deleted, not evicted", evidence=f"it was {phase}")
    elif uid is None:
        yield Verdict(subject=subject, broken="is deleted without its UID")
    else:
        yield Verdict(subject=subject)


def disruption_budgets(view: View, event: Event) -> Iterator[Verdict]:
    """I4: no budget falls below what it wants by a pod that left a node on its way down without an eviction."""
    if not isinstance(event, ObjectSeen) or event.kind != "poddisruptionbudgets" or event.gone or view.before is None:
        return
    old, new = facts.part(view.before, "status"), facts.part(event.body, "status")
    fell = int(new.get("currentHealthy") or 0) < int(old.get("currentHealthy") or 0)
    short = int(new.get("currentHealthy") or 0) < int(new.get("desiredHealthy") or 0)
    if not fell or not short:
        return
    ours = sorted(facts.key_of(pod) for pod in _taken(view, event.body))
    broken = "is below its desired number by our doing" if ours else None
    yield Verdict(subject=facts.key_of(event.body), broken=broken, evidence=", ".join(ours))


def evictions(view: View, event: Event) -> Iterator[Verdict]:
    """I5: every eviction carries the UID of a pod on a node that is being drained."""
    if not _ours(view, event, "create") or not isinstance(event, Request) or event.sub != "eviction":
        return
    subject = f"{event.namespace}/{event.name}"
    uid = facts.part(event.body, "deleteOptions", "preconditions").get("uid") if event.body is not None else None
    if uid is None:
        yield Verdict(subject=subject, broken="is evicted without its UID")
        return
    pod = _pod(view, subject, str(uid))
    if pod is None:
        return  # the server refuses an eviction that hits nothing
    node = str(facts.part(pod, "spec").get("nodeName") or "")
    yield from _target(view, subject, node)


def _target(view: View, subject: str, node: str) -> Iterator[Verdict]:
    energy = view.energy_of(node)
    state = facts.power_state(energy)
    drained = state == "Draining" or any(
        step.old == "Draining" and view.now - step.time < timedelta(seconds=5)
        for step in (view.steps[facts.name_of(energy)] if energy is not None else ())
    )
    if not drained:
        yield Verdict(subject=subject, broken="is evicted from a node that is not drained", evidence=f"{node}: {state}")
    elif not facts.is_cordoned(view.find("nodes", node)):
        yield Verdict(subject=subject, broken="is evicted from a node without a cordon", evidence=node)
    else:
        yield Verdict(subject=subject)


def _pod(view: View, key: str, uid: str) -> Body | None:
    """The pod of that UID, even if it has just gone."""
    pod = view.find("pods", key)
    if pod is not None and pod["metadata"].get("uid") == uid:
        return pod
    gone = (r.pod for r in reversed(view.removals) if view.now - r.time < RECENT)
    return next((pod for pod in gone if pod["metadata"].get("uid") == uid), None)


def _last_of(view: View, key: str) -> Body | None:
    """The pod of that name, or the last one that had it."""
    gone = (r.pod for r in reversed(view.removals) if view.now - r.time < RECENT and facts.key_of(r.pod) == key)
    return view.find("pods", key) or next(gone, None)


def _taken(view: View, budget: Body) -> Iterator[Body]:
    """Pods of a budget that left a node of ours in the last minute without an eviction, and had not ended."""
    selector = facts.part(budget, "spec").get("selector")
    for removal in view.removals:
        if view.now - removal.time > RECENT or removal.evicted or not facts.is_lost_with_power(removal.pod):
            continue
        same = removal.pod["metadata"].get("namespace") == budget["metadata"].get("namespace")
        energy = view.energy_of(removal.node)
        going = facts.power_state(energy) in (*facts.FALLING, "Asleep") and energy is not None
        if same and going and facts.selects(selector, facts.labels(removal.pod)):
            yield removal.pod


def _ours(view: View, event: Event, *verbs: str) -> bool:
    return isinstance(event, Request) and event.verb in verbs and event.code < 300 and view.is_ours(event)
