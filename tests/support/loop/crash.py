"""Kills the operator at every write of the reference scenario, and looks whether a new one ends where it should.

A death is a raised BaseException, in the very call that writes. Because everything that a process leaves behind is the
world, its successor may as well start on a copy of the world taken at that point: that is how all points are tried
without playing the scenario from its beginning for each.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import accumulate

from sunward.cluster.access.api import ours
from support.loop.auditor import Auditor
from support.loop.objects import WORKERS
from support.loop.process import Process, run
from support.loop.world import TICK, World, Write, add_job, override

DEADLINE_SECONDS = 600.0
QUIET_PASSES = 4
HARMLESS = ("leases", "events")


Scenario = Callable[[], World]


def one_sleeper() -> World:
    """A dirty node sleeps, a job that may not leave it wakes it, and when that is done it sleeps again."""
    world = World(period_seconds=40, jobs=False)
    for name in ("pi-1", "pi-2"):
        world.store.patch(ours("energynodes", name), {"spec": {"sleep": {"driver": "None"}}})
    world.at(70, lambda w: add_job(w, "pinned", {"pi-3": "c"}, rounds=1, mobility="Never"))
    return world


def slow_relay() -> World:
    """As one sleeper, behind a relay that follows only in the second pass after it was asked."""
    world = one_sleeper()
    world.machines["pi-3"].relay_lag = timedelta(seconds=7)
    return world


def whole_day() -> World:
    """Work moves off a dirty node, idle nodes sleep, a person wakes one, a job that may not move wakes another."""
    world = World()
    world.at(130, lambda w: override(w, "pi-3", "Awake"))
    world.at(180, lambda w: override(w, "pi-3", None))
    world.at(225, lambda w: add_job(w, "pinned", {"pi-2": "c"}, rounds=1, mobility="Never"))
    return world


SCENARIOS: dict[str, Scenario] = {"one-sleeper": one_sleeper, "slow-relay": slow_relay, "whole-day": whole_day}


def misses(world: World) -> list[str]:
    """What is not as it should be in the end; empty when the goal is reached."""
    found = [f"job {name} is at round {reached}" for name, reached in _unfinished(world)]
    for name in WORKERS:
        state, machine = world.power(name), world.machines[name]
        if state not in ("Awake", "Asleep"):
            found.append(f"{name} is {state}")
        elif machine.on is (state == "Asleep"):
            found.append(f"{name} is {state} and its power is {'on' if machine.on else 'off'}")
        found += _marks(world, name, asleep=state == "Asleep")
    return found + ([] if any(world.power(name) == "Asleep" for name in WORKERS) else ["nobody is asleep"])


def _unfinished(world: World) -> Iterator[tuple[str, int]]:
    for job in world.store.of("trainingjobs"):
        name = job["metadata"]["name"]
        conditions = {c["type"]: c["status"] for c in (job.get("status") or {}).get("conditions") or ()}
        if conditions.get("Complete") != "True":
            yield name, world.training[name].round if name in world.training else 0


def _marks(world: World, name: str, *, asleep: bool) -> Iterator[str]:
    body = world.store.find("nodes", name)
    assert body is not None
    ours = (
        bool(body["spec"].get("unschedulable")),
        "sunward.dev/cordoned-by" in body["metadata"].get("annotations", {}),
        any(taint["key"] == "sunward.dev/asleep" for taint in body["spec"].get("taints") or ()),
    )
    if set(ours) != {asleep}:
        yield f"{name} {'sleeps' if asleep else 'is awake'} with cordon, mark, taint = {ours}"


def last_telling_write(world: World) -> int:
    """Number of the last write that was neither the Lease nor an event."""
    telling = (w.number for w in reversed(world.writes) if w.address.kind not in HARMLESS)
    return next(telling, 0)


async def converge(world: World, process: Process) -> float | None:
    """Seconds of the world until the goal is reached and several passes wrote nothing; None when that never happens."""
    quiet, before = 0, last_telling_write(world)
    while world.seconds < DEADLINE_SECONDS:
        process = await run(world, process, world.seconds + TICK.total_seconds())
        now = last_telling_write(world)
        quiet, before = (quiet + 1 if now == before else 0), now
        if quiet >= QUIET_PASSES and not world.timeline and not misses(world):
            return world.seconds
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A place to die: before or after one write, with the world as it was then."""

    number: int
    phase: str
    write: Write
    world: World
    actions: list[dict[str, object]]


