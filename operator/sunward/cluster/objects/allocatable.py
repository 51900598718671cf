"""Pods, Nodes and PersistentVolumes as the API server sends them -> what pods need and what nodes have left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from sunward.domain.nodes import Needs, PodFacts, Requirement, Room, Taint, Terms, Toleration

Body = Mapping[str, Any]
SUFFIXES = {
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
ENDED = ("Succeeded", "Failed")
Pins = Mapping[str, tuple[Terms, ...]]
"""namespace/claim -> where its volume can be used."""


@lru_cache(maxsize=4096)
def quantity(text: str) -> Decimal:
    """A Kubernetes quantity in its base unit: "250m", "1.5", "64Mi", "1e3". Nonsense counts as nothing."""
    suffix = next((one for one in sorted(SUFFIXES, key=len, reverse=True) if text.endswith(one)), "")
    try:
        return Decimal(text.removesuffix(suffix) if suffix else text) * SUFFIXES.get(suffix, Decimal(1))
    except InvalidOperation:
        return Decimal(0)


def volume_pins(volumes: Sequence[Body]) -> Pins:
    """Where claimed volumes can be used, as far as they say: local ones only on their own node."""
    pins: dict[str, tuple[Terms, ...]] = {}
    for body in volumes:
        spec = body.get("spec") or {}
        claim, affinity = spec.get("claimRef"), ((spec.get("nodeAffinity") or {}).get("required") or {})
        if claim and affinity.get("nodeSelectorTerms"):
            pins[f"{claim.get('namespace')}/{claim.get('name')}"] = (_terms(affinity["nodeSelectorTerms"]),)
    return pins


def needs_of(pod: Body, pins: Pins) -> Needs:
    """What a pod asks of a node."""
    spec = pod.get("spec") or {}
    return Needs(
        millicores=int(_requested(spec, "cpu") * 1000),
        memory_bytes=int(_requested(spec, "memory")),
        selectors=tuple(_selectors(spec, pod["metadata"].get("namespace", ""), pins)),
        tolerations=tuple(_toleration(one) for one in spec.get("tolerations") or ()),
    )


def rooms(nodes: Sequence[Body], pods: Sequence[PodFacts]) -> tuple[Room, ...]:
    """Nodes that are Ready and schedulable, with what their pods leave; the emptiest first."""
    bound: dict[str, list[PodFacts]] = {}
    for pod in pods:
        if pod.node_name and pod.phase not in ENDED:
            bound.setdefault(pod.node_name, []).append(pod)
    found = (_room(node, bound.get(node["metadata"]["name"], [])) for node in nodes if _takes_pods(node))
    return tuple(sorted(found, key=lambda room: (-room.free_millicores, room.node)))


def _takes_pods(node: Body) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and not (node.get("spec") or {}).get("unschedulable")


def _room(node: Body, pods: Sequence[PodFacts]) -> Room:
    has = (node.get("status") or {}).get("allocatable") or {}
    taints = (node.get("spec") or {}).get("taints") or ()
    return Room(
        node=node["metadata"]["name"],
        labels=tuple((node["metadata"].get("labels") or {}).items()),
        taints=tuple(
            Taint(key=one["key"], value=one.get("value") or "", effect=one["effect"])
            for one in taints
            if one["effect"] != "PreferNoSchedule"
        ),
        free_millicores=int(quantity(str(has.get("cpu", "0"))) * 1000) - sum(pod.needs.millicores for pod in pods),
        free_memory_bytes=int(quantity(str(has.get("memory", "0")))) - sum(pod.needs.memory_bytes for pod in pods),
        free_pods=int(quantity(str(has.get("pods", "0")))) - len(pods),
    )


def _requested(spec: Body, what: str) -> Decimal:
    """Containers run side by side and side cars with them; each other init container runs before them, alone."""
    beside = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    first = [_request(one, what) for one in spec.get("initContainers") or () if one not in beside]
    together = sum((_request(one, what) for one in (*(spec.get("containers") or ()), *beside)), Decimal(0))
    overhead = quantity(str((spec.get("overhead") or {}).get(what, "0")))
    return max([together, *first]) + overhead


def _request(container: Body, what: str) -> Decimal:
    return quantity(str(((container.get("resources") or {}).get("requests") or {}).get(what, "0")))


def _selectors(spec: Body, namespace: str, pins: Pins) -> Iterator[Terms]:
    if spec.get("nodeSelector"):
        yield (
            tuple(Requirement(key=key, operator="In", values=(value,)) for key, value in spec["nodeSelector"].items()),
        )
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    if required.get("nodeSelectorTerms"):
        yield _terms(required["nodeSelectorTerms"])
    for volume in spec.get("volumes") or ():
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        yield from pins.get(f"{namespace}/{claim}", ())


def _terms(terms: Sequence[Body]) -> Terms:
    return tuple(
        tuple(
            Requirement(
                key=one["key"], operator=one["operator"], values=tuple(one.get("values") or ()), is_name=is_name
            )
            for kind, is_name in (("matchExpressions", False), ("matchFields", True))
            for one in term.get(kind) or ()
        )
        for term in terms
    )


def _toleration(body: Body) -> Toleration:
    return Toleration(
        key=body.get("key") or "",
        operator=body.get("operator") or "Equal",
        value=body.get("value") or "",
        effect=body.get("effect") or "",
    )
