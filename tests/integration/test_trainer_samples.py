"""Every valid sample of a TrainingJob trains: its pods' own arguments, as real processes, to the first round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sunward.cluster.objects.schema import job_spec
from sunward.cluster.training import pods, templates
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.jobs import Assignment, JobSpec
from sunward.domain.workloads import DataVolume
from sunward_trainer.apps.injection import SCRIPT, inject
from support import crds
from support.door import client_context, coordinator_folder, operator_folder, worker_folder
from support.flower_apps import APPS
from support.ports import free_port
from support.real.journal import wait_until
from support.trainer import TRAINER_FOLDER, store_data, toy_data

SAMPLES = sorted(path.stem for path in crds.VALID.glob("trainingjob-*.yaml"))
AROUND = Surroundings(data_volumes={"cameras": DataVolume(host_path="/srv/cameras", namespaces=("default",))})


def arguments(pod: dict[str, Any], elsewhere: Mapping[str, object], folder: Path) -> list[str]:
    """The container's arguments with other addresses and folders than those of a pod."""
    given = pod["spec"]["containers"][0]["args"]
    changed = [str(elsewhere.get(before, value)) for before, value in zip(["", *given], given, strict=False)]
    return [value.replace("/var/lib/sunward", str(folder)) for value in changed]


class Processes:
    """The pods of one job as processes on loopback, ended by their ids."""

    def __init__(self, job: JobSpec, folder: Path) -> None:
        self.job, self.folder = job, folder
        self.port, self.fleet = free_port(), free_port()
        self.injected = folder / "injected"
        self.injected.mkdir()
        inject(self.injected)
        self.running: list[subprocess.Popen[bytes]] = []
        self.context = client_context(operator_folder(folder / "tls-operator"))
        homes = [
            Assignment(job=job.key, shard=s.name, from_node=s.node, node=s.node, batches=job.steps_per_round)
            for s in job.shards
        ]
        (folder / "assignment.json").write_text(templates.assignment_file(job, homes, "plan-1"))

    def start(self, name: str, pod: dict[str, Any], elsewhere: Mapping[str, object]) -> None:
        program = ["-m", "sunward_trainer"] if self.job.flower_app is None else [str(self.injected / SCRIPT)]
        given = arguments(pod, {**elsewhere, "--app": APPS / "quick"}, self.folder / name)
        command = [sys.executable, *program, *given]
        environment = {**os.environ, "PYTHONPATH": str(TRAINER_FOLDER), "POD_IP": "127.0.0.1"}
        environment |= {one["name"]: one["value"] for one in pod["spec"]["containers"][0]["env"] if "value" in one}
        environment |= {"HOME": str(self.folder), "FLWR_HOME": str(self.folder / name / "flwr")}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))

    def start_all(self) -> None:
        """The coordinator, and a worker on every home with the data of its shards where its volumes would be."""
        coordinator = pods.coordinator_pod(self.job, "hub", AROUND)
        elsewhere = {
            "--tls-dir": coordinator_folder(self.folder / "tls-coordinator"),
            "--assignment": self.folder / "assignment.json",
            "--listen": f"127.0.0.1:{self.port}",
            "--superlink": f"127.0.0.1:{self.fleet}",
        }
        self.start("coordinator", coordinator, elsewhere)
        for node in sorted({shard.node for shard in self.job.shards}):
            pod = pods.worker_pod(self.job, node, node, "127.0.0.1", AROUND)
            for mount in pod["spec"]["containers"][0]["volumeMounts"]:
                if mount["name"].startswith("shard-"):
                    store_data(
                        toy_data(), Path(mount["mountPath"].replace("/var/lib/sunward", f"{self.folder}/{node}"))
                    )
            tls = worker_folder(self.folder / f"tls-{node}", node, site="barn")
            ports = {
                "--coordinator-port": self.port,
                "--superlink-port": self.fleet,
                "--shard-server-port": free_port(),
            }
            self.start(node, pod, {"--tls-dir": tls, **ports})

    def round(self) -> int:
        """The last round that counts; 0 while the coordinator does not answer."""
        try:
            with urllib.request.urlopen(
                f"https://127.0.0.1:{self.port}/progress", timeout=2, context=self.context
            ) as answer:
                return int(json.load(answer)["round"])
        except OSError:
            return 0

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-2000:]}" for path in self.folder.glob("*.log"))


@contextmanager
def processes(job: JobSpec, folder: Path) -> Iterator[Processes]:
    found = Processes(job, folder)
    try:
        found.start_all()
        yield found
    finally:
        for process in found.running:
            process.kill()
            process.wait()


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_valid_sample_trains_its_first_round(tmp_path: Path, sample: str) -> None:
    with processes(job_spec(crds.sample(sample)), tmp_path) as federation:
        try:
            wait_until(lambda: federation.round() >= 1, 240.0, "the first round")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{federation.logs()}") from error
