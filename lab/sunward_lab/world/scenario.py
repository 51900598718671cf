"""What the weather, the grid and the machines of a lab are: a YAML file, checked before anything starts.

It names no process, port or folder: the cluster's own file `world.json` does that.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from sunward.simulation import world
from sunward.simulation.world.descriptions import (
    Battery,
    Hours,
    NotNegative,
    Positive,
    Profile,
    Strict,
    node_model,
)


class ScenarioError(ValueError):
    """A scenario that cannot be used; one line per fault, each with its path in the file."""


class Forecast(Strict):
    """What the emissions API says about past and future: entries every `spacing_seconds` of real time."""

    spacing_seconds: Positive = 60.0
    entries: Annotated[int, Field(ge=1, le=1000)] = 24
    history_entries: Annotated[int, Field(ge=1, le=1000)] = 24


class Cpu(Strict):
    """How CPU time becomes load: a node is fully busy when it uses `full_cores` of this machine."""

    full_cores: Positive = 0.3


class Zone(Strict):
    """A grid zone: the shape of a bundled trace around a mean of its own."""

    trace: str
    mean_grams_per_kilowatt_hour: NotNegative
    swing: NotNegative = 1.0
    offset_hours: Hours = 0.0

    @model_validator(mode="after")
    def _trace_exists(self) -> Self:
        _known("trace", self.trace, world.intensity_traces())
        return self


class Harvest(Strict):
    """A panel: a city's trace times a nameplate."""

    city: str
    nameplate_watts: Positive
    offset_hours: Hours = 0.0

    @model_validator(mode="after")
    def _city_exists(self) -> Self:
        _known("city", self.city, world.solar_traces())
        return self


class Node(Strict):
    """Where a node stands and what it has."""

    zone: str
    site: str
    profile: str
    harvest: Harvest | None = None
    battery: Battery | None = None


class Scenario(Strict):
    """A whole world; `trace_hour_seconds` real seconds pass in an hour of weather."""

    schema_: Annotated[Literal["sunward.dev/lab-scenario/v1alpha1"], Field(alias="schema")]
    name: str
    description: str = ""
    trace_hour_seconds: Positive
    start_hour: Hours = 0.0
    forecast: Forecast = Forecast()
    cpu: Cpu = Cpu()
    zones: Annotated[dict[str, Zone], Field(min_length=1)]
    profiles: Annotated[dict[str, Profile], Field(min_length=1)]
    nodes: Annotated[dict[str, Node], Field(min_length=1)]

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        for name, node in self.nodes.items():
            _known(f"nodes.{name}.zone", node.zone, self.zones)
            _known(f"nodes.{name}.profile", node.profile, self.profiles)
        return self

    def model_of(self, name: str) -> world.NodeModel:
        """The physics of one node; raises KeyError for a node that the scenario lacks."""
        node = self.nodes[name]
        return node_model(self.profiles[node.profile], node.battery)

    def zone_trace(self, name: str) -> world.Trace:
        """A zone's intensity by trace time, grams per kilowatt-hour."""
        zone = self.zones[name]
        return world.intensity_traces()[zone.trace].scaled(mean=zone.mean_grams_per_kilowatt_hour, swing=zone.swing)


def load_scenario(source: str | Path) -> Scenario:
    """Read a scenario: the name of a bundled one (`demo`) or a path.

    Raises ScenarioError when the file is missing or wrong; every line names the path of a fault.
    """
    bundled = files("sunward_lab.world").joinpath("scenarios", f"{source}.yaml")
    path = Path(source)
    if bundled.is_file():
        return parse_scenario(bundled.read_text(encoding="utf-8"), str(source))
    if not path.is_file():
        raise ScenarioError(f"{source}: no such file and no bundled scenario of this name (try: demo)")
    return parse_scenario(path.read_text(encoding="utf-8"), str(path))


def parse_scenario(text: str, source: str) -> Scenario:
    """A scenario from YAML text; `source` begins every line of an error."""
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"{source}: not YAML: {error}") from error
    try:
        return Scenario.model_validate(raw)
    except ValidationError as error:
        lines = (f"{source}: {_path(item['loc'])}: {item['msg']}" for item in error.errors())
        raise ScenarioError("\n".join(lines)) from error


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "(top)"


def _known(path: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{path}: {name!r} is unknown; known: {', '.join(sorted(known))}")
