"""Which pods of a node go, stay, or forbid that the node is drained. Knows no eviction API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sunward.domain.cause import Cause
from sunward.domain.pods import PodFacts, Taint
from sunward.domain.policy import SYSTEM_NAMESPACE
from sunward.domain.reasons import Reason
from sunward.planning.guards.fitting import tolerates

JOB_LABEL = "sunward.dev/job"
COMPONENT_LABEL = "sunward.dev/component"
PART_OF_LABEL = "app.kubernetes.io/part-of"
WORKER = "worker"
COORDINATOR = "coordinator"
SYSTEM_PRIORITY = 2_000_000_000
"""From here on Kubernetes' own priority classes begin (system-cluster-critical); no user may define a higher one."""
NAMED_VOLUMES = 4
"""Volumes of a pod that a message names: conditions have little room."""
ENDED_PHASES = ("Succeeded", "Failed")
CORDON = (
    Taint(key="sunward.dev/asleep", value="", effect="NoSchedule"),
    Taint(key="node.kubernetes.io/unschedulable", value="", effect="NoSchedule"),
)
"""What keeps pods from a node that the operator drains: its own taint, and the one of every cordon."""


class Disposition(StrEnum):
    """What a drain does with one pod."""

    STAYS = "Stays"  # DaemonSet, mirror and ended pods: nothing to do, nothing lost
    LEAVES = "Leaves"  # already terminating: wait for it
    EVICT = "Evict"
    BLOCKS = "Blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDisposition:
    """The fate of one pod; `cause` is set when it blocks."""

    pod: PodFacts
    disposition: Disposition
    cause: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingPod:
    """A pod that cannot be evicted at present, and why."""

    pod: PodFacts
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """All pods of a node by fate."""

    evictable: tuple[PodFacts, ...]
    leaving: tuple[PodFacts, ...]
    blocking: tuple[PodDisposition, ...]

    @property
    def is_done(self) -> bool:
        """Nothing is left that would be lost with the power."""
        return not (self.evictable or self.leaving or self.blocking)


def classify(pods: Iterable[PodFacts]) -> Drain:
    """Sort the pods of a node by what a drain does with them; order of the input does not matter."""
    verdicts = sorted((judge(pod) for pod in pods), key=lambda v: (v.pod.namespace, v.pod.name, v.pod.uid))
    return Drain(
        evictable=tuple(v.pod for v in verdicts if v.disposition is Disposition.EVICT),
        leaving=tuple(v.pod for v in verdicts if v.disposition is Disposition.LEAVES),
        blocking=tuple(v for v in verdicts if v.disposition is Disposition.BLOCKS),
    )


def judge(pod: PodFacts) -> PodDisposition:
    """The fate of one pod. A pod that would be lost, or that asks to be left alone, blocks."""
    if pod.is_daemon or pod.is_mirror or pod.phase in ENDED_PHASES:
        return PodDisposition(pod=pod, disposition=Disposition.STAYS)
    if pod.is_terminating:
        return PodDisposition(pod=pod, disposition=Disposition.LEAVES)
    blocker = _blocker(pod)
    if blocker is None:
        return PodDisposition(pod=pod, disposition=Disposition.EVICT)
    message = f"{pod.namespace}/{pod.name} {blocker.message}"
    return PodDisposition(pod=pod, disposition=Disposition.BLOCKS, cause=Cause(blocker.reason, message))


def is_our_worker(pod: PodFacts) -> bool:
    """A training worker: the operator makes a new one where the work goes, its files are a cache."""
    return pod.label(COMPONENT_LABEL) == WORKER and pod.label(JOB_LABEL) is not None


def is_worker_of(pod: PodFacts, namespace: str, job: str) -> bool:
    """Whether the pod is a training worker of this job."""
    return is_our_worker(pod) and pod.namespace == namespace and pod.label(JOB_LABEL) == job


def is_coordinator(pod: PodFacts) -> bool:
    """A training job's coordinator: its node never sleeps."""
    return pod.label(COMPONENT_LABEL) == COORDINATOR


def _blocker(pod: PodFacts) -> Cause | None:
    if is_coordinator(pod):
        return Cause(Reason.HOSTS_COORDINATOR, "coordinates a training job")
    if pod.do_not_disrupt:
        return Cause(Reason.UNEVICTABLE_POD, "asks not to be disrupted")
    if pod.held is not None:
        return pod.held
    if is_our_worker(pod):
        return None
    is_critical = pod.priority >= SYSTEM_PRIORITY
    if is_critical or pod.namespace == SYSTEM_NAMESPACE or pod.label(PART_OF_LABEL) == "sunward":
        return Cause(Reason.HOSTS_SYSTEM_SINGLETON, "is a system pod; move it to a node that is always on")
    if pod.owner_kind is None:
        return Cause(Reason.UNEVICTABLE_POD, "has no controller that would recreate it")
    if pod.uses_local_storage:
        files = ", ".join(pod.local_storage[:NAMED_VOLUMES]) or "unknown"
        return Cause(Reason.UNEVICTABLE_POD, f"uses storage local to this node, which would be lost: {files}")
    if comes_back(pod):
        return Cause(Reason.UNEVICTABLE_POD, "tolerates the cordon, so that it could come back to the node at once")
    return None


def comes_back(pod: PodFacts) -> bool:
    """Whether the scheduler may place the pod's successor on the node that it was evicted from."""
    return all(tolerates(pod.needs.tolerations, taint) for taint in CORDON)
