"""The power agent's own client with a node-bound token, on a real API server with the chart's rights and policies."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from sunward.cluster.access.times import format_time
from sunward_power_agent.agent import Agent
from sunward_power_agent.host import boot_id
from sunward_power_agent.server import Server, ServerError
from support import chart, crds
from support.agent.bus import logind_on, running_bus
from support.agent.fakes import FakeHost
from support.crds import Api
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]  # the fixture

pytestmark = pytest.mark.cluster

NODE, OTHER = "agent-pi", "agent-other"
ENERGY_NODES = "/apis/sunward.dev/v1alpha1/energynodes"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{chart.NAMESPACE}/leases"
OPERATOR = f"system:serviceaccount:{chart.NAMESPACE}:sunward-operator"
Body = dict[str, Any]


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """A cluster with two nodes, the chart's rights and policies, and a Lease that counts four."""
    api = crds.administrator(control_plane.kubeconfig)
    crds.install(api)
    rendered = chart.render(tmp_path_factory.mktemp("chart"), values={"agent": {"enabled": True}})
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": chart.NAMESPACE}}
    nodes = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in (NODE, OTHER)]
    kinds = (*chart.RIGHTS, "ServiceAccount", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    for manifest in [
        space,
        *nodes,
        *(energy_node(name) for name in (NODE, OTHER)),
        a_lease(),
        *chart.of_kind(rendered, *kinds),
    ]:
        answer = api.apply(manifest)
        assert answer.code in (200, 201), answer.message
    probe, report = f"{ENERGY_NODES}/roof-{OTHER}/status?dryRun=All", {"status": {"agent": {"bootId": "x"}}}
    agent = Api(url=api.url, token=a_token(api, NODE))
    deadline = time.monotonic() + 60.0
    while 200 in (api.merge(probe, report).code, agent.merge(probe, report).code):  # policies hold a moment later
        assert time.monotonic() < deadline, "admission policies 4 and 13 do not hold"
        time.sleep(0.2)
    return api


def energy_node(name: str) -> Body:
    """An EnergyNode of another name than its node."""
    power = {"idleMilliwatts": 2700, "busyMilliwatts": 6400}
    spec = {"gridZone": "DE", "nodeName": name, "power": power, "sleep": {"driver": "CordonOnly"}}
    return {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "EnergyNode",
        "metadata": {"name": f"roof-{name}"},
        "spec": spec,
    }


def a_lease() -> Body:
    """The operator's Lease."""
    spec = {"holderIdentity": "operator", "leaseTransitions": 4, "leaseDurationSeconds": 15}
    metadata = {"name": "sunward-operator", "namespace": chart.NAMESPACE}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def a_token(admin: Api, node: str) -> str:
    """A token of the agent's account that is bound to a node, as the kubelet mounts it into the pod."""
    uid = admin.get(f"/api/v1/nodes/{node}").body["metadata"]["uid"]
    bound = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid}
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600, "boundObjectRef": bound},
    }
    path = f"/api/v1/namespaces/{chart.NAMESPACE}/serviceaccounts/sunward-agent/token"
    answer = admin.request("POST", path, body)
    assert answer.code == 201, answer.message
    return str(answer.body["status"]["token"])


@pytest.fixture
def mounted(admin: Api, control_plane: ControlPlane, tmp_path: Path) -> Path:
    """What a kubelet mounts into the agent's pod."""
    (tmp_path / "token").write_text(a_token(admin, NODE))
    (tmp_path / "namespace").write_text(chart.NAMESPACE)
    cluster = json.loads(control_plane.kubeconfig.read_text())["clusters"][0]["cluster"]
    found = cluster.get("certificate-authority")
    given = Path(found).read_bytes() if found else base64.b64decode(cluster["certificate-authority-data"])
    (tmp_path / "ca.crt").write_bytes(given)
    return tmp_path


@pytest.fixture
async def server(admin: Api, mounted: Path) -> AsyncIterator[Server]:
    async with aiohttp.ClientSession() as session:
        yield Server.of_the_pod(session, admin.url, mounted)


def order(admin: Api, **changes: Any) -> Body:
    """The operator orders the node's shutdown; its whole status."""
    now = datetime.now(UTC)
    shutdown = {
        "operationId": f"sleep-{now:%H%M%S%f}",
        "bootId": "boot-1",
        "leaseTransitions": 4,
        "issuedAt": format_time(now),
        "deadline": format_time(now + timedelta(seconds=60)),
        **changes,
    }
    path = f"{ENERGY_NODES}/roof-{NODE}/status"
    operation = {"id": shutdown["operationId"], "intent": "Sleep"}
    drained = {"status": {"powerState": "PowerOffRequested", "operation": operation}}
    for writer, patch in ((admin, drained), (admin.acting_as(OPERATOR), {"status": {"shutdown": shutdown}})):
        answer = writer.merge(path, patch)
        assert answer.code == 200, answer.message
    return shutdown


