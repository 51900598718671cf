"""A power agent that dies, lies, hangs or comes back in the middle, beside the real loop in the cluster in memory.

The agent is the real one, on a server and a host in memory. What a case expects is judged by the machine: how often its
power was cut while its system ran, and how often its host was asked to shut down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sunward.cluster.access.api import ours
from sunward_power_agent.agent import Agent
from support.agent.fakes import LEASE, FakeHost, StoreServer
from support.loop.auditor import JUDGED, Auditor
from support.loop.crash import QUIET_PASSES, last_telling_write, misses, one_sleeper
from support.loop.process import Death, Process
from support.loop.store import Body
from support.loop.world import World, Write, override

VICTIM = "pi-3"
HEALED_AT = 300.0
DEADLINE_SECONDS = 800.0
BUDGETS = {"shutdownTimeoutSeconds": 60, "powerOffTimeoutSeconds": 30}
DAY = timedelta(days=1)
JUDGED_HERE = tuple(name for name in JUDGED if name != "I14")
"""All but how often is written: a case sleeps, wakes and fails more often in ten minutes than a policy would let it."""


@dataclass(slots=True)
class AgentOnNode:
    """The agent's process on the victim: it runs while the system does, and starts with each boot."""

    world: World
    seconds: float = 12.0
    """How long the system takes to shut down."""
    lives: bool = True
    obeys: bool = True
    hangs: bool = False
    reboots: int = 0
    """How often the system reboots instead of ending."""
    skew: timedelta = timedelta(0)
    knows_time: bool = True
    boot: int = 0
    asked: list[int] = field(default_factory=list)
    host: FakeHost = field(default_factory=FakeHost)
    agent: Agent | None = None

    async def turn(self) -> None:
        """What the agent does between two passes of the operator."""
        machine = self.world.machines[VICTIM]
        if not self.lives or self.hangs or not machine.alive(self.world.now):
            return
        if self.agent is None or self.boot != machine.boot:
            self.restart()
        assert self.agent is not None
        await self.agent.turn()

    def restart(self) -> None:
        """Another process, in the boot that runs: it remembers nothing."""
        self.boot = self.world.machines[VICTIM].boot
        refuses, refuses_order = self.host.refuses, self.host.refuses_order
        self.host = FakeHost(self._shut_down)
        self.host.refuses, self.host.refuses_order = refuses, refuses_order
        server = StoreServer(self.world.store, self._now)
        self.agent = Agent(server=server, host=self.host, node=VICTIM, boot_id=f"boot-{self.boot}")

    def _now(self) -> datetime | None:
        return self.world.now + self.skew if self.knows_time else None

    def _shut_down(self) -> None:
        machine = self.world.machines[VICTIM]
        self.asked.append(machine.boot)
        if not self.obeys:
            return
        if self.reboots:
            self.reboots -= 1
            machine.start(self.world.now)
        else:
            machine.down_at = self.world.now + timedelta(seconds=self.seconds)


@dataclass(slots=True)
class Stage:
    """Everything that a case may spoil."""

    world: World
    agent: AgentOnNode
    process: Process
    orders: list[Body] = field(default_factory=list)
    """Every order that the operator wrote, as it stood."""

    @property
    def order(self) -> Body | None:
        """The order that stands."""
        body = self.world.store.find("energynodes", VICTIM) or {}
        return (body.get("status") or {}).get("shutdown")

    def write(self, status: Body) -> None:
        """Somebody who is not the operator writes into the victim's status."""
        self.world.store.patch(ours("energynodes", VICTIM, sub="status"), {"status": status})


Spoil = Callable[[Stage], None]


def nothing(_: Stage) -> None:
    """All is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What goes wrong, and what must come of it.

    `begins` is spoilt before the first pass, `ordered` when the first order stands, `halted` when the system is down,
    `asleep` when the victim is first called asleep. All heals at HEALED_AT.
    """

    name: str
    begins: Spoil = nothing
    ordered: Spoil = nothing
    halted: Spoil = nothing
    asleep: Spoil = nothing
    hard_cuts: int = 0
    """How often the power may be cut under a running system."""
    asked: int | None = 1
    """How often the host is asked until all heals; None where it does not matter."""
    during: tuple[str, ...] = ("Asleep",)
    """States of the victim before all heals."""


def _agent(**changes: Any) -> Spoil:
    def spoil(stage: Stage) -> None:
        for name, value in changes.items():
            setattr(stage.agent, name, value)

    return spoil


def _host(**changes: Any) -> Spoil:
    def spoil(stage: Stage) -> None:
        for name, value in changes.items():
            setattr(stage.agent.host, name, value)

    return spoil


def _machine(**changes: Any) -> Spoil:
    def spoil(stage: Stage) -> None:
        for name, value in changes.items():
            setattr(stage.world.machines[VICTIM], name, value)

    return spoil


