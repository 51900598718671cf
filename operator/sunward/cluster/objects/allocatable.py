"""Pods and Nodes as the API server sends them -> what pods need and what nodes have left."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from math import ceil, floor
from typing import Any

from sunward.cluster.objects import constraints, selectors, storage
from sunward.cluster.objects.records import TAINT_KEY
from sunward.cluster.objects.storage import Storage
from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput
from sunward.domain.pods import FreeCapacity, Needs, PodFacts, Resources, Taint
from sunward.domain.reasons import Reason

Body = Mapping[str, Any]
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
COMMON = ("cpu", "memory", "pods")
PREFERENCE = "PreferNoSchedule"
PASSING_TAINTS = (
    TAINT_KEY,
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/network-unavailable",
)
"""Taints of a node that is down or cordoned; they go when it is back."""


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


def needs_of(pod: Body, known: Storage) -> Needs:
    """What a pod asks of a node."""
    spec, metadata = pod.get("spec") or {}, pod["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata.get("name", "")
    where = list(storage.places(spec, namespace, name, known))
    return Needs(
        requests=_requests(pod, f"pod {namespace}/{name}"),
        selectors=tuple(selectors.node_selectors(spec)),
        volumes=tuple(terms for place in where if not isinstance(place, str) for terms in place),
        tolerations=selectors.tolerations(spec),
        affinity=constraints.affinity_terms(spec, namespace),
        anti_affinity=constraints.anti_affinity_terms(spec, namespace),
        spreads=constraints.spreads(spec, metadata.get("labels") or {}),
        host_ports=constraints.host_ports(spec),
        unknown=_unknown(spec, where),
    )


def _unknown(spec: Body, where: Sequence[storage.Place]) -> Cause | None:
    """Why no node is known to take the pod."""
    missing = next((place for place in where if isinstance(place, str)), None)
    if missing is not None:
        return Cause(Reason.UNPLACEABLE_POD, missing)
    odd = constraints.not_understood(spec)
    return None if odd is None else Cause(Reason.UNPLACEABLE_POD, f"{odd} is not understood")


def capacities(
    nodes: Sequence[Body], pods: Sequence[PodFacts]
) -> tuple[tuple[FreeCapacity, ...], tuple[FreeCapacity, ...]]:
    """Nodes that are Ready and schedulable with what their pods leave, the emptiest first; then the other nodes."""
    bound: dict[str, list[PodFacts]] = {}
    for pod in pods:
        if pod.node_name and pod.phase not in ENDED:
            bound.setdefault(pod.node_name, []).append(pod)
    found = {takes: [_room(node, bound) for node in nodes if _takes_pods(node) is takes] for takes in (True, False)}
    return tuple(sorted(found[True], key=_emptiest_first)), tuple(sorted(found[False], key=_emptiest_first))


def _emptiest_first(room: FreeCapacity) -> tuple[int, str]:
    return (-room.free.millicores if isinstance(room.free, Resources) else sys.maxsize, room.node)


def _takes_pods(node: Body) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    spec = node.get("spec") or {}
    is_kept_away = any(
        one.get("key") in PASSING_TAINTS and one.get("effect") != PREFERENCE for one in spec.get("taints") or ()
    )
    return ready and not spec.get("unschedulable") and not is_kept_away


def _room(node: Body, bound: Mapping[str, Sequence[PodFacts]]) -> FreeCapacity:
    pods = bound.get(node["metadata"]["name"], ())
    taints = [_taint(one) for one in (node.get("spec") or {}).get("taints") or () if one.get("effect") != PREFERENCE]
    return FreeCapacity(
        node=node["metadata"]["name"],
        labels=tuple((node["metadata"].get("labels") or {}).items()),
        taints=tuple(taint for taint in taints if taint.key not in PASSING_TAINTS),
        passing_taints=tuple(taint for taint in taints if taint.key in PASSING_TAINTS),
        free=_free(node, pods),
        pods=tuple(pods),
    )


def _taint(body: Body) -> Taint:
    return Taint(key=body["key"], value=body.get("value") or "", effect=body.get("effect") or "")


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
    others = ((name, quantity(str(amount))) for name, amount in sorted(has.items()) if name not in COMMON)
    return Resources(
        millicores=floor(cores * 1000),
        memory_bytes=floor(memory),
        pods=floor(pods),
        others=tuple((name, floor(amount)) for name, amount in others if amount is not None),
    )


def _requests(pod: Body, where: str) -> Resources | Cause:
    spec, given = pod.get("spec") or {}, _given(pod)
    try:
        cores, memory = (_requested(spec, what, where, given) for what in ("cpu", "memory"))
        others = {what: ceil(_requested(spec, what, where, given)) for what in sorted(_other_names(spec))}
    except InvalidInput as error:
        return Cause(Reason.UNREADABLE_QUANTITY, str(error))
    return Resources(
        millicores=ceil(cores * 1000),
        memory_bytes=ceil(memory),
        pods=1,
        others=tuple((what, amount) for what, amount in others.items() if amount),
    )


def _other_names(spec: Body) -> set[str]:
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()), spec)
    return {name for one in containers for name in _asked(one) if name not in COMMON}


def _asked(body: Body) -> Body:
    """What a container, or with `spec.resources` a pod as a whole, requests."""
    return (body.get("resources") or {}).get("requests") or {}


def _given(pod: Body) -> Mapping[str, Body]:
    """What containers that were resized while they ran have been given, by name."""
    status = pod.get("status") or {}
    rows = (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ()))
    return {row.get("name", ""): row.get("allocatedResources") or {} for row in rows}


def _requested(spec: Body, what: str, pod: str, given: Mapping[str, Body]) -> Decimal:
    """Containers run side by side and side cars with them; each other init container runs alone, before the containers
    and beside the side cars that were started before it. What is stated for the whole pod counts where it is more.

    Raises InvalidInput for an amount that cannot be read.
    """
    running, highest = Decimal(0), Decimal(0)
    for one in spec.get("initContainers") or ():
        amount = _request(one, what, pod, given)
        if one.get("restartPolicy") == "Always":
            running += amount
        highest = max(highest, running if one.get("restartPolicy") == "Always" else running + amount)
    together = running + sum((_request(one, what, pod, given) for one in spec.get("containers") or ()), Decimal(0))
    whole = _amount(_asked(spec).get(what, "0"), f"{pod}: spec.resources.requests.{what}")
    overhead = _amount((spec.get("overhead") or {}).get(what, "0"), f"{pod}: spec.overhead.{what}")
    return max(together, highest, whole) + overhead


def _request(container: Body, what: str, pod: str, given: Mapping[str, Body]) -> Decimal:
    name = container.get("name", "")
    asked = _amount(_asked(container).get(what, "0"), f"{pod}: requests.{what} of container {name}")
    has = _amount(given.get(name, {}).get(what, "0"), f"{pod}: allocatedResources.{what} of container {name}")
    return max(asked, has)


def _amount(value: object, where: str) -> Decimal:
    """A quantity of the API; raises InvalidInput that names the field for anything that is none."""
    found = quantity(str(value))
    if found is None:
        raise InvalidInput(where, f"{str(value)[:40]!r} is not a Kubernetes quantity")
    return found
