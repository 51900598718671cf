"""The program from end to end: a small API server that lists and watches, a relay, a journal, and the exit status."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sunward_audit import command
from sunward_audit.view import PATIENCE
from sunward_audit.watch import RESOURCES
from support.audit_traces import Trace

Body = dict[str, Any]


class SmallServer:
    """Lists what it is given at version 10 and then tells of changes, one version each."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Body]] = {resource.kind: {} for resource in RESOURCES}
        for (kind, name), body in Trace("I1").objects.items():
            self.objects[kind][name] = copy.deepcopy(body)
            self.objects[kind][name]["metadata"] |= {"resourceVersion": "10"}
        self.version = 10
        self.changed = asyncio.Condition()
        self.log: list[tuple[str, str, Body]] = []
        self.refused = ""
        self.drops = 0

    def application(self) -> web.Application:
        app = web.Application()
        for resource in RESOURCES:
            app.router.add_get(resource.path, self.answer)
        app.router.add_get("/relay/rpc/Switch.GetStatus", self.relay)
        return app

    async def relay(self, _: web.Request) -> web.Response:
        return web.json_response({"output": True, "apower": 2.7})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        kind = request.path.rsplit("/", 1)[1]
        if kind == self.refused:
            return web.json_response({}, status=403)
        if "watch" not in request.query:
            items = list(self.objects[kind].values())
            return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "items": items})
        return await self._stream(request, kind, int(request.query["resourceVersion"]))

    async def _stream(self, request: web.Request, kind: str, since: int) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        try:
            while True:
                for change, of, body in list(self.log):
                    version = int(body["metadata"]["resourceVersion"])
                    if of == kind and version > since:
                        await stream.write(json.dumps({"type": change, "object": body}).encode() + b"\n")
                        since = version
                if self.drops:
                    self.drops -= 1
                    return stream
                async with self.changed:
                    await self.changed.wait()
        except (ConnectionError, asyncio.CancelledError):
            return stream

    async def change(self, kind: str, name: str, parts: Mapping[str, Any]) -> None:
        body = copy.deepcopy(self.objects[kind][name])
        for section, values in parts.items():
            body[section] = {**body.get(section, {}), **values}
        self.version += 1
        body["metadata"] = {**body["metadata"], "resourceVersion": str(self.version)}
        self.objects[kind][name] = body
        self.log.append(("MODIFIED", kind, body))
        async with self.changed:
            self.changed.notify_all()


@pytest.fixture
async def server() -> AsyncIterator[tuple[SmallServer, str]]:
    small = SmallServer()
    async with TestServer(small.application()) as running:
        yield small, str(running.make_url("")).rstrip("/")


def files(tmp_path: Path, url: str) -> list[str]:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    return ["--kubeconfig", str(tmp_path / "config"), "--json", str(tmp_path / "report.json")]


async def audit(*arguments: str, patience: timedelta = PATIENCE) -> int:
    """The program in a thread: it makes an event loop of its own."""
    return await asyncio.to_thread(command.run, arguments, patience=patience)


def results(tmp_path: Path) -> dict[str, str]:
    report = json.loads((tmp_path / "report.json").read_text())
    return {row["invariant"]: row["result"] for row in report["invariants"]}


async def test_a_look_at_a_cluster_in_order(server: tuple[SmallServer, str], tmp_path: Path) -> None:
    assert await audit(*files(tmp_path, server[1]), "--once") == command.HELD
    found = results(tmp_path)
    assert (found["I1"], found["I5"], found["I12"]) == ("nothing to judge", "not judged", "not judged")


async def test_a_look_finds_a_node_off_that_must_not_be(server: tuple[SmallServer, str], tmp_path: Path) -> None:
    small, url = server
    await small.change("energynodes", "hub", {"status": {"powerState": "Asleep"}})
    assert await audit(*files(tmp_path, url), "--once") == command.VIOLATED
    assert results(tmp_path)["I1"] == "broken"


async def test_changes_are_judged_as_they_come(
    server: tuple[SmallServer, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, url = server
    small.drops = 3  # some watches end at once and are taken up again

    async def disturb() -> None:
        await asyncio.sleep(0.5)
        await small.change("nodes", "pi-3", {"spec": {"unschedulable": True}})
        operation = {"id": "op-1", "leaseTransitions": 1}
        await small.change(
            "energynodes", "pi-3", {"status": {"powerState": "PowerOffRequested", "operation": operation}}
        )

    options = [*files(tmp_path, url), "--for", "3", "--lines", "json"]
    status, _ = await asyncio.gather(audit(*options), disturb())
    assert status == command.VIOLATED
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["invariant"], first["subject"]) == ("I1", "pi-3")
    assert first["what"] == "is switched off and is cordoned by another party"


async def test_journal_and_relays_are_read(server: tuple[SmallServer, str], tmp_path: Path) -> None:
    small, url = server
    reference = {"driver": "Shelly", "driverRef": {"name": "relay-3"}}
    await small.change("energynodes", "pi-3", {"spec": {"sleep": reference}})
    (tmp_path / "settings.yaml").write_text(f"relays: {{relay-3: {{driver: Shelly, url: '{url}/relay'}}}}")
    (tmp_path / "journal").write_text("no json\n{}\n")
    options = ["--journal", str(tmp_path / "journal"), "--settings", str(tmp_path / "settings.yaml"), "--for", "8"]

    async def disturb() -> None:
        for _ in range(30):  # some of them after the first look, however long that takes
            await asyncio.sleep(0.2)
            with (tmp_path / "journal").open("a") as journal:
                journal.write(an_order(datetime.now(UTC)))

    audited = audit(*files(tmp_path, url), *options, patience=timedelta(seconds=0.5))
    status, _ = await asyncio.gather(audited, disturb())
    assert status == command.VIOLATED
    assert results(tmp_path)["I15"] == "broken"


def an_order(time: datetime) -> str:
    """A line of a journal that no record speaks of."""
    line = {"time": time.isoformat(), "node": "pi-3", "on": False, "operation": "op-9", "token": 1}
    return json.dumps(line) + "\n"


async def test_orders_from_before_the_first_look_are_not_judged(
    server: tuple[SmallServer, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "journal").write_text(an_order(datetime.now(UTC) - timedelta(seconds=1)))
    options = ["--journal", str(tmp_path / "journal"), "--for", "3"]
    assert await audit(*files(tmp_path, server[1]), *options) == command.HELD
    assert results(tmp_path)["I15"] == "nothing to judge"
    assert capsys.readouterr().err == f"{command.WATCHING}\n"


async def test_what_may_not_be_read_is_named(
    server: tuple[SmallServer, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, url = server
    small.refused = "pods"
    assert await audit(*files(tmp_path, url), "--once") == command.UNUSABLE
    assert capsys.readouterr().err == "sunward-audit: may not read pods: HTTP 403\n"


async def test_without_a_server_there_is_nothing_to_judge(tmp_path: Path) -> None:
    assert await audit("--kubeconfig", str(tmp_path / "none"), "--once") == command.UNUSABLE