@dataclass(slots=True, kw_only=True)
class Figures:
    """What came out of a suite."""

    writes: int = 0
    points: int = 0
    distinct: int = 0
    converged: int = 0
    duplicate_power_actions: int = 0
    power_actions: int = 0
    slowest_seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The closing line."""
        return (
            f"R3 crash points: {self.points} points ({self.distinct} different worlds) at {self.writes} writes, "
            f"{self.converged} converged, {self.duplicate_power_actions} duplicate power actions, "
            f"{len(self.violations)} violations, slowest recovery {self.slowest_seconds:.0f} s"
        )

    def as_json(self) -> dict[str, object]:
        """All figures."""
        return asdict(self)


async def reference(scenario: Scenario) -> tuple[World, Auditor, list[Point]]:
    """Play the scenario once without a death, and keep the world before and after every write."""
    world = scenario()
    auditor = Auditor(world)
    points: list[Point] = []

    def keep(phase: str) -> None:
        def watch(now: World, write: Write) -> None:
            actions = [dict(action) for action in auditor.power_actions]
            points.append(Point(number=write.number, phase=phase, write=write, world=now.fork(), actions=actions))

        (world.before_write if phase == "before" else world.after_write).append(watch)

    keep("before")
    keep("after")
    assert await converge(world, Process(world, "first")) is not None, misses(world)
    return world, auditor, points


async def crash_everywhere(scenario: Scenario, *, same_name: bool, offset: int = 0, stride: int = 1) -> Figures:
    """Die at every point; `same_name` restarts the container in the same pod, else another pod takes over.

    A stride above one tries every so many points only, and counts only those.
    """
    world, auditor, points = await reference(scenario)
    points = points[offset::stride]
    figures = Figures(writes=len(world.writes), points=len(points), violations=list(auditor.violations))
    figures.power_actions = len(auditor.power_actions)
    last: Point | None = None
    good = False
    for point in points:
        if last is None or not _same(last, point):
            good = await _recovers(point, figures, "first" if same_name else "")
        figures.converged += good
        last = point
    return figures


def _same(last: Point, point: Point) -> bool:
    """Whether the world is the one that was tried last: no time passed, and nothing that a successor reads was written.

    Nobody reads events, and of a Lease that is renewed only the time of its renewal is another.
    """
    if last.world.now != point.world.now:
        return False
    return point.phase == "before" or point.write.address.kind == "events" or _renews(point)


def _renews(point: Point) -> bool:
    write = point.write
    return (
        write.is_lease
        and write.before is not None
        and write.before["spec"]["leaseTransitions"] == (write.body["spec"]["leaseTransitions"])
    )


async def _recovers(point: Point, figures: Figures, identity: str) -> bool:
    world = point.world.fork()
    auditor = Auditor(world)
    auditor.power_actions = [dict(action) for action in point.actions]
    figures.distinct += 1
    world.advance()
    begun = max(world.seconds, *(seconds for seconds, _ in world.timeline), 0.0)
    ended = await converge(world, Process(world, "second", identity=identity))
    figures.duplicate_power_actions += auditor.needless_switches
    figures.violations += [f"died {point.phase} write {point.write}: {found}" for found in auditor.violations]
    if ended is None:
        figures.violations.append(
            f"died {point.phase} write {point.write}: {'; '.join(misses(world)) or 'never quiet'}"
        )
        return False
    figures.slowest_seconds = max(figures.slowest_seconds, ended - begun)
    return True


async def dies_for_real(scenario: Scenario, number: int, phase: str) -> tuple[World, Auditor, bool]:
    """One point by a raised death, played from the beginning."""
    world = scenario()
    auditor = Auditor(world)
    process = Process(world, "first", deaths=[(number, phase)])
    return world, auditor, await converge(world, process) is not None


async def dies_again_and_again(scenario: Scenario, seed: int, lives: int = 8) -> tuple[World, Auditor, bool]:
    """Raised deaths at random writes, each soon after the last; the scenario goes on meanwhile."""
    world = scenario()
    auditor = Auditor(world)
    dice = random.Random(seed)
    numbers = accumulate(dice.randint(3, 40) for _ in range(lives))
    deaths = [(number, dice.choice(("before", "after"))) for number in numbers]
    return world, auditor, await converge(world, Process(world, "life-1", deaths=deaths)) is not None
