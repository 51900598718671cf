"""README's installation, pasted line by line: every command is accepted by a real API server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import chart, crds
from support.crds import Api, Manifest
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]  # the fixture

pytestmark = pytest.mark.cluster

NODES = ("pi-01", "pi-02", "pi-03")


def commands() -> list[str]:
    """The lines of the example."""
    text = (chart.ROOT / "README.md").read_text(encoding="utf-8").split("## Install it")[1].split("## Commands")[0]
    block = re.search(r"```\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return block[1].strip().splitlines()


@pytest.fixture
def admin(control_plane: ControlPlane) -> Api:
    """An administrator of a cluster shaped like the example's, in which nothing is installed."""
    api = crds.administrator(control_plane.kubeconfig)
    for name in NODES:
        labels = {"node.kubernetes.io/instance-type": "k3s"}
        labels |= {"node-role.kubernetes.io/control-plane": "true"} if name == "pi-01" else {}
        body: Manifest = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        assert api.apply(body).code in (200, 201)
    return api


@pytest.fixture
def surroundings(control_plane: ControlPlane, tmp_path: Path) -> dict[str, str]:
    """PATH with the tools of the example, and a folder that has what the example names in the checkout."""
    tools = Path(chart.helm()).parent
    for name in ("helm", "crds"):
        shutil.copytree(chart.ROOT / name, tmp_path / name)
    path = os.pathsep.join([str(Path(sys.executable).parent), str(tools), os.environ["PATH"]])
    homes = {f"HELM_{name}_HOME": str(tmp_path / f".{name.lower()}") for name in ("CACHE", "CONFIG", "DATA")}
    return {"PATH": path, "KUBECONFIG": str(control_plane.kubeconfig), "HOME": str(tmp_path), **homes}


def test_the_example_works_when_it_is_pasted(admin: Api, surroundings: dict[str, str], tmp_path: Path) -> None:
    install, *lines, doctor = commands()
    assert install == "pipx install '.[operator]'"  # the wheel is built and tried by tools/package.sh
    for line in lines:
        done = run(line, surroundings, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    found = admin.request("GET", "/apis/sunward.dev/v1alpha1/energynodes").body["items"]
    assert [one["metadata"]["name"] for one in found] == list(NODES)
    assert [one["spec"]["role"] for one in found] == ["AlwaysOn", "Worker", "Worker"]
    # A namespace that does not exist is named before anything is changed.
    wrong = "helm upgrade sunward helm/sunward --namespace sunward-system --reuse-values --set 'jobNamespaces={ml}'"
    assert "kubectl create namespace ml" in run(wrong, surroundings, tmp_path).stderr
    # As the Job of the value crds.upgrade does it; a field that somebody changed by hand is taken over.
    stale = {"spec": {"names": {"shortNames": ["old"]}}}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/energynodes.sunward.dev"
    assert admin.merge(path, stale).code == 200
    assert run("sunward apply-definitions crds", surroundings, tmp_path).returncode == 0
    assert admin.request("GET", path).body["spec"]["names"]["shortNames"] == ["en"]
    # No machine is behind these nodes, so the operator cannot run; the doctor says exactly that.
    done = run(doctor, surroundings, tmp_path)
    assert done.returncode == 1
    assert "operator" in done.stdout


def run(line: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """One line, as a shell runs it."""
    return subprocess.run(
        ["bash", "-c", line], check=False, capture_output=True, text=True, env=environment, cwd=folder, timeout=120
    )
