"""Objects of jobs: restricted pods, stable names, and nothing written when nothing changed."""

from __future__ import annotations

import itertools
import json
import re
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.api import ApiError, Body
from sunward.cluster.reporting import changes, report
from sunward.cluster.training import jobs, pods, templates
from sunward.cluster.training.certificates import LIFETIME, RENEW_BEFORE, Authority
from sunward.cluster.training.door import Door
from sunward.cluster.training.jobs import JobObjects, Placement
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.cause import Cause
from sunward.domain.errors import NameTaken
from sunward.domain.jobs import Assignment, DataMobility, Disruption, JobCost, JobSpec, Shard, UpdateRule
from sunward.domain.plans import JobDirective
from sunward.domain.reasons import Reason
from sunward.domain.workloads import GenericContainer
from sunward_trainer.command_line import parse

JOB = JobSpec(
    namespace="default",
    name="mnist",
    uid="1-2-3",
    rounds=10,
    steps_per_round=50,
    batch_size=32,
    target_accuracy_percent=None,
    shards=(
        Shard(name="a", node="pi-01", samples=100, gigabytes=0.0),
        Shard(name="b", node="pi-02", samples=100, gigabytes=0.0),
    ),
    data_mobility=DataMobility.ANYWHERE,
    maximum_offload_ratio=0.5,
    minimum_workers=1,
    deadline=None,
    emissions_budget_grams=None,
    suspend=False,
    disruption=Disruption.AT_ROUND_BOUNDARY,
    cost=JobCost(),
    arguments=(("partition", "by-label"), ("seed", "7"), ("learning-rate", "0.1")),
)
ROWS = (
    Assignment(job=JOB.key, shard="a", from_node="pi-01", node="pi-01", batches=50),
    Assignment(job=JOB.key, shard="b", from_node="pi-02", node="pi-01", batches=50),
)
RUN = JobDirective(job=JOB.key, run=True, cause=Cause(Reason.MOVED_TO_CLEANER_NODE), assignments=ROWS)
WHERE = Placement(coordinator_node="hub", workers={"pi-01": "pi-01"}, sites={"pi-01": "garage"})
AUTHORITY = Authority(b"a seed that is thirty-two bytes.", JOB.uid)
TODAY = datetime(2026, 11, 22, tzinfo=UTC)
PODS = [
    pods.coordinator_pod(JOB, "hub", Surroundings()),
    pods.worker_pod(JOB, "pi-01", "pi-01", "10.96.0.5", Surroundings()),
]


class Store:
    """An API server's store, as far as these objects need one; it counts writes."""

    def __init__(self) -> None:
        self.bodies: dict[str, Body] = {}
        self.writes = 0
        self.now = TODAY

    async def get(self, path: str) -> Body:
        return self.bodies[path]

    async def list(self, path: str, **selectors: str) -> list[Body]:
        assert selectors == {"labelSelector": jobs.SELECTOR}
        ours = [body for key, body in self.bodies.items() if key.rsplit("/", 1)[0] == path]
        return [body for body in ours if body["metadata"]["labels"].get("app.kubernetes.io/managed-by") == "sunward"]

    async def create(self, path: str, body: Body) -> Body:
        if f"{path}/{body['metadata']['name']}" in self.bodies:
            raise ApiError(409, "POST", path, "exists")
        self.writes += 1
        stored = json.loads(json.dumps(body))
        stored["metadata"]["uid"] = str(self.writes)
        if body["kind"] == "Service":
            stored["spec"]["clusterIP"] = "10.96.0.5"
        self.bodies[f"{path}/{body['metadata']['name']}"] = stored
        return stored

    async def patch(self, path: str, body: Body) -> Body:
        self.writes += 1
        self.bodies[path] |= {key: value for key, value in body.items() if key in ("data", "spec")}
        annotations = (body.get("metadata") or {}).get("annotations") or {}
        self.bodies[path]["metadata"].setdefault("annotations", {}).update(annotations)
        return self.bodies[path]

    async def replace(self, path: str, body: Body) -> Body:
        raise ApiError(405, "PUT", path, "not needed")

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        del grace_seconds
        assert uid == self.bodies[path]["metadata"]["uid"]
        self.writes += 1
        del self.bodies[path]

    async def objects(self) -> JobObjects:
        return await jobs.read_objects(self, JOB.namespace)

    async def apply(self, directive: JobDirective = RUN, plan: str = "plan-1", job: JobSpec = JOB) -> int:
        door = Door(job=job, authority=AUTHORITY, operator_namespace="sunward-system", now=self.now)
        return await jobs.apply_job(self, directive, WHERE, await self.objects(), door, Surroundings(), plan)


