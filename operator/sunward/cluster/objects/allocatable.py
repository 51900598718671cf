"""Pods, Nodes and PersistentVolumes as the API server sends them -> what pods need and what nodes have left."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import ceil, floor
from typing import Any, TypeVar

from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput
from sunward.domain.pods import (
    FreeCapacity,
    Needs,
    PodFacts,
    Requirement,
    Resources,
    SelectorOperator,
    Taint,
    Terms,
    Toleration,
    TolerationOperator,
)
from sunward.domain.reasons import Reason

Body = Mapping[str, Any]
Member = TypeVar("Member", bound=StrEnum)
SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("0.001"),
    "": Decimal(1),
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
QUANTITY = re.compile(r"\+?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?")
"""The API's grammar: a number, then a suffix or an exponent. "1E" is a suffix and "1E3" an exponent."""
LARGEST_QUANTITY = Decimal(2**63 - 1)
ENDED = ("Succeeded", "Failed")
Pins = Mapping[str, tuple[Terms, ...]]
"""namespace/claim -> where its volume can be used."""


@lru_cache(maxsize=4096)
def quantity(text: str) -> Decimal | None:
    """A Kubernetes quantity in its base unit: "250m", "1.5", "64Mi", "1e3"; None for anything else.

    An amount of a node or a pod is never negative, and never above what the API server keeps (2^63 - 1).
    """
    parts = QUANTITY.fullmatch(text)
    if parts is None:
        return None
    number, suffix, exponent = parts.groups()
    value = Decimal(number) * (SUFFIXES[suffix] if suffix else Decimal(1).scaleb(int(exponent or 0)))
    return value if value <= LARGEST_QUANTITY else None


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
    namespace = pod["metadata"].get("namespace", "")
    return Needs(
        requests=_requests(spec, f"pod {namespace}/{pod['metadata'].get('name', '')}"),
        selectors=tuple(_selectors(spec, namespace, pins)),
        tolerations=tuple(_toleration(one) for one in spec.get("tolerations") or ()),
    )


def free_capacities(nodes: Sequence[Body], pods: Sequence[PodFacts]) -> tuple[FreeCapacity, ...]:
    """Nodes that are Ready and schedulable, with what their pods leave; the emptiest first."""
    bound: dict[str, list[PodFacts]] = {}
    for pod in pods:
        if pod.node_name and pod.phase not in ENDED:
            bound.setdefault(pod.node_name, []).append(pod)
    found = (_room(node, bound.get(node["metadata"]["name"], [])) for node in nodes if _takes_pods(node))
    return tuple(sorted(found, key=_emptiest_first))


def _emptiest_first(room: FreeCapacity) -> tuple[int, str]:
    return (-room.free.millicores if isinstance(room.free, Resources) else sys.maxsize, room.node)


def _takes_pods(node: Body) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and not (node.get("spec") or {}).get("unschedulable")


def _room(node: Body, pods: Sequence[PodFacts]) -> FreeCapacity:
    taints = (node.get("spec") or {}).get("taints") or ()
    return FreeCapacity(
        node=node["metadata"]["name"],
        labels=tuple((node["metadata"].get("labels") or {}).items()),
        taints=tuple(
            Taint(key=one["key"], value=one.get("value") or "", effect=one["effect"])
            for one in taints
            if one["effect"] != "PreferNoSchedule"
        ),
        free=_free(node, pods),
    )


def _free(node: Body, pods: Sequence[PodFacts]) -> Resources | Cause:
    """What the node's pods leave of it; one amount that cannot be read makes it unknown."""
    left = _allocatable(node)
    for pod in pods:
        asked = pod.needs.requests
        if isinstance(left, Cause) or isinstance(asked, Cause):
            return left if isinstance(left, Cause) else asked
        left = left.less(asked)
    return left


def _allocatable(node: Body) -> Resources | Cause:
    where = f"Node {node['metadata']['name']}: status.allocatable"
    has = (node.get("status") or {}).get("allocatable") or {}
    try:
        cores, memory, pods = (_amount(has.get(what), f"{where}.{what}") for what in ("cpu", "memory", "pods"))
    except InvalidInput as error:
        return Cause(Reason.UNREADABLE_QUANTITY, str(error))
    return Resources(millicores=floor(cores * 1000), memory_bytes=floor(memory), pods=floor(pods))


def _requests(spec: Body, pod: str) -> Resources | Cause:
    try:
        cores, memory = (_requested(spec, what, pod) for what in ("cpu", "memory"))
    except InvalidInput as error:
        return Cause(Reason.UNREADABLE_QUANTITY, str(error))
    return Resources(millicores=ceil(cores * 1000), memory_bytes=ceil(memory), pods=1)


def _requested(spec: Body, what: str, pod: str) -> Decimal:
    """Containers run side by side and side cars with them; each other init container runs before them, alone.

    Raises InvalidInput for an amount that cannot be read.
    """
    beside = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    first = [_request(one, what, pod) for one in spec.get("initContainers") or () if one not in beside]
    together = sum((_request(one, what, pod) for one in (*(spec.get("containers") or ()), *beside)), Decimal(0))
    overhead = _amount((spec.get("overhead") or {}).get(what, "0"), f"{pod}: spec.overhead.{what}")
    return max([together, *first]) + overhead


def _request(container: Body, what: str, pod: str) -> Decimal:
    asked = ((container.get("resources") or {}).get("requests") or {}).get(what, "0")
    return _amount(asked, f"{pod}: requests.{what} of container {container.get('name', '')}")


def _amount(value: object, where: str) -> Decimal:
    """A quantity of the API; raises InvalidInput that names the field for anything that is none."""
    found = quantity(str(value))
    if found is None:
        raise InvalidInput(where, f"{str(value)[:40]!r} is not a Kubernetes quantity")
    return found


def _selectors(spec: Body, namespace: str, pins: Pins) -> Iterator[Terms]:
    if spec.get("nodeSelector"):
        yield (
            tuple(
                Requirement(key=key, operator=SelectorOperator.IN, values=(value,))
                for key, value in spec["nodeSelector"].items()
            ),
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
                key=one["key"],
                operator=_one_of(SelectorOperator, one["operator"]),
                values=tuple(one.get("values") or ()),
                is_name=is_name,
            )
            for kind, is_name in (("matchExpressions", False), ("matchFields", True))
            for one in term.get(kind) or ()
        )
        for term in terms
    )


def _toleration(body: Body) -> Toleration:
    return Toleration(
        key=body.get("key") or "",
        operator=_one_of(TolerationOperator, body.get("operator") or TolerationOperator.EQUAL),
        value=body.get("value") or "",
        effect=body.get("effect") or "",
    )


def _one_of(kind: type[Member], text: str) -> Member | None:
    """The member of that name, or None for a word of a newer Kubernetes."""
    return kind(text) if text in kind._value2member_map_ else None
