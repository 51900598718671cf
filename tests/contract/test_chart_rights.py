"""What the chart's accounts may and may not do, as the API server's own authoriser answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from support import chart, crds
from support.crds import Api
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]  # the fixture

pytestmark = pytest.mark.cluster

OPERATOR, EXPORTER, TRAINER = "sunward-operator", "sunward-exporter", "sunward-trainer"
HOME, JOBS, MEDIA, OTHER = chart.NAMESPACE, "rights-jobs", "rights-media", "rights-other"
OURS = "sunward.dev"

# account, verb, group, resource[/subresource], namespace ("" = the whole cluster), name
Question = tuple[str, str, str, str, str, str]

READ = ("get", "list", "watch")
KEEP = ("get", "list", "create", "patch", "delete")
CHANGE = ("create", "update", "patch", "delete")
RBAC, ADMISSION, LEASES = "rbac.authorization.k8s.io", "admissionregistration.k8s.io", "coordination.k8s.io"
NETWORKING = "networking.k8s.io"
DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")


def asked(
    account: str, verbs: Iterable[str], group: str, kinds: Iterable[str], spaces: Iterable[str] = ("",), name: str = ""
) -> list[Question]:
    """Every combination as a question."""
    return [(account, verb, group, kind, space, name) for verb in verbs for kind in kinds for space in spaces]


ALLOWED: list[Question] = [
    *asked(OPERATOR, (*READ, "patch"), "", ["nodes"]),
    *asked(OPERATOR, READ, "", ["pods", "persistentvolumes", "persistentvolumeclaims"]),
    *asked(OPERATOR, READ, "storage.k8s.io", ["volumeattachments", "storageclasses"]),
    *asked(OPERATOR, READ, "policy", ["poddisruptionbudgets"]),
    *asked(OPERATOR, READ, OURS, ["energynodes", "trainingjobs", "energypolicies"]),
    *asked(OPERATOR, ["patch"], OURS, ["energynodes/status", "trainingjobs/status", "energypolicies/status"]),
    *asked(OPERATOR, (*READ, "create", "delete"), OURS, ["energyplans"]),
    *asked(OPERATOR, ["patch"], OURS, ["energyplans/status"]),
    *asked(OPERATOR, ["create", "patch", "delete"], "", ["pods"], [JOBS]),
    *asked(OPERATOR, ["create"], "", ["pods/eviction"], [JOBS, MEDIA]),
    *asked(OPERATOR, KEEP, "", ["services", "configmaps"], [JOBS]),
    *asked(OPERATOR, ["create", "patch"], "", ["secrets"], [JOBS]),
    *asked(OPERATOR, ["list", "create", "patch"], NETWORKING, ["networkpolicies"], [JOBS]),
    *asked(OPERATOR, ["create"], "", ["secrets"], [HOME]),
    *asked(OPERATOR, ["get"], "", ["secrets"], [HOME], "sunward-job-authority"),
    *asked(OPERATOR, ["create"], "", ["events"], [JOBS, "default"]),
    *asked(OPERATOR, ["create"], LEASES, ["leases"], [HOME]),
    *asked(OPERATOR, ["get", "update"], LEASES, ["leases"], [HOME], "sunward-operator"),
    *asked(OPERATOR, ["list", "watch"], LEASES, ["leases"], name="sunward-operator"),
]

DENIED: list[Question] = [
    *asked(OPERATOR, ["create", "update", "delete", "deletecollection"], "", ["nodes"]),
    *asked(OPERATOR, ["patch", "update"], "", ["nodes/status"]),
    *asked(OPERATOR, ["get", "create"], "", ["nodes/proxy"]),
    *asked(OPERATOR, [*CHANGE, "deletecollection"], "", ["pods"], ["", OTHER, HOME, "kube-system"]),
    *asked(OPERATOR, ["create"], "", ["pods/eviction"], ["", OTHER, HOME, "kube-system"]),
    *asked(OPERATOR, [*CHANGE, "deletecollection"], "", ["pods", "services", "secrets"], [MEDIA]),
    *asked(OPERATOR, READ, "", ["namespaces"]),
    *asked(OPERATOR, ["create"], "", ["pods/exec", "pods/attach", "pods/portforward", "pods/binding"], [JOBS]),
    *asked(OPERATOR, ["patch", "update"], "", ["pods/ephemeralcontainers"], [JOBS]),
    *asked(OPERATOR, ["update", "deletecollection"], "", ["pods"], [JOBS]),
    *asked(OPERATOR, READ, "", ["secrets"], ["", HOME, JOBS, OTHER]),
    *asked(OPERATOR, ["get"], "", ["secrets"], [HOME], "another"),
    *asked(OPERATOR, ["get"], "", ["secrets"], [JOBS], "sunward-job-authority"),
    *asked(OPERATOR, ["update", "delete", "deletecollection"], "", ["secrets"], [HOME, JOBS]),
    *asked(OPERATOR, ["patch"], "", ["secrets"], ["", HOME, OTHER]),
    *asked(OPERATOR, CHANGE, NETWORKING, ["networkpolicies"], ["", HOME, OTHER]),
    *asked(OPERATOR, ["update", "delete", "deletecollection"], NETWORKING, ["networkpolicies"], [JOBS]),
    *asked(OPERATOR, KEEP, "", ["configmaps"], ["", HOME, OTHER]),
    *asked(OPERATOR, CHANGE, OURS, ["energynodes", "energypolicies"]),
    *asked(OPERATOR, CHANGE, OURS, ["trainingjobs"], [JOBS]),
    *asked(OPERATOR, ["patch", "update"], OURS, ["energyplans"]),
    *asked(OPERATOR, ["get", "update", "delete"], LEASES, ["leases"], [HOME], "another"),
    *asked(OPERATOR, ["update"], LEASES, ["leases"], ["kube-node-lease"]),
    *asked(OPERATOR, ["list", "watch"], LEASES, ["leases"], ["", HOME, "kube-node-lease"]),
    *asked(OPERATOR, ["create", "bind", "escalate"], RBAC, ["clusterroles"]),
    *asked(OPERATOR, ["create"], RBAC, ["rolebindings"], [JOBS]),
    *asked(OPERATOR, ["create"], "", ["serviceaccounts/token"], [JOBS]),
    *asked(OPERATOR, ["impersonate"], "", ["users", "groups", "serviceaccounts"]),
    *asked(OPERATOR, CHANGE, DEFINITIONS[0], DEFINITIONS[1:]),
    *asked(OPERATOR, CHANGE, ADMISSION, ["validatingadmissionpolicies", "validatingwebhookconfigurations"]),
    *asked(OPERATOR, ["patch"], "", ["namespaces"], [""], JOBS),
    *asked(EXPORTER, [*READ, "patch"], "", ["nodes", "pods"]),
    *asked(EXPORTER, [*READ, "patch"], OURS, ["energynodes", "energynodes/status"]),
    *asked(TRAINER, READ, "", ["pods", "secrets"], [JOBS]),
    *asked(TRAINER, READ, OURS, ["trainingjobs"], [JOBS]),
]


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """An administrator at a server with the chart's rights."""
    api = crds.administrator(control_plane.kubeconfig)
    spaces: list[crds.Manifest] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (HOME, JOBS, MEDIA)
    ]
    values = {"jobNamespaces": [JOBS], "evictNamespaces": {"names": [MEDIA, JOBS]}}
    rendered = chart.render(tmp_path_factory.mktemp("chart"), values=values)
    for manifest in [*spaces, *chart.of_kind(rendered, *chart.RIGHTS)]:
        answer = api.apply(manifest)
        assert answer.code in (200, 201), answer.message
    return api


@pytest.fixture(scope="module", autouse=True)
def count_questions(record_testsuite_property: Callable[[str, object], None]) -> None:
    """Leave the number of questions in the report."""
    record_testsuite_property("must-allow", len(set(ALLOWED)))
    record_testsuite_property("must-deny", len(set(DENIED)))


def allows(admin: Api, question: Question) -> bool:
    """What the server's authoriser says."""
    account, verb, group, resource, namespace, name = question
    resource, _, sub = resource.partition("/")
    home = JOBS if account == TRAINER else HOME
    attributes = {"verb": verb, "group": group, "resource": resource, "subresource": sub}
    attributes |= {"namespace": namespace, "name": name}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{home}:{account}", "resourceAttributes": attributes},
    }
    answer = admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert answer.code == 201, answer.message
    return bool(answer.body["status"]["allowed"])


def test_every_right_the_operator_uses_is_there(admin: Api) -> None:
    assert [question for question in ALLOWED if not allows(admin, question)] == []


def test_no_right_goes_further(admin: Api) -> None:
    assert [question for question in DENIED if allows(admin, question)] == []


def test_the_tables_are_long_enough_to_mean_something() -> None:
    assert len(set(ALLOWED)) >= 40
    assert len(set(DENIED)) >= 60
