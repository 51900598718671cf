"""How people describe machines and batteries in scenario files: one vocabulary for the lab and the simulator.

Checked where it is read; `node_model` turns a description into physics.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sunward.simulation.world import physics

LARGEST = 1e12
"""No amount of a scenario is larger, so that sums and products of amounts stay finite; nor smaller than its inverse."""
Positive = Annotated[float, Field(ge=1 / LARGEST, le=LARGEST)]
NotNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Efficiency = Annotated[float, Field(gt=0, le=1)]
Hours = Annotated[float, Field(ge=-1e9, le=1e9)]


class Strict(BaseModel):
    """A part of a scenario: unknown fields are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Profile(Strict):
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


class Battery(Strict):
    """A battery at a node; it covers the load after harvest and stores surplus by itself."""

    capacity_watt_hours: Positive
    reserve_ratio: Ratio = 0.2
    initial_ratio: Ratio = 0.5
    charge_efficiency: Efficiency = 0.95
    discharge_efficiency: Efficiency = 0.95
    maximum_charge_watts: NotNegative
    maximum_discharge_watts: NotNegative

    @property
    def initial_watt_hours(self) -> float:
        """What it holds at the start."""
        return self.initial_ratio * self.capacity_watt_hours


def node_model(profile: Profile, battery: Battery | None) -> physics.NodeModel:
    """The physics of a machine with (or without) a battery."""
    return physics.NodeModel(
        idle_watts=profile.idle_watts,
        busy_watts=profile.busy_watts,
        asleep_watts=profile.asleep_watts,
        boot_watts=profile.boot_watts,
        boot_seconds=profile.boot_seconds,
        battery=None if battery is None else _cells(battery),
    )


def _cells(battery: Battery) -> physics.Battery:
    return physics.Battery(
        capacity_watt_hours=battery.capacity_watt_hours,
        reserve_watt_hours=battery.capacity_watt_hours * battery.reserve_ratio,
        charge_efficiency=battery.charge_efficiency,
        discharge_efficiency=battery.discharge_efficiency,
        maximum_charge_watts=battery.maximum_charge_watts,
        maximum_discharge_watts=battery.maximum_discharge_watts,
    )
