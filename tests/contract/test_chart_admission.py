"""What a real API server refuses to a stolen token of the operator, to an agent, to a node, and to a careless person.

Every policy is tried from both sides: what it must deny, with its message, and what it must let pass.
"""

from __future__ import annotations

import copy
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import chart, crds
from support.crds import Answer, Api, Manifest
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]  # the fixture

pytestmark = pytest.mark.cluster

OPERATOR = f"system:serviceaccount:{chart.NAMESPACE}:sunward-operator"
AGENT = f"system:serviceaccount:{chart.NAMESPACE}:sunward-agent"
NODE_OF_TOKEN = "authentication.kubernetes.io/node-name"
WORKER, HUB, FREE = "admission-worker", "admission-hub", "admission-free"
SPACE, OTHER = "admission-jobs", "admission-other"
RULES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
RUNTIME = "admission-runtime"
GRANTS = (*chart.RIGHTS, "ServiceAccount")


DENIALS: Counter[str] = Counter()
"""Refused requests by policy: the battery of rights tells how many there were."""


@pytest.fixture(scope="module", autouse=True)
def count_denials(record_testsuite_property: Callable[[str, object], None]) -> Iterator[None]:
    """Leave the number of refusals in the report."""
    yield
    for policy, count in sorted(DENIALS.items()):
        record_testsuite_property(f"denials.{policy}", count)


TRAINER = {
    "claims": ["checkpoints", "own-data-*", "digits-*"],
    "images": ["sunward-trainer:0.1.0", "registry.example.org/team/*"],
}
VALUES = {
    "jobNamespaces": [SPACE],
    "trainer": TRAINER,
    "dataVolumes": {
        "cameras": {"hostPath": "/srv/cameras", "namespaces": [SPACE]},
        "theirs": {"hostPath": "/srv/theirs", "namespaces": [OTHER]},
    },
}


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """An administrator of a cluster with the chart's rights and policies, three nodes and two namespaces of jobs."""
    api = crds.administrator(control_plane.kubeconfig)
    crds.install(api)
    rendered = chart.render(tmp_path_factory.mktemp("chart"), values=VALUES)
    granted = [m for m in rendered if m["kind"] in GRANTS and m["metadata"].get("namespace") != "default"]
    before = [*namespaces(), *nodes(), *extra_grants(), energy_node(), plan_policy(), *granted]
    for manifest in [*before, *chart.of_kind(rendered, *RULES)]:
        answer = api.apply(manifest)
        assert answer.code in (200, 201), answer.message
    wait_until_enforced(api)
    return api


def wait_until_enforced(admin: Api) -> None:
    """Policies begin to hold a moment after they are stored; wait for each by a request it must refuse."""
    operator = admin.acting_as(OPERATOR)
    probes: list[Callable[[], Answer]] = [
        lambda: operator.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", {"metadata": {"labels": {"a": "b"}}}),
        lambda: operator.merge(f"/api/v1/nodes/{FREE}?dryRun=All", {"spec": {"unschedulable": True}}),
        lambda: evict(operator, SPACE, uid=""),
        lambda: agent(admin, FREE).merge(STATUS, {"status": {"currentPlan": "x"}}),
        lambda: admin.merge(f"{STATUS}?dryRun=All", {"status": {"shutdown": ORDER}}),
        lambda: admin.merge(f"{STATUS}?dryRun=All", {"status": {"harvest": {"milliwatts": 99_999_999}}}),
        lambda: operator.create(pod("unlabelled", labels={}), dry_run=True),
        lambda: operator.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", {"metadata": {"labels": {MANAGED: None}}}),
        lambda: agent(admin, WORKER).merge(f"{ENERGY_NODE}?dryRun=All", {"spec": {"gridZone": "FR"}}),
        lambda: operator.create(config_map({}), dry_run=True),
        lambda: operator.create(event(component="kubelet"), dry_run=True),
        lambda: operator.merge(f"{STATUS}?dryRun=All", moved("Awake", "Degraded", "Degraded")),
    ]
    for probe in probes:
        eventually(lambda probe=probe: "ValidatingAdmissionPolicy" in probe().message, seconds=60.0)  # type: ignore[misc]


MANAGED, KEEP_AWAKE, ASLEEP = "sunward.dev/managed", "sunward.dev/do-not-sleep", "sunward.dev/asleep"
MARK = "sunward.dev/cordoned-by"
ENERGY_NODE = f"/apis/sunward.dev/v1alpha1/energynodes/{WORKER}"
STATUS = f"{ENERGY_NODE}/status"
TAINT = {"key": ASLEEP, "effect": "NoSchedule"}


ORDER = {
    "operationId": "pi-sleep",
    "bootId": "boot-1",
    "leaseTransitions": 1,
    "issuedAt": "2026-11-22T12:00:00Z",
    "deadline": "2026-11-22T12:01:00Z",
}


def namespaces() -> list[Manifest]:
    """The operator's, one with jobs and one without."""
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in (chart.NAMESPACE, SPACE, OTHER)]


def nodes() -> list[Manifest]:
    """A managed worker, a managed node of the control plane, and one that nobody manages."""
    labels = {
        WORKER: {MANAGED: "true"},
        HUB: {MANAGED: "true", "node-role.kubernetes.io/control-plane": ""},
        FREE: {},
    }
    return [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"zone": "a", **own}}}
        for name, own in labels.items()
    ]


def energy_node() -> Manifest:
    """The EnergyNode of the worker."""
    spec = {
        "gridZone": "DE",
        "power": {"idleMilliwatts": 2700, "busyMilliwatts": 6400},
        "harvest": {"nameplateMilliwatts": 10_000},
        "sleep": {"driver": "CordonOnly"},
    }
    return {"apiVersion": "sunward.dev/v1alpha1", "kind": "EnergyNode", "metadata": {"name": WORKER}, "spec": spec}


def plan_policy() -> Manifest:
    """The EnergyPolicy, which lists the namespaces of jobs."""
    return {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "EnergyPolicy",
        "metadata": {"name": "default"},
        "spec": {"namespaces": [SPACE]},
    }


