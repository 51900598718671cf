"""`sunward dashboard` on a real API server: it shows what the kubeconfig's identity may read, and no more."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import yaml

from sunward.cluster.access.api import apis, connect, core, ours
from support import crds
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]
pytestmark = pytest.mark.cluster
Body = dict[str, Any]


def with_token(kubeconfig: Path, token: str, folder: Path) -> Path:
    """The same kubeconfig with another login."""
    config: Body = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    own = folder / "kubeconfig"
    own.write_text(yaml.safe_dump(config), encoding="utf-8")
    return own


async def a_tenant(kubeconfig: Path, folder: Path) -> tuple[str, Path]:
    """A namespace with a job, and a kubeconfig that may read EnergyNodes and the jobs of that namespace."""
    name = f"team-{uuid4().hex[:8]}"
    node = {"apiVersion": "sunward.dev/v1alpha1", "kind": "EnergyNode", "metadata": {"name": name}}
    power = {"idleMilliwatts": 2700, "busyMilliwatts": 6400}
    shard = {"name": "a", "node": name, "samples": 600, "sizeMebibytes": 5}
    job = {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": "mnist"},
        "spec": {
            "runtime": {"flower": {"image": "i:1", "model": "mnist-mlp"}},
            "rounds": 3,
            "stepsPerRound": 5,
            "batchSize": 120,
            "shards": [shard],
        },
    }
    reads = {"apiGroups": ["sunward.dev"], "verbs": ["get", "list"]}
    to = {"apiGroup": "rbac.authorization.k8s.io"}
    subjects = [{"kind": "ServiceAccount", "name": "reader", "namespace": name}]
    rbac = "rbac.authorization.k8s.io/v1"
    async with connect(str(kubeconfig)) as api:
        await api.create(core("namespaces"), {"metadata": {"name": name}})
        await api.create(core("serviceaccounts", namespace=name), {"metadata": {"name": "reader"}})
        await api.create(ours("energynodes"), {**node, "spec": {"gridZone": "DE", "power": power}})
        await api.create(ours("trainingjobs", namespace=name), job)
        for kind, resource, namespace in (("ClusterRole", "energynodes", ""), ("Role", "trainingjobs", name)):
            rules = [{**reads, "resources": [resource]}]
            plural = f"{kind.lower()}s"
            await api.create(apis(rbac, plural, namespace=namespace), {"metadata": {"name": name}, "rules": rules})
            binding = {"metadata": {"name": name}, "roleRef": {**to, "kind": kind, "name": name}, "subjects": subjects}
            await api.create(apis(rbac, f"{kind.lower()}bindings", namespace=namespace), binding)
        token = await api.create(core("serviceaccounts", "reader", namespace=name, sub="token"), {"spec": {}})
    return name, with_token(kubeconfig, token["status"]["token"], folder)


@asynccontextmanager
async def dashboard(kubeconfig: Path, *words: str) -> AsyncIterator[tuple[str, str]]:
    """The command; its address and the token in it."""
    command = (sys.executable, "-m", "sunward.cli.main", "dashboard", "--no-browser", "--kubeconfig", str(kubeconfig))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(*command, *words, stdout=asyncio.subprocess.PIPE, env=environment)
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        found = re.search(r"(http://127\.0\.0\.1:\d+/)#(\S+)", line)
        assert found, line
        yield found[1], found[2]
    finally:
        process.terminate()
        await process.wait()


async def state(address: str, token: str) -> tuple[int, Body]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(f"{address}api/state", headers=headers) as answer:
        return answer.status, await answer.json() if answer.status == 200 else {}


@pytest.fixture(scope="module", autouse=True)
def definitions(control_plane: ControlPlane) -> None:
    crds.install(crds.administrator(control_plane.kubeconfig))


async def test_an_administrator_sees_nodes_and_jobs(control_plane: ControlPlane, tmp_path: Path) -> None:
    name, _ = await a_tenant(control_plane.kubeconfig, tmp_path)
    async with dashboard(control_plane.kubeconfig) as (address, token):
        code, found = await state(address, token)
        assert (await state(address, "wrong"))[0] == 401
    assert (code, found["failures"]) == (200, [])
    assert name in {node["name"] for node in found["now"]["nodes"]}
    assert f"{name}/mnist" in {job["name"] for job in found["jobs"]}


async def test_a_tenant_sees_the_jobs_of_his_namespace_only(control_plane: ControlPlane, tmp_path: Path) -> None:
    await a_tenant(control_plane.kubeconfig, tmp_path)  # another tenant
    name, own = await a_tenant(control_plane.kubeconfig, tmp_path)
    async with dashboard(own) as (address, token):
        _, everywhere = await state(address, token)
    async with dashboard(own, "-n", name) as (address, token):
        _, at_home = await state(address, token)
    assert everywhere["jobs"] == []
    assert "trainingjobs: your account has no right to list them" in everywhere["failures"]
    assert [job["name"] for job in at_home["jobs"]] == [f"{name}/mnist"]
    assert name in {node["name"] for node in at_home["now"]["nodes"]}
    assert at_home["plan"] is None
