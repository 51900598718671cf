"""What pods ask of one another and of the node itself, as the API server sends it. What is not understood is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from sunward.domain.pods import HostPort, PodTerm, Requirement, Selector, SelectorOperator, Spread

Body = Mapping[str, Any]
Member = TypeVar("Member", bound=StrEnum)
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
POD_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def one_of(kind: type[Member], text: str) -> Member | None:
    """The member of that name, or None for a word of a newer Kubernetes."""
    return kind(text) if text in kind._value2member_map_ else None


def affinity_terms(spec: Body, namespace: str) -> tuple[PodTerm, ...]:
    """Terms of required pod affinity."""
    return tuple(_term(one, namespace) for one in _terms(spec, "podAffinity"))


def anti_affinity_terms(spec: Body, namespace: str) -> tuple[PodTerm, ...]:
    """Terms of required anti-affinity. What of a term is not understood is left out: it then keeps more pods away."""
    return tuple(_term(one, namespace) for one in _terms(spec, "podAntiAffinity"))


def spreads(spec: Body, labels: Mapping[str, str]) -> tuple[Spread, ...]:
    """Topology spread constraints that the scheduler insists on."""
    found = (one for one in spec.get("topologySpreadConstraints") or () if one.get("whenUnsatisfiable") != ANYWAY)
    return tuple(_spread(one, labels) for one in found)


ANYWAY = "ScheduleAnyway"


def host_ports(spec: Body) -> tuple[HostPort, ...]:
    """Ports of the node that the containers take, init containers included."""
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    ports = (port for container in containers for port in container.get("ports") or ())
    on_host = bool(spec.get("hostNetwork"))
    return tuple(
        HostPort(port=number, protocol=port.get("protocol") or "TCP", address=_address(port.get("hostIP")))
        for port in ports
        if (number := port.get("hostPort") or (port.get("containerPort") if on_host else None))
    )


def not_understood(spec: Body) -> str | None:
    """The first thing in a pod's spec of which nobody here can tell which nodes have it; None where there is none."""
    return next(_unknown(spec), None)


def _unknown(spec: Body) -> Iterator[str]:
    if spec.get("resourceClaims"):
        yield "spec.resourceClaims (devices by claim)"
    for kind in ("podAffinity", "podAntiAffinity"):
        for term in _terms(spec, kind):
            if kind == "podAffinity" and term.get("namespaceSelector"):
                yield "a selector of namespaces in spec.affinity.podAffinity"
            yield from (f"{word} in spec.affinity.{kind}" for word in _odd(term.get("labelSelector")))
    for one in spec.get("topologySpreadConstraints") or ():
        yield from (f"{word} in spec.topologySpreadConstraints" for word in _odd(one.get("labelSelector")))


def _odd(selector: Body | None) -> Iterator[str]:
    for one in (selector or {}).get("matchExpressions") or ():
        if one.get("operator") not in POD_OPERATORS:
            yield f"operator {one.get('operator')!s:.40}"


def _terms(spec: Body, kind: str) -> Sequence[Body]:
    return ((spec.get("affinity") or {}).get(kind) or {}).get(REQUIRED) or ()


def _term(body: Body, namespace: str) -> PodTerm:
    named, chosen = body.get("namespaces") or (), body.get("namespaceSelector")
    return PodTerm(
        topology_key=body.get("topologyKey") or "",
        selector=label_selector(body.get("labelSelector")),
        namespaces=None if chosen is not None else tuple(named) or (namespace,),
    )


def label_selector(body: Body | None) -> Selector | None:
    """None where there is no selector: it matches no pod, while an empty one matches all."""
    if body is None:
        return None
    named = (
        Requirement(key=key, operator=SelectorOperator.IN, values=(value,))
        for key, value in (body.get("matchLabels") or {}).items()
    )
    compared = (
        Requirement(key=one["key"], operator=operator, values=tuple(one.get("values") or ()))
        for one in body.get("matchExpressions") or ()
        if (operator := one_of(SelectorOperator, one.get("operator") or "")) is not None
    )
    return (*named, *compared)


def _spread(body: Body, labels: Mapping[str, str]) -> Spread:
    selector = label_selector(body.get("labelSelector"))
    by_label = (
        Requirement(key=key, operator=SelectorOperator.IN, values=(labels[key],))
        for key in body.get("matchLabelKeys") or ()
        if key in labels
    )
    return Spread(
        topology_key=body.get("topologyKey") or "",
        maximum_skew=int(body.get("maxSkew") or 1),
        selector=None if selector is None else (*selector, *by_label),
        minimum_domains=int(body.get("minDomains") or 1),
        honours_selectors=body.get("nodeAffinityPolicy") != "Ignore",
        honours_taints=body.get("nodeTaintsPolicy") == "Honor",
    )


def _address(text: object) -> str:
    return "" if text in (None, "", "0.0.0.0", "::") else str(text)  # noqa: S104  # every address, as the API means it
