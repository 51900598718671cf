"""What the operator's token, stolen or not, can do with Secrets and NetworkPolicies at a real API server.

The policy is tried from both sides: what it must refuse, and what the operator itself writes.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from sunward.cluster.access.api import ApiError, Body
from sunward.cluster.objects.schema import job_spec
from sunward.cluster.training import jobs, pods, templates
from sunward.cluster.training.authorities import SEED_SECRET, Authorities
from sunward.cluster.training.certificates import LIFETIME
from sunward.cluster.training.door import Door
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.cause import Cause
from sunward.domain.jobs import JobSpec
from sunward.domain.plans import JobDirective
from sunward.domain.reasons import Reason
from support import chart, crds
from support.crds import Answer, Api, Manifest
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]  # the fixture

pytestmark = pytest.mark.cluster

OPERATOR = f"system:serviceaccount:{chart.NAMESPACE}:sunward-operator"
SPACE, OTHER = "door-jobs", "door-other"
POLICY = "sunward-10-job-secrets"
RULES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
RUN = JobDirective(job=f"{SPACE}/mnist", run=True, cause=Cause(Reason.MOVED_TO_CLEANER_NODE), assignments=())
WHERE = jobs.Placement(coordinator_node="hub", workers={"pi-01": "pi-01"}, sites={})


class ServerApi:
    """The operator's port to the API server, over the tests' client."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.writes = 0

    async def get(self, path: str) -> Body:
        return self._read("GET", path, self._api.get(path))

    async def list(self, path: str, **selectors: str) -> list[Body]:
        answer = self._read("GET", path, self._api.get(f"{path}?labelSelector={selectors['labelSelector']}"))
        items: list[Body] = answer["items"]
        return items

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        return self._write("POST", path, self._api.request("POST", path, body))

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        assert isinstance(body, dict)
        return self._write("PATCH", path, self._api.merge(path, body))

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        return self._write("PUT", path, self._api.request("PUT", path, body))

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        self._write("DELETE", path, self._api.delete(path))

    def _write(self, verb: str, path: str, answer: Answer) -> Body:
        body = self._read(verb, path, answer)
        self.writes += 1
        return body

    def _read(self, verb: str, path: str, answer: Answer) -> Body:
        if answer.code >= 400:
            raise ApiError(answer.code, verb, path, answer.message)
        return answer.body


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """An administrator of a cluster with the chart's rights and policies, and a Secret of others in each namespace."""
    api = crds.administrator(control_plane.kubeconfig)
    crds.install(api)
    rendered = chart.render(tmp_path_factory.mktemp("chart"), values={"jobNamespaces": [SPACE]})
    granted = list(chart.of_kind(rendered, *chart.RIGHTS, "ServiceAccount"))
    spaces = [namespace(name) for name in (chart.NAMESPACE, SPACE, OTHER)]
    theirs = [secret("theirs", space) for space in (chart.NAMESPACE, SPACE, OTHER)]
    policy = network_policy("theirs")
    for manifest in [*spaces, *granted, *theirs, policy, *chart.of_kind(rendered, *RULES)]:
        answer = api.apply(manifest)
        assert answer.code in (200, 201), answer.message
    _wait_until_enforced(api.acting_as(OPERATOR))
    return api


def _wait_until_enforced(operator: Api) -> None:
    """Policies begin to hold a moment after they are stored."""
    until = time.monotonic() + 60
    bare: Manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": SPACE}}
    bare["spec"] = {"containers": [{"name": "a", "image": "a"}]}
    for probe, policy in ((secret("probe", SPACE), POLICY), (bare, "sunward-6-pods")):
        while policy not in operator.create(probe, dry_run=True).message:
            assert time.monotonic() < until, f"{policy} is not enforced"
            time.sleep(0.2)


@pytest.fixture
def operator(admin: Api) -> Api:
    """The operator with the rights that the chart gives it."""
    return admin.acting_as(OPERATOR)


