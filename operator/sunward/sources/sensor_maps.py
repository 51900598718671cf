"""The section of the settings file that maps series of other exporters to nodes' meters.

A preset says how an exporter calls its series, what they count and which label names the node; any of it can be
overridden. Only the cluster's admin writes this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from sunward.settings.section import Section

SeriesName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", max_length=200)]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=100)]
LabelValue = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,253}$")]


class Measures(StrEnum):
    """Which meter of a node a series is."""

    POWER = "Power"
    HARVEST = "Harvest"
    BATTERY = "Battery"


class Unit(StrEnum):
    """What a series counts: a power now, an energy since some start, or a state of charge."""

    MICROWATTS = "Microwatts"
    MILLIWATTS = "Milliwatts"
    WATTS = "Watts"
    KILOWATTS = "Kilowatts"
    MICROJOULES = "Microjoules"
    JOULES = "Joules"
    WATT_HOURS = "WattHours"
    KILOWATT_HOURS = "KilowattHours"
    RATIO = "Ratio"
    PERCENT = "Percent"

    @property
    def factor(self) -> float:
        """One of it in watts, in joules or as a ratio."""
        return _FACTORS[self]

    @property
    def is_energy(self) -> bool:
        """Whether the series is a counter of energy."""
        return self in (Unit.MICROJOULES, Unit.JOULES, Unit.WATT_HOURS, Unit.KILOWATT_HOURS)

    @property
    def is_charge(self) -> bool:
        """Whether the series is a state of charge."""
        return self in (Unit.RATIO, Unit.PERCENT)


_FACTORS: Final = {
    Unit.MICROWATTS: 1e-6,
    Unit.MILLIWATTS: 1e-3,
    Unit.WATTS: 1.0,
    Unit.KILOWATTS: 1e3,
    Unit.MICROJOULES: 1e-6,
    Unit.JOULES: 1.0,
    Unit.WATT_HOURS: 3600.0,
    Unit.KILOWATT_HOURS: 3.6e6,
    Unit.RATIO: 1.0,
    Unit.PERCENT: 0.01,
}


class Preset(StrEnum):
    """Exporters whose series are known."""

    KEPLER = "Kepler"
    KEPLER_BEFORE_0_10 = "KeplerBefore010"
    NODE_EXPORTER_HWMON = "NodeExporterHwmon"
    NODE_EXPORTER_RAPL = "NodeExporterRapl"
    SCAPHANDRE = "Scaphandre"
    SHELLY = "Shelly"
    TASMOTA = "Tasmota"
    NUT = "Nut"
    VICTRON = "Victron"
    SUNWARD_FEED = "SunwardFeed"
    CUSTOM = "Custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How an exporter shows one meter. `added`: several series of a node are parts of one sum."""

    series: str
    unit: Unit
    node_label: str
    labels: Mapping[str, str] = field(default_factory=dict)
    added: bool = False


_PACKAGES: Final = {"zone": "package"}
PRESETS: Final[Mapping[tuple[Preset, Measures], Template]] = {
    (Preset.KEPLER, Measures.POWER): Template(
        series="kepler_node_cpu_joules_total", unit=Unit.JOULES, node_label="node_name", labels=_PACKAGES, added=True
    ),
    (Preset.KEPLER_BEFORE_0_10, Measures.POWER): Template(
        series="kepler_node_platform_joules_total", unit=Unit.JOULES, node_label="instance", added=True
    ),
    (Preset.NODE_EXPORTER_HWMON, Measures.POWER): Template(
        series="node_hwmon_power_watt", unit=Unit.WATTS, node_label="node"
    ),
    (Preset.NODE_EXPORTER_HWMON, Measures.HARVEST): Template(
        series="node_hwmon_power_watt", unit=Unit.WATTS, node_label="node"
    ),
    (Preset.NODE_EXPORTER_RAPL, Measures.POWER): Template(
        series="node_rapl_package_joules_total", unit=Unit.JOULES, node_label="node", added=True
    ),
    (Preset.SCAPHANDRE, Measures.POWER): Template(
        series="scaph_host_power_microwatts", unit=Unit.MICROWATTS, node_label="node"
    ),
    (Preset.SHELLY, Measures.POWER): Template(series="shelly_power_watts", unit=Unit.WATTS, node_label="device"),
    (Preset.TASMOTA, Measures.POWER): Template(series="tasmota_power_watts", unit=Unit.WATTS, node_label="instance"),
    (Preset.NUT, Measures.POWER): Template(
        series="network_ups_tools_ups_realpower", unit=Unit.WATTS, node_label="instance"
    ),
    (Preset.NUT, Measures.BATTERY): Template(
        series="network_ups_tools_battery_charge", unit=Unit.PERCENT, node_label="instance"
    ),
    (Preset.VICTRON, Measures.HARVEST): Template(series="victron_pv_power", unit=Unit.WATTS, node_label="instance"),
    (Preset.SUNWARD_FEED, Measures.POWER): Template(
        series="sunward_feed_power_watts", unit=Unit.WATTS, node_label="meter"
    ),
    (Preset.SUNWARD_FEED, Measures.HARVEST): Template(
        series="sunward_feed_harvest_watts", unit=Unit.WATTS, node_label="meter"
    ),
    (Preset.SUNWARD_FEED, Measures.BATTERY): Template(
        series="sunward_feed_battery_ratio", unit=Unit.RATIO, node_label="meter"
    ),
    (Preset.VICTRON, Measures.BATTERY): Template(
        series="victron_battery_soc", unit=Unit.PERCENT, node_label="instance"
    ),
}
"""As the exporters' own pages show them; other names of the same exporter are given by `series` and `unit`."""


class SensorMap(Section):
    """Series that are a meter of nodes.

    With `nodes` (Kubernetes node to the label's value) the mapping is the meter of these nodes; without, of every node
    for which there is a series whose label is the node's name.
    """

    preset: Preset = Field(strict=False)
    measures: Measures = Field(default=Measures.POWER, strict=False)
    job: LabelValue | None = None
    nodes: dict[LabelValue, LabelValue] = Field(default_factory=dict, max_length=5000)
    select: dict[LabelName, LabelValue] = Field(default_factory=dict, max_length=16)
    series: SeriesName | None = None
    unit: Unit | None = Field(default=None, strict=False)
    node_label: LabelName | None = None
    scrape_interval_seconds: float = Field(default=30.0, gt=0.0, le=300.0)

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.preset is Preset.CUSTOM and None in (self.series, self.unit, self.node_label):
            raise ValueError("Custom needs series, unit and nodeLabel: set all three")
        if self.preset is not Preset.CUSTOM and (self.preset, self.measures) not in PRESETS:
            known = ", ".join(measures for preset, measures in PRESETS if preset is self.preset)
            raise ValueError(f"{self.preset} measures {known}: change measures, or use the preset Custom")
        if self.template.unit.is_charge is not (self.measures is Measures.BATTERY):
            raise ValueError("Battery needs the unit Ratio or Percent, and Power and Harvest one of power or energy")
        if len(set(self.nodes.values())) < len(self.nodes):
            raise ValueError("two nodes have the same value of the label, so one meter would count twice")
        return self

    @property
    def template(self) -> Template:
        """The preset with what overrides it."""
        base = PRESETS.get((self.preset, self.measures))
        labels = dict(base.labels) if base is not None and self.series is None else {}
        return Template(
            series=self.series or (base.series if base else ""),
            unit=self.unit or (base.unit if base else Unit.WATTS),
            node_label=self.node_label or (base.node_label if base else ""),
            labels=labels | self.select,
            added=base.added if base is not None else False,
        )
