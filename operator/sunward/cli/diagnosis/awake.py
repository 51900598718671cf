"""What keeps each node awake, and the one command that frees it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from sunward.cli.diagnosis.findings import Finding, condition
from sunward.cluster.objects.disruptions import DO_NOT_DISRUPT_KEY, KARPENTER_PODS, SAFE_TO_EVICT, SAFE_VOLUMES
from sunward.cluster.objects.records import DO_NOT_SLEEP, MANAGED_LABEL
from sunward.domain.nodes import NodeSpec, PowerState
from sunward.domain.pods import PodFacts
from sunward.domain.policy import SYSTEM_NAMESPACE, PolicySpec
from sunward.domain.reasons import Reason
from sunward.planning.guards.drain import classify

if TYPE_CHECKING:
    from sunward.cluster.reading.read import ClusterState

Labels = Mapping[str, Mapping[str, str]]
"""Labels by namespace."""
HELM = "helm upgrade sunward helm/sunward --namespace sunward-system --reuse-values"
ANNOTATIONS = (DO_NOT_DISRUPT_KEY, SAFE_TO_EVICT, *KARPENTER_PODS)


def awake_findings(state: ClusterState, labels: Labels) -> list[Finding]:
    """A row for each node that may not sleep at present, in the operator's words; none where it has not spoken yet."""
    movers = _schedulable_workers(state)
    findings: list[Finding] = []
    for spec in state.specs:
        sleepable = condition(state.energy_node_bodies[spec.name], "Sleepable")
        if sleepable.get("status") != "False" or state.records[spec.name].power_state is PowerState.ASLEEP:
            continue
        pods = state.pods_by_node.get(spec.node_name, ())
        commands = [*_of_node(spec, str(sleepable.get("reason"))), *pod_commands(pods, state.policy, movers, labels)]
        free = f". To free it: {' && '.join(commands)}" if commands else ""
        said = f"{sleepable.get('reason')}: {sleepable.get('message')}"
        findings.append((f"{spec.name} stays awake", True, f"{said}{free}{_loss(pods)}"))
    return findings


def _of_node(spec: NodeSpec, reason: str) -> list[str]:
    """What frees a node from an obstacle that has nothing to do with pods; others pass by themselves, or are meant."""
    node, name = spec.node_name, spec.name
    known = {
        Reason.NOT_MANAGED: f"kubectl label node {node} {MANAGED_LABEL}=true",
        Reason.OPTED_OUT: f"kubectl label node {node} {DO_NOT_SLEEP}- && kubectl annotate node {node} {DO_NOT_SLEEP}-",
        Reason.CORDONED_BY_OTHERS: f"kubectl uncordon {node}",
        Reason.OVERRIDDEN: _patch(f"energynode {name}", {"override": None}),
        Reason.SLEEP_DISABLED: _patch("energypolicy default", {"sleep": True}),
        Reason.NO_POWER_DRIVER: f"kubectl edit energynode {name}",
    }
    return [command for found, command in known.items() if found == reason]


def _patch(what: str, spec: Mapping[str, object]) -> str:
    return f"kubectl patch {what} --type=merge -p {quote(json.dumps({'spec': spec}))}"


def _schedulable_workers(state: ClusterState) -> tuple[str, ...]:
    """Nodes that may sleep and take pods now: a pod that is to leave one must not land on another of them."""
    managed = (facts for facts in state.facts.values() if facts.is_managed and not facts.unschedulable)
    return tuple(sorted(facts.name for facts in managed))


def pod_commands(pods: Iterable[PodFacts], policy: PolicySpec, movers: Sequence[str], labels: Labels) -> list[str]:
    """What lets the pods of a node leave it. `movers` are the nodes that system pods must not go to next."""
    drain = classify(pods)
    blocking = [(one.pod, one.cause.reason) for one in drain.blocking if one.cause is not None]
    system = [pod for pod, reason in blocking if reason is Reason.HOSTS_SYSTEM_SINGLETON]
    others = [pod for pod, reason in blocking if reason is Reason.UNEVICTABLE_POD]
    unlisted = {
        pod.namespace
        for pod in (*drain.evictable, *others)
        if not policy.lets_evict(pod.namespace, labels.get(pod.namespace))
    }
    annotated = [command for pod in others for command in _annotated(pod)]
    return [*_moved(system, movers), *annotated, *_listed(unlisted - {SYSTEM_NAMESPACE}, policy)]


def _moved(pods: Sequence[PodFacts], movers: Sequence[str]) -> list[str]:
    """System pods that a controller recreates are deleted while every node that may sleep is closed to them."""
    by_namespace: dict[str, list[str]] = defaultdict(list)
    for pod in pods:
        if pod.owner_kind is not None:
            by_namespace[pod.namespace].append(pod.name)
    if not by_namespace or not movers:
        return []
    nodes = " ".join(movers)
    gone = [f"kubectl -n {space} delete pod {' '.join(sorted(names))}" for space, names in sorted(by_namespace.items())]
    return [f"kubectl cordon {nodes}", *gone, f"kubectl uncordon {nodes}"]


def _annotated(pod: PodFacts) -> list[str]:
    """One annotation less, or more, for a pod that a controller recreates; nothing for one that would be lost."""
    annotate = f"kubectl -n {pod.namespace} annotate pod {pod.name}"
    if pod.do_not_disrupt:
        return [f"{annotate} {' '.join(f'{key}-' for key in ANNOTATIONS)}"]
    return [f"{annotate} {SAFE_VOLUMES}={','.join(_volumes(pod))}"] if _loses_files(pod) else []


def _loses_files(pod: PodFacts) -> bool:
    return pod.owner_kind is not None and bool(pod.local_storage) and not pod.do_not_disrupt


def _volumes(pod: PodFacts) -> list[str]:
    return [volume.split(" ", 1)[1] for volume in pod.local_storage]


def _loss(pods: Iterable[PodFacts]) -> str:
    """What an annotation that lets files go costs: it is a decision about them."""
    blocking = [one.pod for one in classify(pods).blocking if _loses_files(one.pod)]
    lost = [f"{pod.namespace}/{pod.name} then loses {', '.join(pod.local_storage)}" for pod in blocking]
    return f" ({'; '.join(lost)})" if lost else ""


def _listed(namespaces: Iterable[str], policy: PolicySpec) -> list[str]:
    """The chart's value that writes the policy and grants the right, with these namespaces."""
    missing = sorted(namespaces)
    if not missing:
        return []
    scope = policy.evict_namespaces
    field, names = "names", [*scope.names, *missing]
    if scope.all_but is not None:
        field, names = "allBut", [name for name in scope.all_but if name not in missing]
    return [f"{HELM} --set-json {quote(f'evictNamespaces.{field}={json.dumps(names)}')}"]