async def test_two_passes_make_everything_and_a_third_writes_nothing() -> None:
    store = Store()
    assert await store.apply() == 6  # assignment, policies, Service, coordinator: the address is known afterwards
    assert await store.apply() == 2  # the worker and its certificate
    assert await store.apply() == 0
    assert sorted(key.rsplit("/", 1)[1] for key in store.bodies) == [
        "mnist-assignment",
        "mnist-coordinator",
        "mnist-coordinator",
        "mnist-coordinator",
        "mnist-coordinator-door",
        "mnist-worker",
        "mnist-worker-pi-01",
        "mnist-worker-pi-01-door",
    ]


def _made(store: Store) -> list[str]:
    """Kinds in the order in which they were made."""
    return [body["kind"] for body in store.bodies.values()]


async def test_policies_come_before_the_pods_that_they_protect_and_a_secret_before_its_pod() -> None:
    store = Store()
    await store.apply()
    await store.apply()
    made = _made(store)
    assert max(i for i, kind in enumerate(made) if kind == "NetworkPolicy") < made.index("Secret")
    assert [kind for kind in made if kind in ("Secret", "Pod")] == ["Secret", "Pod", "Secret", "Pod"]


async def test_a_certificate_is_renewed_before_it_expires_and_only_then() -> None:
    store = Store()
    await store.apply()
    await store.apply()
    path = "/api/v1/namespaces/default/secrets/mnist-worker-pi-01-door"
    first = store.bodies[path]["data"]
    store.now = TODAY + LIFETIME - RENEW_BEFORE - timedelta(minutes=1)
    assert await store.apply() == 0
    store.now = TODAY + LIFETIME - RENEW_BEFORE
    assert await store.apply() == 4  # Secret and annotation, of coordinator and worker
    assert await store.apply() == 0
    renewed = store.bodies[path]["data"]
    assert renewed["tls.crt"] != first["tls.crt"]
    assert x509.load_pem_x509_certificate(b64decode(renewed["tls.crt"])).not_valid_after_utc == store.now + LIFETIME


async def test_a_policy_that_somebody_opened_is_closed_again() -> None:
    store = Store()
    await store.apply()
    path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/mnist-worker"
    before = store.bodies[path]["spec"]
    store.bodies[path] = {**store.bodies[path], "spec": {**before, "egress": [{}]}}
    await store.apply()
    assert store.bodies[path]["spec"] == before


async def test_another_plan_with_the_same_work_writes_nothing() -> None:
    store = Store()
    await store.apply()
    await store.apply()
    assert await store.apply(plan="plan-2") == 0


async def test_other_work_changes_the_file_and_refreshes_its_mount() -> None:
    store = Store()
    await store.apply()
    await store.apply()
    home = replace(RUN, assignments=(ROWS[0],))
    assert await store.apply(home, "plan-2") == 2


@pytest.mark.parametrize(
    ("job", "refreshed"),
    [(JOB, [False]), (replace(JOB, containers=(GenericContainer(name="train", image="own:1"),)), [True])],
    ids=["bundled", "own program"],
)
async def test_workers_that_read_the_file_themselves_have_it_refreshed_too(job: JobSpec, refreshed: list[bool]) -> None:
    store = Store()
    await store.apply(job=job)
    await store.apply(job=job)
    other = replace(RUN, assignments=ROWS[:1])
    await store.apply(other, "plan-2", job)
    pods_there = [body for body in store.bodies.values() if body["kind"] == "Pod"]
    notes = {body["metadata"]["name"]: body["metadata"]["annotations"].get("sunward.dev/plan") for body in pods_there}
    assert notes["mnist-coordinator"] == "plan-2"
    assert [note == "plan-2" for name, note in notes.items() if name != "mnist-coordinator"] == refreshed


async def test_a_paused_job_has_no_workers_in_its_file() -> None:
    store = Store()
    await store.apply(replace(RUN, run=False))
    text = (await store.objects()).config_maps["mnist-assignment"]["data"]["assignment.json"]
    assert json.loads(text)["workers"] == []


