"""A control plane alone: what the other rooms' tests stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sunward_lab import cluster, processes
from sunward_lab.api import Api
from sunward_lab.errors import LabError
from sunward_lab.identities import Identities, Identity
from sunward_lab.settings import RunFolder, Settings
from support.lab import ControlPlane, control_plane, running_control_plane, skip_unless_possible, take_down_orphans

pytestmark = pytest.mark.cluster

__all__ = ["control_plane"]


def test_the_scheduler_and_the_controllers_answer_a_new_deployment(control_plane: ControlPlane) -> None:
    pod = {"containers": [{"name": "c", "image": "none"}]}
    labels = {"app": "waits"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    deployment = {
        "metadata": {"name": "waits"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    control_plane.api.post("/apis/apps/v1/namespaces/default/deployments", deployment)

    def is_seen_as_unschedulable() -> bool:
        pods = control_plane.api.get("/api/v1/namespaces/default/pods?labelSelector=app=waits")["items"]
        conditions = [item for pod in pods for item in pod["status"].get("conditions", [])]
        return any(item["reason"] == "Unschedulable" for item in conditions if "reason" in item)

    processes.wait_for(is_seen_as_unschedulable, 30.0, "no pod was seen by the scheduler")


def test_rights_are_real_and_kwok_cannot_read_secrets() -> None:
    with running_control_plane(kwok_nodes=1) as plane:
        run = RunFolder(plane.kubeconfig.parent)
        kwok = Api.from_kubeconfig(Identities(run.identities).kubeconfig(Identity(name="kwok", user="")))
        assert kwok.exists("/api/v1/nodes/kwok-001")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            kwok.text("/api/v1/secrets")


def test_kwok_answers_for_nodes_without_machines() -> None:
    with running_control_plane(kwok_nodes=3) as plane:
        run = RunFolder(plane.kubeconfig.parent)
        names = [f"kwok-{number:03d}" for number in (1, 2, 3)]
        cluster.await_ready(run, names, lambda _: None)
        assert cluster.conditions(run) == dict.fromkeys(names, "Ready")


def test_two_control_planes_run_side_by_side() -> None:
    with running_control_plane() as one, running_control_plane() as other:
        one.api.post("/api/v1/namespaces", {"metadata": {"name": "only-here"}})
        assert one.api.exists("/api/v1/namespaces/only-here")
        assert not other.api.exists("/api/v1/namespaces/only-here")


def test_a_second_start_in_the_same_folder_is_refused(control_plane: ControlPlane) -> None:
    with pytest.raises(LabError, match="holds a cluster already"):
        cluster.up(Settings(nodes=0, world=False), control_plane.kubeconfig.parent, lambda _: None)


@pytest.mark.parametrize("seconds", [0.2, 0.6, 2.0])
def test_what_a_killed_start_left_is_taken_down(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "run"
    skip_unless_possible(Settings(nodes=0, world=False), path)
    argv = [sys.executable, "-m", "sunward_lab", "up", "--nodes", "0", "--no-world", "--run-dir", str(path)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=os.environ | _same_path()) as start:
        with pytest.raises(subprocess.TimeoutExpired):
            start.wait(seconds)
        start.send_signal(signal.SIGKILL)
    started = processes.recorded(RunFolder(path).processes)
    cluster.down(path, lambda _: None)
    assert not [process for process in started if process.is_alive()]
    assert not path.exists()
    cluster.down(path, lambda _: None)


def test_control_planes_can_be_started_at_the_same_moment() -> None:
    def names_of_a_new_one(_: int) -> int:
        with running_control_plane() as plane:
            return len(plane.api.get("/api/v1/namespaces")["items"])

    with ThreadPoolExecutor(2) as pool:
        assert all(count >= 4 for count in pool.map(names_of_a_new_one, range(2)))


def _same_path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(filter(None, sys.path))}


def test_an_interrupted_start_says_how_to_clean_up(tmp_path: Path) -> None:
    path = tmp_path / "run"
    skip_unless_possible(Settings(nodes=0, world=False), path)
    argv = ["env", "--default-signal=INT"]  # a test run in the background may have been told to ignore it
    argv += [sys.executable, "-m", "sunward_lab", "up", "--nodes", "0", "--no-world", "--run-dir", str(path)]
    environment = os.environ | _same_path()
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment, text=True) as start:
        processes.wait_for((path / "processes" / "etcd").exists, 60.0, "the start did not begin")
        start.send_signal(signal.SIGINT)
        _, words = start.communicate()
    assert start.returncode == 130
    assert words == "sunward-lab: interrupted; `sunward-lab down` removes what was started\n"
    cluster.down(path, lambda _: None)
    assert not path.exists()


def test_what_a_killed_test_left_is_taken_down_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "sunward-plane-orphan"
    skip_unless_possible(Settings(nodes=0, world=False), folder / "run")
    with subprocess.Popen(["sleep", "60"]) as owner:
        folder.mkdir()
        (folder / "owner").write_text(Path(f"/proc/{owner.pid}/stat").read_text())
        cluster.up(Settings(nodes=0, world=False), folder / "run", lambda _: None)
        started = processes.recorded(RunFolder(folder / "run").processes)
        take_down_orphans(tmp_path)
        assert all(process.is_alive() for process in started)
        owner.kill()
    take_down_orphans(tmp_path)
    assert not [process for process in started if process.is_alive()]
    assert not folder.exists()
