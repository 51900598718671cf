"""What a real API server refuses to a stolen token of the operator, to an agent, to a node, and to a careless person.

Every policy is tried from both sides: what it must deny, with its message, and what it must let pass.
"""

from __future__ import annotations

import copy
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
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
GRANTS = (*chart.RIGHTS, "ServiceAccount")


DENIALS: Counter[str] = Counter()
"""Refused requests by policy: the battery of rights tells how many there were."""


@pytest.fixture(scope="module", autouse=True)
def count_denials(record_testsuite_property: Callable[[str, object], None]) -> Iterator[None]:
    """Leave the number of refusals in the report."""
    yield
    for policy, count in sorted(DENIALS.items()):
        record_testsuite_property(f"denials.{policy}", count)


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """An administrator of a cluster with the chart's rights and policies, three nodes and two namespaces of jobs."""
    api = crds.administrator(control_plane.kubeconfig)
    crds.install(api)
    rendered = chart.render(tmp_path_factory.mktemp("chart"), values={"jobNamespaces": [SPACE]})
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
        lambda: admin.merge(f"{STATUS}?dryRun=All", {"status": {"harvest": {"milliwatts": 99_999_999}}}),
        lambda: operator.create(pod("unlabelled", labels={}), dry_run=True),
        lambda: operator.merge(f"/api/v1/nodes/{WORKER}?dryRun=All", {"metadata": {"labels": {MANAGED: None}}}),
        lambda: agent(admin, WORKER).merge(f"{ENERGY_NODE}?dryRun=All", {"spec": {"gridZone": "FR"}}),
        lambda: operator.create(config_map({}), dry_run=True),
    ]
    for probe in probes:
        eventually(lambda probe=probe: "ValidatingAdmissionPolicy" in probe().message, seconds=60.0)  # type: ignore[misc]


MANAGED, KEEP_AWAKE, ASLEEP = "sunward.dev/managed", "sunward.dev/do-not-sleep", "sunward.dev/asleep"
MARK = "sunward.dev/cordoned-by"
ENERGY_NODE = f"/apis/sunward.dev/v1alpha1/energynodes/{WORKER}"
STATUS = f"{ENERGY_NODE}/status"
TAINT = {"key": ASLEEP, "effect": "NoSchedule"}


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
        {"apiGroups": [""], "resources": ["pods", "pods/eviction"], "verbs": ["*"]},
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
        ({"metadata": {"labels": {"zone": "b"}}}, "only labels with the prefix"),
        ({"metadata": {"labels": {"zone": None}}}, "only labels with the prefix"),
        ({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}}, "only labels with the prefix"),
        ({"metadata": {"annotations": {"a": "b"}}}, "only annotations with the prefix"),
        ({"metadata": {"finalizers": ["sunward.dev/stay"]}}, "may not change finalizers or owners"),
        ({"spec": {"taints": [{"key": "other", "effect": "NoExecute"}]}}, "only taints with the prefix"),
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
    assert_denied(operator.merge(f"{path}?dryRun=All", {"spec": {"taints": [TAINT]}}), "only taints")
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


def eventually(holds: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """The API server learns of a changed policy by a watch of its own."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_9_the_operator_deletes_only_pods_of_training_jobs(admin: Api, operator: Api) -> None:
    for name, labels in (("theirs", {}), ("ours", {"sunward.dev/job": "mnist"})):
        assert admin.create(pod(name, labels=labels)).code == 201
    path = f"/api/v1/namespaces/{SPACE}/pods"
    assert_denied(operator.delete(f"{path}/theirs"), "only objects of training jobs")
    assert operator.delete(f"{path}/ours").code == 200
    admin.request("DELETE", f"{path}/theirs?gracePeriodSeconds=0")


# 4 and 5: agents and readings


def test_4_an_agent_writes_only_the_energy_node_of_the_node_its_token_is_bound_to(admin: Api) -> None:
    patch = {"status": {"lastSeen": {"sensors": "2026-11-22T12:00:00Z"}}}
    assert agent(admin, WORKER).merge(STATUS, patch).code == 200
    assert_denied(agent(admin, FREE).merge(STATUS, patch), "of the node that its token is bound to")
    assert_denied(admin.acting_as(AGENT).merge(STATUS, patch), "of the node that its token is bound to")


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
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    base = {
        "serviceAccountName": "sunward-trainer",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "state", "emptyDir": {}}],
    }
    metadata = {"name": name, "namespace": SPACE, "labels": {"sunward.dev/job": "mnist"} if labels is None else labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**base, **spec}}


def container(**changes: Any) -> list[Manifest]:
    """The worker's container with changes."""
    (base,) = pod("any")["spec"]["containers"]
    return [{**base, **changes}]


def context(**changes: Any) -> list[Manifest]:
    """The worker's container with another security context."""
    return container(securityContext={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **changes})


RELAXED = {"seccompProfile": {"type": "RuntimeDefault"}}
PODS: dict[str, tuple[dict[str, Any], str]] = {
    "another account": ({"serviceAccountName": "other"}, "as the account sunward-trainer"),
    "a token": ({"automountServiceAccountToken": True}, "mount no token"),
    "a token by hand": (
        {"volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]},
        "volumes of the kinds",
    ),
    "a folder of the host": ({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, "volumes of the kinds"),
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
        {"initContainers": [{"name": "first", "image": "busybox"}]},
        "set allowPrivilegeEscalation to false",
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


def test_6_the_operator_cannot_create_pods_that_are_not_of_a_job(operator: Api) -> None:
    assert_denied(operator.create(pod("worker", labels={}), dry_run=True), "carry the label sunward.dev/job")


def test_6_the_operators_own_templates_pass(operator: Api) -> None:
    from datetime import UTC, datetime

    from sunward.cluster.objects.schema import job_spec
    from sunward.cluster.training import templates

    job = copy.deepcopy(crds.sample("trainingjob-flower"))
    job["metadata"] |= {"namespace": SPACE, "uid": "6f2a5a52-9a57-4b7e-a4a5-0c1f6a0b8d3e"}
    spec = job_spec(job)
    assert spec.deadline is not None
    assert spec.deadline > datetime(2026, 1, 1, tzinfo=UTC)
    made = [
        templates.coordinator_pod(spec, HUB, "sunward-trainer"),
        templates.worker_pod(spec, "pi-01", WORKER, "10.96.0.7", "sunward-trainer"),
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
    for who in (operator, kubelet, admin.acting_as("careless")):
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
