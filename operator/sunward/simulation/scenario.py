"""A simulated cluster as a YAML file: nodes, sun, grids, jobs and how well the future is known.

Checked when it is read; every fault is named by its path. It holds no result and no policy: the same scenario
is run under every policy.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from sunward.domain.errors import InvalidInput
from sunward.simulation.world import Trace, descriptions, intensity_traces, solar_traces
from sunward.simulation.world.descriptions import Battery, Efficiency, Hours, NotNegative, Positive, Ratio, Strict
from sunward.simulation.world.traces import read_traces


class Zone(Strict):
    """A grid zone: a trace, taken as it is or scaled to another mean, or one constant intensity."""

    trace: str | None = None
    mean_grams_per_kilowatt_hour: NotNegative | None = None
    swing: NotNegative = 1.0

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.trace is None and self.mean_grams_per_kilowatt_hour is None:
            raise ValueError("give trace, mean_grams_per_kilowatt_hour or both")
        return self


class Profile(descriptions.Profile):
    """A kind of machine and how fast it is: a batch takes its seconds divided by `speed`."""

    speed: Positive = 1.0


class Harvest(Strict):
    """A panel: a city's trace times a nameplate."""

    city: str
    nameplate_watts: Positive


class Node(Strict):
    """Where a node stands and what it has."""

    zone: str
    site: str
    profile: str
    harvest: Harvest | None = None
    battery: Battery | None = None
    can_sleep: bool = True
    maximum_export_ratio: Ratio = 0.5


class Pool(Strict):
    """Nodes that may share energy: the named sites, or every node."""

    kind: Literal["physical", "contractual"]
    sites: tuple[str, ...] | None = None
    efficiency: Efficiency = 0.95


class Job(Strict):
    """A federated job: shards with a home, batches that each shard has to give, a window of time.

    `every_hours` repeats the job: a daily training is one job with `every_hours: 24`.
    """

    batches: Annotated[dict[str, NotNegative], Field(min_length=1)]
    seconds_per_batch: Positive
    busy_ratio: Ratio = 0.9
    release_hours: NotNegative = 0.0
    deadline_hours: Positive
    every_hours: Positive | None = None
    synchronous: bool = False
    maximum_offload_ratio: Ratio = 0.5
    gigabytes_per_batch: NotNegative = 0.0


class Network(Strict):
    """What moving data costs."""

    endpoint_watt_hours_per_gigabyte: NotNegative = 0.5
    seconds_per_gigabyte: NotNegative = 160.0
    transit_watt_hours_per_gigabyte: NotNegative = 4.0
    transit_intensity_grams_per_kilowatt_hour: NotNegative = 400.0


class ForecastError(Strict):
    """Spread of forecasts relative to the truth, six hours ahead; grows with the square root of the lead."""

    harvest_ratio: NotNegative = 0.0
    intensity_ratio: NotNegative = 0.0


class Outage(Strict):
    """A node that is dead for a while: it draws nothing, does nothing, and nobody knew."""

    node: str
    from_hours: NotNegative
    to_hours: Positive

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.to_hours <= self.from_hours:
            raise ValueError("to_hours must be after from_hours")
        return self