async def test_a_failed_pod_is_replaced_and_a_succeeded_one_is_not() -> None:
    store = Store()
    await store.apply()
    path = "/api/v1/namespaces/default/pods/mnist-coordinator"
    store.bodies[path]["status"] = {"phase": "Succeeded"}
    await store.apply()
    assert path in store.bodies
    store.bodies[path]["status"] = {"phase": "Failed"}
    await store.apply()
    assert path not in store.bodies


@pytest.mark.parametrize("pod", PODS, ids=["coordinator", "worker"])
def test_every_pod_meets_the_restricted_profile_and_has_no_token(pod: Body) -> None:
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} <= {"emptyDir", "configMap", "secret"}
    assert [volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume] == [
        f"{pod['metadata']['name']}-door"
    ]


@pytest.mark.parametrize("pod", PODS, ids=["coordinator", "worker"])
def test_every_pod_has_limits_of_cpu_memory_and_disk(pod: Body) -> None:
    limits = pod["spec"]["containers"][0]["resources"]["limits"]
    sizes = [volume["emptyDir"]["sizeLimit"] for volume in pod["spec"]["volumes"] if "emptyDir" in volume]
    assert limits.keys() == {"cpu", "memory", "ephemeral-storage"}
    requests = pod["spec"]["containers"][0]["resources"]["requests"]
    assert requests.keys() == limits.keys()  # a limit without a request is a request
    assert requests["ephemeral-storage"] == "0"
    assert all(size.endswith("Mi") for size in sizes)
    assert sum(int(size.removesuffix("Mi")) for size in sizes) <= int(limits["ephemeral-storage"].removesuffix("Mi"))


def test_a_worker_has_room_for_every_shard_of_its_job() -> None:
    def room(gigabytes: float) -> int:
        shards = tuple(replace(shard, gigabytes=gigabytes) for shard in JOB.shards)
        pod = pods.worker_pod(replace(JOB, shards=shards), "pi-01", "pi-01", "10.96.0.7", Surroundings())
        (state,) = [volume["emptyDir"] for volume in pod["spec"]["volumes"] if volume["name"] == "state"]
        return int(state["sizeLimit"].removesuffix("Mi"))

    assert (room(2.0) - room(0.0)) * 2**20 >= 2e9 * len(JOB.shards)


@pytest.mark.parametrize("pod", PODS, ids=["coordinator", "worker"])
def test_pods_are_pinned_by_affinity_so_that_cordons_count(pod: Body) -> None:
    assert "nodeName" not in pod["spec"]
    assert pod["metadata"]["ownerReferences"][0]["uid"] == JOB.uid


@pytest.mark.parametrize(("kind", "plural"), [("Pod", "pods"), ("Service", "services"), ("ConfigMap", "configmaps")])
@pytest.mark.parametrize("labelled", [True, False])
async def test_an_object_of_another_owner_is_not_taken_for_ours(kind: str, plural: str, labelled: bool) -> None:
    store = Store()
    name = "mnist-assignment" if kind == "ConfigMap" else "mnist-coordinator"
    labels = {"app.kubernetes.io/managed-by": "sunward", "sunward.dev/job": "mnist"} if labelled else {}
    theirs = {"kind": kind, "metadata": {"name": name, "uid": "theirs", "labels": labels}, "spec": {}}
    path = f"/api/v1/namespaces/default/{plural}/{name}"
    store.bodies[path] = theirs
    with pytest.raises(NameTaken, match=f"{kind} {name} exists and does not belong to TrainingJob default/mnist"):
        await store.apply()
    assert store.bodies[path] is theirs


async def test_an_object_of_an_earlier_job_of_the_same_name_is_not_taken_for_ours() -> None:
    store = Store()
    await store.apply()
    again = replace(JOB, uid="4-5-6")
    door = Door(job=again, authority=AUTHORITY, operator_namespace="sunward-system", now=TODAY)
    with pytest.raises(NameTaken):
        await jobs.apply_job(store, RUN, WHERE, await store.objects(), door, Surroundings(), "plan-1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a-worker-b", "c"), ("a", "b-worker-c")),
        (("a-worker", "worker-b"), ("a", "worker-worker-b")),
        (("a", "coordinator"), ("a-worker", None)),
        (("a", "b-coordinator"), ("a-worker-b", None)),
    ],
)
def test_two_jobs_of_a_namespace_never_name_a_pod_alike(one: tuple[str, str], other: tuple[str, str | None]) -> None:
    def pod_name(job: str, node: str | None) -> str:
        spec = replace(JOB, name=job, uid=f"uid of {job}")
        return templates.coordinator_name(spec) if node is None else templates.worker_name(spec, node)

    assert pod_name(*one) != pod_name(*other)


