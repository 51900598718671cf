"""A small evaluator of NetworkPolicies: who may connect to whom, as the Kubernetes documentation defines it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A pod as policies see it; `namespace` None is an address outside the cluster."""

    namespace: str | None
    labels: Mapping[str, str] = field(default_factory=dict)


def may_connect(policies: Iterable[Body], source: Endpoint, target: Endpoint, port: int, protocol: str = "TCP") -> bool:
    """Whether egress of the source and ingress of the target both let the connection pass."""
    known = list(policies)
    return _lets(known, source, target, port, protocol, "Egress") and _lets(
        known, target, source, port, protocol, "Ingress"
    )


def _lets(policies: list[Body], own: Endpoint, peer: Endpoint, port: int, protocol: str, direction: str) -> bool:
    """A pod that no policy selects for a direction is open in it; otherwise one rule has to match."""
    selecting = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == own.namespace
        and direction in policy["spec"]["policyTypes"]
        and _matches(policy["spec"]["podSelector"], own.labels)
    ]
    side, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    rules = [(policy, rule) for policy in selecting for rule in policy["spec"].get(side) or ()]
    return not selecting or any(
        _port(rule, port, protocol) and _peer(rule.get(peers), policy["metadata"]["namespace"], peer)
        for policy, rule in rules
    )


def _port(rule: Body, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(
        entry.get("port") in (None, port) and entry.get("protocol", "TCP") == protocol for entry in ports
    )


def _peer(peers: Any, namespace: str, peer: Endpoint) -> bool:
    if not peers:
        return True
    return any(_one_peer(entry, namespace, peer) for entry in peers)


def _one_peer(entry: Body, namespace: str, peer: Endpoint) -> bool:
    assert "ipBlock" not in entry, "this evaluator knows no address blocks"
    if peer.namespace is None:
        return False
    if "namespaceSelector" in entry:
        if not _matches(entry["namespaceSelector"], {"kubernetes.io/metadata.name": peer.namespace}):
            return False
    elif peer.namespace != namespace:
        return False
    return _matches(entry.get("podSelector") or {}, peer.labels)


def _matches(selector: Body, labels: Mapping[str, str]) -> bool:
    assert "matchExpressions" not in selector, "this evaluator knows no expressions"
    return (selector.get("matchLabels") or {}).items() <= labels.items()
