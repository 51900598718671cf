"""Relays on loopback that speak a real protocol and lie, stall or break off, in front of a machine of the loop's world.

The operator reaches them through its real drivers. What a case expects is judged by the machine, never by the relay.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from sunward.cluster.access.api import ours
from sunward.power.drivers.webhook import SIGNATURE, signature
from sunward.power.finder import Drivers
from support.loop.crash import converge, misses, one_sleeper
from support.loop.ports import IDLE_WATTS
from support.loop.process import Process, run
from support.loop.world import World, Write, override
from support.tree.registries import SECRET_FILE
from support.tree.registries import relay as a_relay

VICTIM = "pi-3"
PATIENCE = aiohttp.ClientTimeout(total=0.15)
HEALED_AT = 220.0
SYSTEM, CHASSIS = "/redfish/v1/Systems/1", "/redfish/v1/Chassis/1"


def truth(on: bool) -> object:
    """What an honest relay says of its output."""
    return on


def drawn(on: bool) -> object:
    """What an honest meter says."""
    return IDLE_WATTS if on else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """How a relay misbehaves: in what it says of itself, in what it does, or on the wire."""

    output: Callable[[bool], object] = truth
    watts: Callable[[bool], object] = drawn
    obeys: bool = True
    refuses: bool = False
    wire: str = ""
    """One of hang, cut, html, flood, redirect, error, deep; nothing for a sound answer."""
    only_orders: bool = False
    """Whether the wire is bad for orders alone."""
    does_it_first: bool = False
    """Whether an order is followed before the wire breaks."""
    answers_for: int = 0
    lag_seconds: float = 0.0


HONEST = Lie()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A lie from the first order on, or from the beginning, until all heals; one of `states` is seen before that."""

    name: str
    lie: Lie
    states: tuple[str, ...]
    from_beginning: bool = False
    knows_better: bool = True
    """Whether a meter or an answer gives the relay away; without, its plain word is all the proof there is."""
    replayed_at: float | None = None
    """When the first order, to cut the power, comes a second time from nobody knows where, long after the node woke."""


