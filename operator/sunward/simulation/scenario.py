"""A simulated cluster as a YAML file: nodes, sun, grids, jobs and how well the future is known.

Checked when it is read; every fault is named by its path. It holds no result and no policy: the same scenario
is run under every policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from sunward.domain.errors import InvalidInput
from sunward.domain.intensity import Basis, FactorScope, Signal
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.settings.documents import one_line, parse_yaml, read_text
from sunward.simulation.scenario_parts import (
    Fault,
    ForecastError,
    Harvest,
    Job,
    Network,
    Node,
    Operator,
    Outage,
    Pool,
    Profile,
    Silence,
    Sky,
    Zone,
)
from sunward.simulation.world.descriptions import Hours, Strict

__all__ = [
    "BASIS",
    "MARGINAL_BASIS",
    "ForecastError",
    "Harvest",
    "Job",
    "Network",
    "Node",
    "Operator",
    "Outage",
    "Pool",
    "Profile",
    "Scenario",
    "Silence",
    "Sky",
    "Zone",
    "bundled_scenarios",
    "load_scenario",
    "parse_scenario",
]

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
LONGEST_SECONDS = 100 * 366 * 86_400.0
MOST_FAULTS = 5
"""Faults that one error message tells."""
LONGEST_KEY = 80
"""Characters of a key that it repeats."""
BASIS = Basis(scope=FactorScope.DIRECT)
"""What the intensities of a scenario mean: the traces hold the emissions of the chimney, averaged over the plants."""

MARGINAL_BASIS = Basis(signal=Signal.MARGINAL, scope=FactorScope.DIRECT)
"""What the marginal intensities of a scenario mean, where it states any."""


class Scenario(Strict):
    """A whole simulated world."""

    schema_: Annotated[Literal["sunward.dev/scenario/v1alpha1"], Field(alias="schema")]
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
    description: str = ""
    start: AwareDatetime
    trace_offset_hours: Hours = 0.0
    period_seconds: Annotated[float, Field(ge=0.001, le=366 * 86_400)]
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
    operator: Operator = Operator()
    outages: tuple[Outage, ...] = ()
    silences: tuple[Silence, ...] = ()

    @property
    def period_hours(self) -> float:
        """Length of a period."""
        return self.period_seconds / SECONDS_PER_HOUR

    def dead(self, period: int) -> frozenset[str]:
        """Nodes that an outage touches in this period."""
        return self._touched(self.outages, period)

    def silent(self, period: int) -> frozenset[str]:
        """Nodes whose meters say nothing for some of this period."""
        return self._touched(self.silences, period)

    def _touched(self, faults: Iterable[Fault], period: int) -> frozenset[str]:
        start, end = period * self.period_hours, (period + 1) * self.period_hours
        return frozenset(f.node for f in faults if f.from_hours < end and f.to_hours > start)

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        for name, node in self.nodes.items():
            _known(f"nodes.{name}.zone", node.zone, self.zones)
            _known(f"nodes.{name}.profile", node.profile, self.profiles)
        sites = {node.site: None for node in self.nodes.values()}
        for name, pool in self.pools.items():
            for site in pool.sites or ():
                _known(f"pools.{name}.sites", site, sites)
        for kind, faults in (("outages", self.outages), ("silences", self.silences)):
            for number, fault in enumerate(faults):
                _known(f"{kind}.{number}.node", fault.node, self.nodes)
        if self.operator.zone is not None:
            _known("operator.zone", self.operator.zone, self.zones)
        return self

    @model_validator(mode="after")
    def _ends_within_the_calendar(self) -> Self:
        if not EARLIEST <= self.start < LATEST:
            raise ValueError(f"start: must be from {EARLIEST:%Y} to {LATEST:%Y}")
        if self.periods * self.period_seconds > LONGEST_SECONDS:
            raise ValueError(f"periods: all together last longer than {LONGEST_SECONDS:g} s")
        return self

    @model_validator(mode="after")
    def _jobs_fit(self) -> Self:
        for name, job in self.jobs.items():
            for home in job.batches:
                _known(f"jobs.{name}.batches", home, self.nodes)
            window = round(job.deadline_hours / self.period_hours) - round(job.release_hours / self.period_hours)
            if window < 1:
                raise ValueError(f"jobs.{name}.deadline_hours: less than one period after release_hours")
            if job.every_hours is not None and job.every_hours < self.period_hours:
                raise ValueError(f"jobs.{name}.every_hours: shorter than one period")
        return self


def load_scenario(source: str | Path) -> Scenario:
    """Read a scenario: the name of one that ships with the package, or a path.

    Raises InvalidInput when the file is missing or wrong; the message names the path of every fault.
    """
    bundled = files("sunward.simulation").joinpath("scenarios", f"{source}.yaml")
    if bundled.is_file():
        return parse_scenario(bundled.read_text(encoding="utf-8"), str(source))
    path = Path(source)
    if not path.is_file():
        known = ", ".join(bundled_scenarios())
        raise InvalidInput(str(source), f"no such file, and none of the ready scenarios ({known})")
    return _beside(parse_scenario(read_text(path), str(path)), path.parent)


def bundled_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that ship with the package."""
    folder = files("sunward.simulation").joinpath("scenarios")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def parse_scenario(text: str, source: str) -> Scenario:
    """A scenario from YAML text.

    Raises InvalidInput whose message, one line, begins with `source` and names the path of every fault.
    """
    found = parse_yaml(text, source)
    if len(found) != 1:
        raise InvalidInput(source, "must be one YAML document")
    try:
        return Scenario.model_validate(found[0])
    except ValidationError as error:
        raise InvalidInput(source, _faults(error)) from error


def _faults(error: ValidationError) -> str:
    """The first faults and how many more there are, in one line."""
    faults = [_fault(item["loc"], item["msg"]) for item in error.errors(include_url=False, include_input=False)]
    more = len(faults) - MOST_FAULTS
    return "; ".join([*faults[:MOST_FAULTS], *([f"and {more} more"] if more > 0 else [])])


def _fault(location: tuple[int | str, ...], message: str) -> str:
    """Path and fault; what was checked on the whole names its path itself."""
    path = ".".join(one_line(str(part), LONGEST_KEY) for part in location)
    message = one_line(message.removeprefix("Value error, "))
    if not path:
        return message if ": " in message else f"(top): {message}"
    return f"{path}: {message}"


def _beside(scenario: Scenario, folder: Path) -> Scenario:
    """Trace files are named relative to the scenario's own folder."""
    named = {"solar_file": scenario.solar_file, "intensity_file": scenario.intensity_file}
    found = {name: folder / file for name, file in named.items() if file is not None}
    return scenario.model_copy(update=found) if found else scenario


def unknown_name(name: str, known: dict[str, Any]) -> str:
    return f"{name!r} is unknown; known: {', '.join(sorted(known))}"


def _known(path: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{path}: {unknown_name(name, known)}")
