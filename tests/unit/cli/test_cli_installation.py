"""`sunward doctor` sees what keeps an installation from working, and advises what mends it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunward.cli.diagnosis.findings import Finding
from sunward.cli.diagnosis.installation import clock_finding, definition_finding, pod_findings, rights_findings
from sunward.cli.diagnosis.settings_map import compared, settings_findings
from sunward.cli.doctor import examine, permitted
from sunward.cluster.access.api import ApiError
from sunward.domain.policy import EvictionScope
from support import crds
from support.loop.store import Store
from support.planning import NOW, a_policy
from support.store_api import StoreApi

Body = dict[str, Any]
HOME = "sunward-system"


def labels(part: str) -> Body:
    return {"app.kubernetes.io/name": "sunward", "app.kubernetes.io/component": part}


def a_pod(part: str, *, ready: bool = True, conditions: list[Body] | None = None, waiting: Body | None = None) -> Body:
    found = [{"type": "Ready", "status": str(ready)}, *(conditions or [])]
    containers = [{"image": f"sunward-{part}:0.1.0", "state": {"waiting": waiting} if waiting else {"running": {}}}]
    status = {"phase": "Running" if ready else "Pending", "conditions": found, "containerStatuses": containers}
    return {"metadata": {"name": f"{part}-1", "namespace": HOME, "labels": labels(part)}, "status": status}


def cluster(*pods: Body) -> Store:
    store = Store()
    for pod in pods:
        store.create(f"/api/v1/namespaces/{HOME}/pods", pod)
    return store


async def parts(store: Store) -> dict[str, tuple[bool | None, str]]:
    return {name: (ok, text) for name, ok, text in await pod_findings(StoreApi(store))}


async def test_what_runs_is_said_to_run() -> None:
    found = await parts(cluster(a_pod("operator"), a_pod("exporter"), a_pod("prometheus")))
    assert found == dict.fromkeys(("operator", "exporter", "prometheus"), (True, ""))


async def test_what_is_missing_is_named_with_the_value_that_installs_it() -> None:
    found = await parts(cluster())
    assert found["operator"][0] is False
    assert "helm upgrade --install" in found["operator"][1]
    assert found["exporter"] == (None, found["exporter"][1]), "a cluster may bring its own"
    assert "prometheus.url" in found["prometheus"][1]


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"])
async def test_an_image_that_cannot_be_pulled_is_named(reason: str) -> None:
    found = await parts(cluster(a_pod("operator", ready=False, waiting={"reason": reason})))
    assert found["operator"][0] is False
    assert "sunward-operator:0.1.0" in found["operator"][1]
    assert "image" in found["operator"][1]


async def test_the_schedulers_words_about_a_pending_pod_are_repeated() -> None:
    taint = "0/4 nodes are available: 1 node(s) had untolerated taint {CriticalAddonsOnly: true}"
    pending = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": taint}
    found = await parts(cluster(a_pod("prometheus", ready=False, conditions=[pending])))
    assert taint in found["prometheus"][1]


@pytest.mark.parametrize(
    ("reason", "says"), [("CrashLoopBackOff", "--previous"), ("CreateContainerConfigError", "secret")]
)
async def test_a_container_that_does_not_run_is_explained(reason: str, says: str) -> None:
    waiting = {"reason": reason, "message": "secret plugs not found"}
    found = await parts(cluster(a_pod("operator", ready=False, waiting=waiting)))
    assert says in found["operator"][1]


async def test_a_quota_that_is_used_up_is_seen_although_there_is_no_pod() -> None:
    store = cluster()
    said = "pods sunward-operator is forbidden: exceeded quota: small"
    condition = {"type": "ReplicaFailure", "status": "True", "message": said}
    owner = {"metadata": {"name": "rs", "labels": labels("operator")}, "status": {"conditions": [condition]}}
    store.create(f"/apis/apps/v1/namespaces/{HOME}/replicasets", owner)
    assert said in (await parts(store))["operator"][1]


async def test_a_pod_that_is_only_slow_is_no_fault_of_its_image() -> None:
    found = await parts(cluster(a_pod("operator", ready=False, waiting={"reason": "ContainerCreating"})))
    assert found["operator"] == (False, f"its pods are not ready: kubectl -n {HOME} describe pods")


def definition(kind: str) -> Body:
    return next(one for one in crds.definitions() if one["spec"]["names"]["kind"] == kind)


def test_a_definition_of_an_older_version_is_told_by_what_it_lacks() -> None:
    body = definition("EnergyPolicy")
    assert definition_finding("energypolicies", body) == ("definition energypolicies", True, "")
    properties = crds.schema_of(body)["properties"]["spec"]["properties"]
    del properties["evictNamespaces"]
    name, ok, text = definition_finding("energypolicies", body)
    assert (name, ok) == ("definition energypolicies", False)
    assert "spec.evictNamespaces" in text
    assert "kubectl apply --server-side" in text
    assert definition_finding("energypolicies", {})[1] is False


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (60, True), (-60, True), (61, False), (-86400, False)])
def test_a_clock_that_is_wrong_is_told_with_its_direction(seconds: int, ok: bool) -> None:
    found = clock_finding(NOW + timedelta(seconds=seconds), NOW)
    assert found[1] is ok
    if not ok:
        assert ("ahead of" if seconds > 0 else "behind") in found[2]


async def rights(*, denied: set[str]) -> Finding:
    store = Store()
    account = {"metadata": {"name": "sunward-operator", "namespace": HOME, "labels": labels("operator")}}
    store.create(f"/api/v1/namespaces/{HOME}/serviceaccounts", account)
    store.no_evictions = denied
    policy = a_policy(namespaces=("default",), evict_namespaces=EvictionScope(names=("media",)))
    (found,) = await rights_findings(StoreApi(store), policy)
    return found


async def test_a_missing_right_is_named_with_its_namespace() -> None:
    assert await rights(denied=set()) == ("rights", True, "")
    name, ok, text = await rights(denied={"media"})
    assert (name, ok) == ("rights", False)
    assert "media" in text
    assert "default" not in text


async def test_a_check_that_this_login_may_not_make_is_not_checked() -> None:
    async def refused(status: int) -> list[Finding]:
        raise ApiError(status, "GET", "/apis/apps/v1/replicasets", "no")

    ((name, ok, text),) = await permitted("installation", refused(403))
    assert (name, ok) == ("installation", None)
    assert "/apis/apps/v1/replicasets" in text
    with pytest.raises(ApiError):
        await permitted("installation", refused(500))


def energy_node(relay: str | None) -> Body:
    sleep = {} if relay is None else {"sleep": {"driver": "Shelly", "driverRef": {"name": relay}}}
    return {"metadata": {"name": "pi-07"}, "spec": sleep}


def test_a_relay_or_source_that_is_named_and_not_defined_is_found() -> None:
    settings = {"relays": {"relay-1": {}}, "intensitySources": {"default": {}}}
    assert compared(settings, a_policy(), [energy_node("relay-1"), energy_node(None)]) == [("settings", True, "")]
    found = compared({}, a_policy(), [energy_node("relay-pi-07")])
    assert [name for name, _, _ in found] == ["relay relay-pi-07 of pi-07", "intensity source default"]
    assert all(ok is False for _, ok, _ in found)


@pytest.mark.parametrize("text", [None, "relays: [", "- 1", "a: 1\n---\nb: 2"])
async def test_settings_that_cannot_be_read_are_a_finding(text: str | None) -> None:
    store = Store()
    body = {"metadata": {"name": "sunward-settings"}, "data": {} if text is None else {"settings.yaml": text}}
    store.create(f"/api/v1/namespaces/{HOME}/configmaps", body)
    assert (await settings_findings(StoreApi(store), a_policy(), []))[0][1] is False


class Stranger(StoreApi):
    """A server that answers 404 to everything, as one that is no Kubernetes does, or one without our definitions."""

    def __init__(self, version: Any) -> None:
        super().__init__(Store())
        self.version = version

    async def get(self, path: str) -> Any:
        if isinstance(self.version, Exception):
            raise self.version
        return self.version

    async def list(self, path: str, **selectors: str) -> Any:
        raise ApiError(404, "GET", path, "404 page not found")


async def test_nothing_is_applied_to_a_server_that_is_no_kubernetes() -> None:
    ((name, ok, text),) = await examine(Stranger({"gitVersion": "v1.34.4+k3s1"}))  # type: ignore[arg-type]  # no clock is asked
    assert (name, ok) == ("resource energynodes", False)
    assert "kubectl apply" in text
    for version in ({}, ApiError(404, "GET", "/version", "404 page not found")):
        with pytest.raises(ApiError) as raised:
            await examine(Stranger(version))  # type: ignore[arg-type]
        assert raised.value.status == 0


def test_the_advice_names_files_that_exist() -> None:
    root = Path(__file__).resolve().parents[3]
    assert (root / "crds").is_dir()
    assert yaml.safe_load((root / "helm" / "sunward" / "Chart.yaml").read_text())["name"] == "sunward"
