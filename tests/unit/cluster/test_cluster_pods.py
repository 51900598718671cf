"""What a TrainingJob says of its pods is what the pods have: resources, variables, volumes, never a path of a node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sunward.cluster.objects.schema import job_spec
from sunward.cluster.training import pods
from sunward.cluster.training.data_volumes import DataVolumeSettings, data_volumes
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobSpec
from sunward.domain.pods import Resources
from sunward_trainer.apps.__main__ import parse as parse_app
from sunward_trainer.command_line import parse
from support import crds

CAMERAS = DataVolumeSettings(host_path="/srv/cameras", namespaces=["default"])
AROUND = Surroundings(data_volumes=data_volumes({"cameras": CAMERAS}))


def a_spec(*, shard: dict[str, Any] | None = None, namespace: str = "default", **pod: Any) -> JobSpec:
    """The job of a sample with other words about its pods and its first shard."""
    body = crds.sample("trainingjob-robust")
    body["metadata"]["namespace"] = namespace
    body["spec"]["shards"][0] |= shard or {}
    return job_spec({**body, "spec": body["spec"] | {"pod": pod}})


def both(spec: JobSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spec of the coordinator's pod and of the first shard's home."""
    found = pods.coordinator_pod(spec, "hub", AROUND), pods.worker_pod(spec, "pi-01", "pi-01", "10.96.0.5", AROUND)
    return found[0]["spec"], found[1]["spec"]


def resources(spec: JobSpec) -> dict[str, Any]:
    found: dict[str, Any] = both(spec)[1]["containers"][0]["resources"]
    return found


def without_disk(amounts: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in amounts.items() if name != "ephemeral-storage"}


def test_without_a_word_the_pods_are_as_they_were() -> None:
    assert resources(a_spec())["requests"] == {"cpu": "50m", "memory": "128Mi", "ephemeral-storage": "0"}
    assert without_disk(resources(a_spec())["limits"]) == {"cpu": "4", "memory": "1Gi"}
    for pod in both(a_spec()):
        assert "imagePullSecrets" not in pod
        assert "command" not in pod["containers"][0]


@pytest.mark.parametrize(
    ("asked", "requests", "limits"),
    [
        ({"requests": {"memory": "3Gi"}}, {"cpu": "50m", "memory": "3Gi"}, {"cpu": "4", "memory": "3Gi"}),
        ({"requests": {"cpu": "500m"}}, {"cpu": "500m", "memory": "128Mi"}, {"cpu": "4", "memory": "1Gi"}),
        ({"limits": {"memory": "512Mi"}}, {"cpu": "50m", "memory": "128Mi"}, {"cpu": "4", "memory": "512Mi"}),
        (
            {"requests": {"vendor.example/gpu": "1"}},
            {"cpu": "50m", "memory": "128Mi", "vendor.example/gpu": "1"},
            {"cpu": "4", "memory": "1Gi", "vendor.example/gpu": "1"},
        ),
    ],
)
def test_what_is_requested_is_also_allowed(
    asked: dict[str, Any], requests: dict[str, str], limits: dict[str, str]
) -> None:
    found = resources(a_spec(resources=asked))
    assert without_disk(found["requests"]) == requests
    assert without_disk(found["limits"]) == limits


def test_plans_know_what_a_pod_takes_of_a_node() -> None:
    assert a_spec().pod.room == Resources(millicores=50, memory_bytes=128 << 20, pods=1)
    asked = {"requests": {"cpu": "1.5", "memory": "2Gi", "vendor.example/gpu": "1"}}
    assert a_spec(resources=asked).pod.room == Resources(
        millicores=1500, memory_bytes=2 << 30, pods=1, others=(("vendor.example/gpu", 1),)
    )
    assert a_spec(resources={"requests": {"cpu": "much"}}).pod.room is None


def test_command_pull_secrets_and_scratch_reach_both_pods() -> None:
    spec = a_spec(command=["python3", "-m", "mine"], imagePullSecrets=[{"name": "registry"}], scratchMebibytes=64)
    for pod in both(spec):
        assert pod["containers"][0]["command"] == ["python3", "-m", "mine"]
        assert pod["containers"][0]["args"]
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        assert {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}} in pod["volumes"]


def test_variables_of_sunward_come_last_and_so_hold() -> None:
    spec = a_spec(env=[{"name": "OMP_NUM_THREADS", "value": "2"}, {"name": "HOME", "value": "/root"}])
    for pod in both(spec):
        variables = pod["containers"][0]["env"]
        assert {"name": "OMP_NUM_THREADS", "value": "2"} in variables
        assert [one["value"] for one in variables if one["name"] == "HOME"][-1] == "/tmp"  # in the pod