@pytest.fixture(autouse=True)
def no_order(admin: Api) -> None:
    """Nothing is ordered and nothing was reported when a test begins."""
    name = f"roof-{NODE}"
    admin.delete(f"{ENERGY_NODES}/{name}")
    answer = admin.apply(energy_node(NODE))
    assert answer.code in (200, 201), answer.message


async def test_an_agent_finds_its_energy_node_reports_and_carries_an_order_out(admin: Api, server: Server) -> None:
    host = FakeHost()
    agent = Agent(server=server, host=host, node=NODE, boot_id="boot-1")
    given = order(admin)
    await agent.turn()
    said = admin.get(f"{ENERGY_NODES}/roof-{NODE}").body["status"]["agent"]
    assert (host.asked, said["lastOrder"]["result"], said["canShutDown"]) == (1, "Started", True)
    assert said["lastOrder"]["operationId"] == given["operationId"]
    age = datetime.now(UTC) - datetime.fromisoformat(said["heartbeatTime"])
    assert abs(age.total_seconds()) < 5.0


async def test_an_order_of_an_earlier_leader_is_void(admin: Api, server: Server) -> None:
    host = FakeHost()
    order(admin, leaseTransitions=3)
    await Agent(server=server, host=host, node=NODE, boot_id="boot-1").turn()
    said = admin.get(f"{ENERGY_NODES}/roof-{NODE}").body["status"]["agent"]["lastOrder"]
    assert (host.asked, said["result"]) == (0, "Refused")


async def test_a_watch_tells_of_a_change(admin: Api, server: Server) -> None:
    body = await server.find(NODE)

    async def first_change() -> None:
        async for _ in server.changes(f"roof-{NODE}", body["metadata"]["resourceVersion"]):
            return

    waiting = asyncio.create_task(first_change())
    await asyncio.sleep(0.2)
    order(admin)
    await asyncio.wait_for(waiting, 10.0)


async def test_an_object_that_changed_is_not_announced_over(admin: Api, server: Server) -> None:
    body = await server.find(NODE)
    order(admin)
    with pytest.raises(ServerError) as refused:
        await server.report(f"roof-{NODE}", {"bootId": "boot-1"}, body["metadata"]["resourceVersion"])
    assert refused.value.status == 409


async def test_the_token_opens_nothing_else(admin: Api, server: Server) -> None:
    with pytest.raises(ServerError) as refused:
        await server.report(f"roof-{OTHER}", {"bootId": "boot-1"})
    assert refused.value.status == 422
    for path in (
        f"/api/v1/nodes/{NODE}",
        f"/api/v1/namespaces/{chart.NAMESPACE}/secrets",
        LEASES,
        "/apis/sunward.dev/v1alpha1/energypolicies",
    ):
        with pytest.raises(ServerError) as refused:
            await server._ask("GET", path)
        assert refused.value.status == 403


async def test_the_program_shuts_its_host_down_and_listens_nowhere(admin: Api, mounted: Path) -> None:
    with running_bus(mounted) as address:
        async with logind_on(address) as logind:
            command = [sys.executable, "-m", "sunward_power_agent", f"--bus={address}", f"--server={admin.url}"]
            command.append(f"--service-account={mounted}")
            path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
            process = await asyncio.create_subprocess_exec(*command, env=os.environ | path | {"NODE_NAME": NODE})
            try:
                await until(lambda: bool(report_of(admin).get("canShutDown")))
                assert [one for one in psutil.Process(process.pid).net_connections() if one.status == "LISTEN"] == []
                order(admin, bootId=boot_id())
                await until(lambda: ("PowerOff", [False]) in logind.asked)
                await until(lambda: report_of(admin).get("lastOrder", {}).get("result") == "Started")
            finally:
                process.terminate()
                assert await asyncio.wait_for(process.wait(), 10.0) == 0
    assert logind.asked.count(("PowerOff", [False])) == 1


def report_of(admin: Api) -> Body:
    """`status.agent` as it stands."""
    status = admin.get(f"{ENERGY_NODES}/roof-{NODE}").body.get("status") or {}
    return dict(status.get("agent") or {})


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something to hold. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # what another process does sets no event here
            await asyncio.sleep(0.1)
