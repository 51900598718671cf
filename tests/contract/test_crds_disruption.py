"""A disruption budget on a job's workers, as the disruption controller computes it through the scale subresource."""

from __future__ import annotations

import time

import pytest

from support import crds
from support.crds import Api, Manifest
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]  # the fixture

pytestmark = pytest.mark.cluster

QUORUM, WORKERS = 3, 5
LABELS = {"sunward.dev/job": "mnist", "sunward.dev/component": "worker"}


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane) -> Api:
    """An administrator of a cluster with a job of five ready workers and a quorum of three."""
    api = crds.administrator(control_plane.kubeconfig)
    crds.install(api)
    account: Manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    node: Manifest = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "nowhere"}}
    assert all(api.apply(manifest).code in (200, 201) for manifest in (account, node))
    job = api.apply(crds.sample("trainingjob-flower"))
    assert job.code == 201, job.message
    for number in range(WORKERS):
        assert api.create(worker(number, job.body["metadata"]["uid"])).code == 201
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        path = f"/api/v1/namespaces/default/pods/worker-{number}/status"
        assert api.merge(path, {"status": ready}).code == 200
    return api


def worker(number: int, uid: str) -> Manifest:
    """A worker pod that belongs to the job."""
    owner = {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "TrainingJob",
        "name": "mnist",
        "uid": uid,
        "controller": True,
    }
    metadata = {"name": f"worker-{number}", "labels": LABELS, "ownerReferences": [owner]}
    spec = {"nodeName": "nowhere", "containers": [{"name": "worker", "image": "none"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def budget(name: str, maximum: int | str) -> Manifest:
    """A budget on the workers."""
    spec = {"maxUnavailable": maximum, "selector": {"matchLabels": LABELS}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}


def status_of(admin: Api, manifest: Manifest, quorum: int) -> Manifest:
    """What the controller says of a budget, once it has seen the workers and the quorum.

    The controller learns of new kinds every half minute and is in no hurry to try again: a touch makes it.
    """
    path = crds.path_of(manifest)
    deadline = time.monotonic() + 120.0
    while True:
        status: Manifest = admin.get(path).body.get("status", {})
        if status.get("expectedPods") == quorum and status.get("currentHealthy") == WORKERS:
            return status
        assert time.monotonic() < deadline, status
        admin.merge(path, {"metadata": {"annotations": {"touched": str(time.monotonic())}}})
        time.sleep(0.5)


@pytest.mark.parametrize(("maximum", "needed"), [(0, QUORUM), (1, QUORUM - 1), ("34%", QUORUM - 2)])
def test_a_budget_counts_from_the_quorum(admin: Api, maximum: int | str, needed: int) -> None:
    manifest = budget(f"keep-{needed}", maximum)
    assert admin.create(manifest).code == 201
    status = status_of(admin, manifest, QUORUM)
    assert status["desiredHealthy"] == needed
    assert status["disruptionsAllowed"] == WORKERS - needed
    admin.delete(crds.path_of(manifest))
