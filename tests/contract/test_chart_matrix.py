"""The chart over its switches and the versions of Kubernetes that it promises, strictly by each version's schemas."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support import chart

VERSIONS = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
FOREIGN = ("EnergyPolicy", "ServiceMonitor", "PodMonitor", "PrometheusRule")
"""Kinds of which Kubernetes has no schema."""
ON: dict[str, Any] = {
    "standby": {"operator": {"replicas": 2}},
    "perNode": {"exporter": {"sysfs": {"perNode": True}}},
    "rapl": {"exporter": {"rapl": {"enabled": True}}},
    "discovery": {"prometheus": {"discovery": "operator"}},
    "networkPolicy": {"networkPolicy": {"enabled": True, "prometheusClients": {"app": "grafana"}}},
    "admissionPolicies": {"admissionPolicies": {"enabled": False}},
    "uninstall": {"uninstall": {"wakeNodes": False}},
    "tests": {"tests": {"enabled": False}},
    "policy": {"policy": {"create": False}},
    "jobs": {"crds": {"upgrade": True}, "init": {"enabled": True, "arguments": ["--zone", "DE"]}},
    "serviceMonitor": {"serviceMonitor": {"enabled": True, "labels": {"release": "stack"}}},
    "podMonitor": {"podMonitor": {"enabled": True}},
    "prometheusRule": {"prometheusRule": {"enabled": True}},
    "agent": {"agent": {"enabled": True, "appArmorProfile": "Unconfined"}, "evictNamespaces": {"names": ["media"]}},
    "pods": {
        part: {
            "podLabels": {"team": "edge"},
            "podAnnotations": {"note": "x"},
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "priorityClassName": "",
            "affinity": {"nodeAffinity": {}},
            "image": {"registry": "example.org", "digest": f"sha256:{'0' * 64}"},
        }
        for part in ("operator", "exporter", "prometheus", "agent")
    },
}
"""Each switch, turned away from its default."""


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    """Values of several switches."""
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else value
    return found


def turned(run: int) -> list[str]:
    """Switches of one run of 16: over all runs, every pair of switches meets in all four ways (Hadamard)."""
    return [name for place, name in enumerate(ON, start=1) if bin(run & place).count("1") % 2]


def faults(manifests: list[chart.Manifest], version: str) -> list[str]:
    found = []
    for manifest in manifests:
        if manifest["kind"] not in FOREIGN:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{version} {manifest['kind']}: {error.message}")
    return found


def test_the_runs_meet_every_pair_of_switches_in_all_four_ways() -> None:
    runs = [set(turned(run)) for run in range(16)]
    assert len(ON) == 15
    for one in ON:
        for other in ON:
            ways = {(one in run, other in run) for run in runs}
            assert one == other or len(ways) == 4, (one, other)


@pytest.mark.parametrize("run", range(16))
def test_every_pair_of_switches_renders_and_is_valid(run: int, tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=merged(*(ON[name] for name in turned(run))))
    assert faults(manifests, VERSIONS[run % len(VERSIONS)]) == []


@cache
def everything() -> str:
    """All that can be on at once, as text: a fixture per version would render it eight times."""
    names = ON.keys() - {"admissionPolicies", "uninstall", "tests", "policy"}
    return yaml.safe_dump(merged(*(ON[name] for name in sorted(names))))


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_is_valid_for_every_version_of_kubernetes(version: str, tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=yaml.safe_load(everything()))
    assert {"ServiceMonitor", "PodMonitor", "PrometheusRule", "NetworkPolicy"} <= {m["kind"] for m in manifests}
    assert faults(manifests, version) == []


def test_a_version_that_is_too_old_is_refused(tmp_path: Path) -> None:
    command = ["template", "sunward", str(chart.CHART), "--kube-version"]
    assert "1.30" in chart.run_helm([*command, "1.29.9"], tmp_path).stderr
    assert chart.run_helm([*command, "v1.33.5+k3s1"], tmp_path).returncode == 0


IMAGE = {"registry": "", "repository": "sunward-operator", "tag": "", "digest": ""}


@pytest.mark.parametrize(
    ("image", "registry", "expected"),
    [
        ({}, "", "sunward-operator:0.1.0"),
        ({"tag": "0.2.0"}, "", "sunward-operator:0.2.0"),
        ({"registry": "registry.example.org/team"}, "", "registry.example.org/team/sunward-operator:0.1.0"),
        ({"registry": "registry.example.org/team"}, "registry.lan:5000", "registry.lan:5000/sunward-operator:0.1.0"),
        ({"tag": "x", "digest": f"sha256:{'a' * 64}"}, "", f"sunward-operator@sha256:{'a' * 64}"),
        ({"repository": "team/op"}, "registry.lan", "registry.lan/team/op:0.1.0"),
    ],
)
def test_an_image_is_put_together(image: dict[str, str], registry: str, expected: str, tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values={"operator": {"image": image}, "global": {"imageRegistry": registry}})
    found = chart.pod_spec(chart.one(manifests, "Deployment", "sunward-operator"))["containers"][0]["image"]
    assert found == expected


def test_every_image_comes_from_the_global_registry(tmp_path: Path) -> None:
    values = merged({"global": {"imageRegistry": "registry.lan"}}, ON["jobs"], ON["rapl"], ON["agent"])
    text = chart.template(tmp_path, values=values).stdout
    images = re.findall(r"image: \"(.*)\"", text)
    assert len(images) >= 8
    assert all(image.startswith("registry.lan/") for image in images)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"operator": {"image": "sunward-operator:0.1.0"}}, "/operator/image"),
        ({"operator": {"image": {"repository": "a:b"}}}, "/operator/image/repository"),
        ({"operator": {"image": {"digest": "abc"}}}, "/operator/image/digest"),
        ({"global": {"imageRegistry": "registry.lan/"}}, "/global/imageRegistry"),
        ({"exporter": {"podLabels": {"app.kubernetes.io/component": "x"}}}, "app.kubernetes.io/component"),
        ({"serviceMonitor": {"interval": "soon"}}, "/serviceMonitor/interval"),
        ({"uninstall": {"deadlineSeconds": 1}}, "/uninstall/deadlineSeconds"),
    ],
)
def test_wrong_values_of_images_and_pods_are_refused(tmp_path: Path, values: object, where: str) -> None:
    done = chart.template(tmp_path, values=values)
    assert done.returncode != 0
    assert where in done.stderr


def pods(manifests: list[chart.Manifest]) -> dict[str, chart.Manifest]:
    return {m["metadata"]["name"]: m["spec"]["template"] for m in chart.of_kind(manifests, "Deployment", "DaemonSet")}


def test_what_people_add_to_pods_is_there_and_selectors_stay(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=merged(ON["pods"], ON["agent"]))
    for name, template in pods(manifests).items():
        assert template["metadata"]["labels"]["team"] == "edge"
        assert template["metadata"]["annotations"]["note"] == "x"
        assert {"name": "TZ", "value": "UTC"} in template["spec"]["containers"][0]["env"]
        assert "priorityClassName" not in template["spec"]
        assert template["spec"]["affinity"] is not None
        part = name.removeprefix("sunward-")
        assert template["metadata"]["labels"]["app.kubernetes.io/component"] == part


def test_the_uninstall_waits_no_longer_than_helm_does_and_goes_where_the_image_is(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values={"operator": {"nodeSelector": {"role": "hub"}}})
    job = chart.one(manifests, "Job", "sunward-uninstall")
    assert job["spec"]["activeDeadlineSeconds"] < 300
    assert chart.pod_spec(job)["nodeSelector"] == {"role": "hub"}


def test_helms_test_may_ask_the_operator_under_network_policies(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=ON["networkPolicy"])
    labels = chart.one(manifests, "Pod", "sunward-operator-alive")["metadata"]["labels"]
    rules = chart.one(manifests, "NetworkPolicy", "sunward-operator")["spec"]["ingress"]
    peers = [peer["podSelector"]["matchLabels"] for rule in rules for peer in rule["from"]]
    assert any(wanted.items() <= labels.items() for wanted in peers)
    clients = chart.one(manifests, "NetworkPolicy", "sunward-prometheus")["spec"]["ingress"][0]["from"]
    assert {"app": "grafana"} in [peer["podSelector"]["matchLabels"] for peer in clients]


def test_monitors_find_what_the_chart_installs(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=merged(ON["serviceMonitor"], ON["podMonitor"]))
    monitor = chart.one(manifests, "ServiceMonitor", "sunward-operator")
    service = chart.one(manifests, "Service", "sunward-operator")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "stack"
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    exporter = pods(manifests)["sunward-exporter"]
    monitor = chart.one(manifests, "PodMonitor", "sunward-exporter")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= exporter["metadata"]["labels"].items()


def test_the_pod_monitor_says_what_the_bundled_prometheus_says(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=ON["podMonitor"])
    spec = chart.one(manifests, "PodMonitor", "sunward-exporter")["spec"]
    config = yaml.safe_load(chart.one(manifests, "ConfigMap", "sunward-prometheus")["data"]["prometheus.yml"])
    (job,) = config["scrape_configs"]
    endpoint = spec["podMetricsEndpoints"][0]
    assert spec["sampleLimit"] == job["sample_limit"]
    assert (endpoint["honorLabels"], endpoint["honorTimestamps"]) == (job["honor_labels"], job["honor_timestamps"])
    kept = [rule["regex"] for rule in endpoint["metricRelabelings"]]
    assert kept == [rule["regex"] for rule in job["metric_relabel_configs"]]
    assert {"targetLabel": "job", "replacement": job["job_name"]} in endpoint["relabelings"]


def test_the_alerts_are_those_of_the_documentation(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=ON["prometheusRule"])
    (group,) = chart.one(manifests, "PrometheusRule", "sunward")["spec"]["groups"]
    page = (chart.ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split("## Recommended alerts")[1]
    rows = [row.split(" | ")[0].removeprefix("| ") for row in page.splitlines() if row.startswith("| `")]
    documented = {}
    for row in rows:
        expression, _, wait = row.partition("` for ")
        minutes = re.match(r"(\d+) minutes", wait)
        documented[expression.strip("`").replace("\\|", "|")] = f"{minutes[1]}m" if minutes else None
    assert {rule["expr"]: rule.get("for") for rule in group["rules"]} == documented


@pytest.mark.prometheus
def test_prometheus_accepts_the_alerts(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=ON["prometheusRule"])
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": chart.one(manifests, "PrometheusRule", "sunward")["spec"]["groups"]}))
    promtool = Path(chart.helm()).parent / "promtool"
    done = subprocess.run([promtool, "check", "rules", file], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_definitions_are_applied_by_an_account_that_may_change_no_others(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=ON["jobs"])
    (rule,) = chart.one(manifests, "ClusterRole", "sunward-crds")["rules"]
    packed = chart.one(manifests, "ConfigMap", "sunward-crds")["data"]
    definitions = {name: yaml.safe_load(text) for name, text in packed.items()}
    ours = {path.name: yaml.safe_load(path.read_text()) for path in (chart.ROOT / "crds").glob("*.yaml")}
    assert definitions == ours
    assert set(rule["resourceNames"]) == {body["metadata"]["name"] for body in ours.values()}
    assert "delete" not in rule["verbs"]
    assert sum(map(len, packed.values())) < 900_000, "a ConfigMap holds 1 MiB"


def helm_chart(files: list[Path]) -> str:
    command = [sys.executable, str(chart.ROOT / "tools" / "helmchart.py"), *map(str, files)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_the_chart_in_a_helm_chart_resource_is_the_chart(tmp_path: Path) -> None:
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    files[0].write_text("operator: {replicas: 2}")
    files[1].write_text("operator: {logLevel: debug}")
    texts = [helm_chart(files), helm_chart(files)]
    assert texts[0] == texts[1], "the same bytes twice"
    body = yaml.safe_load(texts[0])
    assert yaml.safe_load(body["spec"]["valuesContent"]) == {"operator": {"replicas": 2, "logLevel": "debug"}}
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(body["spec"]["chartContent"]))) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    values = tmp_path / "values.yaml"
    values.write_text(body["spec"]["valuesContent"])
    flags = ["--namespace", chart.NAMESPACE, "--values", str(values)]
    outputs = [
        chart.run_helm(["template", "sunward", str(place), *flags], tmp_path)
        for place in (tmp_path / "unpacked" / "sunward", chart.CHART)
    ]
    assert outputs[0].returncode == 0, outputs[0].stderr
    assert outputs[0].stdout == outputs[1].stdout
    assert len(yaml.safe_dump(body)) < 1_000_000, "an object of Kubernetes holds 1.5 MiB"


def test_the_chart_describes_itself_as_it_is(tmp_path: Path) -> None:
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    described = {key: yaml.safe_load(text) for key, text in about["annotations"].items()}
    text = chart.template(tmp_path, values=ON["agent"]).stdout
    used = {
        *re.findall(r"image: \"(.*)\"", text),
        *yaml.safe_load((chart.CHART / "values.yaml").read_text())["trainer"]["images"],
    }
    assert {one["image"] for one in described["artifacthub.io/images"]} == used
    ours = {
        (body["metadata"]["name"], body["spec"]["names"]["kind"], body["spec"]["versions"][0]["name"])
        for body in (yaml.safe_load(path.read_text()) for path in (chart.ROOT / "crds").glob("*.yaml"))
    }
    assert {(one["name"], one["kind"], one["version"]) for one in described["artifacthub.io/crds"]} == ours


def test_the_job_of_init_reads_and_runs_the_command_that_people_run(tmp_path: Path) -> None:
    manifests = chart.render(tmp_path, values=ON["jobs"])
    (job,) = [m for m in chart.of_kind(manifests, "Job") if m["metadata"]["name"].startswith("sunward-init-")]
    assert chart.pod_spec(job)["containers"][0]["args"] == ["init", "--zone", "DE", "--", "-"]
    rights = [m for m in chart.of_kind(manifests, "Role", "ClusterRole") if m["metadata"]["name"] == "sunward-init"]
    assert {verb for m in rights for rule in m["rules"] for verb in rule["verbs"]} == {"list", "get"}
    other = chart.render(tmp_path, values=merged(ON["jobs"], {"init": {"arguments": ["--zone", "FR"]}}))
    names = {m["metadata"]["name"] for m in chart.of_kind(other, "Job")}
    assert job["metadata"]["name"] not in names, "the template of a Job cannot change"