def extra_grants() -> list[Manifest]:
    """More rights than the chart gives, so that what refuses is the policy and not the lack of a right."""
    wide = [
        {"apiGroups": [""], "resources": ["nodes", "nodes/status", "configmaps", "services"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods", "pods/eviction", "events"], "verbs": ["*"]},
        {"apiGroups": ["sunward.dev"], "resources": ["energynodes", "energynodes/status"], "verbs": ["*"]},
    ]
    subjects = [
        {"kind": "ServiceAccount", "name": "sunward-operator", "namespace": chart.NAMESPACE},
        {"kind": "ServiceAccount", "name": "sunward-agent", "namespace": chart.NAMESPACE},
        {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "careless"},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admission-wide"}
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "admission-wide"}}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "other", "namespace": SPACE}},
        {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": RUNTIME}, "handler": "other"},
        {**head, "kind": "ClusterRole", "rules": wide},
        {**head, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": subjects},
    ]


def agent(admin: Api, node: str) -> Api:
    """An agent whose token is bound to a node."""
    return admin.acting_as(AGENT, **{NODE_OF_TOKEN: node})


@pytest.fixture
def operator(admin: Api) -> Api:
    """The operator, with far more rights than the chart gives it."""
    return admin.acting_as(OPERATOR)


def assert_denied(answer: Answer, message: str) -> None:
    """Refused by a policy of ours that says so."""
    assert answer.code in (403, 422), answer
    policy = re.search(r"ValidatingAdmissionPolicy '(sunward-[a-z0-9-]+)'", answer.message)
    assert policy is not None, answer.message
    assert message in answer.message
    DENIALS[policy[1]] += 1


# 1 and 2: nodes


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"metadata": {"labels": {"zone": "b"}}}, "may not change labels"),
        ({"metadata": {"labels": {"zone": None}}}, "may not change labels"),
        ({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}}, "may not change labels"),
        ({"metadata": {"labels": {"sunward.dev/always-on": "true"}}}, "may not change labels"),
        ({"metadata": {"annotations": {"a": "b"}}}, "only the annotation sunward.dev/cordoned-by"),
        ({"metadata": {"annotations": {"sunward.dev/a": "b"}}}, "only the annotation sunward.dev/cordoned-by"),
        ({"metadata": {"finalizers": ["sunward.dev/stay"]}}, "may not change finalizers or owners"),
        *(
            (
                {"spec": {"taints": [{"key": key, "effect": effect, "value": value}]}},
                "only the taint sunward.dev/asleep",
            )
            for key, effect, value in (
                ("other", "NoExecute", ""),
                ("other", "NoSchedule", ""),
                ("sunward.dev/x", "NoExecute", ""),
                ("sunward.dev/x", "NoSchedule", ""),
                ("sunward.dev/x", "PreferNoSchedule", ""),
                ("sunward.dev/asleep", "NoExecute", ""),
                ("sunward.dev/asleep", "PreferNoSchedule", ""),
                ("sunward.dev/asleep", "NoSchedule", "x"),
                ("sunward.dev/asleepy", "NoSchedule", ""),
                ("node.kubernetes.io/out-of-service", "NoExecute", "nodeshutdown"),
            )
        ),
        ({"spec": {"providerID": "somewhere://else"}}, "only unschedulable and taints"),
    ],
)
def test_1_the_operator_cannot_change_what_is_not_its_own_on_a_node(
    operator: Api, patch: Manifest, message: str
) -> None:
    assert_denied(operator.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", patch), message)


def taints(admin: Api, node: str) -> list[Manifest]:
    """The taints a node has, which the control plane adds to as it likes."""
    found: list[Manifest] = admin.get(f"/api/v1/nodes/{node}").body["spec"].get("taints", [])
    return found


def test_1_the_operator_cannot_remove_a_taint_of_others(admin: Api, operator: Api) -> None:
    path = f"/api/v1/nodes/{WORKER}"
    theirs = {"key": "maintenance", "effect": "NoSchedule"}
    admin.merge(path, {"spec": {"taints": [theirs]}})
    assert_denied(operator.merge(f"{path}?dryRun=All", {"spec": {"taints": [TAINT]}}), "only the taint")
    kept = merged(admin, operator, f"{path}?dryRun=All", lambda found: {"spec": {"taints": [*found, TAINT]}})
    assert kept.code == 200, kept.message


def merged(admin: Api, operator: Api, path: str, patch_of: Callable[[list[Manifest]], Manifest]) -> Answer:
    """A patch that holds a node's taints, made anew when the control plane changed these between read and write."""
    node = path.removeprefix("/api/v1/nodes/").partition("?")[0]
    while True:
        before = taints(admin, node)
        answer = operator.merge(path, patch_of(before))
        if taints(admin, node) == before or answer.code == 200:
            return answer


def freed(found: list[Manifest]) -> Manifest:
    """A patch that takes our cordon, mark and taint back and leaves the taints of others."""
    spec = {"unschedulable": None, "taints": [taint for taint in found if taint["key"] != ASLEEP]}
    return {"metadata": {"annotations": {MARK: None}}, "spec": spec}


def test_1_the_operator_can_cordon_taint_and_mark_a_worker_and_take_it_all_back(admin: Api, operator: Api) -> None:
    def cordoned(found: list[Manifest]) -> Manifest:
        spec = {"unschedulable": True, "taints": [*found, TAINT]}
        return {"metadata": {"annotations": {MARK: "operation"}}, "spec": spec}

    for patch_of in (cordoned, freed):
        answer = merged(admin, operator, f"/api/v1/nodes/{WORKER}", patch_of)
        assert answer.code == 200, answer.message


@pytest.mark.parametrize(
    ("node", "message"),
    [(FREE, "kubectl label node NAME sunward.dev/managed=true"), (HUB, "never cordon a node of the control plane")],
)
def test_2_the_operator_cannot_cordon_unmanaged_nodes_or_the_control_plane(
    admin: Api, operator: Api, node: str, message: str
) -> None:
    path = f"/api/v1/nodes/{node}?dryRun=All"
    assert_denied(operator.merge(path, {"spec": {"unschedulable": True}}), message)
    assert_denied(merged(admin, operator, path, lambda found: {"spec": {"taints": [*found, TAINT]}}), message)


def test_2_the_operator_can_give_back_a_node_that_a_person_took_out_of_its_hands(admin: Api, operator: Api) -> None:
    path = f"/api/v1/nodes/{FREE}"
    cordon = {"unschedulable": True, "taints": [*taints(admin, FREE), TAINT]}
    admin.merge(path, {"metadata": {"annotations": {MARK: "operation"}}, "spec": cordon})
    answer = merged(admin, operator, path, freed)
    assert answer.code == 200, answer.message


def test_1_the_operator_cannot_lift_a_cordon_of_others_nor_call_it_its_own(admin: Api, operator: Api) -> None:
    path = f"/api/v1/nodes/{WORKER}"
    admin.merge(path, {"spec": {"unschedulable": True}})
    lifted = {"spec": {"unschedulable": None}}
    marked: Manifest = {"metadata": {"annotations": {MARK: "operation"}}}
    try:
        assert_denied(operator.merge(f"{path}?dryRun=All", lifted), "lift only its own cordon")
        assert_denied(operator.merge(f"{path}?dryRun=All", marked), "only when it cordons")
        assert_denied(operator.merge(f"{path}?dryRun=All", marked | lifted), "lift only its own cordon")
    finally:
        admin.merge(path, lifted)


def test_1_the_operator_cannot_mark_a_node_that_it_does_not_cordon(operator: Api) -> None:
    marked = {"metadata": {"annotations": {MARK: "operation"}}}
    assert_denied(operator.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", marked), "only when it cordons")


def test_every_expression_fits_the_types_it_is_asked_about(admin: Api) -> None:
    def warnings() -> dict[str, Any]:
        path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
        ours = [p for p in admin.get(path).body["items"] if p["metadata"]["name"].startswith("sunward-")]
        return {p["metadata"]["name"]: (p.get("status") or {}).get("typeChecking") for p in ours}

    eventually(lambda: None not in warnings().values())
    assert {name: found for name, found in warnings().items() if found} == {}


def test_nobody_else_is_hindered_on_nodes(admin: Api) -> None:
    for patch in ({"metadata": {"labels": {"zone": "b"}}}, {"spec": {"unschedulable": True}}):
        assert admin.merge(f"/api/v1/nodes/{HUB}?dryRun=All", patch).code == 200


# 3: evictions


def evict(who: Api, namespace: str, *, uid: str) -> Answer:
    """Try to evict a pod that does not exist; a policy speaks before the pod is looked for."""
    body: Manifest = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "gone", "namespace": namespace},
    }
    if uid:
        body["deleteOptions"] = {"preconditions": {"uid": uid}}
    return who.request("POST", f"/api/v1/namespaces/{namespace}/pods/gone/eviction?dryRun=All", body)


