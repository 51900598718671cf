"""On how many nodes the annotations of a namespace's pods count that ask not to be disrupted. Pure.

Beyond the limit such a pod is treated like any other: it is evicted if the eviction API allows it, so that disruption
budgets hold, and it still blocks if it has no controller, uses storage of the node or belongs to the system.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from sunward.domain.nodes import NodeView
from sunward.domain.pods import PodFacts
from sunward.domain.snapshot import Snapshot
from sunward.planning.eviction_scope import not_evictable
from sunward.planning.guards.drain import ENDED_PHASES


def limited(snapshot: Snapshot) -> Snapshot:
    """The snapshot with the annotations that count.

    Those on the first nodes by name count, so that the same ones do in every pass. Where the operator may not evict,
    because the policy does not list the namespace or the right is missing, every annotation counts.
    """
    over = _over(snapshot)
    if not over:
        return snapshot
    nodes = tuple(_without(node, over.get(node.name, frozenset())) for node in snapshot.nodes)
    return replace(snapshot, nodes=nodes)


def _over(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """By node: namespaces whose annotations do not count there."""
    over: dict[str, set[str]] = defaultdict(set)
    for namespace in _evictable(snapshot):
        limit = snapshot.policy.limit_of(namespace)
        if limit is not None and limit.pins is not None:
            held = sorted(node.name for node in snapshot.nodes if any(_asks(pod, namespace) for pod in node.pods))
            for name in held[limit.pins :]:
                over[name].add(namespace)
    return {name: frozenset(namespaces) for name, namespaces in over.items()}


def _evictable(snapshot: Snapshot) -> list[str]:
    present = {pod.namespace for node in snapshot.nodes for pod in node.pods}
    return sorted(name for name in present if not_evictable(snapshot, name) is None)


def _asks(pod: PodFacts, namespace: str) -> bool:
    return pod.namespace == namespace and pod.do_not_disrupt and pod.phase not in ENDED_PHASES


def _without(node: NodeView, namespaces: frozenset[str]) -> NodeView:
    if not namespaces:
        return node
    pods = tuple(replace(pod, do_not_disrupt=False) if pod.namespace in namespaces else pod for pod in node.pods)
    return replace(node, pods=pods)
