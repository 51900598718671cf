"""The scheduler's filters once more, on objects of the API, from the documentation: an oracle for small worlds.

It knows requests, selectors, taints, host ports, anti-affinity and affinity between pods, and spreading. One pod, one
node, one yes or no; nothing is remembered and nothing is fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any

from kubernetes.utils import parse_quantity

Body = dict[str, Any]
Placed = Sequence[tuple[Body, str]]
"""Pods and the name of each one's node."""
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def feasible(pod: Body, node: Body, nodes: Sequence[Body], placed: Placed) -> bool:
    """Whether the scheduler's filters let a pod onto a node beside the pods that are placed already."""
    here = [other for other, where in placed if where == _name(node)]
    checks = (
        _fits(pod, node, here),
        _selected(pod, node),
        all(any(_tolerates(one, taint) for one in _tolerations(pod)) for taint in _hard_taints(node)),
        not (_ports(pod) & set().union(*map(_ports, here))),
        _not_repelled(pod, node, nodes, placed),
        _attracted(pod, node, nodes, placed),
        all(_spread(one, pod, node, nodes, placed) for one in _spreads(pod)),
    )
    return all(checks)


def placements(pods: Sequence[Body], nodes: Sequence[Body], placed: Placed) -> Iterator[tuple[str, ...]]:
    """Every way in which all pods can be placed, one after another in the order given."""
    for names in product([_name(node) for node in nodes if not node["spec"].get("unschedulable")], repeat=len(pods)):
        if _in_turn(pods, names, nodes, placed):
            yield names


def _in_turn(pods: Sequence[Body], names: Sequence[str], nodes: Sequence[Body], placed: Placed) -> bool:
    now = list(placed)
    for pod, name in zip(pods, names, strict=True):
        node = next(one for one in nodes if _name(one) == name)
        if not feasible(pod, node, nodes, now):
            return False
        now.append((pod, name))
    return True


def _name(node: Body) -> str:
    return str(node["metadata"]["name"])


def _labels(body: Body) -> Mapping[str, str]:
    found: Mapping[str, str] = body["metadata"].get("labels", {})
    return found


def _fits(pod: Body, node: Body, here: Iterable[Body]) -> bool:
    used = sum((_cpu(other) for other in here), Decimal(0))
    return _cpu(pod) == 0 or used + _cpu(pod) <= parse_quantity(node["status"]["allocatable"]["cpu"])


def _cpu(pod: Body) -> Decimal:
    amounts = (
        one.get("resources", {}).get("requests", {}).get("cpu", "0") for one in pod["spec"].get("containers", [])
    )
    return sum((parse_quantity(amount) for amount in amounts), Decimal(0))


def _selected(pod: Body, node: Body) -> bool:
    return all(_labels(node).get(key) == value for key, value in pod["spec"].get("nodeSelector", {}).items())


def _hard_taints(node: Body) -> list[Body]:
    return [one for one in node["spec"].get("taints", []) if one["effect"] in ("NoSchedule", "NoExecute")]


def _tolerations(pod: Body) -> list[Body]:
    found: list[Body] = pod["spec"].get("tolerations", [])
    return found


def _tolerates(toleration: Body, taint: Body) -> bool:
    if toleration["operator"] == "Exists":
        return toleration.get("key") in (None, taint["key"])
    return (toleration.get("key"), toleration.get("value")) == (taint["key"], taint.get("value"))


def _ports(pod: Body) -> set[int]:
    ports = [port for one in pod["spec"].get("containers", []) for port in one.get("ports", [])]
    return {port["hostPort"] for port in ports if "hostPort" in port}


def _terms(pod: Body, kind: str) -> list[Body]:
    found: list[Body] = pod["spec"].get("affinity", {}).get(kind, {}).get(REQUIRED, [])
    return found


def _speaks_of(term: Body, owner: Body, other: Body) -> bool:
    spaces = term.get("namespaces") or [owner["metadata"]["namespace"]]
    inside = "namespaceSelector" in term or other["metadata"]["namespace"] in spaces
    return inside and _matches(term.get("labelSelector"), other)


def _matches(selector: Body | None, pod: Body) -> bool:
    if selector is None:
        return False
    labels = _labels(pod)
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(_expression(one, labels) for one in selector.get("matchExpressions", []))


def _expression(one: Body, labels: Mapping[str, str]) -> bool:
    has, value = one["key"] in labels, labels.get(one["key"])
    return {
        "In": has and value in one.get("values", []),
        "NotIn": not has or value not in one.get("values", []),
        "Exists": has,
        "DoesNotExist": not has,
    }[str(one["operator"])]


def _same_place(key: str, node: Body, other: str, nodes: Sequence[Body]) -> bool:
    theirs = next(_labels(one) for one in nodes if _name(one) == other)
    return key in theirs and theirs[key] == _labels(node).get(key)


def _not_repelled(pod: Body, node: Body, nodes: Sequence[Body], placed: Placed) -> bool:
    pairs = [(pod, other, where) for other, where in placed], [(other, pod, where) for other, where in placed]
    return not any(
        _speaks_of(term, owner, about) and _same_place(term["topologyKey"], node, where, nodes)
        for owner, about, where in (*pairs[0], *pairs[1])
        for term in _terms(owner, "podAntiAffinity")
    )


def _attracted(pod: Body, node: Body, nodes: Sequence[Body], placed: Placed) -> bool:
    terms = _terms(pod, "podAffinity")
    if any(term["topologyKey"] not in _labels(node) for term in terms):
        return False
    friends = [where for other, where in placed if all(_speaks_of(term, pod, other) for term in terms)]
    known = [
        where
        for where in friends
        if any(term["topologyKey"] in _labels(one) for one in nodes if _name(one) == where for term in terms)
    ]
    if terms and not known:
        return all(_speaks_of(term, pod, pod) for term in terms)
    return all(any(_same_place(term["topologyKey"], node, where, nodes) for where in friends) for term in terms)


def _spreads(pod: Body) -> list[Body]:
    rows: list[Body] = pod["spec"].get("topologySpreadConstraints", [])
    return [one for one in rows if one["whenUnsatisfiable"] == "DoNotSchedule"]


def _spread(one: Body, pod: Body, node: Body, nodes: Sequence[Body], placed: Placed) -> bool:
    keys = [row["topologyKey"] for row in _spreads(pod)]
    counted = [body for body in nodes if all(key in _labels(body) for key in keys) and _included(one, pod, body)]
    domains = {_labels(body)[one["topologyKey"]]: 0 for body in counted}
    for other, where in placed:
        body = next((body for body in counted if _name(body) == where), None)
        alike = other["metadata"]["namespace"] == pod["metadata"]["namespace"] and _matches(one["labelSelector"], other)
        if body is not None and alike and not other["metadata"].get("deletionTimestamp"):
            domains[_labels(body)[one["topologyKey"]]] += 1
    if one["topologyKey"] not in _labels(node):
        return False
    least = 0 if len(domains) < one.get("minDomains", 1) else min(domains.values(), default=0)
    here = domains.get(_labels(node)[one["topologyKey"]], 0) + _matches(one["labelSelector"], pod)
    return bool(here - least <= one["maxSkew"])


def _included(one: Body, pod: Body, node: Body) -> bool:
    by_selector = one.get("nodeAffinityPolicy") == "Ignore" or _selected(pod, node)
    taints = _hard_taints(node)
    if node["spec"].get("unschedulable"):
        taints = [*taints, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
    borne = all(any(_tolerates(row, taint) for row in _tolerations(pod)) for taint in taints)
    return by_selector and (one.get("nodeTaintsPolicy") != "Honor" or borne)