def _spec(spec: Body) -> Spoil:
    return lambda stage: void(stage.world.store.patch(ours("energynodes", VICTIM), {"spec": spec}))


def void(_: object) -> None:
    """For what returns something that nobody needs."""


def _replayed(stage: Stage) -> None:
    """The order that was carried out is written again once the node is awake, as by a restored backup."""
    order = dict(stage.orders[0])
    override(stage.world, VICTIM, "Awake")

    def restore(world: World) -> None:
        stage.write({"shutdown": order})

    stage.world.at(stage.world.seconds + 80, restore)
    stage.world.at(stage.world.seconds + 90, restore)


def _foreign(stage: Stage) -> None:
    """An order for another machine's boot, in an object that never was asked to sleep."""
    now = stage.world.now
    times = {"issuedAt": now.isoformat(), "deadline": (now + DAY).isoformat()}
    order = {"operationId": "pi-1-sleep", "bootId": "boot-of-pi-1", "leaseTransitions": 1, **times}
    stage.world.at(20, lambda _: stage.write({"shutdown": order}))
    override(stage.world, VICTIM, "Awake")


def _forged(stage: Stage) -> None:
    """An order that is right in every word but for an operation that is in progress."""
    override(stage.world, VICTIM, "Awake")

    def write(world: World) -> None:
        token = world.store.get(LEASE)["spec"]["leaseTransitions"]
        times = {"issuedAt": world.now.isoformat(), "deadline": (world.now + DAY).isoformat()}
        boot = f"boot-{world.machines[VICTIM].boot}"
        stage.write({"shutdown": {"operationId": "x", "bootId": boot, "leaseTransitions": token, **times}})

    stage.world.at(20, write)


def _new_leader(stage: Stage) -> None:
    """Another operator leads from now on; the agent has not looked yet."""
    body = stage.world.store.get(LEASE)
    body["spec"]["leaseTransitions"] += 1
    body["spec"]["holderIdentity"] = ""
    stage.world.store.put("leases", body)
    stage.process.dead = True


def _pressed(stage: Stage) -> None:
    """The relay is stuck, and somebody presses the button of the halted machine."""
    machine = stage.world.machines[VICTIM]
    machine.listens = False
    stage.world.at(stage.world.seconds + 25, lambda world: machine.start(world.now))


def _wanted(stage: Stage) -> None:
    override(stage.world, VICTIM, "Awake")


def _heal(stage: Stage) -> None:
    agent, machine = stage.agent, stage.world.machines[VICTIM]
    agent.lives, agent.obeys, agent.hangs, agent.reboots, agent.knows_time = True, True, False, 0, True
    agent.skew, stage.world.skew, agent.seconds = timedelta(0), timedelta(0), 12.0
    agent.host.refuses = agent.host.refuses_order = ""
    machine.listens, machine.silent = True, False
    override(stage.world, VICTIM, None)


CASES: tuple[Case, ...] = (
    Case(name="it is honest"),
    Case(name="it is slow", begins=_agent(seconds=40.0)),
    Case(name="there is none", begins=_agent(lives=False), hard_cuts=1, asked=0),
    Case(name="it may not be used", begins=_spec({"sleep": {"shutdown": "None"}}), hard_cuts=1, asked=0),
    Case(name="its host may not be shut down", begins=_host(refuses="logind answers no"), hard_cuts=1, asked=0),
    Case(name="the host refuses the order", begins=_host(refuses_order="inhibited"), hard_cuts=1, asked=0),
    Case(name="it dies when it is ordered", ordered=_agent(lives=False), hard_cuts=1, asked=0),
    Case(name="it hangs when it is ordered", ordered=_agent(hangs=True), hard_cuts=1, asked=0),
    Case(name="it lies: the system runs on", begins=_agent(obeys=False), hard_cuts=1),
    Case(name="the shutdown takes for ever", begins=_agent(seconds=9000.0), hard_cuts=1),
    Case(name="it does not know the time", ordered=_agent(knows_time=False), hard_cuts=1, asked=0),
    Case(name="the order reaches it after its deadline", ordered=_agent(skew=timedelta(hours=1)), hard_cuts=1, asked=0),
    Case(name="it restarts after the order", ordered=lambda stage: stage.agent.restart()),
    Case(name="the order is replayed", asleep=_replayed, during=("Awake",)),
    Case(name="the order is another machine's", begins=_foreign, asked=0, during=("Awake",)),
    Case(name="the order is forged", begins=_forged, asked=0, during=("Awake",)),
    Case(name="another operator leads before it looks", ordered=_new_leader, asked=1),
    Case(name="the operator's clock is ahead", begins=lambda stage: setattr(stage.world, "skew", timedelta(seconds=3))),
    Case(name="the system reboots once instead", begins=_agent(reboots=1), asked=2),
    Case(name="the system always reboots", begins=_agent(reboots=99), hard_cuts=1, asked=3),
    Case(name="the relay refuses to cut", halted=_machine(listens=False), during=("PowerOffRequested",)),
    Case(name="the relay falls silent", halted=_machine(silent=True), during=("PowerOffRequested",)),
    Case(
        name="the relay is stuck and somebody presses the button",
        halted=_pressed,
        asked=None,
        hard_cuts=0,
        during=("Awake", "PowerOffRequested", "Draining", "Cordoned"),
    ),
    Case(name="the node is wanted in the middle", ordered=_wanted, during=("Awake",)),
    Case(name="the node is wanted once it is halted", halted=_wanted, during=("Awake",)),
)


