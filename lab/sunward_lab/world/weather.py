"""The sun and the grid by the wall clock: trace time runs fast, the timestamps do not.

Knows the scenario's clock; knows no node and no HTTP.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from sunward.simulation import world

from .scenario import Harvest, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The intensity of a zone over one spacing of the API, that begins at `start` in present time."""

    start: datetime
    grams_per_kilowatt_hour: int


class Weather:
    """Reads the scenario's traces at a Unix time; `epoch` is when the world began."""

    def __init__(self, scenario: Scenario, epoch: float) -> None:
        """Start the scenario's clock at `epoch`, in Unix seconds."""
        self.epoch = epoch
        self._scenario = scenario
        self._zones = {name: scenario.zone_trace(name) for name in scenario.zones}
        self._cities = world.solar_traces()

    @property
    def zones(self) -> frozenset[str]:
        """Zones the scenario knows."""
        return frozenset(self._zones)

    def trace_hours(self, now: float) -> float:
        """Hours of weather since the traces began."""
        return self._scenario.start_hour + (now - self.epoch) / self._scenario.trace_hour_seconds

    def harvest_watts(self, harvest: Harvest, now: float) -> float:
        """What a panel gives at this instant."""
        hours = self.trace_hours(now) + harvest.offset_hours
        return world.harvest_watts(self._cities[harvest.city].smooth(hours), harvest.nameplate_watts)

    def slot(self, zone: str, now: float, ahead: int = 0) -> Slot:
        """The slot that holds now, or one `ahead` of it (negative: before it).

        The intensity of a slot is constant: what the API said is what the energy of that time cost.
        """
        spacing = self._scenario.forecast.spacing_seconds
        start = (math.floor(now / spacing) + ahead) * spacing
        hours = self.trace_hours(start) + self._scenario.zones[zone].offset_hours
        until = hours + spacing / self._scenario.trace_hour_seconds
        value = self._zones[zone].average(hours, until)
        return Slot(start=datetime.fromtimestamp(start, UTC), grams_per_kilowatt_hour=round(value))
