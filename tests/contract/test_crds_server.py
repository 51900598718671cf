"""A real API server accepts the definitions and the valid samples, and refuses each invalid one for one reason."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunward.cluster.reporting import report
from sunward.planning.jobs.assign import MOST_ROWS
from support import crds, statuses
from support.fleets import FLEETS, a_fleet, node_names
from support.lab import ControlPlane, control_plane
from support.planning import NOW
from support.real.journal import wait_until

__all__ = ["control_plane"]  # the fixture

pytestmark = pytest.mark.cluster
HASH = "^[0-9a-f]{64}$"
HIDDEN = "some validation rules were not checked"


@pytest.fixture(scope="module")
def api(control_plane: ControlPlane) -> crds.Api:
    """An administrator at a server with the definitions installed."""
    admin = crds.administrator(control_plane.kubeconfig)
    crds.install(admin)
    return admin


def sample(path: Path) -> crds.Manifest:
    """The object in a sample file."""
    manifest: crds.Manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    return manifest


def named(name: str) -> crds.Manifest:
    """A valid sample by its file name."""
    return copy.deepcopy(sample(crds.VALID / f"{name}.yaml"))


def test_the_definitions_are_established_without_complaint(api: crds.Api) -> None:
    for definition in crds.definitions():
        conditions = api.get(crds.path_of(definition)).body["status"]["conditions"]
        assert {c["type"]: c["status"] for c in conditions} == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("path", sorted(crds.VALID.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_valid_sample_is_accepted_and_keeps_what_it_says(api: crds.Api, path: Path) -> None:
    manifest = sample(path)
    answer = api.apply(manifest)
    assert answer.code in (200, 201), answer.message
    assert_contains(answer.body["spec"], manifest["spec"])


@pytest.mark.parametrize("path", sorted(crds.INVALID.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_invalid_sample_is_refused_for_one_reason_that_helps(api: crds.Api, path: Path) -> None:
    manifest = sample(path)
    if manifest["kind"] == "EnergyPolicy":
        api.delete(crds.path_of(manifest))
    answer = api.create(manifest, dry_run=True)
    assert 400 <= answer.code < 500
    assert crds.expected_message(path) in answer.message
    causes = [c for c in (answer.body.get("details") or {}).get("causes", ()) if HIDDEN not in c["message"]]
    assert len(causes) <= 1, answer.message


def test_a_node_with_the_least_said_gets_the_defaults_of_the_schema(api: crds.Api) -> None:
    spec = api.apply(named("energynode-minimal"), dry_run=True).body["spec"]
    assert spec["role"] == "Worker"
    assert spec["power"] | {"idleMilliwatts": 0, "busyMilliwatts": 0} == {
        "profile": "custom", "idleMilliwatts": 0, "busyMilliwatts": 0,
        "asleepMilliwatts": 100, "wakeSeconds": 60, "wakeMilliwattHours": 100,
    }  # fmt: skip
    assert spec["export"] == {"maximumPercentOfHarvest": 50, "rule": "AnyHarvest"}
    assert spec["sleep"] == {
        "driver": "None", "shutdown": "Agent",
        "minimumAwakeSeconds": 1800, "minimumAsleepSeconds": 900, "maximumCyclesPerDay": 6,
    }  # fmt: skip
    assert "battery" not in spec
    assert "harvest" not in spec


def test_a_node_whose_status_is_written_first_is_awake(api: crds.Api) -> None:
    node = named("energynode-always-on")
    api.apply(node)
    answer = api.merge(f"{crds.path_of(node)}/status", {"status": {"observedGeneration": 1}})
    assert answer.body["status"]["powerState"] == "Awake"


def test_no_short_name_is_taken_from_a_kind_of_kubernetes(api: crds.Api) -> None:
    groups = ("/api/v1", "/apis/apps/v1", "/apis/batch/v1", "/apis/events.k8s.io/v1")
    kinds = [kind for group in groups for kind in api.get(group).body["resources"]]
    theirs = {short for kind in kinds for short in kind.get("shortNames", ())}
    ours = {short for definition in crds.definitions() for short in definition["spec"]["names"]["shortNames"]}
    assert ours & theirs == set()


def test_a_policy_that_says_nothing_touches_nothing(api: crds.Api) -> None:
    policy = named("energypolicy-dry-run") | {"spec": {}}
    api.delete(crds.path_of(policy))  # there is one policy, and another test may have left a full one
    answer = api.apply(policy, dry_run=True)
    assert answer.code in (200, 201), answer.message
    spec = answer.body["spec"]
    assert spec["mode"] == "DryRun"
    assert spec["namespaces"] == []
    assert spec["budgets"]["nodesInTransition"] == 1
    assert spec["stalenessLimits"] == {"sensorsSeconds": 120, "intensitySeconds": 7200, "clockSkewSeconds": 60}


def test_a_plan_cannot_be_rewritten(api: crds.Api) -> None:
    plan = named("energyplan")
    api.apply(plan)
    answer = api.merge(crds.path_of(plan), {"spec": {"mode": "Active"}})
    assert "an EnergyPlan is a record and cannot change" in answer.message


def test_a_job_keeps_its_runtime(api: crds.Api) -> None:
    job = named("trainingjob-flower")
    api.apply(job)
    answer = api.merge(crds.path_of(job), {"spec": {"runtime": {"flower": {"image": "other:1"}}}})
    assert "create a new TrainingJob" in answer.message


def test_a_job_keeps_its_rule_for_updates(api: crds.Api) -> None:
    job = named("trainingjob-flower")
    api.apply(job)
    assert api.get(crds.path_of(job)).body["spec"]["updates"] == {"rule": "Gate", "maximumNormFactor": 10}
    answer = api.merge(crds.path_of(job), {"spec": {"updates": {"rule": "Median"}}})
    assert "spec.updates cannot change" in answer.message


def test_an_energy_node_keeps_its_node(api: crds.Api) -> None:
    node = named("energynode-minimal")
    api.apply(node)
    answer = api.merge(crds.path_of(node), {"spec": {"nodeName": "another"}})
    assert "spec.nodeName cannot change" in answer.message


def test_scaling_a_job_moves_its_quorum_and_reports_its_workers(api: crds.Api) -> None:
    job = named("trainingjob-flower")
    path = crds.path_of(job)
    api.apply(job)
    api.merge(f"{path}/status", {"status": {"workers": 5, "selector": "sunward.dev/job=mnist"}})
    scale = api.get(f"{path}/scale").body
    assert scale["spec"]["replicas"] == 3
    assert scale["status"] == {"replicas": 5, "selector": "sunward.dev/job=mnist"}
    api.merge(f"{path}/scale", {"spec": {"replicas": 2}})
    assert api.get(path).body["spec"]["minimumWorkers"] == 2


@pytest.mark.parametrize("name", ["energynode-worker", "trainingjob-flower", "energypolicy-full", "energyplan"])
def test_a_status_with_every_declared_field_is_stored_whole(api: crds.Api, name: str) -> None:
    manifest = named(name)
    api.apply(manifest)
    definition = next(d for d in crds.definitions() if d["spec"]["names"]["kind"] == manifest["kind"])
    status = example(crds.schema_of(definition)["properties"]["status"])
    answer = api.merge(f"{crds.path_of(manifest)}/status?fieldValidation=Strict", {"status": status})
    assert answer.code == 200, answer.message
    assert answer.body["status"] == status


@pytest.mark.parametrize("name", ["energynode-worker", "trainingjob-flower", "energypolicy-full", "energyplan"])
async def test_every_status_that_the_operator_writes_is_accepted_and_stored_whole(api: crds.Api, name: str) -> None:
    manifest = named(name)
    api.apply(manifest)
    for part in await statuses.written(manifest["kind"]):
        if "status" in part:
            answer = api.merge(f"{crds.path_of(manifest)}/status?fieldValidation=Strict", dict(part))
            assert answer.code == 200, answer.message
            assert_contains(answer.body["status"], statuses.without_removals(part["status"]))


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_the_plan_of_a_fleet_is_stored_whole(api: crds.Api, fleet: dict[str, Any]) -> None:
    manifest = named("energyplan")
    api.apply(manifest)
    status = statuses.fleet_status(**fleet)
    answer = api.merge(f"{crds.path_of(manifest)}/status?fieldManager=sunward-operator", {"status": status})
    assert answer.code == 200, answer.message[:500]
    assert_contains(answer.body["status"], status)


@pytest.mark.parametrize("length", [12, 253])
def test_a_job_with_as_many_assignments_as_there_can_be_is_stored_whole(api: crds.Api, length: int) -> None:
    plan, snapshot = a_fleet(256, 1, shards=256, workers=6, length=length)
    names = node_names(256, length)
    job = named("trainingjob-flower")
    job["metadata"]["name"] = f"large-{length}"
    job["spec"]["shards"] = [
        {"name": f"shard-{n:03d}", "node": names[n], "samples": 1, "sizeMebibytes": 1} for n in range(256)
    ]
    assert api.create(job).code == 201
    status = {**report.job_status(snapshot.jobs[0], plan.jobs[0], plan, {}, NOW)}
    answer = api.merge(f"{crds.path_of(job)}/status?fieldManager=sunward-operator", {"status": status})
    assert answer.code == 200, answer.message[:500]
    assert len(answer.body["status"]["assignments"]) == MOST_ROWS


def test_a_job_that_stands_under_a_bad_name_can_still_be_told_so(api: crds.Api) -> None:
    """Names were not always checked; the rule is asked when a job is created, and not of one that exists."""
    definition = copy.deepcopy(next(d for d in crds.definitions() if d["spec"]["names"]["kind"] == "TrainingJob"))
    sound = copy.deepcopy(definition)
    del crds.schema_of(definition)["x-kubernetes-validations"]
    job = named("trainingjob-flower")
    job["metadata"]["name"] = "2026.mnist"
    assert api.create(job).code == 422
    api.apply(definition)
    wait_until(lambda: api.create(job).code == 201, 20.0, "a server that knows no rule takes the name")
    api.apply(sound)
    other = {**job, "metadata": {**job["metadata"], "name": "2027.mnist"}}
    wait_until(lambda: api.create(other, dry_run=True).code == 422, 20.0, "the rule is back")
    answer = api.merge(f"{crds.path_of(job)}/status", {"status": {"round": 1}})
    assert answer.code == 200, answer.message


def test_the_table_of_the_server_has_our_columns(api: crds.Api) -> None:
    api.apply(named("energynode-worker"))
    path = "/apis/sunward.dev/v1alpha1/energynodes"
    table = api.request("GET", path, headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}).body
    columns = [column["name"] for column in table["columnDefinitions"]]
    assert columns[:4] == ["Name", "State", "Why", "Power(mW)"]


def example(schema: crds.Manifest) -> Any:
    """A value that uses every field of a schema."""
    if schema.get("enum"):
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {name: example(child) for name, child in schema.get("properties", {}).items()}
        case "array":
            return [example(schema["items"])]
        case "boolean":
            return True
        case "integer":
            return max(schema.get("minimum", 1), 1)
    if schema.get("pattern") == HASH:
        return "0123456789abcdef" * 4
    return "2026-11-22T12:00:00Z" if schema.get("format") == "date-time" else "Example"


def assert_contains(whole: Any, part: Any) -> None:
    """Everything in part stands in whole; whole may hold defaults besides."""
    if isinstance(part, dict):
        for key, value in part.items():
            assert key in whole
            assert_contains(whole[key], value)
    elif isinstance(part, list):
        assert len(whole) == len(part)
        for one, other in zip(whole, part, strict=True):
            assert_contains(one, other)
    else:
        assert whole == part