@dataclass(slots=True)
class Seen:
    """What came of a case."""

    violations: list[str]
    states: list[str]
    during: str
    hard_cuts: int
    asked: int
    recovery_seconds: float | None


async def play(case: Case) -> Seen:
    """The victim is to sleep with this agent; all heals at HEALED_AT, and then everything comes to order."""
    stage = _stage()
    auditor = Auditor(stage.world, JUDGED_HERE)
    states = _watched(stage, case)
    case.begins(stage)
    while stage.world.seconds < HEALED_AT:
        await _turn(stage)
    during, machine, asked = stage.world.power(VICTIM), stage.world.machines[VICTIM], len(stage.agent.asked)
    hard_cuts = machine.hard_cuts
    _heal(stage)
    ended = await _converge(stage)
    found = list(auditor.violations)
    found += [f"it ends with {'; '.join(misses(stage.world)) or 'no rest'}"] if ended is None else []
    found += [f"{during}, expected {' or '.join(case.during)}"] if during not in case.during else []
    found += [f"{hard_cuts} hard cuts, expected {case.hard_cuts}"] if hard_cuts != case.hard_cuts else []
    found += [f"the host was asked {asked} times"] if case.asked not in (None, asked) else []
    found += [f"a boot was asked {len(stage.agent.asked) - len(set(stage.agent.asked))} times too often"] * (
        len(stage.agent.asked) != len(set(stage.agent.asked))
    )
    return Seen(
        violations=found,
        states=states,
        during=during,
        hard_cuts=hard_cuts,
        asked=asked,
        recovery_seconds=None if ended is None else ended - HEALED_AT,
    )


async def dies_at(number: int, phase: str) -> tuple[int, list[str]]:
    """An honest agent, and an operator that dies at one write: how many writes there were, and what is wrong."""
    stage = _stage()
    auditor = Auditor(stage.world)
    stage.process = Process(stage.world, "op", deaths=[(number, phase)])
    ended = await _converge(stage)
    machine = stage.world.machines[VICTIM]
    found = list(auditor.violations)
    found += [f"it ends with {'; '.join(misses(stage.world)) or 'no rest'}"] if ended is None else []
    found += ["the power was cut while the system ran"] if machine.hard_cuts else []
    found += ["the host was asked twice"] if len(stage.agent.asked) > 1 else []
    return len(stage.world.writes), [f"died {phase} write {number}: {why}" for why in found]


def _stage() -> Stage:
    world = one_sleeper()
    world.timeline.clear()
    world.store.patch(ours("energypolicies", "default"), {"spec": {"budgets": BUDGETS}})
    agent = AgentOnNode(world=world)
    agent.restart()
    return Stage(world=world, agent=agent, process=Process(world, "op"))


async def _turn(stage: Stage) -> None:
    """One pass of the operator, one turn of the agent, and time passes."""
    try:
        if stage.process.dead:
            raise Death
        await stage.process.tick()
    except Death:
        stage.process = stage.process.successor()
    await stage.agent.turn()
    stage.world.advance()


async def _converge(stage: Stage) -> float | None:
    quiet, before = 0, last_telling_write(stage.world)
    while stage.world.seconds < DEADLINE_SECONDS:
        await _turn(stage)
        now = last_telling_write(stage.world)
        quiet, before = (quiet + 1 if now == before else 0), now
        if quiet >= QUIET_PASSES and not stage.world.timeline and not misses(stage.world):
            return stage.world.seconds
    return None


def _watched(stage: Stage, case: Case) -> list[str]:
    """Spoils at each moment once, and keeps the victim's states and orders."""
    states: list[str] = []
    spoilt: set[str] = set()

    def once(moment: str, spoil: Spoil) -> None:
        if moment not in spoilt:
            spoilt.add(moment)
            spoil(stage)

    def watch(world: World, write: Write) -> None:
        order, state = stage.order, world.power(VICTIM)
        if not states or states[-1] != state:
            states.append(state)
        if order is not None and (not stage.orders or stage.orders[-1] != order):
            stage.orders.append(order)
            once("ordered", case.ordered)
        if order is not None and not world.machines[VICTIM].runs(world.now):
            once("halted", case.halted)
        if state == "Asleep":
            once("asleep", case.asleep)

    stage.world.after_write.append(watch)
    return states