@pytest.fixture(scope="module")
def job(admin: Api) -> JobSpec:
    """A job that the API server knows, so that its objects are not collected as orphans."""
    body = copy.deepcopy(crds.sample("trainingjob-flower"))
    body["metadata"] |= {"name": "mnist", "namespace": SPACE}
    answer = admin.create(body)
    assert answer.code == 201, answer.message
    return job_spec(answer.body)


def namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def secret(name: str, space: str, **changes: Any) -> Manifest:
    """A Secret of others."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": space}, "type": "Opaque"}
    return {**body, "data": {"password": base64.b64encode(b"hunter2").decode()}, **changes}


def network_policy(name: str) -> Manifest:
    """A NetworkPolicy of others."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }


def a_door(admin: Api, job: JobSpec, *, at: datetime | None = None) -> Door:
    authority = asyncio.run(Authorities(ServerApi(admin), chart.NAMESPACE).of(job.uid))
    return Door(job=job, authority=authority, operator_namespace=chart.NAMESPACE, now=at or datetime.now(UTC))


def assert_refused(answer: Answer, message: str) -> None:
    """Refused by policy 10, which says so, and without a word of what the Secret contains."""
    assert answer.code in (403, 422), answer
    assert POLICY in answer.message, answer.message
    assert message in answer.message
    assert "hunter2" not in str(answer.body)
    assert base64.b64encode(b"hunter2").decode() not in str(answer.body)


def test_the_operator_makes_its_seed_and_reads_it_back_and_nothing_else(admin: Api, operator: Api) -> None:
    api = ServerApi(operator)
    first = asyncio.run(Authorities(api, chart.NAMESPACE).of("1"))
    assert asyncio.run(Authorities(api, chart.NAMESPACE).of("1")).fingerprint == first.fingerprint
    assert api.writes <= 1
    for space in (chart.NAMESPACE, SPACE, OTHER):
        path = f"/api/v1/namespaces/{space}/secrets"
        assert operator.get(path).code == 403
        assert operator.get(f"{path}/theirs").code == 403
    path = crds.path_of(secret(SEED_SECRET, chart.NAMESPACE))
    assert operator.merge(path, {"metadata": {"labels": {"a": "b"}}}).code == 403
    assert operator.delete(path).code == 403
    assert admin.get(path).body["immutable"] is True


@pytest.mark.parametrize("patch", [{}, {"metadata": {"annotations": {"a": "b"}}}, {"data": {"password": None}}])
@pytest.mark.parametrize("dry_run", ["", "?dryRun=All"])
def test_a_patch_shows_no_secret_of_others(operator: Api, patch: Manifest, dry_run: str) -> None:
    """A patch returns the whole object, and an empty one changes nothing: it would be a way to read."""
    answer = operator.merge(crds.path_of(secret("theirs", SPACE)) + dry_run, patch)
    assert_refused(answer, "only Secrets and NetworkPolicies that carry the label sunward.dev/job")


def test_a_secret_of_others_cannot_be_adopted(operator: Api, admin: Api, job: JobSpec) -> None:
    made = a_door(admin, job).coordinator().secret
    patch = {"metadata": {key: made["metadata"][key] for key in ("labels", "ownerReferences")}}
    assert_refused(operator.merge(crds.path_of(secret("theirs", SPACE)), patch), "carry the label sunward.dev/job")


