"""What the objects of the API server say, read straight from their JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

Body = Mapping[str, Any]

MARK = "sunward.dev/cordoned-by"
TAINT = "sunward.dev/asleep"
MANAGED = "sunward.dev/managed"
DO_NOT_SLEEP = "sunward.dev/do-not-sleep"
LEASE = "sunward-operator"
CONTROL_PLANE = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/etcd",
)
FALLING = ("Cordoned", "Draining", "PowerOffRequested")
RISING = ("WakeRequested", "Booting")
ENDED = ("Succeeded", "Failed")


def time_of(text: Any) -> datetime | None:
    """An RFC 3339 time; None for what is missing or no time."""
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def part(body: Body | None, *path: str) -> Mapping[str, Any]:
    """A nested object; empty when any step is missing."""
    here: Any = body or {}
    for step in path:
        here = here.get(step) if isinstance(here, Mapping) else None
    return here if isinstance(here, Mapping) else {}


def name_of(body: Body) -> str:
    """metadata.name."""
    return str(body["metadata"]["name"])


def key_of(body: Body) -> str:
    """namespace/name, or the name alone."""
    namespace = body["metadata"].get("namespace")
    return f"{namespace}/{name_of(body)}" if namespace else name_of(body)


def labels(body: Body | None) -> Mapping[str, Any]:
    """metadata.labels."""
    return part(body, "metadata", "labels")


def annotations_of(body: Body | None) -> Mapping[str, Any]:
    """metadata.annotations."""
    return part(body, "metadata", "annotations")


def conditions(body: Body | None) -> Iterator[Mapping[str, Any]]:
    """status.conditions."""
    yield from part(body, "status").get("conditions") or ()


def condition(body: Body | None, kind: str) -> Mapping[str, Any]:
    """One condition; empty when it is missing."""
    return next((c for c in conditions(body) if c.get("type") == kind), {})


def is_ready(node: Body | None) -> bool:
    """Whether the kubelet of a Node was heard of lately."""
    return condition(node, "Ready").get("status") == "True"


def is_cordoned(node: Body | None) -> bool:
    """Whether the scheduler leaves it alone."""
    return bool(part(node, "spec").get("unschedulable"))


def has_mark(node: Body | None) -> bool:
    """Whether the cordon is Sunward's."""
    return MARK in annotations_of(node)


def is_control_plane(node: Body | None) -> bool:
    """Whether it carries the API server or etcd."""
    return any(label in labels(node) for label in CONTROL_PLANE)


def kubernetes_node(energy: Body) -> str:
    """The Node that an EnergyNode speaks of."""
    return str(part(energy, "spec").get("nodeName") or name_of(energy))


def power_state(energy: Body | None) -> str:
    """status.powerState; an EnergyNode without one is awake."""
    return str(part(energy, "status").get("powerState") or "Awake")


def operation(energy: Body | None) -> Mapping[str, Any]:
    """status.operation: the announced intent."""
    return part(energy, "status", "operation")


def token_of(energy: Body | None) -> int | None:
    """The fencing token of the announced operation."""
    token = operation(energy).get("leaseTransitions")
    return None if token is None else int(token)


def owner_kinds(pod: Body) -> frozenset[str]:
    """Kinds of the owners of a pod."""
    return frozenset(str(owner.get("kind")) for owner in pod["metadata"].get("ownerReferences") or ())


def is_lost_with_power(pod: Body) -> bool:
    """Whether the pod would be missed: no DaemonSet's, no mirror of a file on the node, not ended."""
    mirror = "kubernetes.io/config.mirror" in annotations_of(pod)
    return not ("DaemonSet" in owner_kinds(pod) or mirror or part(pod, "status").get("phase") in ENDED)


def was_evicted(pod: Body) -> bool:
    """Whether the eviction API marked the pod before it went."""
    return condition(pod, "DisruptionTarget").get("reason") == "EvictionByEvictionAPI"


def selects(selector: Body | None, wanted: Mapping[str, Any]) -> bool:
    """Whether a label selector selects labels; an empty selector selects everything, a missing one nothing."""
    if selector is None:
        return False
    pairs: Mapping[str, Any] = selector.get("matchLabels") or {}
    if any(wanted.get(key) != value for key, value in pairs.items()):
        return False
    return all(_expression(expression, wanted) for expression in selector.get("matchExpressions") or ())


def _expression(expression: Body, wanted: Mapping[str, Any]) -> bool:
    key, values = expression.get("key", ""), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return wanted.get(key) in values
        case "NotIn":
            return wanted.get(key) not in values
        case "Exists":
            return key in wanted
        case "DoesNotExist":
            return key not in wanted
        case _:
            return False
