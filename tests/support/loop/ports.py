"""How a process reaches the cluster in memory: relays, meters, sources of intensities, solvers, coordinators."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import DEFAULT_BASIS
from sunward.domain.measurement import Absent, Measurement, Metered, Quality, Window
from sunward.domain.nodes import MeterFacts, NodeSpec, NodeView
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.domain.steps import PowerReading
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import solve
from support.loop.objects import ZONES
from support.loop.world import World
from support.planning import some_forecasts

if TYPE_CHECKING:
    from support.loop.process import Process

IDLE_WATTS = 2.7
HALTED_WATTS = 0.3


class WorldDrivers:
    """Every node but the hub has a relay."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def of(self, node: NodeView) -> Relay | None:
        """The relay in front of a node."""
        return self.at(node.name)

    def at(self, name: str) -> Relay | None:
        """The relay in front of the node of this name."""
        return None if name == "hub" else Relay(self._process, name)


class Relay:
    """A relay that obeys at once and meters what the machine draws."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self._machine = process.world.machines[name]

    async def read(self) -> PowerReading | None:
        self._process.must_live()
        machine, world = self._machine, self._process.world
        if machine.silent:
            return None
        watts = IDLE_WATTS if machine.runs(world.now) else HALTED_WATTS if machine.on else 0.0
        return PowerReading(is_on=machine.on is not machine.lies, watts=watts, time=world.now + world.skew)

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        body = {"node": self._machine.name, "on": on, "operation": operation, "token": fencing_token}
        machine, now = self._machine, self._process.world.now
        self._process.write("switch", machine.name, body, lambda: machine.ask(on, now))


class WorldSensors:
    """Meters of the machines that run."""

    settle_delay_seconds = 10.0

    def __init__(self, world: World) -> None:
        self._world = world

    async def read(self, nodes: Sequence[NodeSpec], now: datetime) -> Mapping[str, MeterFacts]:
        if self._world.data == "silent":
            raise SourceUnavailable("prometheus", "connection refused")
        true = self._world.now
        taken = true - timedelta(minutes=10) if self._world.data == "stale" else true
        return {spec.name: self._facts(spec.name, taken) for spec in nodes}

    def _facts(self, name: str, taken: datetime) -> MeterFacts:
        absent = Absent(cause=Cause(Reason.DATA_MISSING), source="test")
        power: Measurement | Absent = absent
        if name not in self._world.unmetered and self._world.machines[name].alive(self._world.now):
            power = Measurement(value=IDLE_WATTS, time=taken, quality=Quality.MEASURED, source="test")
        return MeterFacts(power_watts=power, harvest_watts=absent, battery_ratio=absent)

    async def energy(self, nodes: Sequence[NodeSpec], start: datetime, end: datetime) -> Mapping[str, Metered]:
        if self._world.data == "silent":
            raise SourceUnavailable("prometheus", "connection refused")
        hours = (end - start).total_seconds() / 3600
        return {spec.name: Metered(load=Window(watt_hours=IDLE_WATTS * hours), harvest=None) for spec in nodes}


class WorldIntensities:
    """Three zones that never change."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def read(self, source: str, zones: Sequence[str], now: datetime) -> Mapping[str, ZoneIntensity]:
        return {
            zone: ZoneIntensity(
                zone=zone,
                now_grams_per_kilowatt_hour=Measurement(
                    value=ZONES[zone], time=self._world.now, quality=Quality.MEASURED, source="test"
                ),
                forecast_grams_per_kilowatt_hour=None,
                basis=DEFAULT_BASIS,
            )
            for zone in zones
        }


class FlatForecaster:
    """Tomorrow is like now."""

    def __call__(self, snapshot: Snapshot, start: datetime) -> Forecasts:
        return replace(some_forecasts(snapshot), start=start)

    def remember(self, snapshot: Snapshot) -> None:
        """Nothing to remember."""


class Solver:
    """The real solvers in this process. Equal problems have equal answers, so each is solved once."""

    known: dict[tuple[str, str, str], Solution] = {}  # noqa: RUF012  # shared on purpose: solving is pure

    def solve(
        self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
    ) -> Solution:
        """Solve, or remember."""
        key = (problem.to_json(), solver, repr(start))
        if key not in self.known:
            self.known[key] = solve(problem, solver=solver, time_limit_seconds=time_limit_seconds, start=start)
        return self.known[key]


class Session:
    """The one request that the operator makes of coordinators."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def get(self, url: str, **_: Any) -> Answer:
        self._process.must_live()
        return Answer(self._process.world.answer(url.removeprefix("https://").split(":")[0]))


class Answer:
    """An answer of a coordinator, or the silence of one that is not there."""

    def __init__(self, body: bytes | None) -> None:
        self._body = body

    async def __aenter__(self) -> Self:
        if self._body is None:
            raise aiohttp.ClientConnectionError("connection refused")
        return self

    async def __aexit__(self, *_: object) -> None: ...

    status = 200
    content_type = "application/json"
    headers: Mapping[str, str] = {}  # nobody writes into it

    @property
    def content(self) -> Self:
        return self

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        text = self._body or b""
        for start in range(0, len(text), size):
            yield text[start : start + size]