CHANGES: dict[str, tuple[Manifest, str]] = {
    "no label": ({"labels": {}}, "carry the label sunward.dev/job"),
    "no owner": ({"ownerReferences": []}, "belong to a TrainingJob"),
    "another name": ({"name": "default-token"}, "a name that ends with -door"),
    "another job of the same name": (
        {"labels": {"sunward.dev/job": "mnist", "sunward.dev/job-uid": "another"}},
        "belong to a TrainingJob",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_only_secrets_of_jobs_are_made(operator: Api, admin: Api, job: JobSpec, what: str) -> None:
    made = a_door(admin, job).worker("pi-01", None).secret
    change, message = CHANGES[what]
    assert_refused(operator.create({**made, "metadata": {**made["metadata"], **change}}, dry_run=True), message)


def test_a_secret_of_another_type_or_with_other_keys_is_not_made(operator: Api, admin: Api, job: JobSpec) -> None:
    made = a_door(admin, job).worker("pi-01", None).secret
    message = "Secrets of training jobs have the type sunward.dev/door"
    assert_refused(operator.create({**made, "type": "Opaque"}, dry_run=True), message)
    token = {"type": "kubernetes.io/service-account-token"}
    annotated = {**made["metadata"], "annotations": {"kubernetes.io/service-account.name": "sunward-trainer"}}
    assert_refused(operator.create({**made, **token, "metadata": annotated}, dry_run=True), message)
    assert_refused(operator.create({**made, "data": {"other": "AAAA"}}, dry_run=True), message)
    assert_refused(operator.create(secret("another", chart.NAMESPACE), dry_run=True), "create the Secret")


def test_network_policies_of_others_are_left_alone_and_those_of_a_job_select_its_pods(
    operator: Api, admin: Api, job: JobSpec
) -> None:
    theirs = crds.path_of(network_policy("theirs"))
    assert_refused(operator.merge(theirs, {"spec": {"ingress": [{}]}}), "carry the label sunward.dev/job")
    assert_refused(operator.create(network_policy("more"), dry_run=True), "carry the label sunward.dev/job")
    made = copy.deepcopy(a_door(admin, job).network_policies()[0])
    made["spec"]["podSelector"] = {}
    assert_refused(operator.create(made, dry_run=True), "select pods of that job")


def test_what_the_operator_writes_for_a_job_passes_and_comes_to_rest(operator: Api, admin: Api, job: JobSpec) -> None:
    """Also a renewal, and a policy that somebody opened; a pass over unchanged objects writes nothing."""

    async def a_pass(door: Door) -> int:
        found = await jobs.read_objects(api, SPACE)
        await jobs.apply_job(api, RUN, WHERE, found, door, Surroundings(), "plan-1")
        writes, api.writes = api.writes, 0
        return writes

    api, door = ServerApi(operator), a_door(admin, job)
    assert asyncio.run(a_pass(door)) == 6
    assert asyncio.run(a_pass(door)) == 2
    assert asyncio.run(a_pass(door)) == 0
    path = crds.path_of(door.worker("pi-01", None).secret)
    first = admin.get(path).body["data"]
    later = a_door(admin, job, at=datetime.now(UTC) + LIFETIME)
    assert asyncio.run(a_pass(later)) == 4
    assert admin.get(path).body["data"]["tls.crt"] != first["tls.crt"]
    opened = {"spec": {"egress": [{}]}}
    policy = f"/apis/networking.k8s.io/v1/namespaces/{SPACE}/networkpolicies/{templates.worker_policy_name(job)}"
    assert admin.merge(policy, opened).code == 200
    assert asyncio.run(a_pass(later)) == 1
    assert asyncio.run(a_pass(later)) == 0


def test_a_pod_mounts_its_own_secret_and_no_other(operator: Api, job: JobSpec) -> None:
    pod = pods.worker_pod(job, "pi-07", "pi-07", "10.96.0.7", Surroundings())
    assert operator.create(pod, dry_run=True).code == 201
    for name in ("theirs", "mnist-coordinator-door", ""):
        other = copy.deepcopy(pod)
        (door,) = [volume for volume in other["spec"]["volumes"] if volume["name"] == "door"]
        door["secret"] = {"secretName": name} if name else {"optional": True}
        answer = operator.create(other, dry_run=True)
        assert answer.code in (403, 422), answer
        if name:
            assert "the Secret with their own certificate" in answer.message
