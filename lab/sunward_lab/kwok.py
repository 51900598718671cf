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
    who = Identities(run.identities)
    api = Api.from_kubeconfig(who.kubeconfig(identities.ADMINISTRATOR))
    authorisation = "/apis/rbac.authorization.k8s.io/v1"
    api.post(f"{authorisation}/clusterroles", _role())
    api.post(f"{authorisation}/clusterrolebindings", _binding())
    kubeconfig = who.kubeconfig(identities.KWOK)
    argv = [
        str(binaries / NAME),
        f"--kubeconfig={kubeconfig}",
        f"--manage-nodes-with-annotation-selector={ANNOTATION}",
        "--node-lease-duration-seconds=40",
        f"--cidr=10.{200 + settings.instance % 50}.0.0/16",
    ]
    processes.start(NAME, argv, records=run.processes, logs=run.logs)
    api.post_all("/api/v1/nodes", (_node(name) for name in names(settings)))


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
