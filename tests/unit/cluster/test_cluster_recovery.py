"""Everything awake again without the operator, whatever of the rest is broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from sunward.cluster.access.api import Api, ApiError, core, ours
from sunward.cluster.acting.recovery import Recovered, wake_all, wake_one
from sunward.power.finder import Drivers
from support.loop.store import Body, Store
from support.sources import FakeServer, serving
from support.tree.registries import relay as a_relay

MARK = "sunward.dev/cordoned-by"
ASLEEP: Body = {"key": "sunward.dev/asleep", "effect": "NoSchedule"}
FOREIGN: Body = {"key": "example.org/fragile", "effect": "NoExecute"}
PATIENCE = aiohttp.ClientTimeout(total=2)


class Server:
    """The store; paths in `broken` answer with an error."""

    def __init__(self) -> None:
        self.store = Store()
        self.broken: set[str] = set()

    def _answer(self, verb: str, path: str) -> None:
        if path in self.broken:
            raise ApiError(503, verb, path, "injected")

    async def get(self, path: str) -> Body:
        self._answer("GET", path)
        return self.store.get(path)

    async def list(self, path: str, **_: str) -> list[Body]:
        self._answer("LIST", path)
        return self.store.list(path)

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        self._answer("PATCH", path)
        return self.store.patch(path, body)

    def add(self, name: str, *, energy_node: bool = True, marked: bool = True) -> None:
        annotations = {MARK: "op"} if marked else {}
        spec: Body = {"unschedulable": True, "taints": [FOREIGN, *([ASLEEP] if marked else [])]}
        self.store.create(core("nodes"), {"metadata": {"name": name, "annotations": annotations}, "spec": spec})
        if energy_node:
            spec = {"sleep": {"driver": "Shelly", "driverRef": {"name": f"relay-{name}"}}}
            self.store.create(ours("energynodes"), {"metadata": {"name": name}, "spec": spec})

    def is_given_back(self, name: str) -> bool:
        return bool(self.store.get(core("nodes", name))["spec"] == {"taints": [FOREIGN]})


class Relays:
    """Relays behind one address each; those in `dead` do not take orders."""

    def __init__(self) -> None:
        self.on: set[str] = set()
        self.dead: set[str] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.split("/")[1]
        frame = await request.json()
        if name in self.dead:
            return web.Response(status=500)
        if frame["method"] == "Switch.Set" and frame["params"]["on"]:
            self.on.add(name)
        return web.json_response({"id": 1, "result": {"was_on": False}})


class Scene:
    """A server, relays of its nodes, and the drivers between."""

    def __init__(self, fake: FakeServer, session: aiohttp.ClientSession, relays: Relays) -> None:
        self.server, self.relays = Server(), relays
        self._fake, self._session = fake, session
        self.names: list[str] = []

    def add(self, name: str, *, known: bool = True, **facts: bool) -> None:
        self.server.add(name, **facts)
        self.names += [f"relay-{name}"] if known else []

    @property
    def drivers(self) -> Drivers:
        settings = {n: a_relay("Shelly", f"{self._fake.url}/{n}") for n in self.names}
        return Drivers(self._session, settings, timeout=PATIENCE)

    async def recover(self) -> list[Recovered]:
        return await wake_all(cast(Api, self.server), self.drivers, self.names)


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    relays = Relays()
    async with serving(relays.answer) as fake, aiohttp.ClientSession() as session:
        yield Scene(fake, session, relays)


def failures(recovered: list[Recovered]) -> list[str]:
    return [one.subject for one in recovered if one.failed]


async def test_every_node_gets_power_and_is_given_back(scene: Scene) -> None:
    for name in ("pi-1", "pi-2"):
        scene.add(name)
    assert failures(await scene.recover()) == []
    assert scene.relays.on == {"relay-pi-1", "relay-pi-2"}
    assert scene.server.is_given_back("pi-1")
    assert scene.server.is_given_back("pi-2")


async def test_a_dead_relay_is_told_and_keeps_nobody_else_asleep(scene: Scene) -> None:
    for name in ("pi-1", "pi-2", "pi-3"):
        scene.add(name)
    scene.relays.dead.add("relay-pi-1")
    recovered = await scene.recover()
    assert failures(recovered) == ["pi-1"]
    assert "FAILED" in str(recovered[0])
    assert scene.relays.on == {"relay-pi-2", "relay-pi-3"}
    assert [scene.server.is_given_back(name) for name in ("pi-1", "pi-2", "pi-3")] == [False, True, True]
    assert "not uncordoned (kubectl uncordon pi-1)" in str(recovered[0])


async def test_a_node_that_is_gone_keeps_nobody_else_asleep(scene: Scene) -> None:
    for name in ("pi-1", "pi-2"):
        scene.add(name)
    scene.server.store.delete(core("nodes", "pi-1"))
    assert failures(await scene.recover()) == ["pi-1"]
    assert scene.relays.on == {"relay-pi-1", "relay-pi-2"}


async def test_nodes_whose_energy_node_is_gone_are_woken_by_their_relays_and_marks(scene: Scene) -> None:
    scene.add("pi-1", energy_node=False)
    assert failures(await scene.recover()) == []
    assert scene.relays.on == {"relay-pi-1"}
    assert scene.server.is_given_back("pi-1")


@pytest.mark.parametrize("broken", [{ours("energynodes")}, {core("nodes")}, {ours("energynodes"), core("nodes")}])
async def test_what_cannot_be_listed_is_told_and_all_relays_are_switched_on(scene: Scene, broken: set[str]) -> None:
    scene.add("pi-1")
    scene.server.broken = broken
    assert len(failures(await scene.recover())) == len(broken)
    assert scene.relays.on == {"relay-pi-1"}


async def test_a_relay_that_the_settings_do_not_know_is_told(scene: Scene) -> None:
    scene.add("pi-1", known=False)
    assert failures(await scene.recover()) == ["pi-1"]
    assert not scene.server.is_given_back("pi-1")


async def test_a_cordon_of_somebody_else_stays(scene: Scene) -> None:
    scene.add("pi-1", marked=False)
    assert failures(await scene.recover()) == []
    assert scene.server.store.get(core("nodes", "pi-1"))["spec"]["unschedulable"] is True


async def test_one_node_is_woken_alone(scene: Scene) -> None:
    for name in ("pi-1", "pi-2"):
        scene.add(name)
    assert failures(await wake_one(cast(Api, scene.server), scene.drivers, "pi-2")) == []
    assert scene.relays.on == {"relay-pi-2"}
    assert not scene.server.is_given_back("pi-1")


@pytest.mark.parametrize(
    ("answer", "is_woken"),
    [
        ({"POWER": "ON"}, True),
        ({"POWER": "OFF"}, False),
        ({"WARNING": "Need user=<username>&password=<password>"}, False),
        ({"Command": "Unknown"}, False),
    ],
)
async def test_a_plug_that_refuses_with_status_200_leaves_its_node_cordoned(answer: Body, is_woken: bool) -> None:
    async def plug(_: web.Request) -> web.StreamResponse:
        return web.json_response(answer)

    server = Server()
    server.add("pi-1")
    async with serving(plug) as fake, aiohttp.ClientSession() as session:
        drivers = Drivers(session, {"relay-pi-1": a_relay("Tasmota", fake.url)}, timeout=PATIENCE)
        (one,) = await wake_one(cast(Api, server), drivers, "pi-1")
    assert bool(one.failed) is not is_woken
    assert ("FAILED" in str(one)) is not is_woken
    assert server.is_given_back("pi-1") is is_woken
