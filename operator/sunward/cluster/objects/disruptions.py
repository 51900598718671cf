"""What keeps a pod from being evicted, read before the eviction API is asked: disruption budgets, files on the node,
and annotations by which people and other tools ask that pods and nodes are left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sunward.cluster.access.times import parse_time
from sunward.cluster.objects.constraints import label_selector
from sunward.domain.cause import Cause
from sunward.domain.policy import EmptyDirs
from sunward.domain.reasons import Reason
from sunward.planning.guards.fitting import meets

Body = Mapping[str, Any]
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
SAFE_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
DO_NOT_DISRUPT_KEY = "sunward.dev/do-not-disrupt"
KARPENTER_PODS = ("karpenter.sh/do-not-disrupt", "karpenter.sh/do-not-evict")
NODE_MARKS = (
    "cluster-autoscaler.kubernetes.io/scale-down-disabled",
    "karpenter.sh/do-not-disrupt",
    "karpenter.sh/do-not-consolidate",
    "weave.works/kured-reboot-in-progress",
)
"""Annotations of a node by which other tools keep it; kured's stands there while it reboots the node."""
NODE_TAINTS = ("ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption")
"""Taints of a node that another tool is about to take away."""
NEGATIVE = ("", "false")
OF_THE_SYSTEM = ("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo")
"""Files that say the same on every node and hold nothing of the pod."""
EMPTY_DIR, HOST_PATH = "emptyDir", "hostPath"


def asks_to_stay(annotations: Mapping[str, str], now: datetime) -> bool:
    """Whether a pod asks not to be disrupted at *now*: for ever, or until the time that stands in our annotation.

    A word that is neither a time nor "false" counts as for ever.
    """
    if annotations.get(SAFE_TO_EVICT) == "false":
        return True
    if any(annotations.get(key, "false") not in NEGATIVE for key in KARPENTER_PODS):
        return True
    until = annotations.get(DO_NOT_DISRUPT_KEY, "false")
    if until == "true":
        return True
    try:
        end = parse_time(until) if until != "false" else now
    except ValueError:
        return True
    return end is None or now < end


def kept_by_others(node: Body) -> str | None:
    """The annotation or taint by which another tool keeps a node, or None."""
    annotations = node["metadata"].get("annotations") or {}
    marks = [key for key in NODE_MARKS if str(annotations.get(key, "false")) not in NEGATIVE]
    taints = [str(one.get("key")) for one in (node.get("spec") or {}).get("taints") or ()]
    return next(iter((*marks, *(key for key in taints if key in NODE_TAINTS))), None)


def kept_volumes(pod: Body, empty_dirs: EmptyDirs = EmptyDirs.KEEP) -> tuple[str, ...]:
    """Kind and name of each volume whose files on the node would be lost, and must not be.

    A directory in memory ends with the pod wherever it runs. The owner's word that the pod, or some of its volumes, may
    go is the annotation that the cluster autoscaler reads; the administrator's is `spec.localData` of the policy.
    """
    annotations = pod["metadata"].get("annotations") or {}
    if annotations.get(SAFE_TO_EVICT) == "true":
        return ()
    safe = {name.strip() for name in annotations.get(SAFE_VOLUMES, "").split(",")}
    volumes = [one for one in (pod.get("spec") or {}).get("volumes") or () if one.get("name") not in safe]
    kinds = [(_local_kind(volume, empty_dirs), volume.get("name")) for volume in volumes]
    return tuple(f"{kind} {name}" for kind, name in kinds if kind)


def _local_kind(volume: Body, empty_dirs: EmptyDirs) -> str:
    """The kind of a volume with files on the node; empty for any other."""
    if "hostPath" in volume:
        path = ((volume["hostPath"] or {}).get("path") or "").rstrip("/")
        return "" if path in OF_THE_SYSTEM else HOST_PATH
    if "emptyDir" not in volume or empty_dirs is EmptyDirs.DELETE:
        return ""
    return "" if (volume["emptyDir"] or {}).get("medium") == "Memory" else EMPTY_DIR


def budget_refusal(pod: Body, budgets: Sequence[Body]) -> Cause | None:
    """Why the eviction API would not let the pod go now, by the rules that it applies itself; None where it would."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Pending", "Succeeded", "Failed"):
        return None  # not asked of any budget
    own = [budget for budget in budgets if _protects(budget, pod)]
    names = ", ".join(sorted(budget["metadata"]["name"] for budget in own))
    if len(own) > 1:
        return Cause(Reason.DISRUPTION_BUDGET, f"has several disruption budgets, and no eviction passes two: {names}")
    if not own or _lets_go(own[0], is_ready=_is_ready(status)):
        return None
    return Cause(Reason.DISRUPTION_BUDGET, f"is protected by disruption budget {names}, which allows no eviction now")


def _protects(budget: Body, pod: Body) -> bool:
    if budget["metadata"].get("namespace") != pod["metadata"].get("namespace"):
        return False
    try:
        selector = label_selector((budget.get("spec") or {}).get("selector"))
    except Exception:  # the shell around one object: a budget that cannot be read may protect any pod
        return True
    labels = pod["metadata"].get("labels") or {}
    return selector is not None and all(meets(requirement, labels) for requirement in selector)


def _lets_go(budget: Body, *, is_ready: bool) -> bool:
    """A pod that is not Ready may go where the budget says so, or where enough others are healthy."""
    spec, status = budget.get("spec") or {}, budget.get("status") or {}
    if (status.get("disruptionsAllowed") or 0) > 0:
        return True
    if is_ready:
        return False
    desired = status.get("desiredHealthy") or 0
    enough = desired > 0 and (status.get("currentHealthy") or 0) >= desired
    return spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow" or enough


def _is_ready(status: Body) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or ())
