"""Nodes: what people declared (EnergyNode), what Kubernetes says (Node) and what was measured, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sunward.domain.errors import InvalidInput
from sunward.domain.estimate import Estimate
from sunward.domain.measurement import Reading, Series
from sunward.domain.pods import PodFacts
from sunward.domain.reasons import Reason
from sunward.domain.shutdown import AgentReport, ShutdownOrder
from sunward.domain.units import HOURS_PER_DAY


class Role(StrEnum):
    """Whether a node may ever sleep."""

    WORKER = "Worker"
    ALWAYS_ON = "AlwaysOn"


class ExportRule(StrEnum):
    """When a node may send harvest away."""

    ANY_HARVEST = "AnyHarvest"
    SURPLUS_ONLY = "SurplusOnly"


class PowerState(StrEnum):
    """States of the sleep state machine as written to `EnergyNode.status.powerState`."""

    AWAKE = "Awake"
    CORDONED = "Cordoned"
    DRAINING = "Draining"
    POWER_OFF_REQUESTED = "PowerOffRequested"
    ASLEEP = "Asleep"
    WAKE_REQUESTED = "WakeRequested"
    BOOTING = "Booting"
    DEGRADED = "Degraded"

    @property
    def in_transition(self) -> bool:
        """Between awake and asleep: counted against the transition budget."""
        return self not in (PowerState.AWAKE, PowerState.ASLEEP, PowerState.DEGRADED)

    @property
    def falling_asleep(self) -> bool:
        """On the way down, so that a roll back is still possible or the power is being cut."""
        return self in (PowerState.CORDONED, PowerState.DRAINING, PowerState.POWER_OFF_REQUESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerProfile:
    """Draw of a node in watts, and what a wake costs. `halted_watts` None: as asleep."""

    idle_watts: float
    busy_watts: float
    asleep_watts: float
    halted_watts: float | None = None
    wake_seconds: float
    wake_watt_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatterySpec:
    """A battery's size and limits; efficiencies as ratios in (0, 1]."""

    capacity_watt_hours: float
    reserve_ratio: float = 0.2
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    maximum_charge_watts: float
    maximum_discharge_watts: float
    charge_from_grid: bool = False
    exportable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepSpec:
    """How a node is put to sleep and how often that may happen."""

    driver: str = "None"
    driver_ref: str | None = None
    uses_agent: bool = True
    minimum_awake_seconds: float = 1800.0
    minimum_asleep_seconds: float = 900.0
    maximum_cycles_per_day: int = 6


class OverridePower(StrEnum):
    """What a person may demand of a node's power."""

    AWAKE = "Awake"
    ASLEEP = "Asleep"


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOverride:
    """What a person demands of a node's power for a while."""

    power: OverridePower
    until: datetime | None
    reason: str

    def holds(self, now: datetime) -> bool:
        """Whether the override is in force at *now*."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Where a panel stands and how: degrees north and east, tilt from level, azimuth from south (west is positive)."""

    latitude_degrees: float
    longitude_degrees: float
    tilt_degrees: float = 0.0
    azimuth_degrees: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """`EnergyNode.spec` in base units (watts, watt-hours, ratios).

    Raises InvalidInput for a life of the machine that is not positive.
    """

    name: str
    node_name: str
    grid_zone: str
    site: str | None = None
    role: Role = Role.WORKER
    power: PowerProfile
    harvest_nameplate_watts: float | None = None
    production_device: str | None = None
    panel: Panel | None = None
    battery: BatterySpec | None = None
    maximum_export_ratio: float = 0.5
    export_rule: ExportRule = ExportRule.ANY_HARVEST
    storage_gigabytes: float
    embodied_grams: float | None = None
    embodied_lifetime_days: float = 1460.0
    sleep: SleepSpec = field(default_factory=SleepSpec)
    override: PowerOverride | None = None

    def __post_init__(self) -> None:
        if self.embodied_lifetime_days <= 0.0:
            raise InvalidInput(f"{self.name}.embodied_lifetime_days", "must be above zero")

    @property
    def embodied_grams_per_hour(self) -> float | None:
        """What one reserved hour bears of making the machine: TE * TiR / EL of ISO/IEC 21031, the whole reserved.

        None where nothing is stated: the machine was made all the same.
        """
        if self.embodied_grams is None:
            return None
        return self.embodied_grams / (self.embodied_lifetime_days * HOURS_PER_DAY)


class Intent(StrEnum):
    """What an operation is to end in."""

    SLEEP = "Sleep"
    WAKE = "Wake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Write-ahead intent: what the operator set out to do with a node, written before the act."""

    id: str
    intent: Intent
    reason: Reason
    started_at: datetime
    deadline: datetime
    attempt: int = 1
    fencing_token: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was measured of a node, one observation at a time; None for what was not observed yet.

    `observed_at` is the sample time of the newest observation of a draw, so that no sample counts twice.
    """

    idle_watts: Estimate | None = None
    busy_watts: Estimate | None = None
    wake_seconds: Estimate | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """`EnergyNode.status` as the operator last wrote it: its memory across restarts."""

    power_state: PowerState = PowerState.AWAKE
    operation: Operation | None = None
    cordoned_by_us: bool = False
    last_transition_at: datetime | None = None
    last_transition_reason: Reason | None = None
    awake_since: datetime | None = None
    asleep_since: datetime | None = None
    next_attempt_at: datetime | None = None
    sleep_times: tuple[datetime, ...] = ()
    observed_generation: int = 0
    learned: Learned = Learned()
    shutdown: ShutdownOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What the Kubernetes Node object says. `kept_by` is an annotation or taint by which another tool keeps it.

    `failure_zone` is the group of nodes by which the node lifecycle controller judges it; empty without labels.
    """

    name: str
    uid: str
    exists: bool = True
    ready: bool
    ready_since: datetime | None = None
    unschedulable: bool
    is_control_plane: bool
    is_managed: bool
    do_not_sleep: bool
    kept_by: str | None = None
    has_our_taint: bool
    has_our_cordon_mark: bool
    heartbeat_at: datetime | None = None
    failure_zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFacts:
    """What the node's meters say now, and what a service of the sun forecasts for its panel, if one is asked."""

    power_watts: Reading
    harvest_watts: Reading
    battery_ratio: Reading
    harvest_forecast_watts: Series | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """Everything known of one node when a snapshot was taken."""

    spec: NodeSpec
    record: NodeRecord
    facts: NodeFacts | None
    meters: MeterFacts
    pods: tuple[PodFacts, ...] = ()
    generation: int = 0
    volume_attached: bool = False
    agent: AgentReport | None = None

    @property
    def name(self) -> str:
        """Name of the EnergyNode."""
        return self.spec.name