@dataclass(slots=True)
class FakeRelay:
    """One relay of a kind, in front of the victim."""

    world: World
    case: Case
    lie: Lie = HONEST
    orders: list[tuple[float, bool]] = field(default_factory=list)
    needless: int = 0
    strangers: int = 0

    def __post_init__(self) -> None:
        if self.case.from_beginning:
            self.lie = self.case.lie

    async def rpc(self, request: web.Request) -> web.StreamResponse:
        """Shelly: JSON-RPC over POST."""
        frame = await request.json()
        is_order = frame["method"] == "Switch.Set"
        if is_order:
            self._order(frame["params"]["on"])
        if is_order and self.lie.refuses:
            return web.json_response({"id": 1, "error": {"code": -114, "message": "overtemperature"}})
        on = self.world.machines[VICTIM].on
        status = {"id": self.lie.answers_for, "output": self.lie.output(on), "apower": self.lie.watts(on)}
        return await self._answer(request, {"id": 1, "result": {"was_on": on} if is_order else status}, is_order)

    async def cm(self, request: web.Request) -> web.StreamResponse:
        """Tasmota: commands in the query."""
        command = request.query["cmnd"]
        is_order = command in ("Power1 On", "Power1 Off")
        if is_order:
            self._order(command.endswith("On"))
        if is_order and self.lie.refuses:
            return web.json_response({"Command": "Error"}, status=401)
        on = self.world.machines[VICTIM].on
        said = self.lie.output(on)
        word: object = {True: "ON", False: "OFF"}.get(said, said) if isinstance(said, bool) else said
        answer = {"StatusSNS": {"ENERGY": {"Power": self.lie.watts(on)}}} if "Status" in command else {"POWER": word}
        return await self._answer(request, answer, is_order)

    async def gen1(self, request: web.Request) -> web.StreamResponse:
        """Shelly of the first generation: one path for each thing."""
        is_order = request.method == "POST"
        if is_order:
            turn = (await request.post())["turn"]
            self._order(turn == "on")
        if is_order and self.lie.refuses:
            return web.Response(status=400, text="Bad turn!")
        on = self.world.machines[VICTIM].on
        if is_order:
            return await self._answer(request, {"ison": turn == "on"}, is_order)
        nobody: list[object] = [{}] * self.lie.answers_for
        relays = [*nobody, {"ison": self.lie.output(on), "overpower": False}]
        meters = [*nobody, {"power": self.lie.watts(on), "is_valid": True}]
        answers = {"/shelly": {"type": "SHPLG-S", "num_meters": 1}, "/status": {"relays": relays, "meters": meters}}
        return await self._answer(request, answers[request.path], is_order)

    async def redfish(self, request: web.Request) -> web.StreamResponse:
        """A management controller: a system, its chassis, and an action."""
        is_order = request.method == "POST"
        if is_order:
            self._order((await request.json())["ResetType"] == "On")
        if is_order and self.lie.refuses:
            return web.json_response({"error": {"code": "Base.1.0.GeneralError"}}, status=400)
        on = self.world.machines[VICTIM].on
        if is_order:
            return await self._answer(request, {}, is_order)
        if request.path != SYSTEM:
            return await self._answer(request, {"PowerControl": [{"PowerConsumedWatts": self.lie.watts(on)}]}, is_order)
        said = self.lie.output(on)
        word = ("On" if said else "Off") if isinstance(said, bool) else said
        own = SYSTEM if not self.lie.answers_for else "/redfish/v1/Systems/2"
        links = {"Chassis": [{"@odata.id": CHASSIS}]}
        return await self._answer(request, {"@odata.id": own, "PowerState": word, "Links": links}, is_order)

    async def hook(self, request: web.Request) -> web.StreamResponse:
        """A webhook that checks the signature."""
        text = await request.read()
        if request.headers.get(SIGNATURE) != signature(SECRET_FILE.read_text().strip(), text):
            return web.json_response({"error": "signature"}, status=401)
        action = json.loads(text)["action"]
        is_order = action != "Read"
        if is_order:
            self._order(action == "PowerOn")
        if is_order and self.lie.refuses:
            return web.json_response({"accepted": False})
        on = self.world.machines[VICTIM].on
        said = {"output": self.lie.output(on), "watts": self.lie.watts(on)}
        if self.lie.answers_for:
            said = {"error": "another relay"}
        return await self._answer(request, {"accepted": True} if is_order else said, is_order)

    async def elsewhere(self, _: web.Request) -> web.StreamResponse:
        """Where a redirect leads; nobody may come here."""
        self.strangers += 1
        return web.json_response({"id": 1, "result": {"id": 0, "output": False, "apower": 0}, "POWER": "OFF"})

    def _order(self, on: bool) -> None:
        self.lie = self.case.lie if self.world.seconds < HEALED_AT else HONEST
        machine = self.world.machines[VICTIM]
        told = machine.on if machine.asked is None else machine.asked
        repeats = bool(self.orders) and self.orders[-1][1] is on
        self.needless += repeats and told is on and self.lie.output(on) is on
        self.orders.append((self.world.seconds, on))
        broken = self.lie.wire and not self.lie.does_it_first
        if self.lie.obeys and not self.lie.refuses and not broken and told is not on:
            machine.relay_lag = timedelta(seconds=self.lie.lag_seconds)
            machine.ask(on, self.world.now)

    async def _answer(self, request: web.Request, body: Any, is_order: bool) -> web.StreamResponse:
        wire = self.lie.wire if is_order or not self.lie.only_orders else ""
        match wire:
            case "hang":
                await asyncio.sleep(3600)
            case "cut":
                assert request.transport is not None
                request.transport.close()
            case "html":
                return web.Response(text="<html>please log in</html>", content_type="text/html")
            case "flood":
                return await _flood(request)
            case "redirect":
                raise web.HTTPTemporaryRedirect("/elsewhere")
            case "error":
                return web.Response(status=500, text="out of memory")
            case "deep":
                return web.Response(text="[" * 60_000, content_type="application/json")
        return web.json_response(body)

    def heal(self) -> None:
        """From now on it is an honest relay."""
        self.lie = HONEST


