"""What runs of Sunward in a cluster, and what keeps it from running: pods, images, quotas, rights, clocks, versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sunward.cli.diagnosis.findings import Finding
from sunward.cluster.objects import crd_types

if TYPE_CHECKING:
    from sunward.cluster.access.api import Api
    from sunward.domain.policy import PolicySpec

Body = Mapping[str, Any]
OURS = "app.kubernetes.io/name=sunward"
ACCOUNT = "sunward-operator"
COMPONENT = "app.kubernetes.io/component"
IMAGE_FAULTS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
LONGEST_SKEW_SECONDS = 60.0
"""Beyond it, sleeps are held: docs/data-quality.md."""
SPECS = {
    "energynodes": crd_types.EnergyNodeSpec,
    "trainingjobs": crd_types.TrainingJobSpec,
    "energypolicies": crd_types.EnergyPolicySpec,
}
APPLY_CRDS = "kubectl apply --server-side --force-conflicts -f crds/"
INSTALL = "helm upgrade --install sunward helm/sunward --namespace sunward-system --create-namespace"
MISSING = {
    "operator": INSTALL,
    "exporter": "no exporter runs: set the chart's value exporter.enabled: true, or run your own",
    "prometheus": "no bundled Prometheus runs: set the chart's value prometheus.enabled: true, or prometheus.url",
}


async def pod_findings(api: Api) -> list[Finding]:
    """Each part of Sunward: whether it runs, and what stands in its way. Raises ApiError."""
    from sunward.cluster.access.api import apis, core

    pods = await api.list(core("pods"), labelSelector=OURS)
    owners = [
        *await api.list(apis("apps/v1", "replicasets"), labelSelector=OURS),
        *await api.list(apis("apps/v1", "daemonsets"), labelSelector=OURS),
    ]
    return [_part(part, pods, owners) for part in MISSING]


def _part(part: str, pods: Sequence[Body], owners: Sequence[Body]) -> Finding:
    own = [pod for pod in pods if _component(pod) == part]
    faults = [*(fault for pod in own for fault in _faults(pod)), *_refusals(o for o in owners if _component(o) == part)]
    if faults:
        return (part, False, "; ".join(sorted(set(faults))))
    if any(_is_ready(pod) for pod in own):
        return (part, True, "")
    if own:
        return (part, False, f"its pods are not ready: kubectl -n {own[0]['metadata']['namespace']} describe pods")
    # A cluster that brings its own exporter or Prometheus needs none of ours.
    return (part, False if part == "operator" else None, MISSING[part])


def _component(body: Body) -> str:
    return str((body["metadata"].get("labels") or {}).get(COMPONENT, ""))


def _is_ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _faults(pod: Body) -> Iterator[str]:
    """What the scheduler or the kubelet say of a pod."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for one in status.get("conditions") or ():
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            yield f"pod {name} is pending: {one.get('message')}"
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = str(waiting.get("reason") or "")
        if reason in IMAGE_FAULTS:
            fix = "set the chart's image values to a registry that has it, or import it on the node"
            yield f"image {container.get('image')} of pod {name} cannot be pulled ({reason}): {fix}"
        elif reason == "CrashLoopBackOff":
            space = pod["metadata"]["namespace"]
            yield f"pod {name} ends again and again: kubectl -n {space} logs {name} --previous"
        elif reason and reason not in ("ContainerCreating", "PodInitializing"):
            yield f"pod {name} does not start: {reason}: {waiting.get('message') or ''}"


def _refusals(owners: Iterable[Body]) -> Iterator[str]:
    """What the API server refused to create: a quota that is used up, Pod Security, a webhook."""
    for owner in owners:
        for one in (owner.get("status") or {}).get("conditions") or ():
            if one.get("type") == "ReplicaFailure" and one.get("status") == "True":
                yield f"the API server refuses its pods: {one.get('message')}"


def definition_finding(plural: str, definition: Body) -> Finding:
    """Whether a definition in the cluster has every field of a spec that this version knows."""
    name = f"definition {plural}"
    versions = (definition.get("spec") or {}).get("versions") or ()
    served: Body = next((one for one in versions if one.get("name") == "v1alpha1"), {})
    properties = (((served.get("schema") or {}).get("openAPIV3Schema") or {}).get("properties") or {}).get("spec") or {}
    missing = sorted(set(SPECS[plural].__annotations__) - set(properties.get("properties") or ()))
    if not missing:
        return (name, True, "")
    return (name, False, f"it is older than this version: it lacks spec.{', spec.'.join(missing)}; {APPLY_CRDS}")


async def definition_findings(api: Api) -> list[Finding]:
    """The same of every definition. Raises ApiError."""
    from sunward.cluster.access.api import apis

    kind = "customresourcedefinitions"
    paths = {plural: apis("apiextensions.k8s.io/v1", kind, f"{plural}.sunward.dev") for plural in SPECS}
    return [definition_finding(plural, await api.get(path)) for plural, path in paths.items()]


def clock_finding(here: datetime, server: datetime) -> Finding:
    """Whether this machine and the API server agree on the time."""
    skew = (here - server).total_seconds()
    if abs(skew) <= LONGEST_SKEW_SECONDS:
        return ("clock", True, "")
    ahead = "ahead of" if skew > 0 else "behind"
    return ("clock", False, f"this machine is {abs(skew):.0f} s {ahead} the API server: check NTP on both")


async def rights_findings(api: Api, policy: PolicySpec) -> list[Finding]:
    """Whether the operator may evict where the policy counts on it. Raises ApiError."""
    from sunward.cluster.access.api import apis, core

    accounts = await api.list(core("serviceaccounts"), labelSelector=OURS)
    account = next((one for one in accounts if one["metadata"]["name"] == ACCOUNT), None)
    if account is None:
        return [("rights", False, f"there is no service account {ACCOUNT}: {INSTALL}")]
    user = f"system:serviceaccount:{account['metadata']['namespace']}:{ACCOUNT}"
    path = apis("authorization.k8s.io/v1", "subjectaccessreviews")
    namespaces = sorted({*policy.namespaces, *policy.evict_namespaces.names})
    answers = {name: await api.create(path, _question(user, name)) for name in namespaces}
    missing = [name for name, answer in answers.items() if (answer.get("status") or {}).get("allowed") is not True]
    text = f"the operator may not evict pods in {', '.join(missing)}: add them to the chart's jobNamespaces or"
    return [("rights", not missing, f"{text} evictNamespaces.names" if missing else "")]


def _question(user: str, namespace: str) -> Mapping[str, Any]:
    attributes = {"namespace": namespace, "verb": "create", "resource": "pods", "subresource": "eviction"}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