def test_3_an_eviction_outside_the_policys_namespaces_is_denied(operator: Api) -> None:
    assert_denied(evict(operator, OTHER, uid="1"), "add it to spec.namespaces")
    assert_denied(evict(operator, "kube-system", uid="1"), "add it to spec.namespaces")


def test_3_an_eviction_without_the_pods_uid_is_denied(operator: Api) -> None:
    assert_denied(evict(operator, SPACE, uid=""), "must carry the pod's UID")


def test_3_an_eviction_with_a_uid_in_a_job_namespace_passes_to_the_pod(operator: Api) -> None:
    assert evict(operator, SPACE, uid="1").code == 404


def test_3_a_namespace_taken_from_the_policy_is_protected_at_once(admin: Api, operator: Api) -> None:
    path = crds.path_of(plan_policy())
    admin.merge(path, {"spec": {"namespaces": []}})
    try:
        eventually(lambda: "add it to spec.namespaces" in evict(operator, SPACE, uid="1").message)
    finally:
        admin.merge(path, {"spec": {"namespaces": [SPACE]}})
    eventually(lambda: evict(operator, SPACE, uid="1").code == 404)


@pytest.mark.parametrize(
    ("scope", "namespace", "passes"),
    [
        ({"names": [OTHER]}, OTHER, True),
        ({"names": ["elsewhere"]}, OTHER, False),
        ({"matchLabels": {"kubernetes.io/metadata.name": OTHER}}, OTHER, True),
        ({"matchLabels": {"kubernetes.io/metadata.name": OTHER, "tier": "free"}}, OTHER, False),
        ({"allBut": ["elsewhere"]}, OTHER, True),
        ({"allBut": [OTHER]}, OTHER, False),
        ({"allBut": []}, "kube-system", False),
    ],
)
def test_3_the_policy_names_further_namespaces_for_evictions(
    admin: Api, operator: Api, scope: Manifest, namespace: str, passes: bool
) -> None:
    path = crds.path_of(plan_policy())
    admin.merge(path, {"spec": {"evictNamespaces": scope}})
    try:
        expected = (
            (lambda answer: answer.code == 404) if passes else (lambda answer: "spec.namespaces" in answer.message)
        )
        eventually(lambda: expected(evict(operator, namespace, uid="1")))
    finally:
        admin.merge(path, {"spec": {"evictNamespaces": None}})
        eventually(lambda: "spec.namespaces" in evict(operator, namespace, uid="1").message)


