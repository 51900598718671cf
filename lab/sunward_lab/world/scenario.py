"""What the weather, the grid and the machines of a lab are: a YAML file, checked before anything starts.

It names no process, port or folder: the cluster's own file `world.json` does that.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sunward.simulation import world

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Efficiency = Annotated[float, Field(gt=0, le=1)]
Hours = Annotated[float, Field(allow_inf_nan=False)]


class ScenarioError(ValueError):
    """A scenario that cannot be used; one line per fault, each with its path in the file."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Forecast(_Strict):
    """What the emissions API says about past and future: entries every `spacing_seconds` of real time."""

    spacing_seconds: Positive = 60.0
    entries: Annotated[int, Field(ge=1, le=1000)] = 24
    history_entries: Annotated[int, Field(ge=1, le=1000)] = 24


class Cpu(_Strict):
    """How CPU time becomes load: a node is fully busy when it uses `full_cores` of this machine."""

    full_cores: Positive = 0.3


class Zone(_Strict):
    """A grid zone: the shape of a bundled trace around a mean of its own."""

    trace: str
    mean_grams_per_kilowatt_hour: NotNegative
    swing: NotNegative = 1.0
    offset_hours: Hours = 0.0

    @model_validator(mode="after")
    def _trace_exists(self) -> Self:
        _known("trace", self.trace, world.intensity_traces())
        return self


class Profile(_Strict):
    """What a kind of machine draws."""

    idle_watts: NotNegative
    busy_watts: NotNegative
    asleep_watts: NotNegative
    boot_watts: NotNegative
    boot_seconds: NotNegative

    @model_validator(mode="after")
    def _busy_is_more(self) -> Self:
        if self.busy_watts < self.idle_watts:
            raise ValueError("busy_watts must be at least idle_watts")
        return self


class Harvest(_Strict):
    """A panel: a city's trace times a nameplate."""

    city: str
    nameplate_watts: Positive
    offset_hours: Hours = 0.0

    @model_validator(mode="after")
    def _city_exists(self) -> Self:
        _known("city", self.city, world.solar_traces())
        return self


class Battery(_Strict):
    """A battery at the node; it covers the load after harvest and stores surplus by itself."""

    capacity_watt_hours: Positive
    reserve_ratio: Ratio = 0.2
    initial_ratio: Ratio = 0.5
    charge_efficiency: Efficiency = 0.95
    discharge_efficiency: Efficiency = 0.95
    maximum_charge_watts: NotNegative
    maximum_discharge_watts: NotNegative


class Node(_Strict):
    """Where a node stands and what it has."""

    zone: str
    site: str
    profile: str
    harvest: Harvest | None = None
    battery: Battery | None = None


class Scenario(_Strict):
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
        return world.NodeModel(**self.profiles[node.profile].model_dump(), battery=_battery(node.battery))

    def zone_trace(self, name: str) -> world.Trace:
        """A zone's intensity by trace time, grams per kilowatt-hour."""
        zone = self.zones[name]
        return world.intensity_traces()[zone.trace].scaled(mean=zone.mean_grams_per_kilowatt_hour, swing=zone.swing)


def load_scenario(source: str | Path) -> Scenario:
    """Read a scenario: the name of a bundled one (`demo`) or a path.

    Raises:
        ScenarioError: the file is missing or wrong; every line names the path of a fault.
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


def _battery(battery: Battery | None) -> world.Battery | None:
    if battery is None:
        return None
    return world.Battery(
        capacity_watt_hours=battery.capacity_watt_hours,
        reserve_watt_hours=battery.capacity_watt_hours * battery.reserve_ratio,
        charge_efficiency=battery.charge_efficiency,
        discharge_efficiency=battery.discharge_efficiency,
        maximum_charge_watts=battery.maximum_charge_watts,
        maximum_discharge_watts=battery.maximum_discharge_watts,
    )
