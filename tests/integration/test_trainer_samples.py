"""Every valid sample of a TrainingJob trains: its pods' own arguments, as real processes, to the first round."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sunward.cluster.objects.schema import job_spec
from sunward.cluster.training import pods, templates
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.cluster.training.progress import parse_progress
from sunward.domain.jobs import Assignment, JobPhase, JobProgress, JobSpec
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
        self.assign("plan-1", {shard.name: shard.node for shard in job.shards})

    def assign(self, plan: str, nodes: Mapping[str, str]) -> None:
        """A plan with these shards on these nodes, as the kubelet replaces the file."""
        rows = [
            Assignment(job=self.job.key, shard=s.name, from_node=s.node, node=nodes[s.name], batches=batches)
            for s, batches in ((s, self.job.steps_per_round) for s in self.job.shards)
            if s.name in nodes
        ]
        new = self.folder / "assignment.new"
        new.write_text(templates.assignment_file(self.job, rows, plan))
        new.replace(self.folder / "assignment.json")

    def start(self, name: str, pod: dict[str, Any], elsewhere: Mapping[str, object]) -> None:
        container = pod["spec"]["containers"][0]
        environment = {**os.environ, "PYTHONPATH": str(TRAINER_FOLDER), "POD_IP": "127.0.0.1"}
        environment |= {one["name"]: one["value"] for one in container["env"] if "value" in one}
        environment |= {"HOME": str(self.folder), "FLWR_HOME": str(self.folder / name / "flwr")}
        command = self.own_program(container) if self.job.containers else self.trainer(name, pod, elsewhere)
        environment |= self.own_surroundings(name, elsewhere) if self.job.containers else {}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running.append(
                subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
            )

    def own_program(self, container: dict[str, Any]) -> list[str]:
        """The container's own command, with the Python that is here."""
        given = [*container["command"], *container.get("args", [])]
        return [sys.executable, *given[1:]] if given[0] == "python3" else given

    def own_surroundings(self, name: str, elsewhere: Mapping[str, object]) -> dict[str, str]:
        """Other ports and folders than those of a pod, in the variables in which a program reads them."""
        (self.folder / name).mkdir(exist_ok=True)
        return {
            "SUNWARD_ASSIGNMENT": str(self.folder / "assignment.json"),
            "SUNWARD_TLS": str(elsewhere["--tls-dir"]),
            "SUNWARD_STATE": str(self.folder / name / "state"),
            "SUNWARD_PROGRESS_PORT": str(self.port),
            "SUNWARD_WORK_PORT": str(self.fleet),
        }

    def trainer(self, name: str, pod: dict[str, Any], elsewhere: Mapping[str, object]) -> list[str]:
        """The command of a pod of the bundled trainer, or of a Flower app."""
        program = ["-m", "sunward_trainer"] if self.job.flower_app is None else [str(self.injected / SCRIPT)]
        given = arguments(pod, {**elsewhere, "--app": APPS / "quick"}, self.folder / name)
        return [sys.executable, *program, *given]

    def start_coordinator(self) -> None:
        coordinator = pods.coordinator_pod(self.job, "hub", AROUND)
        elsewhere = {
            "--tls-dir": coordinator_folder(self.folder / "tls-coordinator"),
            "--assignment": self.folder / "assignment.json",
            "--listen": f"127.0.0.1:{self.port}",
            "--superlink": f"127.0.0.1:{self.fleet}",
        }
        self.start("coordinator", coordinator, elsewhere)

    def start_all(self) -> None:
        """The coordinator, and a worker on every home with the data of its shards where its volumes would be."""
        self.start_coordinator()
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

    def stop(self, index: int) -> None:
        """End a process and those that it started; the coordinator is the first."""
        process = self.running.pop(index)
        os.killpg(process.pid, signal.SIGKILL)  # a shell has processes of its own
        process.wait()

    def round(self) -> int:
        """The last round that counts; 0 while the coordinator does not answer."""
        found = self.progress()
        return 0 if found is None else found.round

    def progress(self) -> JobProgress | None:
        """As the operator reads it; None while the coordinator does not answer."""
        try:
            with urllib.request.urlopen(
                f"https://127.0.0.1:{self.port}/progress", timeout=2, context=self.context
            ) as answer:
                assert answer.headers.get_content_type() == "application/json"
                return parse_progress(answer.read())
        except OSError:
            return None

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-2000:]}" for path in self.folder.glob("*.log"))


@contextmanager
def processes(job: JobSpec, folder: Path) -> Iterator[Processes]:
    found = Processes(job, folder)
    try:
        found.start_all()
        yield found
    finally:
        while found.running:
            found.stop(-1)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_valid_sample_trains_its_first_round(tmp_path: Path, sample: str) -> None:
    with processes(job_spec(crds.sample(sample)), tmp_path) as federation:
        try:
            wait_until(lambda: federation.round() >= 1, 240.0, "the first round")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{federation.logs()}") from error


@pytest.mark.parametrize("sample", [name for name in SAMPLES if "generic" in name])
def test_an_own_program_pauses_moves_and_goes_on_after_a_restart(tmp_path: Path, sample: str) -> None:
    endless = replace(job_spec(crds.sample(sample)), rounds=1000, target_accuracy_percent=None)
    with processes(endless, tmp_path) as federation:
        wait_until(lambda: federation.round() >= 1, 60.0, "the first round")

        federation.assign("plan-2", {})
        wait_until(lambda: phase_of(federation) is JobPhase.WAITING, 60.0, "the pause")
        before = federation.round()
        federation.stop(-1)  # the worker on pi-03

        federation.assign("plan-3", {"a": "pi-01", "b": "pi-02", "c": "pi-01"})
        wait_until(lambda: federation.round() >= before + 2, 60.0, "two rounds on two nodes")
        found = federation.progress()
        assert found is not None
        assert found.plan == "plan-3"
        assert set(found.workers) <= {"pi-01", "pi-02"}

        before = federation.round()
        federation.stop(0)  # the coordinator
        federation.start_coordinator()
        wait_until(lambda: federation.round() >= before + 1, 60.0, "a round of the second coordinator")


def phase_of(federation: Processes) -> JobPhase | None:
    found = federation.progress()
    return None if found is None else found.phase