def eventually(holds: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """The API server learns of a changed policy by a watch of its own."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_9_the_operator_deletes_only_pods_of_training_jobs(admin: Api, operator: Api) -> None:
    for name, labels in (("theirs", {}), ("labelled", None), ("ours", None)):
        made = pod(name, labels=labels)
        assert admin.create(owned(made, ownerReferences=[]) if name == "labelled" else made).code == 201
    path = f"/api/v1/namespaces/{SPACE}/pods"
    assert_denied(operator.delete(f"{path}/theirs"), "only objects of training jobs")
    assert_denied(operator.delete(f"{path}/labelled"), "owned by the TrainingJob")
    assert operator.delete(f"{path}/ours").code == 200
    for name in ("theirs", "labelled"):
        admin.request("DELETE", f"{path}/{name}?gracePeriodSeconds=0")


# 4 and 5: agents and readings


def test_4_an_agent_writes_only_the_energy_node_of_the_node_its_token_is_bound_to(admin: Api) -> None:
    patch = {"status": {"agent": {"heartbeatTime": "2026-11-22T12:00:00Z", "bootId": "b", "canShutDown": True}}}
    assert agent(admin, WORKER).merge(STATUS, patch).code == 200
    assert_denied(agent(admin, FREE).merge(STATUS, patch), "of the node that its token is bound to")
    assert_denied(admin.acting_as(AGENT).merge(STATUS, patch), "of the node that its token is bound to")


@pytest.mark.parametrize(
    "status",
    [
        {"lastSeen": {"sensors": "2026-11-22T12:00:00Z"}},
        {"powerState": "PowerOffRequested"},
        {"currentPlan": None},
        {"conditions": []},
        {"shutdown": ORDER},
    ],
)
def test_4_an_agent_writes_nothing_but_its_own_report(admin: Api, status: Manifest) -> None:
    assert admin.merge(STATUS, {"status": {"powerState": "Awake", "currentPlan": "plan"}}).code == 200
    assert_denied(agent(admin, WORKER).merge(f"{STATUS}?dryRun=All", {"status": status}), "")


def test_4_an_agent_does_not_write_a_spec(admin: Api) -> None:
    override = {"power": "Asleep", "until": "2027-11-22T12:00:00Z", "reason": "x"}
    patch = {"spec": {"override": override}}
    assert_denied(agent(admin, WORKER).merge(f"{ENERGY_NODE}?dryRun=All", patch), "only write the status")


def test_13_only_the_operator_orders_a_shutdown(admin: Api) -> None:
    assert_denied(admin.merge(f"{STATUS}?dryRun=All", {"status": {"shutdown": ORDER}}), "only the operator orders")
    operator = admin.acting_as(OPERATOR)
    assert operator.merge(STATUS, {"status": {"shutdown": ORDER}}).code == 200
    assert_denied(admin.merge(f"{STATUS}?dryRun=All", {"status": {"shutdown": None}}), "only the operator orders")
    assert operator.merge(STATUS, {"status": {"shutdown": None}}).code == 200


def test_13_only_an_agent_reports_as_one(admin: Api) -> None:
    report = {"agent": {"canShutDown": True, "bootId": "forged"}}
    for writer in (admin, admin.acting_as(OPERATOR)):
        assert_denied(writer.merge(f"{STATUS}?dryRun=All", {"status": report}), "only the node's power agent")


def test_4_an_agent_neither_creates_nor_deletes(admin: Api) -> None:
    other = copy.deepcopy(energy_node())
    other["metadata"]["name"] = FREE
    assert_denied(agent(admin, FREE).create(other, dry_run=True), "")  # by policy 4 or 8, whichever speaks first
    assert_denied(agent(admin, WORKER).delete(f"{ENERGY_NODE}?dryRun=All"), "neither create nor delete")


@pytest.mark.parametrize("milliwatts", [10_501, 2_000_000, -1])
def test_5_a_harvest_that_the_panel_cannot_give_is_denied_to_everyone(admin: Api, milliwatts: int) -> None:
    patch = {"status": {"harvest": {"milliwatts": milliwatts}}}
    assert_denied(admin.merge(f"{STATUS}?dryRun=All", patch), "check the meter or the nameplate")


@pytest.mark.parametrize("milliwatts", [0, 9_000, 10_500])
def test_5_a_possible_harvest_is_recorded(admin: Api, milliwatts: int) -> None:
    answer = admin.merge(f"{STATUS}?dryRun=All", {"status": {"harvest": {"milliwatts": milliwatts}}})
    assert answer.code == 200, answer.message


def test_5_an_old_reading_does_not_block_other_fields(admin: Api) -> None:
    admin.merge(STATUS, {"status": {"harvest": {"milliwatts": 9_000}}})
    smaller = admin.merge(ENERGY_NODE, {"spec": {"harvest": {"nameplateMilliwatts": 5_000}}})
    assert smaller.code == 200, smaller.message
    assert admin.merge(STATUS, {"status": {"currentPlan": "plan"}}).code == 200
    admin.merge(ENERGY_NODE, {"spec": {"harvest": {"nameplateMilliwatts": 10_000}}})


# 6: pods


def pod(name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> Manifest:
    """A worker as the operator makes it, with changes to its spec."""
    container = {
        "name": "worker",
        "image": "sunward-trainer:0.1.0",
        "resources": {"limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    base = {
        "serviceAccountName": "sunward-trainer",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "state", "emptyDir": {"sizeLimit": "1Gi"}}],
    }
    metadata = {
        "name": name,
        "namespace": SPACE,
        "labels": JOB_LABELS if labels is None else labels,
        "ownerReferences": [OWNER],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**base, **spec}}


UID = "6f2a5a52-9a57-4b7e-a4a5-0c1f6a0b8d3e"
JOB_LABELS = {"sunward.dev/job": "mnist", "sunward.dev/job-uid": UID}
OWNER = {
    "apiVersion": "sunward.dev/v1alpha1",
    "kind": "TrainingJob",
    "name": "mnist",
    "uid": UID,
    "controller": True,
}


def owned(manifest: Manifest, **metadata: Any) -> Manifest:
    """An object with other metadata."""
    return {**manifest, "metadata": {**manifest["metadata"], **metadata}}


def container(**changes: Any) -> list[Manifest]:
    """The worker's container with changes."""
    (base,) = pod("any")["spec"]["containers"]
    return [{**base, **changes}]


def context(**changes: Any) -> list[Manifest]:
    """The worker's container with another security context."""
    return container(securityContext={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **changes})


RELAXED = {"seccompProfile": {"type": "RuntimeDefault"}}
SAFE = {"runAsNonRoot": True, "runAsUser": 65532, **RELAXED}
PODS: dict[str, tuple[dict[str, Any], str]] = {
    "another account": ({"serviceAccountName": "other"}, "as the account sunward-trainer"),
    "a token": ({"automountServiceAccountToken": True}, "mount no token"),
    "a token by hand": (
        {"volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]},
        "volumes of the kinds",
    ),
    "a folder of the host": (
        {"volumes": [{"name": "h", "hostPath": {"path": "/"}}]},
        "not one that the chart's value dataVolumes lists",
    ),
    "a folder below one that is listed": (
        {"volumes": [{"name": "h", "hostPath": {"path": "/srv/cameras/a"}}]},
        "not one that the chart's value dataVolumes lists",
    ),
    "a folder that is another namespace's": (
        {"volumes": [{"name": "h", "hostPath": {"path": "/srv/theirs"}}]},
        "not one that the chart's value dataVolumes lists",
    ),
    "a listed folder for writing": (
        {
            "volumes": [{"name": "h", "hostPath": {"path": "/srv/cameras"}}],
            "containers": container(volumeMounts=[{"name": "h", "mountPath": "/h"}]),
        },
        "mounted for writing",
    ),
    "a claim that begins like a listed one": (
        {"volumes": [{"name": "p", "persistentVolumeClaim": {"claimName": "checkpoints-2"}}]},
        "not in the chart's value trainer.claims",
    ),
    "a secret as files": ({"volumes": [{"name": "s", "secret": {"secretName": "x"}}]}, "volumes of the kinds"),
    "a secret as variable": (
        {
            "containers": container(
                env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}],
            )
        },
        "read no secret",
    ),
    "all keys of a secret": ({"containers": container(envFrom=[{"secretRef": {"name": "x"}}])}, "read no secret"),
    "the host's network": ({"hostNetwork": True}, "no namespace and no port of the host"),
    "the host's processes": ({"hostPID": True}, "no namespace and no port of the host"),
    "the host's memory": ({"hostIPC": True}, "no namespace and no port of the host"),
    "a port of the host": (
        {"containers": container(ports=[{"containerPort": 80, "hostPort": 80}])},
        "no namespace and no port of the host",
    ),
    "root": ({"securityContext": {"runAsNonRoot": True, "runAsUser": 0, **RELAXED}}, "run as no user 0"),
    "perhaps root": ({"securityContext": RELAXED}, "set runAsNonRoot to true"),
    "root in a container": ({"containers": context(runAsUser=0)}, "run as no user 0"),
    "no seccomp": ({"securityContext": {"runAsNonRoot": True}}, "seccompProfile.type to RuntimeDefault"),
    "escalation": ({"containers": context(allowPrivilegeEscalation=True)}, "set allowPrivilegeEscalation to false"),
    "capabilities": ({"containers": context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]})}, "drop ALL"),
    "capabilities kept": ({"containers": context(capabilities={"drop": ["NET_RAW"]})}, "drop ALL capabilities"),
    "a wrong first container": (
        {"initContainers": [{**container(securityContext=None)[0], "name": "first"}]},
        "set allowPrivilegeEscalation to false",
    ),
    "a node": ({"nodeName": HUB}, "leave nodeName"),
    "a scheduler": ({"schedulerName": "mine"}, "leave nodeName and schedulerName out"),
    "a priority": ({"priorityClassName": "system-node-critical"}, "no priority class"),
    "another priority": ({"priorityClassName": "system-cluster-critical"}, "no priority class"),
    "a toleration of everything": ({"tolerations": [{"operator": "Exists"}]}, "no tolerations but"),
    "a toleration of the control plane": (
        {
            "tolerations": [
                {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
            ]
        },
        "no tolerations but",
    ),
    "a toleration of our own taint": (
        {"tolerations": [{"key": ASLEEP, "operator": "Exists", "effect": "NoSchedule"}]},
        "no tolerations but",
    ),
    "a toleration for ever": (
        {"tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}]},
        "no tolerations but",
    ),
    "a claimed volume": (
        {"volumes": [{"name": "p", "persistentVolumeClaim": {"claimName": "theirs"}}]},
        "not in the chart's value trainer.claims",
    ),
    "a volume of its own": (
        {
            "volumes": [
                {
                    "name": "e",
                    "ephemeral": {
                        "volumeClaimTemplate": {
                            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Ti"}}}
                        }
                    },
                }
            ]
        },
        "volumes of the kinds",
    ),
    "a volume over the network": (
        {"volumes": [{"name": "n", "nfs": {"server": "10.0.0.9", "path": "/"}}]},
        "volumes of the kinds",
    ),
    "a ConfigMap of others": (
        {"volumes": [{"name": "c", "configMap": {"name": "kube-root-ca.crt"}}]},
        "volumes of the kinds",
    ),
    "a volume without a limit": ({"volumes": [{"name": "e", "emptyDir": {}}]}, "emptyDir with a sizeLimit"),
    "a volume in memory": (
        {"volumes": [{"name": "e", "emptyDir": {"sizeLimit": "1Gi", "medium": "Memory"}}]},
        "emptyDir with a sizeLimit",
    ),
    "a ConfigMap as variable": (
        {"containers": container(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}])},
        "no ConfigMap into variables",
    ),
    "all keys of a ConfigMap": (
        {"containers": container(envFrom=[{"configMapRef": {"name": "x"}}])},
        "no ConfigMap into variables",
    ),
    "any image": ({"containers": container(image="busybox:1")}, "not in the chart's value trainer.images"),
    "another tag": ({"containers": container(image="sunward-trainer:latest")}, "trainer.images"),
    "another registry": (
        {"containers": container(image="example.org/sunward-trainer:0.1.0")},
        "trainer.images",
    ),
    "any first image": (
        {"initContainers": [{**container(image="busybox:1")[0], "name": "first"}]},
        "trainer.images",
    ),
    "no limits": ({"containers": container(resources={})}, "set limits of cpu, memory and ephemeral-storage"),
    "no limit of the disk": (
        {"containers": container(resources={"limits": {"cpu": "1", "memory": "1Gi"}})},
        "set limits of cpu, memory and ephemeral-storage",
    ),
    "a runtime class": ({"runtimeClassName": RUNTIME}, "no runtime class"),
    "a name in the cluster's DNS": ({"hostname": "db", "subdomain": "theirs"}, "host name"),
    "an alias": ({"hostAliases": [{"ip": "10.0.0.9", "hostnames": ["registry"]}]}, "host name or alias"),
    "no AppArmor": (
        {"securityContext": {**SAFE, "appArmorProfile": {"type": "Unconfined"}}},
        "leave appArmorProfile out",
    ),
    "no AppArmor in a container": (
        {"containers": context(appArmorProfile={"type": "Unconfined"})},
        "leave appArmorProfile out",
    ),
    "no seccomp in a container": (
        {"containers": context(seccompProfile={"type": "Unconfined"})},
        "seccompProfile.type to RuntimeDefault",
    ),
    "a process of the host": (
        {"securityContext": {**SAFE, "windowsOptions": {"hostProcess": True}}, "hostNetwork": True},
        "no namespace and no port of the host",
    ),
    "a type of SELinux": (
        {"securityContext": {**SAFE, "seLinuxOptions": {"type": "spc_t"}}},
        "no SELinux options",
    ),
    "a type of SELinux in a container": (
        {"containers": context(seLinuxOptions={"level": "s0"})},
        "no SELinux options",
    ),
    "sysctls": (
        {"securityContext": {"runAsNonRoot": True, **RELAXED, "sysctls": [{"name": "a.b", "value": "1"}]}},
        "no sysctls",
    ),
}


