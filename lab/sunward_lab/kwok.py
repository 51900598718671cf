"""Nodes without machines: KWOK answers for them, so that a fleet of hundreds costs one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sunward_lab import identities, processes
from sunward_lab.api import Api
from sunward_lab.identities import Identities
from sunward_lab.settings import RunFolder, Settings

NAME: Final = "kwok"
ANNOTATION: Final = "kwok.x-k8s.io/node"
_RULES: Final = (
    {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch", "patch", "update", "delete"]},
    {"apiGroups": [""], "resources": ["nodes/status", "pods/status"], "verbs": ["patch", "update"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
    },
    {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
)


def start(settings: Settings, run: RunFolder, binaries: Path) -> None:
    """Start KWOK with rights of its own and create its nodes."""
    api = Api.from_kubeconfig(Identities(run.identities).kubeconfig(identities.ADMINISTRATOR))
    grant_rights(api)
    every = [f"--manage-nodes-with-annotation-selector={ANNOTATION}", f"--cidr={_pod_network(settings)}"]
    processes.start(NAME, command(settings, run, binaries, *every), records=run.processes, logs=run.logs)
    api.post_all("/api/v1/nodes", (_node(name) for name in names(settings)))


def grant_rights(api: Api) -> None:
    """Give KWOK's user what it needs to answer for nodes."""
    authorisation = "/apis/rbac.authorization.k8s.io/v1"
    api.post(f"{authorisation}/clusterroles", _role())
    api.post(f"{authorisation}/clusterrolebindings", _binding())


def command(settings: Settings, run: RunFolder, binaries: Path, *flags: str) -> list[str]:
    """KWOK's command line; its nodes renew their Leases four times within the monitor's grace period."""
    lease_seconds = max(4, settings.node_monitor_grace_seconds * 4 // 5)
    kubeconfig = Identities(run.identities).kubeconfig(identities.KWOK)
    return [
        str(binaries / NAME),
        f"--kubeconfig={kubeconfig}",
        f"--node-lease-duration-seconds={lease_seconds}",
        *flags,
    ]


def _pod_network(settings: Settings) -> str:
    return f"10.{200 + settings.instance % 50}.0.0/16"


def names(settings: Settings) -> list[str]:
    """Names of the nodes without machines."""
    return [f"kwok-{number:03d}" for number in range(1, settings.kwok_nodes + 1)]


def _node(name: str) -> dict[str, Any]:
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "type": NAME,
        "sunward.dev/managed": "true",
    }
    size = {"cpu": "4", "memory": "4Gi", "pods": "110"}
    metadata = {"name": name, "labels": labels, "annotations": {ANNOTATION: "fake"}}
    status = {"allocatable": size, "capacity": size}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}


def _role() -> dict[str, Any]:
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    return {**kind, "metadata": {"name": "sunward-lab-kwok"}, "rules": list(_RULES)}


def _binding() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "sunward-lab-kwok"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sunward-lab-kwok"},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": identities.KWOK.user},
        ],
    }
