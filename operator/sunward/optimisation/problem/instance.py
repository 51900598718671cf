"""The planning problem as frozen values, exactly the fields of its JSON file.

Exists so that the operator, the command line and independent checkers speak of the same problem. Knows no solver.
Units: watt-hours, watts, seconds, grams CO2e, grams CO2e per kilowatt-hour, gigabytes (1e9 bytes).
Periods count from 1.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.problem.errors import ProblemError
from sunward.optimisation.problem.strict_json import OPTIONAL, write

__all__ = [
    "Battery",
    "EnergyPool",
    "ExportRule",
    "Job",
    "Network",
    "Node",
    "OnPattern",
    "Policy",
    "PoolKind",
    "Problem",
    "ProblemError",
]


class PoolKind(StrEnum):
    """How a pool carries energy: over a wire, or settled on paper only."""

    PHYSICAL = "physical"
    CONTRACTUAL = "contractual"


class ExportRule(StrEnum):
    """Who may send harvest: any node that has it, or only one that takes nothing from the grid in that period."""

    ANY_HARVEST = "any-harvest"
    SURPLUS_ONLY = "surplus-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """Storage of one node; charge and discharge are measured at its terminals."""

    initial_watt_hours: float
    capacity_watt_hours: float
    minimum_watt_hours: float
    final_watt_hours: float
    charge_efficiency: float
    discharge_efficiency: float
    maximum_charge_watts: float
    maximum_discharge_watts: float
    wear_grams_per_watt_hour: float
    charge_from_grid: bool
    exportable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine: what it draws, what it harvests (one value per period), whether it may sleep and how many times."""

    name: str
    grid_zone: str
    idle_watts: float
    asleep_watts: float
    can_sleep: bool
    initially_awake: bool
    wake_watt_hours: float
    wake_seconds: float
    minimum_awake_periods: int
    minimum_asleep_periods: int
    harvest_watt_hours: tuple[float, ...]
    maximum_export_ratio: float
    storage_gigabytes: float
    embodied_grams_per_hour: float
    battery: Battery | None
    maximum_sleeps: int | None = field(default=None, metadata={OPTIONAL: True})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPool:
    """Nodes that may send harvest to each other; `efficiency` is delivered over sent energy."""

    name: str
    kind: PoolKind
    members: tuple[str, ...]
    efficiency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A training job: batches by the node that holds their data, and what a batch costs on each node.

    A node absent from `watt_hours_per_batch` or `seconds_per_batch` cannot work on the job. The ratio limits what may
    leave every home; `maximum_offloaded_batches` lowers the limit of the homes that it names, which have used theirs.
    """

    name: str
    release_period: int
    deadline_period: int
    synchronous: bool
    batches: Mapping[str, float]
    watt_hours_per_batch: Mapping[str, float]
    seconds_per_batch: Mapping[str, float]
    gigabytes_per_batch: float
    maximum_offload_ratio: float
    movable_to: tuple[str, ...] | None
    minimum_workers: int
    minimum_batches_per_worker: float
    maximum_offloaded_batches: Mapping[str, float] | None = field(default=None, metadata={OPTIONAL: True})

    @property
    def total_batches(self) -> float:
        """All batches of the job, over all nodes that hold data."""
        return sum(self.batches.values())

    @property
    def periods(self) -> range:
        """Periods in which the job may be worked on, counted from 1 as in the file."""
        return range(self.release_period, self.deadline_period + 1)

    @property
    def window(self) -> range:
        """The same periods counted from 0, as arrays and indices count them: half-open."""
        return range(self.release_period - 1, self.deadline_period)

    def may_leave(self, home: str) -> float:
        """Batches of a home that may be processed elsewhere (the policy aside)."""
        least = (self.maximum_offloaded_batches or {}).get(home, math.inf)
        return min(self.maximum_offload_ratio * self.batches.get(home, 0.0), least)

    def can_work(self, node: str) -> bool:
        """Whether the node has both an energy and a time per batch."""
        return node in self.watt_hours_per_batch and node in self.seconds_per_batch

    def may_move_to(self, node: str) -> bool:
        """Whether batches of another node may be processed there (the policy aside)."""
        return self.can_work(node) and (self.movable_to is None or node in self.movable_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Cost of moving data between nodes: energy at both ends, awake time at both ends, emissions in between."""

    send_watt_hours_per_gigabyte: float
    receive_watt_hours_per_gigabyte: float
    seconds_per_gigabyte: float
    transit_watt_hours_per_gigabyte: float
    transit_intensity_grams_per_kilowatt_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the plan may do at all."""

    share_energy: bool
    offload_tasks: bool
    sleep: bool
    shift_in_time: bool
    partial_period_sleep: bool
    export_rule: ExportRule
    maximum_asleep_nodes: int | None
    include_embodied: bool


OnPattern = Mapping[str, Sequence[bool]]
"""By node: whether it is on, period by period from the first; what is not said is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One planning problem over T periods of equal length."""

    SCHEMA: ClassVar[str] = "sunward.dev/problem/v1alpha1"

    period_seconds: float
    intensity_grams_per_kilowatt_hour: Mapping[str, tuple[float, ...]]
    harvest_intensity_grams_per_kilowatt_hour: float
    nodes: tuple[Node, ...]
    energy_pools: tuple[EnergyPool, ...]
    jobs: tuple[Job, ...]
    network: Network
    policy: Policy

    @property
    def period_count(self) -> int:
        """T; 0 when no grid zone is given (such a problem does not pass its check)."""
        return len(next(iter(self.intensity_grams_per_kilowatt_hour.values()), ()))

    @property
    def period_hours(self) -> float:
        """D, the length of a period in hours."""
        return self.period_seconds / SECONDS_PER_HOUR

    def to_json(self) -> str:
        """The problem file; `files.parse_problem` reads it back to an equal value."""
        return json.dumps({"schema": self.SCHEMA, **write(self)}, indent=1, ensure_ascii=False, allow_nan=False)