@pytest.mark.parametrize("what", sorted(PODS))
def test_6_the_operator_cannot_create_a_pod_with(operator: Api, what: str) -> None:
    spec, message = PODS[what]
    assert_denied(operator.create(pod("worker", **spec), dry_run=True), message)


def test_6_the_operator_cannot_create_a_privileged_pod(operator: Api) -> None:
    spec: dict[str, Any] = {"containers": context(allowPrivilegeEscalation=True, privileged=True)}
    answer = operator.create(pod("worker", **spec), dry_run=True)
    assert answer.code in (403, 422)
    assert "drop ALL capabilities" in answer.message or "disallowed by cluster policy" in answer.message


GIVEN = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
]
"""Tolerations that the API server gives to every pod."""
METADATA: dict[str, tuple[dict[str, Any], str]] = {
    "no owner": ({"ownerReferences": []}, "owned by the TrainingJob"),
    "another owner": ({"ownerReferences": [{**OWNER, "name": "other"}]}, "owned by the TrainingJob"),
    "another job of the same name for an owner": (
        {"ownerReferences": [{**OWNER, "uid": "0c1f6a0b-9a57-4b7e-a4a5-6f2a5a528d3e"}]},
        "owned by the TrainingJob",
    ),
    "no number of the job": ({"labels": {"sunward.dev/job": "mnist"}}, "owned by the TrainingJob"),
    "an owner of another kind": (
        {"ownerReferences": [{**OWNER, "apiVersion": "v1", "kind": "ConfigMap"}]},
        "owned by the TrainingJob",
    ),
    "a second owner": (
        {"ownerReferences": [OWNER, {**OWNER, "apiVersion": "v1", "kind": "Pod", "controller": False}]},
        "owned by the TrainingJob",
    ),
    "a label of others": (
        {"labels": {**JOB_LABELS, "app": "db"}},
        "only labels and annotations of Sunward",
    ),
    "a label that Services of others select": (
        {"labels": {**JOB_LABELS, "app.kubernetes.io/name": "postgres"}},
        "only labels and annotations of Sunward",
    ),
    "an annotation of others": (
        {"annotations": {"container.apparmor.security.beta.kubernetes.io/worker": "unconfined"}},
        "",
    ),
    "a finalizer": ({"finalizers": ["example.org/stay"]}, "no finalizer"),
}


