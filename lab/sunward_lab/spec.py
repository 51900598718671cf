"""What the cluster and the world agree on: the file `<run>/world.json`, written by `up`, read by the world.

The cluster knows nothing of physics and the world nothing of kubelets; this file is all they share. A node
is switched with the commands named here, so that the world never learns how a node is made.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

SCHEMA: Final = "sunward.dev/lab-world/v1alpha1"
FILE_NAME: Final = "world.json"
EMISSIONS_PORT: Final = 18080
FIRST_RELAY_PORT: Final = 18100

Role = Literal["control-plane", "worker"]


class SpecError(ValueError):
    """A `world.json` that cannot be read; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldNode:
    """One real node as the world sees it.

    `cgroup` is the node's folder in the cpuacct hierarchy: `cpuacct.usage` in it counts nanoseconds of CPU
    time of everything the node runs. `sysfs` is the tree that the world fills for the node's exporter.
    `power_file` holds `on` or `off`, what the machine truly is, whoever switched it; the two commands switch
    it and return when it is done. A node without a relay (the hub) has `relay_name` and `relay_port` None.
    """

    name: str
    index: int
    role: Role
    address: str
    cgroup: str
    sysfs: str
    power_file: str
    relay_name: str | None
    relay_port: int | None
    power_on: tuple[str, ...]
    power_off: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """All that the world process needs to know about the cluster it surrounds."""

    run_folder: str
    emissions_port: int
    nodes: tuple[WorldNode, ...]

    def to_json(self) -> str:
        """The file's text; `from_json` reads it back unchanged."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> WorldSpec:
        """Read the file's text; raises SpecError that names what is wrong."""
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
            raise SpecError(f"schema: expected {SCHEMA}; write the file again with `sunward-lab up`")
        try:
            nodes = tuple(_node(item) for item in raw["nodes"])
            return cls(run_folder=raw["run_folder"], emissions_port=raw["emissions_port"], nodes=nodes)
        except (KeyError, TypeError) as error:
            raise SpecError(f"{FILE_NAME}: {error}; write the file again with `sunward-lab up`") from error

    @classmethod
    def read(cls, run_folder: Path) -> WorldSpec:
        """Read `<run>/world.json`; raises SpecError when it is missing or wrong."""
        path = run_folder / FILE_NAME
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise SpecError(f"{path} is missing; start the cluster with `sunward-lab up`") from error


def _node(item: dict[str, Any]) -> WorldNode:
    commands = {key: tuple(item[key]) for key in ("power_on", "power_off")}
    return WorldNode(**{**item, **commands})