PROTOCOLS: Mapping[str, tuple[tuple[str, ...], Callable[[FakeRelay, web.Request], Awaitable[web.StreamResponse]]]] = {
    "Shelly": (("/rpc",), FakeRelay.rpc),
    "Tasmota": (("/cm",), FakeRelay.cm),
    "ShellyGen1": (("/shelly", "/status", "/relay/0"), FakeRelay.gen1),
    "Webhook": (("/",), FakeRelay.hook),
    "Redfish": ((SYSTEM, f"{SYSTEM}/Actions/ComputerSystem.Reset", f"{CHASSIS}/Power"), FakeRelay.redfish),
}
"""Where a relay of each kind is asked, and how it answers."""
KINDS = tuple(PROTOCOLS)


async def _flood(request: web.Request) -> web.StreamResponse:
    """A megabyte without an announced length."""
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        for _ in range(256):
            await response.write(b" " * 4096)
    except ConnectionError:
        return response  # the reader has had enough, as it should
    return response


@asynccontextmanager
async def listening(relay: FakeRelay) -> AsyncIterator[str]:
    """The relay's address, while it listens."""
    application = web.Application()
    for paths, answer in PROTOCOLS.values():
        for path in paths:
            application.router.add_route("*", path, partial(answer, relay))
    application.router.add_route("*", "/elsewhere", relay.elsewhere)
    server = TestServer(application, handler_cancellation=True)
    await server.start_server(shutdown_timeout=0.1)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


@dataclass(slots=True)
class Seen:
    """What came of a case."""

    violations: list[str]
    states: list[str]
    during: str
    orders: int
    recovery_seconds: float | None


async def play(case: Case, kind: str) -> Seen:
    """The reference scenario behind this relay: lies until HEALED_AT, then honesty, and everything in order again."""
    world = one_sleeper()
    world.timeline.clear()
    relay = FakeRelay(world=world, case=case)
    if case.replayed_at is not None:
        world.at(70, lambda now: override(now, VICTIM, "Awake"))
        world.at(case.replayed_at, lambda now: now.machines[VICTIM].ask(False, now.now))
        world.at(HEALED_AT - 1, lambda now: override(now, VICTIM, None))
    found, states = _watched(world, case)
    async with listening(relay) as url, aiohttp.ClientSession() as session:
        process = Process(world, "op", drivers=_drivers(session, kind, url, world))
        world.store.patch(ours("energynodes", VICTIM), {"spec": {"sleep": {"driver": kind}}})
        process = await run(world, process, HEALED_AT)
        during = world.power(VICTIM)
        relay.heal()
        mended_at, machine = world.seconds, world.machines[VICTIM]
        if world.power(VICTIM) in ("Awake", "Degraded") and not machine.on:
            machine.on, machine.boot_done = True, world.now  # a person looks after what the operator reports
        ended = await converge(world, process)
    found += [f"it ends with {'; '.join(misses(world)) or 'no rest'}"] if ended is None else []
    found += [f"{during} while it lies, expected {' or '.join(case.states)}"] if during not in case.states else []
    found += [f"{relay.needless} orders that it had obeyed were repeated"] if relay.needless else []
    found += [f"{relay.strangers} requests followed a redirect"] if relay.strangers else []
    found += [f"a pass failed: {failure}" for failure in process.failures]
    return Seen(
        violations=found,
        states=states,
        during=during,
        orders=len(relay.orders),
        recovery_seconds=None if ended is None else ended - mended_at,
    )


def _watched(world: World, case: Case) -> tuple[list[str], list[str]]:
    """Looks at every record: whoever is called asleep must be off, whoever is called awake must have power."""
    found: list[str] = []
    states: list[str] = []

    def judge(now: World, write: Write) -> None:
        if (write.address.kind, write.address.name, write.address.sub) != ("energynodes", VICTIM, "status"):
            return
        state, on = now.power(VICTIM), now.machines[VICTIM].on
        if not states or states[-1] != state:
            states.append(state)
        if state == "Asleep" and on and case.knows_better:
            found.append(f"it is called asleep at {now.seconds:.0f} s and has power")
        if state == "Booting" and not on and case.knows_better:
            found.append(f"it is called booting at {now.seconds:.0f} s and has no power")

    world.after_write.append(judge)
    return found, states


