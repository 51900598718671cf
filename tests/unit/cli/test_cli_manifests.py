"""Manifests that nobody has applied are planned as an operator would; what is missing is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from sunward.cli.manifests import figures, problem_of
from sunward.domain.errors import InvalidInput
from sunward.optimisation.solve import solve_exact

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POWER = {"idleMilliwatts": 2700, "busyMilliwatts": 6400}


def node(name: str, zone: str, **spec: object) -> dict[str, object]:
    sleep = {"driver": "CordonOnly"}
    return {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "EnergyNode",
        "metadata": {"name": name},
        "spec": {"gridZone": zone, "power": POWER, "sleep": sleep, **spec},
    }


JOB = {
    "apiVersion": "sunward.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "mnist", "namespace": "default"},
    "spec": {
        "runtime": {"flower": {"image": "sunward-trainer:0.1.0", "app": "mnist-mlp"}},
        "rounds": 40,
        "stepsPerRound": 50,
        "batchSize": 32,
        "shards": [
            {"name": "a", "node": "clean", "samples": 6000, "sizeMebibytes": 5},
            {"name": "b", "node": "dirty", "samples": 6000, "sizeMebibytes": 5},
        ],
        "cost": {"milliwattHoursPerThousandBatches": 6, "millisecondsPerBatch": 12},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bodies = [node("clean", "US-SCL"), node("dirty", "US-NWMT"), JOB, {"apiVersion": "v1", "kind": "ConfigMap"}]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(bodies), encoding="utf-8")
    return tmp_path


def test_manifests_become_the_problem_that_an_operator_would_solve(folder: Path) -> None:
    problem = problem_of([folder], {"US-SCL": 24.0, "US-NWMT": 690.0}, {}, NOW)
    assert {node.name: node.grid_zone for node in problem.nodes} == {"clean": "US-SCL", "dirty": "US-NWMT"}
    assert {name for job in problem.jobs for name in job.batches} == {"clean", "dirty"}
    assert solve_exact(problem, time_limit_seconds=10.0, relative_gap=1e-6).status == "optimal"


def test_a_job_outside_the_namespaces_of_a_given_policy_is_refused_with_the_fix(folder: Path) -> None:
    policy = {"apiVersion": "sunward.dev/v1alpha1", "kind": "EnergyPolicy", "metadata": {"name": "default"}}
    spec = {"mode": "DryRun", "namespaces": ["other"]}
    (folder / "policy.yaml").write_text(yaml.safe_dump({**policy, "spec": spec}), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"TrainingJob default/mnist: add default to spec\.namespaces"):
        problem_of([folder], {"US-SCL": 24.0, "US-NWMT": 690.0}, {}, NOW)


def test_a_zone_without_an_intensity_is_asked_for(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="give --intensity US-NWMT=NUMBER"):
        problem_of([folder], {"US-SCL": 24.0}, {}, NOW)


def test_a_source_without_a_figure_is_asked_for(folder: Path) -> None:
    sunny = node("sunny", "US-SCL", harvest={"nameplateMilliwatts": 9000})
    (folder / "sunny.yaml").write_text(yaml.safe_dump(sunny), encoding="utf-8")
    zones = {"US-SCL": 24.0, "US-NWMT": 690.0}
    with pytest.raises(InvalidInput, match="give --harvest sunny=NUMBER"):
        problem_of([folder], zones, {}, NOW)
    problem = problem_of([folder], zones, {"sunny": 3.6}, NOW)
    harvest = next(node.harvest_watt_hours for node in problem.nodes if node.name == "sunny")
    assert harvest[0] == pytest.approx(3.6 * problem.period_seconds / 3600)


def test_a_folder_without_nodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="contains no EnergyNode"):
        problem_of([tmp_path], {}, {}, NOW)


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"bad\.yaml: is not valid YAML"):
        problem_of([tmp_path], {}, {}, NOW)


@pytest.mark.parametrize("pair", ["US-SCL", "US-SCL=much", "=3", "US-SCL=-1", "US-SCL=nan"])
def test_a_figure_of_another_form_is_refused(pair: str) -> None:
    with pytest.raises(InvalidInput, match="--intensity"):
        figures([pair], "--intensity")


def test_a_time_without_quotes_is_read_as_kubernetes_reads_it(tmp_path: Path) -> None:
    job = yaml.safe_dump(JOB | {"spec": JOB["spec"] | {"deadline": "WHEN"}}).replace("WHEN", "2026-11-22T18:00:00Z")
    manifests = "\n---\n".join([yaml.safe_dump(node("clean", "DE")), yaml.safe_dump(node("dirty", "DE")), job])
    (tmp_path / "all.yaml").write_text(manifests, encoding="utf-8")
    assert problem_of([tmp_path], {"DE": 300.0}, {}, NOW).jobs


def test_a_manifest_that_is_wrong_is_refused_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "node.yaml").write_text(yaml.safe_dump(node("clean", "DE", harvest={})), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"EnergyNode clean: spec\.harvest\.nameplateMilliwatts: is missing"):
        problem_of([tmp_path], {"DE": 300.0}, {}, NOW)
