"""One frozen snapshot of the cluster and its energy: the only input of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.eviction import UNCONFIGURED, EvictionSettings
from sunward.domain.intensity import Basis
from sunward.domain.jobs import JobView
from sunward.domain.measurement import Reading, Series
from sunward.domain.nodes import NodeView
from sunward.domain.pods import FreeCapacity, PendingPod
from sunward.domain.policy import PolicySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDay:
    """Lowest and highest grid intensity of a zone in the last day, g CO2e per kWh, as its provider reports it now."""

    lowest_grams_per_kilowatt_hour: float
    highest_grams_per_kilowatt_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneIntensity:
    """Grid intensity of one zone, g CO2e per kWh: now, and the provider's forecast if it gives one.

    `basis` is what the numbers mean; None where no source is defined, and then there are none. `last_day` is what an
    estimate is compared with; None where too little of the day is known, or the value is not the provider's own.
    """

    zone: str
    now_grams_per_kilowatt_hour: Reading
    forecast_grams_per_kilowatt_hour: Series | None
    basis: Basis | None
    last_day: LastDay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneNodes:
    """How many nodes one failure zone of Kubernetes has, and how many that no EnergyNode names are not ready."""

    total: int
    unmanaged_not_ready: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a plan may know. `operator_started_at` serves the warm-up rule; `is_leader` is judged by the Lease.

    `awake_node_hours` are those of the last day by namespace, as the EnergyPolicy's status has them.
    `data_hold` is the data ladder's word that nothing may be decided on these data. `free_capacities` are the nodes
    that take pods now, the emptiest first; `closed_capacities` all others, with what they could take. `pending` are
    pods for which the scheduler found no node. `namespace_labels` are read only where the policy selects namespaces by
    label. `without_right` are namespaces in which the operator has no right to evict, each with why. `zones` counts
    the nodes of each failure zone; empty where the cluster is one zone. `controllers` are the settings of its
    controller managers, of which any one may lead.
    """

    taken_at: datetime
    policy: PolicySpec
    nodes: tuple[NodeView, ...]
    jobs: tuple[JobView, ...]
    intensities: Mapping[str, ZoneIntensity]
    operator_started_at: datetime
    operator_node: str | None
    is_leader: bool = True
    unmanaged_not_ready_nodes: int = 0
    total_nodes: int = 0
    sensors_available: bool = True
    data_hold: Cause | None = None
    free_capacities: tuple[FreeCapacity, ...] = ()
    closed_capacities: tuple[FreeCapacity, ...] = ()
    pending: tuple[PendingPod, ...] = ()
    awake_node_hours: Mapping[str, float] = field(default_factory=dict)
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    without_right: Mapping[str, Cause] = field(default_factory=dict)
    zones: Mapping[str, ZoneNodes] = field(default_factory=dict)
    controllers: tuple[EvictionSettings, ...] = UNCONFIGURED

    def node(self, name: str) -> NodeView | None:
        """The node of that name, or None."""
        return next((node for node in self.nodes if node.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """Per-period expectations on the planning grid, one value per period for each name.

    `harvest_watt_hours` by node, `intensity_grams_per_kilowatt_hour` by zone.
    """

    start: datetime
    period: timedelta
    harvest_watt_hours: Mapping[str, tuple[float, ...]]
    intensity_grams_per_kilowatt_hour: Mapping[str, tuple[float, ...]]
    spreads: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