def _drivers(session: aiohttp.ClientSession, kind: str, url: str, world: World) -> Drivers:
    relays = {f"relay-{VICTIM}": a_relay(kind, url)}
    return Drivers(session, relays, clock=lambda: world.now, timeout=PATIENCE)


def _says(value: object) -> Callable[[bool], object]:
    return lambda _on: value


NO_SLEEP = ("Awake", "Cordoned", "Draining")
UNSOLVED = (*NO_SLEEP, "PowerOffRequested", "WakeRequested", "Booting", "Degraded", "Asleep")
"""Nothing is proven: it is tried again, and reported; asleep only where the machine is really off, which is watched."""

_READS: Mapping[str, Lie] = {
    "its meter says NaN": Lie(watts=_says(float("nan"))),
    "its meter says a word": Lie(watts=_says("a lot")),
    "its meter says a list": Lie(watts=_says([])),
    "its output is a word": Lie(output=_says("maybe")),
    "its output is a number": Lie(output=_says(0)),
    "its output is missing": Lie(output=_says(None)),
    "it answers with a page": Lie(wire="html"),
    "it answers with a flood": Lie(wire="flood"),
    "it answers with brackets without end": Lie(wire="deep"),
    "it leads elsewhere": Lie(wire="redirect"),
    "it breaks off": Lie(wire="cut"),
    "its every answer is an error": Lie(wire="error"),
}
"""Nonsense of all kinds; a node behind it may not be put to sleep, and one that sleeps is not believed awake."""

CASES: tuple[Case, ...] = (
    Case(name="it is honest", lie=HONEST, states=("Asleep",)),
    Case(name="it says off and is on", lie=Lie(output=_says(False), obeys=False), states=UNSOLVED),
    Case(
        name="it says off and is on, without a meter",
        lie=Lie(output=_says(False), watts=_says(None), obeys=False),
        states=UNSOLVED,
        knows_better=False,
    ),
    Case(
        name="it says on and is off",
        lie=Lie(output=_says(True), watts=_says(IDLE_WATTS)),
        states=UNSOLVED,
        knows_better=False,
    ),
    Case(name="it says on without a draw and is off", lie=Lie(output=_says(True)), states=UNSOLVED),
    Case(name="it ignores orders", lie=Lie(obeys=False), states=UNSOLVED),
    Case(name="it refuses orders", lie=Lie(refuses=True), states=UNSOLVED),
    Case(name="it follows late", lie=Lie(lag_seconds=8.0), states=("Asleep",)),
    Case(
        name="it does it and the answer is lost",
        lie=Lie(wire="cut", only_orders=True, does_it_first=True),
        states=("Asleep",),
    ),
    Case(
        name="it does it and never answers",
        lie=Lie(wire="hang", only_orders=True, does_it_first=True),
        states=("Asleep",),
    ),
    Case(
        name="it does it and calls it an error",
        lie=Lie(wire="error", only_orders=True, does_it_first=True),
        states=("Asleep",),
    ),
    Case(name="an old order is replayed", lie=HONEST, states=("Asleep", "WakeRequested", "Booting"), replayed_at=185.0),
    Case(name="an old order is replayed and undone", lie=HONEST, states=("Awake",), replayed_at=120.0),
    Case(name="the socket is half open", lie=Lie(wire="hang"), states=UNSOLVED),
    Case(
        name="the socket is half open from the beginning", lie=Lie(wire="hang"), states=("Awake",), from_beginning=True
    ),
    Case(name="it does it and falls silent", lie=Lie(wire="hang", does_it_first=True), states=UNSOLVED),
    Case(
        name="it answers for another switch", lie=Lie(answers_for=1, output=_says(False), obeys=False), states=UNSOLVED
    ),
    Case(
        name="its meter counts backwards",
        lie=Lie(output=_says(False), watts=_says(-IDLE_WATTS), obeys=False),
        states=UNSOLVED,
    ),
    *(Case(name=name, lie=replace(lie, does_it_first=True), states=UNSOLVED) for name, lie in _READS.items()),
    *(
        Case(name=f"{name} from the beginning", lie=lie, states=NO_SLEEP, from_beginning=True)
        for name, lie in _READS.items()
        if lie.wire or lie.output is not truth
    ),
)
