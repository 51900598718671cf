"""One life of the operator in the cluster in memory: it can be killed before or after any write that leaves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import aiohttp

from sunward.accounting.ledger import PeriodLedger
from sunward.cluster.access.api import FIELD_MANAGER
from sunward.cluster.access.lease import Lease
from sunward.cluster.loop import Loop, Ports
from sunward.cluster.ports import Drivers, Sensors
from sunward.cluster.reading.observe import Identity
from sunward.cluster.training.authorities import Authorities
from sunward.domain.cause import Cause
from sunward.domain.pins import PinnedNode
from sunward.domain.plans import Plan
from sunward.domain.policy import PolicySpec
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Step
from support.loop.ports import FlatForecaster, Session, Solver, WorldDrivers, WorldIntensities, WorldSensors
from support.loop.store import REVIEWS, Address, Body, cloned
from support.loop.world import World, Write


class Death(BaseException):
    """The process ends here. No Exception, so that nothing in the operator can survive it."""


Hook = Callable[[str, str, bool], None]
"""Asked with verb, path, and whether it is done already; what it raises is what the operator gets for an answer."""


class Process:
    """One life of the operator: the real loop, wired to the world through ports that can kill it or fail."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        identity: str = "",
        faults: Hook | None = None,
        deaths: Iterable[tuple[int, str]] = (),
        drivers: Drivers | None = None,
        sensors: Sensors | None = None,
    ) -> None:
        self.world = world
        self.name = name
        identity = identity or name
        self.dead = False
        self.deaths = iter(deaths)
        self.die_at = next(self.deaths, None)
        self.faults = faults
        self.failures: list[str] = []
        api = ProcessApi(self)
        self.lease = Lease(api, "sunward-system", identity, monotonic=lambda: world.seconds)
        started = world.now + world.skew
        self.loop = Loop(
            Ports(
                api=api,
                session=cast(aiohttp.ClientSession, Session(self)),
                sensors=sensors or WorldSensors(world),
                intensities=WorldIntensities(world),
                forecaster=FlatForecaster(),
                solver=Solver(),
                drivers=drivers or WorldDrivers(self),
                reporter=SilentReporter(self),
                lease=self.lease,
                authorities=Authorities(api, "sunward-system"),
                identity=Identity(started_at=lambda: started, node_name="hub"),
                clock=lambda: world.now + world.skew,
            )
        )

    async def tick(self) -> None:
        """One pass, as `Loop.run` makes it: an error ends the pass, not the process."""
        try:
            await self.loop.reconcile()
        except Exception as error:  # the same shell as Loop.run
            self.failures.append(f"{type(error).__name__}: {error}")

    def successor(self) -> Process:
        """The process that a new pod starts; it may have its own death before it."""
        self.world.lives += 1
        return Process(self.world, f"life-{self.world.lives}", faults=self.faults, deaths=self.deaths)

    def must_live(self) -> None:
        """A dead process does nothing more, not even in tasks that still run."""
        if self.dead:
            raise Death

    def write(self, verb: str, path: str, body: Any, do: Callable[[], Any]) -> Any:
        """One external write: counted, watched, and the place to die."""
        self.must_live()
        if self.faults is not None:
            self.faults(verb, path, False)
        world = self.world
        before = None if verb == "switch" else world.store.find(*_found(path))
        write = Write(
            number=len(world.writes) + 1, process=self.name, verb=verb, path=path, body=body, before=_copy(before)
        )
        self._die_if(write.number, "before")
        for watch in world.before_write:
            watch(world, write)
        result = do()
        world.writes.append(write)
        for watch in world.after_write:
            watch(world, write)
        self._die_if(write.number, "after")
        if self.faults is not None:
            self.faults(verb, path, True)
        return result

    def _die_if(self, number: int, phase: str) -> None:
        if self.die_at == (number, phase):
            self.dead = True
            raise Death


def _found(path: str) -> tuple[str, str, str]:
    where = Address.of(path)
    return where.kind, where.name, where.namespace


def _copy(body: Body | None) -> Body | None:
    return None if body is None else cast(Body, cloned(body))


class ProcessApi:
    """`Api` of one process over the world's store."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._store = process.world.store

    def _read(self, verb: str, path: str) -> None:
        self._process.must_live()
        if self._process.faults is not None:
            self._process.faults(verb, path, False)

    async def get(self, path: str) -> Body:
        self._read("GET", path)
        return self._store.get(path)

    async def list(self, path: str, **selectors: str) -> list[Body]:
        self._read("LIST", path)
        return self._store.list(path, selectors.get("labelSelector", ""))

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        if Address.of(path).kind in REVIEWS:
            self._read("POST", path)
            return self._store.review(body)
        return cast(Body, self._process.write("POST", path, body, lambda: self._store.create(path, body)))

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        def do() -> Body:
            return self._store.patch_as(FIELD_MANAGER, path, body)

        return cast(Body, self._process.write("PATCH", path, body, do))

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        return cast(Body, self._process.write("PUT", path, body, lambda: self._store.replace(path, body)))

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        self._process.write("DELETE", path, {"uid": uid}, lambda: self._store.delete(path, uid))


class SilentReporter:
    """Keeps what failed."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def planned(self, plan: Plan, snapshot: Snapshot, seconds: float) -> None: ...
    def stepped(self, step: Step) -> None: ...
    def settled(self, ledger: PeriodLedger, baseline_grams: float | None) -> None: ...
    def observed(self, snapshot: Snapshot) -> None: ...
    def pinned(self, nodes: Sequence[PinnedNode], grams: Mapping[str, float], policy: PolicySpec) -> None: ...
    def failed(self, where: str, error: Exception) -> None:
        self._process.failures.append(f"{where}: {error}")

    def contained(self, part: str, subject: str, cause: Cause, error: Exception | None) -> None:
        self._process.failures.append(f"{part} of {subject}: {cause}")


async def run(world: World, process: Process, seconds: float) -> Process:
    """Passes until a time of the world; a process that dies is followed by a new one. Returns who lives then."""
    while world.seconds < seconds:
        try:
            await process.tick()
        except Death:
            process = process.successor()
        world.advance()
    return process