def test_a_service_selects_the_pods_of_this_very_job() -> None:
    coordinator, _ = PODS
    selector = templates.coordinator_service(JOB)["spec"]["selector"]
    assert selector.items() <= coordinator["metadata"]["labels"].items()
    again = pods.coordinator_pod(replace(JOB, uid="4-5-6"), "hub", Surroundings())
    assert not selector.items() <= again["metadata"]["labels"].items()


NAMES = st.from_regex(r"\A[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?){0,3}\Z")


@given(NAMES)
def test_names_and_labels_of_a_worker_are_valid_for_every_node(node: str) -> None:
    spec = replace(JOB, name="a" + "-worker" * 7)
    pod = pods.worker_pod(spec, node[:253].rstrip("-."), "n", "10.96.0.5", Surroundings())
    name, labels = pod["metadata"]["name"], pod["metadata"]["labels"]
    assert len(name) <= 240
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)
    assert all(re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value) for value in labels.values())


def test_long_names_that_begin_alike_have_labels_of_their_own() -> None:
    assert templates.label_value("n" * 200) != templates.label_value("n" * 201)
    assert templates.label_value("n" * 63) == "n" * 63


async def test_a_worker_that_an_earlier_version_named_otherwise_is_kept() -> None:
    store = Store()
    await store.apply()
    await store.apply()
    path = "/api/v1/namespaces/default/pods/mnist-worker-pi-01"
    body = store.bodies.pop(path)
    body["metadata"]["name"] = "mnist-of-old"
    store.bodies["/api/v1/namespaces/default/pods/mnist-of-old"] = body
    assert await store.apply() == 0


def test_arguments_go_to_the_part_that_knows_them() -> None:
    coordinator, worker = (pod["spec"]["containers"][0]["args"] for pod in PODS)
    assert ("--partition" in coordinator, "--partition" in worker) == (False, True)
    assert ("--seed" in coordinator, "--seed" in worker) == (True, True)
    assert ("--learning-rate" in coordinator, "--learning-rate" in worker) == (True, False)


def test_the_coordinator_is_told_how_to_combine_updates_and_whose_nodes_may_register() -> None:
    job = replace(JOB, update_rule=UpdateRule.TRIMMED_MEAN, maximum_norm_factor=8)
    arguments = pods.coordinator_pod(job, "hub", Surroundings())["spec"]["containers"][0]["args"]
    options = list(itertools.pairwise(arguments))
    assert ("--update-rule", "TrimmedMean") in options
    assert ("--maximum-norm-factor", "8") in options
    assert [value for name, value in options if name == "--shard"] == ["a=pi-01:100", "b=pi-02:100"]
    found = parse([*arguments, "--assignment", "/tmp/a.json"])
    assert (found.update_rule, found.maximum_norm_factor) == ("TrimmedMean", 8.0)


def test_a_newer_reading_alone_is_not_worth_a_write() -> None:
    old = {"power": {"milliwatts": 2700, "quality": "Measured"}, "conditions": []}
    new = {"power": {"milliwatts": 2950, "quality": "Measured"}, "conditions": []}
    assert not changes.worth_writing(old, new)
    assert changes.worth_writing(old, {"power": {"milliwatts": None, "quality": "Missing"}, "conditions": []})


def test_an_object_that_cannot_be_used_says_so_once() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    why = Cause(Reason.INVALID_SPEC, "TrainingJob default/mnist: spec.runtime.flower: is missing")
    status = report.invalid_status("TrainingJob", why, {}, 3, now)
    condition = status["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Planned", "False", "InvalidSpec")
    assert condition["message"] == "TrainingJob default/mnist: spec.runtime.flower: is missing"
    assert not changes.worth_writing(status, report.invalid_status("TrainingJob", why, status, 3, now))