@pytest.mark.parametrize(
    ("volume", "source"),
    [
        ({"claim": "digits-a"}, {"persistentVolumeClaim": {"claimName": "digits-a", "readOnly": True}}),
        ({"dataVolume": "cameras"}, {"hostPath": {"path": "/srv/cameras", "type": "Directory"}}),
    ],
)
def test_a_shard_is_mounted_on_its_home_alone_and_for_reading_only(
    volume: dict[str, str], source: dict[str, Any]
) -> None:
    spec = a_spec(shard={"volume": volume})
    coordinator, home = both(spec)
    elsewhere = pods.worker_pod(spec, "pi-02", "pi-02", "10.96.0.5", AROUND)["spec"]
    assert {"name": "shard-0", **source} in home["volumes"]
    mount = {"name": "shard-0", "mountPath": "/var/lib/sunward/data/a", "readOnly": True}
    assert mount in home["containers"][0]["volumeMounts"]
    for other in (coordinator, elsewhere):
        assert not [one for one in other["volumes"] if one["name"].startswith("shard")]


def test_every_worker_is_told_which_shards_are_not_cut_from_the_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_IP", "10.77.3.2")
    spec = a_spec(shard={"volume": {"claim": "digits-a"}})
    for node in ("pi-01", "pi-02"):
        pod = pods.worker_pod(spec, node, node, "10.96.0.5", AROUND)
        found = parse(pod["spec"]["containers"][0]["args"]).shard_data
        assert [(name, str(folder)) for name, folder in found] == [("a", "/var/lib/sunward/data/a")]


@pytest.mark.parametrize(("name", "namespace"), [("cameras", "other"), ("etc", "default")])
def test_a_data_volume_of_nobody_or_of_another_namespace_is_named(name: str, namespace: str) -> None:
    spec = a_spec(shard={"volume": {"dataVolume": name}}, namespace=namespace)
    with pytest.raises(InvalidInput, match=rf"shards\[a\].volume.dataVolume: {name} is not defined for.*{namespace}"):
        pods.worker_pod(spec, "pi-01", "pi-01", "10.96.0.5", AROUND)


@pytest.mark.parametrize(("by", "coordinator", "worker"), [("Coordinator", 1, 0), ("Workers", 0, 1), ("All", 1, 1)])
def test_a_claim_is_mounted_where_the_job_says(by: str, coordinator: int, worker: int) -> None:
    volume = {"name": "more", "claim": "mine", "mountPath": "/mine", "pods": by}
    found = both(a_spec(volumes=[volume]))
    mount = {"name": "extra-more", "mountPath": "/mine"}
    assert [pod["containers"][0]["volumeMounts"].count(mount) for pod in found] == [coordinator, worker]
    source = {"name": "extra-more", "persistentVolumeClaim": {"claimName": "mine"}}
    assert [pod["volumes"].count(source) for pod in found] == [coordinator, worker]


def test_the_finer_target_reaches_the_trainer() -> None:
    body = crds.sample("trainingjob-robust")
    body["spec"]["targetAccuracyPartsPerMillion"] = 975_000
    pod = pods.coordinator_pod(job_spec(body), "hub", AROUND)
    assert parse(pod["spec"]["containers"][0]["args"]).target_accuracy == 97.5


def an_app(**app: Any) -> JobSpec:
    """A job of an unchanged Flower app."""
    body = crds.sample("trainingjob-app")
    body["spec"]["runtime"]["flower"]["app"] |= app
    return job_spec(body)


def test_an_apps_image_runs_with_our_program_from_an_init_container() -> None:
    for pod in both(an_app()):
        (init,), (container,) = pod["initContainers"], pod["containers"]
        assert (init["image"], container["image"]) == ("sunward-trainer:0.1.0", "registry.example.org/team/digits:1")
        assert init["command"] == ["python3", "-m", "sunward_trainer.apps", "inject", "/injected"]
        assert container["command"] == ["python3", "/opt/sunward/sunward-flower"]
        assert {"name": "program", "mountPath": "/opt/sunward", "readOnly": True} in container["volumeMounts"]
        assert container["securityContext"] == init["securityContext"]


def test_an_apps_program_understands_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_IP", "10.77.3.2")
    spec = an_app(granularity="Pieces", piecesPerShard=3, weightKey="n")
    server, client = (parse_app(pod["containers"][0]["args"]) for pod in both(spec))
    assert (server.role, server.app, server.pieces, server.weight_key) == ("server", Path("/app"), 3, "n")
    assert (server.metric, server.metric_scale, server.metric_source) == ("eval_acc", 100.0, "Evaluate")
    assert dict(server.run_config) == dict(client.run_config) == {"local-epochs": "2"}
    assert (client.role, client.node, client.shard) == ("client", "pi-01", server.shard)


def test_a_whole_shard_is_one_piece_and_an_interpreter_may_be_named() -> None:
    spec = an_app()
    assert spec.flower_app is not None
    assert spec.flower_app.pieces == 1
    body = crds.sample("trainingjob-app")
    body["spec"]["pod"] = {"command": ["/venv/bin/python"]}
    (container,) = both(job_spec(body))[0]["containers"]
    assert container["command"] == ["/venv/bin/python", "/opt/sunward/sunward-flower"]