@pytest.mark.parametrize("what", sorted(METADATA))
def test_6_the_operator_cannot_create_a_pod_that_carries(operator: Api, what: str) -> None:
    metadata, message = METADATA[what]
    assert_denied(operator.create(owned(pod("worker"), **metadata), dry_run=True), message)


def test_6_a_pod_may_have_the_tolerations_that_every_pod_is_given_and_its_own_certificate(operator: Api) -> None:
    pressure = {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}
    certificate = {"name": "door", "secret": {"secretName": "worker-door"}}
    work = {"name": "work", "configMap": {"name": "mnist-assignment"}}
    answer = operator.create(pod("worker", tolerations=[*GIVEN, pressure], volumes=[certificate, work]), dry_run=True)
    assert answer.code == 201, answer.message
    theirs = {"name": "door", "secret": {"secretName": "other-door"}}
    assert_denied(operator.create(pod("worker", volumes=[theirs]), dry_run=True), "volumes of the kinds")


@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"labels": {"app": "db"}}},
        {"metadata": {"labels": {"sunward.dev/component": "coordinator"}}},
        {"metadata": {"annotations": {"example.org/a": "b"}}},
        {"metadata": {"annotations": {"sunward.dev/do-not-disrupt": "true"}}},
        {"metadata": {"finalizers": ["example.org/stay"]}},
        {"metadata": {"ownerReferences": []}},
        {"spec": {"activeDeadlineSeconds": 1}},
        {"spec": {"tolerations": [*GIVEN, {"operator": "Exists"}]}},
    ],
)
def test_6_of_a_pod_that_exists_the_operator_changes_two_annotations_only(
    admin: Api, operator: Api, patch: Manifest
) -> None:
    assert admin.create(pod("settled")).code == 201
    path = f"/api/v1/namespaces/{SPACE}/pods/settled"
    try:
        assert_denied(operator.merge(f"{path}?dryRun=All", patch), "only the annotations sunward.dev/plan and")
        for own in ("sunward.dev/plan", "sunward.dev/certificate"):
            planned = {"metadata": {"annotations": {own: "new"}}}
            assert operator.merge(f"{path}?dryRun=All", planned).code == 200
    finally:
        admin.request("DELETE", f"{path}?gracePeriodSeconds=0")


@pytest.mark.parametrize(
    ("values", "changes", "may"),
    [
        ({"images": ["example.org/team/*"]}, {"image": "example.org/team/app:1"}, True),
        ({"images": ["example.org/team/*"]}, {"image": "example.org/teams/app:1"}, False),
        ({"images": ["app:*", "app@*"]}, {"image": "app@sha256:0123"}, True),
        ({"images": []}, {"image": "busybox:1"}, True),
        ({"priorityClass": "system-cluster-critical"}, {"priorityClassName": "system-cluster-critical"}, True),
        ({"priorityClass": "system-cluster-critical"}, {"priorityClassName": "system-node-critical"}, False),
    ],
)
def test_6_images_and_priority_are_the_administrators(
    admin: Api, operator: Api, tmp_path: Path, values: Manifest, changes: Manifest, may: bool
) -> None:
    def stored(values: Manifest) -> None:
        rendered = chart.render(tmp_path, values={**VALUES, "trainer": TRAINER | values})
        assert admin.apply(chart.one(rendered, "ValidatingAdmissionPolicy", "sunward-6-pods")).code == 200

    spec = changes if "priorityClassName" in changes else {"containers": container(**changes)}
    same = {"containers": container(image="busybox:1")} if "images" in values else {"priorityClassName": ""}
    stored(values)
    try:
        eventually(lambda: (operator.create(pod("worker", **spec), dry_run=True).code == 201) is may)
        assert (operator.create(pod("worker", **same), dry_run=True).code == 201) is not bool(values.get("images"))
    finally:
        stored({})
        asked: list[dict[str, Any]] = [{}, {"containers": container(image="busybox:1")}]
        asked.append({"priorityClassName": "system-cluster-critical"})
        asked.append({"volumes": [{"name": "p", "persistentVolumeClaim": {"claimName": "checkpoints"}}]})
        usual = [True, False, False, True]
        eventually(lambda: [operator.create(pod("worker", **one), dry_run=True).code == 201 for one in asked] == usual)


def test_6_the_operator_cannot_create_pods_that_are_not_of_a_job(operator: Api) -> None:
    assert_denied(operator.create(pod("worker", labels={}), dry_run=True), "carry the label sunward.dev/job")


@pytest.mark.parametrize("claim", ["checkpoints", "digits-a"])
def test_6_claims_and_data_volumes_that_the_chart_lists_pass(operator: Api, claim: str) -> None:
    volumes = [
        {"name": "p", "persistentVolumeClaim": {"claimName": claim}},
        {"name": "h", "hostPath": {"path": "/srv/cameras", "type": "Directory"}},
    ]
    mounts = [{"name": "p", "mountPath": "/p"}, {"name": "h", "mountPath": "/h", "readOnly": True}]
    manifest = pod("worker", volumes=volumes, containers=container(volumeMounts=mounts))
    answer = operator.create(manifest, dry_run=True)
    assert answer.code == 201, answer.message


