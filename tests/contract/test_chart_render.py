"""What the chart installs: valid objects, hardened pods, rights as agreed, and clear words about wrong values."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from yamllint import linter  # type: ignore[import-untyped]
from yamllint.config import YamlLintConfig  # type: ignore[import-untyped]

from sunward.cli.settings import parse_settings
from sunward.sources.sensor_maps import Preset, SensorMap, Unit
from sunward_exporter.collector import CONTRACT
from sunward_exporter.rules import for_node
from support import chart

KUBERNETES = "1.34"
FULL: dict[str, Any] = {
    "jobNamespaces": ["default", "team-a"],
    "evictNamespaces": {"names": ["media", "team-a"]},
    "imagePullSecrets": [{"name": "registry"}],
    "networkPolicy": {"enabled": True, "scrapers": {"app": "prometheus"}},
    "files": {"intensity.csv": "time,DE\n2026-01-01T00:00:00Z,380\n"},
    "intensitySources": {
        "default": {
            "provider": "electricity-maps",
            "url": "https://api.electricitymaps.com",
            "tokenSecretRef": {"name": "electricity-maps", "key": "token"},
            "refreshSeconds": 300,
        },
        "flat": {"provider": "static", "gramsPerKilowattHour": {"DE": 380, "US-MIDW-MISO": 540.5}},
        "recorded": {"provider": "file", "path": "/etc/sunward/files/intensity.csv"},
    },
    "relays": {
        "relay-pi-07": {"driver": "Shelly", "url": "http://192.168.1.57", "switchId": 0},
        "relay-pi-08": {
            "driver": "Tasmota",
            "url": "https://plugs.example.com/pi-08",
            "credentialsSecretRef": {"name": "plugs", "key": "pi-08"},
            "caSecretRef": {"name": "plugs", "key": "ca"},
        },
    },
    "dataVolumes": {"cameras": {"hostPath": "/srv/cameras", "namespaces": ["default", "team-a"]}},
    "trainer": {"claims": ["digits-*"], "image": "registry.example.org/trainer:1"},
    "prometheus": {
        "extraScrapeConfigs": [
            {"job_name": "pv", "sample_limit": 200, "static_configs": [{"targets": ["feed.energy.svc:9812"]}]}
        ]
    },
    "sensors": [
        {"preset": "Kepler"},
        {"preset": "Shelly", "nodes": {"pi-01": "plug-7"}},
        {
            "preset": "Custom",
            "measures": "Harvest",
            "series": "pv:watts",
            "unit": "Watts",
            "nodeLabel": "site",
            "job": "pv",
        },
    ],
    "exporter": {
        "rateHertz": 1000,
        "sysfs": {"hostPath": "/run/sunward-lab/sys", "perNode": True},
        "nodeDevices": ["ina3221/1", "ina3221/2"],
        "harvestDevices": ["solar"],
        "batteryDevice": "bat0",
        "nameplateWatts": 15,
        "harvestNameplateWatts": 10.5,
        "meters": [
            {"boards": ["Raspberry Pi 4*"], "nodeDevices": ["ina3221/VDD IN"]},
            {"nodes": ["pc-*"], "rateHertz": 1},
        ],
        "rapl": {"enabled": True},
        "pmicDevice": "/dev/vcio",
        "group": 994,
    },
    "policy": {"spec": {"mode": "Active", "planningPeriodSeconds": 60}},
}
VARIANTS: dict[str, tuple[object, tuple[str, ...]]] = {
    "defaults": (None, ()),
    "full": (FULL, ()),
    "lab": (None, ("values-lab.yaml",)),
    "kind": (None, ("values-kind.yaml",)),
    "k3s": (None, ("values-k3s.yaml",)),
    "own-prometheus": ({"prometheus": {"enabled": False, "url": "http://prometheus.monitoring.svc:9090"}}, ()),
}
OURS = ("EnergyPolicy",)
SPACES = {chart.NAMESPACE, "default", "team-a", "media"}


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[chart.Manifest]:
    """The chart with each of several sets of values."""
    values, files = VARIANTS[request.param]
    folder = tmp_path_factory.mktemp("variant")
    return chart.render(folder, values=values, files=[chart.CHART / name for name in files])


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> list[chart.Manifest]:
    """The chart with everything in use."""
    return chart.render(tmp_path_factory.mktemp("full"), values=FULL)


@pytest.fixture(scope="module")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> list[chart.Manifest]:
    """The chart as it comes."""
    return chart.render(tmp_path_factory.mktemp("defaults"))


def test_every_object_is_valid_for_kubernetes_strictly(manifests: list[chart.Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] not in OURS:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_every_object_carries_the_common_labels_and_stands_in_a_known_namespace(
    manifests: list[chart.Manifest],
) -> None:
    for manifest in manifests:
        assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "sunward"
        assert manifest["metadata"].get("namespace", chart.NAMESPACE) in SPACES


def pods(manifests: list[chart.Manifest]) -> list[tuple[str, chart.Manifest]]:
    """All pods of the chart."""
    workloads = chart.of_kind(manifests, "Deployment", "DaemonSet", "Job", "Pod")
    return [(workload["metadata"]["name"], chart.pod_spec(workload)) for workload in workloads]


def test_every_pod_meets_the_restricted_profile_with_a_read_only_root(manifests: list[chart.Manifest]) -> None:
    for name, pod in pods(manifests):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert {"requests", "limits"} <= container["resources"].keys(), name


def test_no_pod_uses_the_hosts_namespaces_and_only_the_exporter_reads_a_folder(
    manifests: list[chart.Manifest],
) -> None:
    for name, pod in pods(manifests):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        folders = [volume["hostPath"] for volume in pod.get("volumes", ()) if "hostPath" in volume]
        assert bool(folders) == (name == "sunward-exporter")
        mounts = [m for c in pod["containers"] for m in c.get("volumeMounts", ()) if m["name"] == "sysfs"]
        assert all(mount["readOnly"] is True for mount in mounts)


def test_only_those_who_speak_to_the_api_carry_a_token(manifests: list[chart.Manifest]) -> None:
    with_token = {name for name, pod in pods(manifests) if pod["automountServiceAccountToken"]}
    assert with_token <= {"sunward-prometheus", "sunward-uninstall"}
    sources = [
        (name, source)
        for name, pod in pods(manifests)
        for volume in pod.get("volumes", ())
        for source in volume.get("projected", {}).get("sources", ())
        if "serviceAccountToken" in source
    ]
    assert sources == [
        ("sunward-operator", {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}),
    ]


def test_the_operators_settings_are_read_by_the_operator_itself(manifests: list[chart.Manifest]) -> None:
    text = chart.one(manifests, "ConfigMap", "sunward-settings")["data"]["settings.yaml"]
    assert parse_settings(text).prometheus.job == "sunward-exporter"


def test_data_volumes_reach_the_operator(full: list[chart.Manifest]) -> None:
    settings = parse_settings(chart.one(full, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    found = settings.data_volumes["cameras"]
    assert (found.host_path, found.namespaces) == ("/srv/cameras", ["default", "team-a"])
    assert settings.trainer_image == "registry.example.org/trainer:1"


def test_the_key_of_the_ledger_reaches_the_operator_as_a_file(tmp_path: Path) -> None:
    manifests = chart.render(
        tmp_path, values={"ledger": {"signingKeySecretRef": {"name": "ledger-key", "key": "k.pem"}}}
    )
    settings = parse_settings(chart.one(manifests, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    pod = chart.pod_spec(chart.one(manifests, "Deployment", "sunward-operator"))
    [secret] = [volume for volume in pod["volumes"] if "secret" in volume]
    [mount] = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == secret["name"]]
    item = secret["secret"]["items"][0]
    assert (secret["secret"]["secretName"], item["key"]) == ("ledger-key", "k.pem")
    assert settings.ledger is not None
    assert settings.ledger.signing_key_file == Path(mount["mountPath"]) / item["path"]


def test_tokens_reach_the_operator_as_files_and_never_as_values(full: list[chart.Manifest]) -> None:
    settings = parse_settings(chart.one(full, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    pod = chart.pod_spec(chart.one(full, "Deployment", "sunward-operator"))
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    secrets = {volume["name"]: volume["secret"] for volume in pod["volumes"] if "secret" in volume}
    plug = settings.relays["relay-pi-08"]
    files = {settings.intensity_sources["default"].token_file, plug.token_file, plug.ca_file}
    assert {Path(mounts[name]) / secret["items"][0]["path"] for name, secret in secrets.items()} == files
    assert {(secret["secretName"], secret["items"][0]["key"]) for secret in secrets.values()} == {
        ("electricity-maps", "token"),
        ("plugs", "pi-08"),
        ("plugs", "ca"),
    }


def test_other_settings_start_another_operator(tmp_path: Path, defaults: list[chart.Manifest]) -> None:
    def digest(manifests: list[chart.Manifest]) -> str:
        metadata = chart.one(manifests, "Deployment", "sunward-operator")["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["sunward.dev/settings-digest"])

    relay = {"relays": {"relay-1": {"driver": "Shelly", "url": "http://10.0.0.2"}}}
    assert digest(defaults) != digest(chart.render(tmp_path, values=relay))


def test_the_operator_is_told_who_and_where_it_is(defaults: list[chart.Manifest]) -> None:
    (container,) = chart.pod_spec(chart.one(defaults, "Deployment", "sunward-operator"))["containers"]
    environment = {entry["name"]: entry for entry in container["env"]}
    assert environment["SUNWARD_SETTINGS"]["value"] == "/etc/sunward/settings.yaml"
    fields = {
        name: environment[name]["valueFrom"]["fieldRef"]["fieldPath"]
        for name in environment
        if "valueFrom" in environment[name]
    }
    assert fields == {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "NODE_NAME": "spec.nodeName"}
    assert container["args"][0] == "run"


def test_the_exporter_runs_everywhere_and_gets_its_flags(full: list[chart.Manifest]) -> None:
    pod = chart.pod_spec(chart.one(full, "DaemonSet", "sunward-exporter"))
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["containers"][0]["args"] == [
        "--sysfs-root=/host/sys",
        "--rate-hertz=1000",
        "--listen=:9811",
        "--node-device=ina3221/1",
        "--node-device=ina3221/2",
        "--harvest-device=solar",
        "--battery-device=bat0",
        "--nameplate-watts=15",
        "--harvest-nameplate-watts=10.5",
        "--rapl-socket=/run/sunward/rapl.sock",
        "--pmic-device=/dev/vcio",
        "--rules=/etc/sunward/rules.json",
        "--node-name=$(NODE_NAME)",
    ]
    assert pod["containers"][0]["volumeMounts"][0]["subPathExpr"] == "$(NODE_NAME)"
    assert pod["securityContext"]["supplementalGroups"] == [994]


def test_the_bundled_prometheus_names_the_node_itself_and_believes_no_exporter(
    defaults: list[chart.Manifest],
) -> None:
    config = yaml.safe_load(chart.one(defaults, "ConfigMap", "sunward-prometheus")["data"]["prometheus.yml"])
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "sunward-exporter"
    assert job["honor_labels"] is False
    assert {"source_labels": ["__meta_kubernetes_pod_node_name"], "target_label": "node"} in job["relabel_configs"]


@pytest.mark.parametrize("discovery", ["kubernetes", "operator"])
def test_the_bundled_prometheus_keeps_what_the_exporter_has_within_limits(tmp_path: Path, discovery: str) -> None:
    manifests = chart.render(tmp_path, values={"prometheus": {"discovery": discovery}})
    config = yaml.safe_load(chart.one(manifests, "ConfigMap", "sunward-prometheus")["data"]["prometheus.yml"])
    (job,) = config["scrape_configs"]
    limits = ("label_limit", "label_name_length_limit", "label_value_length_limit", "sample_limit")
    assert all(0 < job[limit] <= 500 for limit in limits)
    assert job["body_size_limit"] == "256KB"
    names, labels = job["metric_relabel_configs"]
    assert (names["action"], labels["action"]) == ("keep", "labelkeep")
    assert all(re.fullmatch(names["regex"], family.name) for family in CONTRACT)
    used = {label for family in CONTRACT for label in family.labels} | {"__name__", "node", "job", "instance"}
    assert all(re.fullmatch(labels["regex"], label) for label in (*used, "exported_node"))
    assert re.fullmatch(labels["regex"], "anything") is None


def test_the_documented_scrape_job_is_the_charts(defaults: list[chart.Manifest]) -> None:
    config = yaml.safe_load(chart.one(defaults, "ConfigMap", "sunward-prometheus")["data"]["prometheus.yml"])
    text = (chart.ROOT / "docs" / "exporter-metrics.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", text, re.DOTALL)
    (ours,), (documented,) = config["scrape_configs"], yaml.safe_load(example)["scrape_configs"]
    own = {"kubernetes_sd_configs", "scrape_interval"}
    assert {key: value for key, value in documented.items() if key not in own} == {
        key: value for key, value in ours.items() if key not in own
    }


def test_a_prometheus_that_asks_the_operator_for_targets_needs_no_rights_and_no_token(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values={"prometheus": {"discovery": "operator"}})
    assert [m for m in chart.of_kind(manifests, *chart.RIGHTS) if m["metadata"]["name"] == "sunward-prometheus"] == []
    pod = chart.pod_spec(chart.one(manifests, "Deployment", "sunward-prometheus"))
    assert pod["automountServiceAccountToken"] is False
    (job,) = yaml.safe_load(chart.one(manifests, "ConfigMap", "sunward-prometheus")["data"]["prometheus.yml"])[
        "scrape_configs"
    ]
    assert job["http_sd_configs"][0]["url"] == "http://sunward-operator.sunward-system.svc:9810/targets"
    assert job["honor_labels"] is False


@pytest.mark.prometheus
def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    promtool = Path(chart.helm()).with_name("promtool")
    if not promtool.exists():
        pytest.skip(f"needs {promtool}: run `make tools`")
    manifests = chart.render(tmp_path, files=[chart.CHART / "values-lab.yaml"])
    config = tmp_path / "prometheus.yml"
    config.write_text(chart.one(manifests, "ConfigMap", "sunward-prometheus")["data"]["prometheus.yml"], "utf-8")
    command = [str(promtool), "check", "config", str(config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_a_prometheus_of_ones_own_replaces_the_bundled_one(tmp_path: Path) -> None:
    url = "http://prometheus.monitoring.svc:9090"
    manifests = chart.render(tmp_path, values={"prometheus": {"enabled": False, "url": url}})
    assert [m for m in manifests if m["metadata"]["name"] == "sunward-prometheus"] == []
    settings = parse_settings(chart.one(manifests, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    assert settings.prometheus.url == url


def test_the_policy_starts_dry_and_names_the_job_namespaces(tmp_path: Path, defaults: list[chart.Manifest]) -> None:
    assert chart.one(defaults, "EnergyPolicy", "default")["spec"] == {"namespaces": ["default"]}
    own = chart.render(tmp_path, values={"jobNamespaces": ["a"], "policy": {"spec": {"mode": "Active"}}})
    assert chart.one(own, "EnergyPolicy", "default")["spec"] == {"mode": "Active", "namespaces": ["a"]}


def test_rights_are_exactly_those_agreed_on(full: list[chart.Manifest]) -> None:
    agreed = yaml.safe_load((chart.ROOT / "tests" / "golden" / "rbac.yaml").read_text(encoding="utf-8"))
    assert rights(full) == agreed


def rights(manifests: list[chart.Manifest]) -> dict[str, Any]:
    """Who may do what, without labels."""
    found: dict[str, Any] = {}
    for manifest in chart.of_kind(manifests, *chart.RIGHTS):
        metadata = manifest["metadata"]
        key = "/".join(filter(None, (manifest["kind"], metadata.get("namespace"), metadata["name"])))
        found[key] = {name: manifest[name] for name in ("rules", "roleRef", "subjects") if name in manifest}
    return found


def test_a_job_namespace_gets_its_rights_only_when_it_is_listed(full: list[chart.Manifest]) -> None:
    roles = {(m["metadata"]["namespace"], m["metadata"]["name"]) for m in chart.of_kind(full, "Role")}
    assert {space for space, name in roles if name == "sunward-operator-jobs"} == {"default", "team-a"}


@pytest.mark.parametrize(
    ("scope", "wide", "reads_labels"),
    [({"names": ["a"]}, False, False), ({"matchLabels": {"a": "b"}}, True, True), ({"allBut": []}, True, False)],
)
def test_a_cluster_wide_right_to_evict_needs_a_scope_that_only_the_server_knows(
    tmp_path: Path, scope: dict[str, Any], wide: bool, reads_labels: bool
) -> None:
    manifests = chart.render(tmp_path, values={"evictNamespaces": scope})
    assert chart.one(manifests, "EnergyPolicy", "default")["spec"]["evictNamespaces"] == scope
    found = [rule for m in chart.of_kind(manifests, "ClusterRole") for rule in m["rules"]]
    assert any("pods/eviction" in rule["resources"] for rule in found) is wide
    assert any("namespaces" in rule["resources"] for rule in found) is reads_labels


def test_the_charts_definitions_are_the_repositorys(tmp_path: Path) -> None:
    ours = {path.name: path.read_bytes() for path in (chart.ROOT / "crds").glob("*.yaml")}
    assert {path.name: path.read_bytes() for path in (chart.CHART / "crds").glob("*.yaml")} == ours


def test_policy_8_knows_every_field_of_a_nodes_spec_but_the_override(defaults: list[chart.Manifest]) -> None:
    policy = chart.one(defaults, "ValidatingAdmissionPolicy", "sunward-8-node-specs")
    compared = set(re.findall(r"object\.spec\.\??(\w+) ==", policy["spec"]["variables"][0]["expression"]))
    definition = yaml.safe_load((chart.ROOT / "crds" / "sunward.dev_energynodes.yaml").read_text(encoding="utf-8"))
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert compared == set(schema["properties"]["spec"]["properties"]) - {"override"}


@pytest.mark.parametrize("policies", [True, False])
def test_admission_policies_can_be_left_out(tmp_path: Path, policies: bool) -> None:
    manifests = chart.render(tmp_path, values={"admissionPolicies": {"enabled": policies}})
    assert len(chart.of_kind(manifests, "ValidatingAdmissionPolicy")) == (13 if policies else 0)
    assert len(chart.of_kind(manifests, "ValidatingAdmissionPolicyBinding")) == (13 if policies else 0)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"exporter": {"rateHertz": 5000}}, "/exporter/rateHertz"),
        ({"exporter": {"rateHerz": 10}}, "rateHerz"),
        ({"exporter": {"sysfs": {"hostPath": "sys"}}}, "/exporter/sysfs/hostPath"),
        ({"operator": {"replicas": 3}}, "/operator/replicas"),
        ({"operator": {"logLevel": "loud"}}, "/operator/logLevel"),
        ({"prometheus": {"enabled": False}}, "/prometheus/url"),
        ({"prometheus": {"url": "http://mine:9090"}}, "/prometheus/url"),
        ({"prometheus": {"scrapeIntervalSeconds": 0}}, "/prometheus/scrapeIntervalSeconds"),
        ({"jobNamespaces": []}, "/jobNamespaces"),
        ({"jobNamespaces": ["Team A"]}, "/jobNamespaces/0"),
        ({"evictNamespaces": {"names": ["kube-system"]}}, "/evictNamespaces/names/0"),
        ({"evictNamespaces": {"names": []}}, "/evictNamespaces/names"),
        ({"evictNamespaces": {"names": ["a"], "allBut": ["b"]}}, "/evictNamespaces"),
        ({"evictNamespaces": {"matchLabels": {}}}, "/evictNamespaces/matchLabels"),
        (
            {"evictNamespaces": {"allBut": []}, "admissionPolicies": {"enabled": False}},
            "use evictNamespaces.names",
        ),
        ({"intensitySources": {"a": {"provider": "guess"}}}, "/intensitySources/a/provider"),
        ({"intensitySources": {"a": {"provider": "static"}}}, "gramsPerKilowattHour"),
        ({"intensitySources": {"a": {"provider": "electricity-maps"}}}, "url"),
        ({"intensitySources": {"a": {"provider": "file", "path": "/etc/shadow"}}}, "/intensitySources/a/path"),
        (
            {"intensitySources": {"a": {"provider": "static", "gramsPerKilowattHour": {"DE": 1}, "url": "http://a"}}},
            "url",
        ),
        (
            {"intensitySources": {"a": {"provider": "static", "gramsPerKilowattHour": {"DE": 380_000}}}},
            "/gramsPerKilowattHour/DE",
        ),
        (
            {"intensitySources": {"a": {"provider": "electricity-maps", "url": "https://me:secret@example.com"}}},
            "/intensitySources/a/url",
        ),
        ({"relays": {"a": {"driver": "Hammer", "url": "http://10.0.0.2"}}}, "/relays/a/driver"),
        ({"relays": {"a": {"driver": "Shelly"}}}, "url"),
        ({"relays": {"a": {"driver": "Shelly", "url": "http://10.0.0.2", "token": "abc"}}}, "token"),
        ({"relays": {"a": {"driver": "Shelly", "url": "http://10.0.0.2", "tokenSecretRef": {}}}}, "tokenSecretRef"),
        ({"relays": {"Relay 1": {"driver": "Shelly", "url": "http://10.0.0.2"}}}, "Relay 1"),
        ({"trainer": {"claims": ["*-data"]}}, "/trainer/claims/0"),
        ({"dataVolumes": {"a": {"hostPath": "/srv/../etc", "namespaces": ["default"]}}}, "/dataVolumes/a/hostPath"),
        ({"dataVolumes": {"a": {"hostPath": "srv", "namespaces": ["default"]}}}, "/dataVolumes/a/hostPath"),
        ({"dataVolumes": {"a": {"hostPath": "/srv", "namespaces": []}}}, "/dataVolumes/a/namespaces"),
        ({"dataVolumes": {"a": {"hostPath": "/srv"}}}, "namespaces"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_wrong_values_are_refused_with_the_place(tmp_path: Path, values: object, where: str) -> None:
    done = chart.template(tmp_path, values=values)
    assert done.returncode != 0
    assert where in done.stderr


def test_every_value_is_checked_by_the_schema() -> None:
    schema = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text(encoding="utf-8"))
    assert set(values) <= set(schema["properties"])
    for name, section in values.items():
        if isinstance(section, dict) and "properties" in schema["properties"][name]:
            assert set(section) == set(schema["properties"][name]["properties"]), name


def test_the_chart_passes_helms_own_lint(tmp_path: Path) -> None:
    done = chart.run_helm(["lint", "--strict", str(chart.CHART)], tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["crds", "helm/sunward", "kind-config.yaml"])
def test_plain_yaml_files_are_tidy(name: str) -> None:
    rules = "line-length: {max: 120}, document-start: disable, comments: {min-spaces-from-content: 1}"
    config = YamlLintConfig(f"{{extends: default, rules: {{{rules}}}}}")
    place = chart.ROOT / name
    paths = [place] if place.is_file() else sorted(place.rglob("*.yaml"))
    problems = [
        f"{path.relative_to(chart.ROOT)}:{problem}"
        for path in paths
        if "templates" not in path.parts
        for problem in linter.run(path.read_text(encoding="utf-8"), config)
    ]
    assert problems == []


def test_what_is_rendered_is_tidy_too(tmp_path: Path) -> None:
    rendered = chart.template(tmp_path, values=FULL).stdout
    config = YamlLintConfig(
        "{extends: relaxed, rules: {line-length: disable, indentation: {indent-sequences: whatever}}}"
    )
    problems = [problem for problem in linter.run(rendered, config) if problem.rule != "empty-lines"]
    assert problems == []


def test_kind_gets_a_control_plane_and_three_managed_workers_with_sensors() -> None:
    config = yaml.safe_load((chart.ROOT / "kind-config.yaml").read_text(encoding="utf-8"))
    values = yaml.safe_load((chart.CHART / "values-kind.yaml").read_text(encoding="utf-8"))
    roles = [node["role"] for node in config["nodes"]]
    assert roles == ["control-plane", "worker", "worker", "worker"]
    assert all(node["labels"] == {"sunward.dev/managed": "true"} for node in config["nodes"][1:])
    for node in config["nodes"]:
        assert node["extraMounts"][0]["containerPath"] == values["exporter"]["sysfs"]["hostPath"]


def test_the_exporter_reads_the_rules_that_the_chart_gives_it(full: list[chart.Manifest], tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(chart.one(full, "ConfigMap", "sunward-exporter")["data"]["rules.json"], encoding="utf-8")
    assert for_node(file, "pi-01", "Raspberry Pi 4 Model B Rev 1.4") == {"node_device": ["ina3221/VDD IN"]}
    assert for_node(file, "pc-01", "LENOVO 10T7") == {"rate_hertz": 1.0}


def test_only_the_opener_is_root_and_only_where_it_is_asked_for(full: list[chart.Manifest], tmp_path: Path) -> None:
    pod = chart.pod_spec(chart.one(full, "DaemonSet", "sunward-exporter"))
    users = {one["name"]: one["securityContext"].get("runAsUser") for one in pod["containers"]}
    assert users == {"exporter": None, "opener": 0}
    opener = pod["containers"][1]
    assert not opener.get("ports")
    assert {mount["name"] for mount in opener["volumeMounts"]} == {"sysfs", "opener"}
    plain = chart.pod_spec(chart.one(chart.render(tmp_path), "DaemonSet", "sunward-exporter"))
    assert [one["name"] for one in plain["containers"]] == ["exporter"]


def test_the_operator_reads_the_mapped_meters_that_the_chart_gives_it(full: list[chart.Manifest]) -> None:
    text = chart.one(full, "ConfigMap", "sunward-settings")["data"]["settings.yaml"]
    maps = parse_settings(text).sensors
    assert [one.template.series for one in maps] == ["kepler_node_cpu_joules_total", "shelly_power_watts", "pv:watts"]
    assert maps[1].nodes == {"pi-01": "plug-7"}


def test_the_chart_knows_the_presets_and_units_that_the_operator_knows() -> None:
    schema = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))
    fields = schema["properties"]["sensors"]["items"]["properties"]
    assert fields["preset"]["enum"] == [preset.value for preset in Preset]
    assert fields["unit"]["enum"] == [unit.value for unit in Unit]
    assert set(fields) == {field.alias or name for name, field in SensorMap.model_fields.items()}
