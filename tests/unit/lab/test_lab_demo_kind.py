"""What can be checked of the demo in kind without Docker: its manifests name kind's nodes and switch nothing."""

from __future__ import annotations

from pathlib import Path

import yaml

from sunward_lab.demo import kind
from sunward_lab.spec import WorldSpec

CONFIG = Path(__file__).parents[3] / "kind-config.yaml"


def world(folder: Path) -> WorldSpec:
    nodes = tuple(kind.world_node(name, index, folder, "/none") for index, name in enumerate(kind.NAMES))
    return WorldSpec(run_folder=str(folder), emissions_port=18080, nodes=nodes)


def test_the_names_are_those_that_kind_gives_its_nodes() -> None:
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    roles = [node["role"] for node in config["nodes"]]
    workers = [config["name"] + "-worker" + ("" if n == 0 else str(n + 1)) for n in range(roles.count("worker"))]
    assert list(kind.NAMES.values()) == [f"{config['name']}-control-plane", *workers]


def test_nothing_is_switched_and_everything_is_there(tmp_path: Path) -> None:
    bodies = kind.resources(world(tmp_path))
    drivers = {b["metadata"]["name"]: b["spec"]["sleep"]["driver"] for b in bodies if b["kind"] == "EnergyNode"}
    assert drivers == {name: "None" if name.endswith("control-plane") else "CordonOnly" for name in kind.NAMES.values()}
    assert [b["kind"] for b in bodies[-2:]] == ["EnergyPolicy", "TrainingJob"]
    homes = {shard["node"] for shard in bodies[-1]["spec"]["shards"]}
    assert homes == set(drivers) - {"sunward-control-plane"}


def test_the_world_finds_every_node_in_its_own_folder(tmp_path: Path) -> None:
    spec = WorldSpec.from_json(world(tmp_path).to_json())
    assert {Path(node.sysfs).name for node in spec.nodes} == set(kind.NAMES.values())
