"""Real nodes on this machine: they run pods, lose power, come back, and leave nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sunward_lab import cgroups, cluster, network, power, processes
from sunward_lab.building import image_store, images
from sunward_lab.building.layout import Layout
from sunward_lab.run import run as run_program
from sunward_lab.settings import RunFolder, Settings, cache_folder
from support.lab import skip_unless_possible

pytestmark = pytest.mark.e2e

# A number of their own keeps these clusters apart from one that a person has running.
SETTINGS = Settings(nodes=2, instance=9, world=False, worker_cores=0.5, node_monitor_grace_seconds=12)
IMAGE = images.reference("sunward-pause")


@pytest.fixture(scope="module")
def run() -> Iterator[RunFolder]:
    with tempfile.TemporaryDirectory(prefix="sunward-", dir="/run") as folder:
        path = Path(folder) / "lab"
        skip_unless_possible(SETTINGS, path)
        images.build(cache_folder(), ["sunward-pause"], lambda _: None)
        try:
            cluster.up(SETTINGS, path, lambda _: None)
            yield RunFolder(path)
        finally:
            cluster.down(path, lambda _: None)
        assert not what_is_left(path)


def test_nodes_carry_their_roles(run: RunFolder) -> None:
    labels = json.loads(kubectl(run, "get", "nodes", "-o", "json"))["items"]
    by_name = {item["metadata"]["name"]: item["metadata"]["labels"] for item in labels}
    assert "node-role.kubernetes.io/control-plane" in by_name["hub"]
    assert by_name["pi-01"]["sunward.dev/managed"] == "true"
    assert "sunward.dev/managed" not in by_name["hub"]


def test_pods_run_on_every_node_and_their_processor_time_is_counted(run: RunFolder) -> None:
    for name in ("hub", "pi-01", "pi-02"):
        create_pod(run, f"on-{name}", name)
    await_pods(run, {f"on-{name}" for name in ("hub", "pi-01", "pi-02")})
    usage = cgroups.counted(SETTINGS, "pi-01") / "cpuacct.usage"
    first = int(usage.read_text())
    processes.wait_for(lambda: int(usage.read_text()) > first, 20.0, "no processor time was counted")
    assert list(cgroups.counted(SETTINGS, "pi-01").glob("kubepods/*/pod*/*/cgroup.procs"))


def test_a_power_cut_ends_all_of_the_node_and_it_comes_back(run: RunFolder) -> None:
    power.power_off(run.path, "pi-02")
    assert not cgroups.processes(SETTINGS, "pi-02")
    assert not cluster.node(run.path, "pi-02").is_on()
    processes.wait_for(lambda: readiness(run, "pi-02") != "Ready", 60.0, "the node never became NotReady")
    assert readiness(run, "pi-01") == "Ready"
    power.power_on(run.path, "pi-02")
    cluster.await_ready(run, ["pi-02"], lambda _: None)
    create_pod(run, "after-the-cut", "pi-02")
    await_pods(run, {"after-the-cut"})


def test_switching_twice_is_the_same_as_once(run: RunFolder) -> None:
    power.power_on(run.path, "pi-01")
    first = processes.read(cluster.node(run.path, "pi-01").records / "first")
    power.power_on(run.path, "pi-01")
    assert processes.read(cluster.node(run.path, "pi-01").records / "first") == first


def test_an_image_reaches_running_nodes(run: RunFolder) -> None:
    sockets = [node.folder.socket for node in cluster.nodes(run.path) if node.is_on()]
    layout = Layout(cache_folder() / "images")
    image_store.send(layout, [IMAGE], sockets)
    for socket in sockets:
        assert IMAGE in run_program(["ctr", "-a", str(socket), "-n", "k8s.io", "images", "list", "-q"])


@pytest.mark.parametrize("words", ["network", "control plane", "images unpacked", "machines on"])
def test_a_start_killed_at_any_stage_is_taken_down_whole(words: str) -> None:
    with tempfile.TemporaryDirectory(prefix="sunward-", dir="/run") as folder:
        path = Path(folder) / "lab"
        skip_unless_possible(SETTINGS, path)
        kill_start_after(words, path)
        cluster.down(path, lambda _: None)
        cluster.down(path, lambda _: None)
        assert not path.exists()
        assert not what_is_left(path, instance=8)


def kill_start_after(words: str, path: Path) -> None:
    flags = ["--nodes", "1", "--instance", "8", "--no-world", "--run-dir", str(path)]
    environment = os.environ | {"PYTHONPATH": ":".join(filter(None, sys.path))}
    argv = [sys.executable, "-m", "sunward_lab", "up", *flags]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as start:
        assert start.stdout is not None
        assert any(words in line for line in start.stdout)
        start.send_signal(signal.SIGKILL)


def what_is_left(path: Path, *, instance: int = 9) -> list[str]:
    """Everything on the host that still names the cluster."""
    settings = Settings(nodes=1, instance=instance)
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(path) in line]
    programs = [line.decode(errors="replace") for line in command_lines() if str(path).encode() in line]
    names = [settings.bridge] if network.exists(settings) else []
    return [*mounts, *programs, *names, *(["cgroup"] if cgroups.is_left(settings) else [])]


def command_lines() -> Iterator[bytes]:
    for item in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield (item / "cmdline").read_bytes()


def kubectl(run: RunFolder, *arguments: str, text: str | None = None) -> str:
    argv = [str(cluster.binaries() / "kubectl"), "--kubeconfig", str(run.kubeconfig), *arguments]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout


def create_pod(run: RunFolder, name: str, node: str) -> None:
    container = {"name": "c", "image": IMAGE, "imagePullPolicy": "Never"}
    spec = {"nodeName": node, "terminationGracePeriodSeconds": 1, "containers": [container]}
    kubectl(
        run,
        "create",
        "-f",
        "-",
        text=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}),
    )


def await_pods(run: RunFolder, names: set[str]) -> None:
    def running() -> bool:
        items = json.loads(kubectl(run, "get", "pods", "-o", "json"))["items"]
        return names <= {item["metadata"]["name"] for item in items if item["status"]["phase"] == "Running"}

    processes.wait_for(running, 60.0, f"{names} do not run")


def readiness(run: RunFolder, name: str) -> str:
    return cluster.conditions(run)[name]


def test_pods_of_a_worker_share_the_cores_that_its_scenario_gives_it(run: RunFolder) -> None:
    folder = cgroups.ROOT / "cpu" / cgroups.group(SETTINGS)
    quota = int((folder / "pi-01/cpu.cfs_quota_us").read_text()) / int((folder / "pi-01/cpu.cfs_period_us").read_text())
    assert quota == pytest.approx(SETTINGS.worker_cores)
    assert int((folder / "hub/cpu.cfs_quota_us").read_text()) == -1