@pytest.mark.parametrize(
    "sample", ["trainingjob-flower", "trainingjob-own-data", "trainingjob-app", "trainingjob-generic-python"]
)
def test_6_the_operators_own_templates_pass(operator: Api, sample: str) -> None:
    from datetime import UTC, datetime

    from sunward.cluster.objects.schema import job_spec
    from sunward.cluster.training import pods, templates
    from sunward.cluster.training.pod_volumes import Surroundings
    from sunward.domain.workloads import DataVolume

    job = copy.deepcopy(crds.sample(sample))
    job["metadata"] |= {"namespace": SPACE, "uid": "6f2a5a52-9a57-4b7e-a4a5-0c1f6a0b8d3e"}
    spec = job_spec(job)
    if sample == "trainingjob-flower":
        assert spec.deadline is not None
        assert spec.deadline > datetime(2026, 1, 1, tzinfo=UTC)
    folder = DataVolume(host_path="/srv/cameras", namespaces=(SPACE,))
    around = Surroundings(data_volumes={"cameras": folder})
    made = [
        pods.coordinator_pod(spec, HUB, around),
        pods.worker_pod(spec, "pi-01", WORKER, "10.96.0.7", around),
        pods.worker_pod(spec, "pi-02", WORKER, "10.96.0.7", around),
        templates.coordinator_service(spec),
        templates.assignment_map(spec, "{}"),
    ]
    for manifest in made:
        answer = operator.create(manifest, dry_run=True)
        assert answer.code == 201, answer.message


def test_6_the_operator_cannot_take_over_a_pod_of_others(admin: Api, operator: Api) -> None:
    assert admin.create(pod("victim", labels={})).code == 201
    path = f"/api/v1/namespaces/{SPACE}/pods/victim"
    patch = {"metadata": {"labels": {"sunward.dev/job": "mnist"}}}
    assert_denied(operator.merge(f"{path}?dryRun=All", patch), "may not adopt a pod")
    admin.request("DELETE", f"{path}?gracePeriodSeconds=0")


# 7 and 8: who says what a node is


@pytest.mark.parametrize("key", [MANAGED, KEEP_AWAKE])
@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_7_neither_operator_nor_kubelet_nor_a_careless_person_says_whether_a_node_may_sleep(
    admin: Api, operator: Api, key: str, where: str
) -> None:
    patch = {"metadata": {where: {key: "false"}}}
    kubelet = Api(
        url=admin.url,
        token=admin.token,
        headers={"Impersonate-User": f"system:node:{WORKER}", "Impersonate-Group": "system:nodes"},
    )
    assert_denied(operator.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", patch), "")  # by policy 1 or 7
    for who in (kubelet, admin.acting_as("careless")):
        answer = who.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", patch)
        assert_denied(answer, "only by those who may update energypolicies")
    assert admin.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", patch).code == 200


def test_7_other_labels_and_a_kubelets_status_pass(admin: Api) -> None:
    careless = admin.acting_as("careless")
    assert careless.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", {"metadata": {"labels": {"a": "b"}}}).code == 200
    status = {"status": {"nodeInfo": {"kubeletVersion": "v1.34.4"}}}
    assert careless.merge(f"/api/v1/nodes/{WORKER}/status?dryRun=All", status).code == 200


@pytest.mark.parametrize(
    "patch",
    [
        {"gridZone": "FR"},
        {"harvest": {"nameplateMilliwatts": 2_000_000}},
        {"power": {"busyMilliwatts": 1_000_000}},
        {"sleep": {"driver": "None"}},
        {"role": "AlwaysOn", "sleep": {"driver": "None"}},
        {"export": {"maximumPercentOfHarvest": 100}},
    ],
)
def test_8_what_a_machine_is_cannot_be_changed_without_the_right_to_update_the_policy(
    admin: Api, operator: Api, patch: Manifest
) -> None:
    for who in (operator, admin.acting_as("careless")):
        answer = who.merge(f"{ENERGY_NODE}?dryRun=All", {"spec": patch})
        assert_denied(answer, "only by those who may update energypolicies")
    assert admin.merge(f"{ENERGY_NODE}?dryRun=All", {"spec": patch}).code == 200


def test_8_holding_a_node_awake_needs_no_more_than_the_right_to_patch_it(admin: Api) -> None:
    override = {"power": "Awake", "until": "2026-11-22T18:00:00Z", "reason": "firmware update"}
    answer = admin.acting_as("careless").merge(f"{ENERGY_NODE}?dryRun=All", {"spec": {"override": override}})
    assert answer.code == 200, answer.message


def test_8_an_energy_node_is_not_created_without_that_right(admin: Api) -> None:
    other = copy.deepcopy(energy_node())
    other["metadata"]["name"] = FREE
    assert_denied(
        admin.acting_as("careless").create(other, dry_run=True), "only by those who may update energypolicies"
    )
    assert admin.create(other, dry_run=True).code == 201


# 9: what else the operator may touch in a job namespace


def job_service(**spec: Any) -> Manifest:
    """The Service of a job as the operator makes it, with changes to its spec."""
    labels = {
        "app.kubernetes.io/managed-by": "sunward",
        **JOB_LABELS,
        "sunward.dev/component": "coordinator",
    }
    metadata = {"name": "mnist-coordinator", "namespace": SPACE, "labels": labels, "ownerReferences": [OWNER]}
    base = {"selector": labels, "ports": [{"name": "progress", "port": 9812, "targetPort": 9812}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {**base, **spec}}


SERVICES: dict[str, tuple[dict[str, Any], str]] = {
    "an external address": ({"externalIPs": ["192.168.1.57"]}, "is of type ClusterIP"),
    "a port of every node": ({"type": "NodePort"}, "is of type ClusterIP"),
    "a load balancer": ({"type": "LoadBalancer"}, "is of type ClusterIP"),
    "another name": ({"type": "ExternalName", "externalName": "example.org", "ports": []}, "is of type ClusterIP"),
    "no address": ({"clusterIP": "None"}, "an address of the cluster"),
    "session affinity": ({"sessionAffinity": "ClientIP"}, "session affinity"),
    "no selector": ({"selector": None}, "selects the coordinator of that job"),
    "pods of another job": (
        {"selector": {"sunward.dev/job": "other", "sunward.dev/component": "coordinator"}},
        "selects the coordinator of that job",
    ),
    "pods of another job of the same name": (
        {"selector": {**JOB_LABELS, "sunward.dev/job-uid": "other", "sunward.dev/component": "coordinator"}},
        "selects the coordinator of that job",
    ),
    "pods of every job of the name": (
        {"selector": {"sunward.dev/job": "mnist", "sunward.dev/component": "coordinator"}},
        "selects the coordinator of that job",
    ),
    "pods of anything": ({"selector": {"app": "db"}}, "selects the coordinator of that job"),
    "pods that are also something else": (
        {"selector": {**JOB_LABELS, "sunward.dev/component": "coordinator", "app": "db"}},
        "selects the coordinator of that job",
    ),
}


@pytest.mark.parametrize("what", sorted(SERVICES))
def test_9_the_operator_cannot_create_a_service_with(operator: Api, what: str) -> None:
    spec, message = SERVICES[what]
    assert_denied(operator.create(job_service(**spec), dry_run=True), message)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"name": "db"}, "is named JOB-coordinator"),
        ({"ownerReferences": []}, "owned by the TrainingJob"),
        ({"ownerReferences": [{**OWNER, "name": "other"}]}, "owned by the TrainingJob"),
        ({"ownerReferences": [{**OWNER, "uid": "0c1f6a0b-9a57-4b7e-a4a5-6f2a5a528d3e"}]}, "owned by the TrainingJob"),
        ({"labels": {**JOB_LABELS, "app": "db"}}, "only labels of Sunward"),
        ({"annotations": {"service.kubernetes.io/topology-mode": "Auto"}}, "no annotations"),
        ({"finalizers": ["example.org/stay"]}, "no finalizers"),
    ],
)
def test_9_a_service_is_the_jobs_own_and_looks_like_it(operator: Api, metadata: Manifest, message: str) -> None:
    assert_denied(operator.create(owned(job_service(), **metadata), dry_run=True), message)


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"externalIPs": ["192.168.1.57"]}},
        {"spec": {"type": "NodePort"}},
        {"spec": {"selector": {"app": "db"}}},
        {"metadata": {"labels": {"app": "db"}}},
        {"metadata": {"annotations": {"a": "b"}}},
    ],
)
def test_9_a_service_that_exists_is_not_changed(admin: Api, operator: Api, patch: Manifest) -> None:
    assert admin.create(job_service()).code == 201
    path = crds.path_of(job_service())
    try:
        assert_denied(operator.merge(f"{path}?dryRun=All", patch), "")
    finally:
        admin.delete(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"other.json": "{}"}}, "contains assignment.json only"),
        ({"data": {}, "binaryData": {"a": "AAAA"}}, "contains assignment.json only"),
        ({"data": {}, "immutable": True}, "contains assignment.json only"),
        ({"data": {"assignment.json": "{}"}}, None),
    ],
)
def test_9_a_config_map_holds_the_assignment_and_nothing_else(
    operator: Api, change: Manifest, message: str | None
) -> None:
    metadata = {**job_service()["metadata"], "name": "mnist-assignment"}
    answer = operator.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **change}, dry_run=True)
    if message is None:
        assert answer.code == 201, answer.message
    else:
        assert_denied(answer, message)