def test_an_app_may_read_where_it_is() -> None:
    coordinator, worker = (
        {one["name"]: one.get("value") for one in pod["containers"][0]["env"]} for pod in both(an_app())
    )
    assert (coordinator["SUNWARD_JOB"], worker["SUNWARD_NODE"]) == ("default/digits-app", "pi-01")
    assert (worker["SUNWARD_APP"], worker["HF_HUB_OFFLINE"]) == ("/app", "1")


def test_app_as_a_text_is_still_a_models_name() -> None:
    body = crds.sample("trainingjob-robust")
    body["spec"]["runtime"]["flower"] = {"image": "sunward-trainer:0.1.0", "app": "mnist-cnn"}
    pod = pods.coordinator_pod(job_spec(body), "hub", AROUND)
    assert parse(pod["spec"]["containers"][0]["args"]).model == "mnist-cnn"
    assert "initContainers" not in pod["spec"]


@pytest.mark.parametrize("app", [3, ["mnist-mlp"], {"runConfig": {}}])
def test_an_app_that_is_neither_a_text_nor_a_folder_is_named(app: object) -> None:
    body = crds.sample("trainingjob-robust")
    body["spec"]["runtime"]["flower"] = {"image": "x", "app": app}
    with pytest.raises(InvalidInput, match=r"spec\.runtime\.flower\.app"):
        job_spec(body)


def an_own_program(pod: dict[str, Any] | None = None, **container: Any) -> JobSpec:
    """A job with one container of its own, and another without a word about it."""
    body = crds.sample("trainingjob-generic-shell")
    own = {"name": "train", "image": "registry.example.org/team/own:1"} | container
    beside = {"name": "beside", "image": "registry.example.org/team/beside:1"}
    body["spec"]["runtime"] = {"generic": {"template": {"spec": {"containers": [own, beside]}}}}
    return job_spec({**body, "spec": body["spec"] | {"pod": pod or {}}})


def variables(pod: dict[str, Any]) -> dict[str, Any]:
    """Of two variables with one name a container has the last."""
    return {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}


def test_an_own_program_is_what_its_template_says() -> None:
    told = {"command": ["/train"], "args": ["--fast"], "workingDir": "/app"}
    for pod in both(an_own_program(**told)):
        train, beside = pod["containers"]
        assert {name: train[name] for name in told} == told
        assert not set(told) & set(beside)
        assert (train["name"], train["image"]) == ("train", "registry.example.org/team/own:1")
        assert "initContainers" not in pod


def test_every_container_of_an_own_program_is_restricted() -> None:
    for pod in both(an_own_program()):
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"]["limits"])


def test_coordinator_and_workers_read_the_same_assignment_file() -> None:
    for pod in both(an_own_program()):
        mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
        folder, _, _ = variables(pod)["SUNWARD_ASSIGNMENT"].rpartition("/")
        volume = next(one for one in pod["volumes"] if one["name"] == mounts[folder]["name"])
        assert volume["configMap"] == {"name": "darts-assignment"}
        assert mounts[folder]["readOnly"]


def test_an_own_program_is_told_its_part_and_cannot_change_it() -> None:
    spec = an_own_program(
        {"env": [{"name": "LANG", "value": "C"}, {"name": "MODE", "value": "a"}]}, env=[{"name": "MODE", "value": "b"}]
    )
    coordinator, worker = map(variables, both(spec))
    assert (coordinator["SUNWARD_ROLE"], worker["SUNWARD_ROLE"]) == ("coordinator", "worker")
    assert (worker["SUNWARD_NODE"], worker["SUNWARD_COORDINATOR"]) == ("pi-01", "10.96.0.5")
    assert "SUNWARD_NODE" not in coordinator
    assert (worker["LANG"], worker["MODE"]) == ("C", "b")
    hostile = replace(spec, containers=tuple(replace(c, env=(("SUNWARD_ROLE", "king"),)) for c in spec.containers))
    assert variables(both(hostile)[1])["SUNWARD_ROLE"] == "worker"


def test_a_node_needs_room_for_all_containers_of_a_pod() -> None:
    spec = an_own_program(
        {"resources": {"requests": {"cpu": "200m"}}}, resources={"requests": {"cpu": "1", "memory": "1Gi"}}
    )
    assert spec.pod.room == Resources(millicores=1200, memory_bytes=(1 << 30) + (128 << 20), pods=1)
    first, second = both(spec)[1]["containers"]
    assert (first["resources"]["requests"]["cpu"], second["resources"]["requests"]["cpu"]) == ("1", "200m")
    assert first["resources"]["limits"]["memory"] == "1Gi"


def test_the_own_programs_shards_volumes_are_mounted_where_they_are_at_home() -> None:
    body = crds.sample("trainingjob-generic-python")
    body["spec"]["shards"][0]["volume"] = {"claim": "digits-a"}
    coordinator, worker = both(job_spec(body))
    paths = {mount["mountPath"] for mount in worker["containers"][0]["volumeMounts"]}
    assert f"{variables(worker)['SUNWARD_DATA']}/a" in paths
    assert all("digits-a" not in str(volume) for volume in coordinator["volumes"])