class Scenario(Strict):
    """A whole simulated world."""

    schema_: Annotated[Literal["sunward.dev/scenario/v1alpha1"], Field(alias="schema")]
    name: str
    description: str = ""
    start: AwareDatetime
    trace_offset_hours: Hours = 0.0
    period_seconds: Positive
    periods: Annotated[int, Field(ge=1, le=100_000)]
    horizon_periods: Annotated[int, Field(ge=1, le=192)] = 24
    replan_every_periods: Annotated[int, Field(ge=1)] = 1
    export_rule: Literal["any-harvest", "surplus-only"] = "any-harvest"
    solar_file: Path | None = None
    intensity_file: Path | None = None
    zones: Annotated[dict[str, Zone], Field(min_length=1)]
    profiles: Annotated[dict[str, Profile], Field(min_length=1)]
    nodes: Annotated[dict[str, Node], Field(min_length=1)]
    pools: dict[str, Pool] = Field(default_factory=dict)
    jobs: dict[str, Job] = Field(default_factory=dict)
    network: Network = Network()
    forecast_error: ForecastError = ForecastError()
    outages: tuple[Outage, ...] = ()

    @property
    def period_hours(self) -> float:
        """Length of a period."""
        return self.period_seconds / 3600.0

    def dead(self, period: int) -> frozenset[str]:
        """Nodes that an outage touches in this period."""
        start, end = period * self.period_hours, (period + 1) * self.period_hours
        return frozenset(o.node for o in self.outages if o.from_hours < end and o.to_hours > start)

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        for name, node in self.nodes.items():
            _known(f"nodes.{name}.zone", node.zone, self.zones)
            _known(f"nodes.{name}.profile", node.profile, self.profiles)
        sites = {node.site: None for node in self.nodes.values()}
        for name, pool in self.pools.items():
            for site in pool.sites or ():
                _known(f"pools.{name}.sites", site, sites)
        for number, outage in enumerate(self.outages):
            _known(f"outages.{number}.node", outage.node, self.nodes)
        for name, job in self.jobs.items():
            for home in job.batches:
                _known(f"jobs.{name}.batches", home, self.nodes)
        return self


def load_scenario(source: str | Path) -> Scenario:
    """Read a scenario: the name of one that ships with the package, or a path.

    Raises:
        InvalidInput: the file is missing or wrong; the message names the path of every fault.
    """
    bundled = files("sunward.simulation").joinpath("scenarios", f"{source}.yaml")
    if bundled.is_file():
        return parse_scenario(bundled.read_text(encoding="utf-8"), str(source))
    path = Path(source)
    if not path.is_file():
        known = ", ".join(bundled_scenarios())
        raise InvalidInput(str(source), f"no such file, and none of the ready scenarios ({known})")
    return parse_scenario(path.read_text(encoding="utf-8"), str(path))


def bundled_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that ship with the package."""
    folder = files("sunward.simulation").joinpath("scenarios")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def parse_scenario(text: str, source: str) -> Scenario:
    """A scenario from YAML text; `source` begins the message of an error."""
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInput(source, f"is not YAML: {error}") from error
    try:
        return Scenario.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(f"{_path(item['loc'])}: {item['msg']}" for item in error.errors())
        raise InvalidInput(source, faults) from error


def zone_traces(scenario: Scenario) -> dict[str, Trace]:
    """Intensity of every zone, grams per kilowatt-hour by trace time.

    Raises:
        InvalidInput: a zone names a trace that the file does not hold.
    """
    known = _traces(scenario.intensity_file, intensity_traces)
    return {name: _zone_trace(name, zone, known) for name, zone in scenario.zones.items()}


def harvest_traces(scenario: Scenario) -> dict[str, Trace]:
    """Normalised output for every node with a panel.

    Raises:
        InvalidInput: a node names a city that the file does not hold.
    """
    known = _traces(scenario.solar_file, solar_traces)
    found = {}
    for name, node in scenario.nodes.items():
        if node.harvest is not None:
            if node.harvest.city not in known:
                raise InvalidInput(f"nodes.{name}.harvest.city", _unknown(node.harvest.city, known))
            found[name] = known[node.harvest.city]
    return found


def _zone_trace(name: str, zone: Zone, known: dict[str, Trace]) -> Trace:
    mean = zone.mean_grams_per_kilowatt_hour
    if zone.trace is None:
        return Trace(name=name, step_hours=1.0, values=(mean or 0.0,))
    if zone.trace not in known:
        raise InvalidInput(f"zones.{name}.trace", _unknown(zone.trace, known))
    trace = known[zone.trace]
    return trace.scaled(mean=trace.mean if mean is None else mean, swing=zone.swing)


def _traces(path: Path | None, bundled: Any) -> dict[str, Trace]:
    if path is None:
        traces: dict[str, Trace] = bundled()
        return traces
    try:
        return read_traces(path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise InvalidInput(str(path), str(error)) from error


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "(top)"


def _unknown(name: str, known: dict[str, Any]) -> str:
    return f"{name!r} is unknown; known: {', '.join(sorted(known))}"


def _known(path: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{path}: {_unknown(name, known)}")