def config_map(labels: dict[str, str]) -> Manifest:
    """A ConfigMap of the job namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "theirs", "namespace": SPACE, "labels": labels},
    }


def test_9_config_maps_of_others_cannot_be_made_changed_adopted_or_deleted(admin: Api, operator: Api) -> None:
    message = "only objects of training jobs"
    assert_denied(operator.create(config_map({}), dry_run=True), message)
    assert admin.create(config_map({})).code == 201
    path = crds.path_of(config_map({}))
    assert_denied(operator.merge(f"{path}?dryRun=All", {"data": {"a": "b"}}), message)
    assert_denied(operator.merge(f"{path}?dryRun=All", {"metadata": {"labels": {"sunward.dev/job": "a"}}}), message)
    assert_denied(operator.delete(f"{path}?dryRun=All"), message)
    admin.delete(path)


# 11 and 12: what the operator says


def event(*, component: str) -> Manifest:
    """An event about the worker's EnergyNode, by its source."""
    about = {"apiVersion": "sunward.dev/v1alpha1", "kind": "EnergyNode", "name": WORKER}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"said-by-{component}", "namespace": "default"},
        "involvedObject": about,
        "reason": "Awake",
        "type": "Normal",
        "source": {"component": component},
    }


@pytest.mark.parametrize("component", ["kubelet", "default-scheduler", "sunward-operator-2"])
def test_11_the_operator_speaks_for_nobody_else(operator: Api, component: str) -> None:
    assert_denied(operator.create(event(component=component), dry_run=True), "name sunward-operator as their source")


def test_11_the_operator_speaks_for_itself(admin: Api, operator: Api) -> None:
    answer = operator.create(event(component="sunward-operator"), dry_run=True)
    assert answer.code == 201, answer.message
    theirs = event(component="kubelet")
    assert admin.create(theirs).code == 201
    path = f"/api/v1/namespaces/default/events/{theirs['metadata']['name']}"
    patch = {"source": {"component": "sunward-operator"}, "message": "all is well"}
    assert_denied(operator.merge(f"{path}?dryRun=All", patch), "name sunward-operator as their source")
    admin.delete(path)


def moved(before: str, after: str, reason: str) -> Manifest:
    """A status that tells of a transition."""
    transition = {"time": "2026-11-22T18:00:00Z", "from": before, "to": after, "reason": reason, "message": ""}
    return {"status": {"powerState": after, "lastTransition": transition}}


@pytest.mark.parametrize(
    ("before", "after", "reason", "may"),
    [
        ("Awake", "Cordoned", "SleepStarted", True),
        ("Awake", "Asleep", "PoweredOffByOthers", True),
        ("Awake", "Asleep", "RelayTripped", True),
        ("Awake", "Asleep", "Asleep", False),
        ("Awake", "PowerOffRequested", "PowerOffRequested", False),
        ("Cordoned", "Asleep", "Asleep", False),
        ("PowerOffRequested", "Asleep", "Asleep", True),
        ("PowerOffRequested", "Awake", "Awake", False),
        ("Asleep", "Awake", "Awake", False),
        ("Degraded", "Asleep", "PoweredOffByOthers", False),
        ("Booting", "Asleep", "PoweredOffByOthers", False),
    ],
)
def test_12_a_node_is_recorded_as_asleep_only_after_a_power_off(
    admin: Api, operator: Api, before: str, after: str, reason: str, may: bool
) -> None:
    assert admin.merge(STATUS, {"status": {"powerState": before}}).code == 200
    answer = operator.merge(f"{STATUS}?dryRun=All", moved(before, after, reason))
    if may:
        assert answer.code == 200, answer.message
    else:
        assert_denied(answer, "only along the state machine")


def test_12_a_change_of_the_power_state_is_told(admin: Api, operator: Api) -> None:
    assert admin.merge(STATUS, {"status": {"powerState": "Awake"}}).code == 200
    silent = {"status": {"powerState": "Cordoned", "lastTransition": None}}
    assert_denied(operator.merge(f"{STATUS}?dryRun=All", silent), "recorded in status.lastTransition")
