"""The world process: ten times a second every node's physics, and the HTTP side of relays and feed.

One asyncio loop does it all; the only other processes are the lab's own power commands.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ..spec import WorldNode, WorldSpec
from .admin import PORT as ADMIN_PORT
from .admin import admin_application
from .emissions import EmissionsFeed
from .faults import Faults
from .machine import Machine
from .relay import Relay, relay_application
from .scenario import Scenario, ScenarioError
from .truth import append_history, earlier_truth, resume, truth_of, write_latest
from .weather import Weather

log = logging.getLogger(__name__)

READY: Final = "world-ready"
TICK_SECONDS: Final = 0.1
_LATEST_EVERY_TICKS: Final = 10
_HISTORY_EVERY_TICKS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the world lives, and the password that its relays demand (None: everybody may switch them).

    An `admin_port` of 0 lets the system choose.
    """

    run_folder: Path
    bind: str
    admin_port: int = ADMIN_PORT
    relay_password: str | None = None


class World:
    """Every node of the run under one scenario."""

    def __init__(self, spec: WorldSpec, scenario: Scenario, options: Options, now: float) -> None:
        """Build the machines; raises ScenarioError when the scenario lacks a node."""
        run_folder = options.run_folder
        _require_nodes(scenario, spec.nodes)
        earlier = earlier_truth(run_folder, scenario, now)
        self.faults = Faults()
        self.scenario = scenario
        self.weather = Weather(scenario, now if earlier is None else float(earlier["epoch"]))
        self.machines = {node.name: Machine(node, scenario, self.weather) for node in spec.nodes}
        if earlier is not None:
            resume(self.machines, earlier)
        self.relays = {
            node.relay_port: Relay(node.relay_name, self.machines[node.name], self.faults, options.relay_password)
            for node in spec.nodes
            if node.relay_port is not None and node.relay_name is not None
        }
        self._folder = run_folder
        self._ticks = 0

    def tick(self, now: float, seconds: float) -> None:
        """Let `seconds` pass for everything, then show and write it."""
        for name, machine in self.machines.items():
            machine.tick(now, seconds)
            machine.publish(self.faults.sensor(name))
        for relay in self.relays.values():
            relay.tick(now)
        if self._ticks % _LATEST_EVERY_TICKS == 0:
            write_latest(self._folder, self.truth())
        if self._ticks % _HISTORY_EVERY_TICKS == 0:
            append_history(self._folder, self.truth())
        self._ticks += 1

    def truth(self) -> dict[str, Any]:
        """What really happened so far."""
        return truth_of(self.scenario, self.weather, self.machines, time.time())

    async def close(self) -> None:
        """Finish switching, write the last truth and close the files."""
        for relay in self.relays.values():
            await relay.close()
        write_latest(self._folder, self.truth())
        append_history(self._folder, self.truth())
        for machine in self.machines.values():
            machine.close()


async def run(options: Options, scenario: Scenario, stop: asyncio.Event | None = None) -> None:
    """Serve until `stop` is set or SIGTERM or SIGINT arrives.

    Raises SpecError when `world.json` is missing or wrong, ScenarioError when the scenario lacks a node of the cluster,
    OSError when a port is taken; the message names it.
    """
    stop = stop or _stop_on_signals()
    spec = WorldSpec.read(options.run_folder)
    world = World(spec, scenario, options, time.time())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        await _listen(stack, world, spec, options)
        world.tick(time.time(), 0.0)
        (options.run_folder / READY).write_text(f"{scenario.name}\n", encoding="ascii")
        stack.callback((options.run_folder / READY).unlink, missing_ok=True)
        log.info("scenario %s: %d nodes, %d relays", scenario.name, len(world.machines), len(world.relays))
        await _tick_until(world, stop)


async def _tick_until(world: World, stop: asyncio.Event) -> None:
    """Tick on a fixed grid of time; a late tick integrates the longer interval, none is made up."""
    last = due = time.monotonic()
    while not stop.is_set():
        due = max(due + TICK_SECONDS, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
        now = time.monotonic()
        world.tick(time.time(), now - last)
        last = now


async def _listen(stack: AsyncExitStack, world: World, spec: WorldSpec, options: Options) -> None:
    feed = EmissionsFeed(world.weather, world.scenario.forecast, world.faults)
    await _serve(stack, feed.application(), options.bind, spec.emissions_port)
    for port, relay in world.relays.items():
        await _serve(stack, relay_application(relay), options.bind, port)
    admin = admin_application(world.faults, world.machines.keys(), world.truth)
    await _serve(stack, admin, "127.0.0.1", options.admin_port)


async def _serve(stack: AsyncExitStack, application: web.Application, host: str, port: int) -> None:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, port).start()


def _require_nodes(scenario: Scenario, nodes: tuple[WorldNode, ...]) -> None:
    missing = [node.name for node in nodes if node.name not in scenario.nodes]
    if missing:
        raise ScenarioError(f"scenario {scenario.name}: nodes.{missing[0]} is missing; the cluster has this node")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop
