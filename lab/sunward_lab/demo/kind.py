"""`python -m sunward_lab.demo.kind FOLDER`: the world's description and the manifests for a demo in kind.

A node of kind is a container: the world reads its CPU time where the engine keeps it, and nothing can switch it off, so
EnergyNodes use the driver CordonOnly. The zones, sites and sun are those of the lab's scenario.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sunward_lab.demo import manifests
from sunward_lab.demo.manifests import Tempo
from sunward_lab.spec import WorldNode, WorldSpec
from sunward_lab.world.scenario import load_scenario

Body = dict[str, Any]
NAMES = {
    "hub": "sunward-control-plane",
    "pi-01": "sunward-worker",
    "pi-02": "sunward-worker2",
    "pi-03": "sunward-worker3",
}
CGROUPS = ("/sys/fs/cgroup/cpuacct/docker/{id}", "/sys/fs/cgroup/system.slice/docker-{id}.scope")


def world_node(name: str, index: int, folder: Path, cgroup: str) -> WorldNode:
    """One container as the world sees it; its switch does nothing."""
    node = NAMES[name]
    power_file = folder / "power" / node
    power_file.parent.mkdir(parents=True, exist_ok=True)
    power_file.write_text("on\n", encoding="utf-8")
    return WorldNode(
        name=name,
        index=index,
        role="control-plane" if name == manifests.HUB else "worker",
        address="127.0.0.1",
        cgroup=cgroup,
        sysfs=str(folder / "sys" / node),
        power_file=str(power_file),
        relay_name=None,
        relay_port=None,
        power_on=("true",),
        power_off=("true",),
    )


def resources(world: WorldSpec) -> list[Body]:
    """EnergyNodes by their names in kind, the policy and the job."""
    scenario = load_scenario("demo")
    tempo = replace(Tempo(), planning_period_seconds=30, scrape_interval_seconds=5)
    nodes = manifests.energy_nodes(scenario, world)
    for node in nodes:
        worker = node["spec"]["role"] == "Worker"
        node["metadata"]["name"] = NAMES[node["metadata"]["name"]]
        node["spec"]["sleep"] = {"driver": "CordonOnly", "minimumAwakeSeconds": 30, "minimumAsleepSeconds": 30}
        if not worker:
            node["spec"]["sleep"] = {"driver": "None"}
    sites = sorted({node["spec"]["site"] for node in nodes})
    homes = [node["metadata"]["name"] for node in nodes if node["spec"]["role"] == "Worker"]
    return [*nodes, manifests.policy(tempo, sites, len(homes)), manifests.training_job(tempo, homes)]


def cgroup_of(container: str) -> str:
    """Where the engine accounts a container's CPU time. Raises subprocess.CalledProcessError without the engine."""
    asked = ["docker", "inspect", "--format", "{{.Id}}", container]
    identity = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    known = [pattern.format(id=identity) for pattern in CGROUPS]
    return next((path for path in known if Path(path).exists()), known[-1])


def main() -> int:
    """Write world.json and resources.json into the folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    nodes = tuple(world_node(name, index, folder, cgroup_of(NAMES[name])) for index, name in enumerate(NAMES))
    world = WorldSpec(run_folder=str(folder), emissions_port=manifests.INTENSITY_PORT, nodes=nodes)
    (folder / "world.json").write_text(world.to_json(), encoding="utf-8")
    listed = {"apiVersion": "v1", "kind": "List", "items": resources(world)}
    (folder / "resources.json").write_text(json.dumps(listed), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
