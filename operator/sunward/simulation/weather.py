"""The sun and the grids of a scenario as traces: recorded, scaled, or modelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sunward.domain.errors import InvalidInput
from sunward.settings.documents import read_text
from sunward.simulation.scenario import Scenario, unknown_name
from sunward.simulation.scenario_parts import Harvest, Zone
from sunward.simulation.world import Trace, intensity_traces, solar_traces
from sunward.simulation.world.sky import Sky, sky_trace
from sunward.simulation.world.traces import read_traces

_SKY_STREAM = 20_000
"""Keeps the clouds apart from the streams of forecast errors."""


def zone_traces(scenario: Scenario) -> dict[str, Trace]:
    """Average intensity of every zone, grams per kilowatt-hour by trace time.

    Raises InvalidInput when a zone names a trace that the file does not hold.
    """
    known = _traces(scenario.intensity_file, intensity_traces)
    return {
        name: _zone_trace(f"zones.{name}.trace", zone.trace, zone.mean_grams_per_kilowatt_hour, zone, known)
        for name, zone in scenario.zones.items()
    }


def marginal_traces(scenario: Scenario) -> dict[str, Trace]:
    """Marginal intensity of the zones that state one; raises InvalidInput as `zone_traces` does."""
    known = _traces(scenario.intensity_file, intensity_traces)
    return {
        name: _zone_trace(
            f"zones.{name}.marginal_trace", zone.marginal_trace, zone.marginal_mean_grams_per_kilowatt_hour, zone, known
        )
        for name, zone in scenario.zones.items()
        if zone.has_marginal
    }


def harvest_traces(scenario: Scenario, hours: float, seed: int) -> dict[str, Trace]:
    """Output per nameplate for every node with a panel, by trace time; skies last `hours` and differ by seed.

    Raises InvalidInput when a node names a city that the file does not hold.
    """
    known = _traces(scenario.solar_file, solar_traces)
    return {
        name: _panel(scenario, name, node.harvest, known, hours, (seed, _SKY_STREAM + number))
        for number, (name, node) in enumerate(scenario.nodes.items())
        if node.harvest is not None
    }


def _panel(
    scenario: Scenario, name: str, panel: Harvest, known: dict[str, Trace], hours: float, seed: tuple[int, ...]
) -> Trace:
    if panel.sky is not None:
        begin = scenario.start - timedelta(hours=scenario.trace_offset_hours)
        sky = Sky(**panel.sky.model_dump())
        return sky_trace(sky, begin, scenario.trace_offset_hours + hours, seed)
    city = panel.city or ""
    if city not in known:
        raise InvalidInput(f"nodes.{name}.harvest.city", unknown_name(city, known))
    return known[city]


def _zone_trace(path: str, name: str | None, mean: float | None, zone: Zone, known: dict[str, Trace]) -> Trace:
    if name is None:
        return Trace(name=path, step_hours=1.0, values=(mean or 0.0,))
    if name not in known:
        raise InvalidInput(path, unknown_name(name, known))
    trace = known[name]
    return trace.scaled(mean=trace.mean if mean is None else mean, swing=zone.swing)


def _traces(path: Path | None, bundled: Callable[[], dict[str, Trace]]) -> dict[str, Trace]:
    if path is None:
        return bundled()
    try:
        return read_traces(read_text(path).splitlines())
    except ValueError as error:
        raise InvalidInput(str(path), str(error)) from error
