"""The world process: told about the nodes through `world.json`, started last and stopped first."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Final

from sunward_lab import cgroups, processes
from sunward_lab.errors import LabError
from sunward_lab.settings import HUB, Machine, RunFolder, Settings
from sunward_lab.spec import EMISSIONS_PORT, FILE_NAME, FIRST_RELAY_PORT, WorldNode, WorldSpec
from sunward_lab.world.scenario import ScenarioError, load_scenario

NAME: Final = "world"
_DEFAULT_SCENARIO: Final = "demo"
_FIRST_ADMIN_PORT: Final = 18099
_READY_FILE: Final = "world-ready"
_READY_SECONDS: Final = 30.0


def limited(settings: Settings) -> Settings:
    """The settings with the cores that the scenario calls a worker's full load, unless they say otherwise."""
    if not settings.world or not settings.has_machines or settings.worker_cores is not None:
        return settings
    try:
        scenario = load_scenario(settings.scenario or _DEFAULT_SCENARIO)
    except ScenarioError as error:
        raise LabError(f"--scenario: {error}") from error
    return replace(settings, worker_cores=scenario.cpu.full_cores)


def write_spec(settings: Settings, run: RunFolder) -> None:
    """Write `<run>/world.json`."""
    nodes = tuple(_world_node(settings, run, machine) for machine in settings.machines())
    spec = WorldSpec(run_folder=str(run.path), emissions_port=EMISSIONS_PORT, nodes=nodes)
    (run.path / FILE_NAME).write_text(spec.to_json(), encoding="utf-8")


def start(settings: Settings, run: RunFolder) -> None:
    """Start the world process and wait until it says it is ready."""
    write_spec(settings, run)
    ready = run.path / _READY_FILE
    ready.unlink(missing_ok=True)
    where = ["--run-dir", str(run.path), "--bind", str(settings.host_address)]
    scenario = ["--scenario", settings.scenario or _DEFAULT_SCENARIO]
    # On loopback, which clusters side by side share.
    admin = ["--admin-port", str(_FIRST_ADMIN_PORT + settings.instance)]
    argv = [sys.executable, "-m", "sunward_lab.world", *where, *scenario, *admin]
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    world = processes.start(NAME, argv, records=run.processes, logs=run.logs, environment=environment)
    processes.wait_ready(world, ready.exists, _READY_SECONDS, run.logs / f"{NAME}.log")


def _world_node(settings: Settings, run: RunFolder, machine: Machine) -> WorldNode:
    has_relay = machine.name != HUB
    switch = (sys.executable, "-m", "sunward_lab", "power")
    where = ("--run-dir", str(run.path))
    return WorldNode(
        name=machine.name,
        index=machine.index,
        role=machine.role,
        address=str(machine.address),
        cgroup=str(cgroups.counted(settings, machine.name)),
        sysfs=str(run.sysfs(machine.name)),
        power_file=str(run.node(machine.name).power_file),
        relay_name=f"relay-{machine.name}" if has_relay else None,
        relay_port=FIRST_RELAY_PORT + machine.index if has_relay else None,
        power_on=(*switch, "on", machine.name, *where),
        power_off=(*switch, "off", machine.name, *where),
    )
