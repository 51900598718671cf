"""I3: how many nodes are on their way, asleep or broken at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sunward_audit import disruption, facts
from sunward_audit.checks.power import cut_node
from sunward_audit.events import Event, ObjectSeen
from sunward_audit.facts import FALLING, RISING
from sunward_audit.verdicts import Verdict
from sunward_audit.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Names of Nodes by what they do. `out` are those that Kubernetes counts as failed, or soon will.

    At most `limit` may be out, so that Kubernetes still heals real failures.
    """

    total: int
    falling: tuple[str, ...]
    asleep: tuple[str, ...]
    out: tuple[str, ...]
    awake_workers: tuple[str, ...]
    limit: int


def census(view: View, cut: str | None = None) -> Census:
    """Count by the Node objects; a node that is going down, as `cut` is, counts as out already."""
    states = {facts.kubernetes_node(body): facts.power_state(body) for body in view.of("energynodes")}
    nodes = {facts.name_of(body): body for body in view.of("nodes")}
    asleep = [name for name in nodes if states.get(name) == "Asleep"]
    down = [name for name in nodes if states.get(name) in FALLING]
    gone = {*asleep, *down, *(name for name in nodes if view.is_on(name) is False), *((cut,) if cut else ())}
    out = [name for name in nodes if name in gone or not facts.is_ready(nodes[name])]
    awake = [
        name
        for name, body in nodes.items()
        if name not in out and not facts.is_cordoned(body) and not facts.is_control_plane(body)
        and states.get(name) not in RISING
    ]  # fmt: skip
    return Census(
        total=len(nodes),
        falling=tuple(down),
        asleep=tuple(asleep),
        out=tuple(out),
        awake_workers=tuple(awake),
        limit=disruption.most_out(
            list(nodes.values()), list(view.of("pods")), view.lenient_limits.unhealthy_zone_threshold
        ),
    )


def in_transition(view: View, event: Event) -> Iterator[Verdict]:
    """I3: at most the budget's number of nodes goes down at the same time."""
    if not isinstance(event, ObjectSeen) or event.kind != "energynodes" or view.step_of(event) is None:
        return
    falling = sorted(n for n in map(facts.name_of, view.of("energynodes")) if _state(view, n) in FALLING)
    many = len(falling) > view.lenient_limits.nodes_in_transition
    broken = "too many nodes go down at the same time" if many else None
    yield Verdict(subject="cluster", broken=broken, evidence=", ".join(falling))


def going_down(view: View, event: Event) -> Iterator[Verdict]:
    """I3: no step down leaves too few awake workers, or more nodes out than Kubernetes bears."""
    step = view.step_of(event)
    begins = step is not None and step.new == "Cordoned"
    name = facts.kubernetes_node(step.body) if step is not None and begins else cut_node(view, event)
    if name is None:
        return
    seen, limits = census(view, cut=name), view.lenient_limits
    most = seen.limit if limits.maximum_asleep_nodes is None else limits.maximum_asleep_nodes
    broken = {
        "goes down although too many nodes are asleep or not ready": len(seen.out) > seen.limit,
        "goes down although the policy's number of nodes is asleep": len({*seen.asleep, *seen.falling}) > most,
        "goes down and leaves too few awake workers": len(seen.awake_workers) < limits.minimum_awake_nodes,
    }
    found = [Verdict(subject=name, broken=why, evidence=_words(seen)) for why, holds in broken.items() if holds]
    yield from found or [Verdict(subject=name)]


def lasting(view: View, event: Event) -> Iterator[Verdict]:
    """I3: when nodes die while others sleep, sleepers are woken: the limit is not passed for long."""
    if not isinstance(event, ObjectSeen) or event.kind not in ("nodes", "energynodes"):
        return
    seen = census(view)
    if len(seen.out) <= seen.limit or not seen.asleep:
        return
    waking = any(facts.power_state(body) in RISING for body in view.of("energynodes"))
    since = max((facts.time_of(_not_ready_since(view, name)) or view.now for name in seen.out), default=view.now)
    patience = view.limits.boot_timeout_seconds + view.limits.planning_period_seconds + 60
    late = not waking and view.led_seconds(since, view.now) > patience
    broken = "sleepers are left asleep although too many nodes are out" if late else None
    yield Verdict(subject="cluster", broken=broken, evidence=_words(seen))


def _not_ready_since(view: View, name: str) -> object:
    return facts.condition(view.find("nodes", name), "Ready").get("lastTransitionTime")


def _state(view: View, energy_node: str) -> str:
    return facts.power_state(view.find("energynodes", energy_node))


def _words(seen: Census) -> str:
    return (
        f"{len(seen.out)} of {seen.total} out ({', '.join(sorted(seen.out))}), {len(seen.awake_workers)} workers awake"
    )
