"""`EnergyPolicy.spec`: how the cluster's owner wants energy handled. Defaults are the safe ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SYSTEM_NAMESPACE = "kube-system"


class OperatingMode(StrEnum):
    """Whether decisions are carried out."""

    DRY_RUN = "DryRun"
    ACTIVE = "Active"


class SleepOn(StrEnum):
    """The least trusted quality of grid intensity that may put a node to sleep.

    `Estimated`: the provider's estimates of the present too, where its last day is known and does not contradict them.
    """

    MEASURED = "Measured"
    ESTIMATED = "Estimated"


class PoolKind(StrEnum):
    """Whether a wire carries the energy, or only paper."""

    PHYSICAL = "Physical"
    CONTRACTUAL = "Contractual"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSpec:
    """Nodes that may share harvest: the named `members`, or all nodes of `site`, or with both empty every node."""

    name: str
    kind: PoolKind
    efficiency: float
    site: str | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Limits that keep sleeping harmless (reliability rules; defaults of the state machine)."""

    nodes_in_transition: int = 1
    minimum_awake_nodes: int = 1
    maximum_asleep_nodes: int | None = None
    unhealthy_zone_threshold_ratio: float | None = None
    dwell_seconds: float = 600.0
    warm_up_seconds: float = 60.0
    drain_timeout_seconds: float = 300.0
    shutdown_timeout_seconds: float = 150.0
    power_off_timeout_seconds: float = 120.0
    boot_timeout_seconds: float = 300.0
    wake_interval_seconds: float = 30.0
    wake_retry_seconds: tuple[float, ...] = (60.0, 300.0, 900.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """How old a datum may be before it no longer supports a decision."""

    sensors_seconds: float = 120.0
    intensity_seconds: float = 7200.0
    clock_skew_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceLimit:
    """What each of `namespaces` may use at most, each on its own; None is no limit.

    Without namespaces it stands for every namespace that no other limit names. `place` is its index in the policy.
    """

    place: int
    namespaces: tuple[str, ...] = ()
    jobs: int | None = None
    shards: int | None = None
    awake_node_hours_per_day: int | None = None
    pins: int | None = None

    def path(self, field_name: str) -> str:
        """Where one of its values stands in the policy, for messages."""
        return f"spec.limits[{self.place}].{field_name} of EnergyPolicy default"


class EmptyDirs(StrEnum):
    """What happens to an emptyDir on disk when its pod must leave the node."""

    KEEP = "Keep"  # the pod keeps its node awake
    DELETE = "Delete"  # the pod is evicted, the contents are lost


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionScope:
    """Further namespaces whose pods may leave for a sleep; `all_but` is None unless it stands for all others."""

    names: tuple[str, ...] = ()
    match_labels: tuple[tuple[str, str], ...] = ()
    all_but: tuple[str, ...] | None = None

    def covers(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Whether a namespace belongs to it; `labels` are None where they are not known, and then match nothing."""
        if self.all_but is not None:
            return namespace not in (*self.all_but, SYSTEM_NAMESPACE)
        if namespace in self.names:
            return True
        return bool(self.match_labels) and labels is not None and set(self.match_labels) <= set(labels.items())


NO_EVICTIONS = EvictionScope()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec:
    """The whole policy in base units."""

    mode: OperatingMode = OperatingMode.DRY_RUN
    planning_period_seconds: float = 300.0
    horizon_periods: int = 12
    share_energy: bool = True
    offload_tasks: bool = True
    sleep: bool = True
    shift_in_time: bool = False
    minimum_gain_ratio: float = 0.05
    pools: tuple[PoolSpec, ...] = ()
    intensity_source: str = "default"
    sleep_on: SleepOn = SleepOn.ESTIMATED
    staleness: Staleness = field(default_factory=Staleness)
    budgets: Budgets = field(default_factory=Budgets)
    namespaces: tuple[str, ...] = ()
    evict_namespaces: EvictionScope = NO_EVICTIONS
    empty_dirs: EmptyDirs = EmptyDirs.KEEP
    solver_time_limit_seconds: float = 10.0
    keep_plans: int = 100
    include_embodied: bool = False
    limits: tuple[NamespaceLimit, ...] = ()
    observed_generation: int = 0

    def limit_of(self, namespace: str) -> NamespaceLimit | None:
        """The limit that names a namespace, else the one for all that are not named, else None."""
        named = (limit for limit in self.limits if namespace in limit.namespaces)
        rest = (limit for limit in self.limits if not limit.namespaces)
        return next(named, None) or next(rest, None)

    def lets_evict(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Whether pods of a namespace with these labels (None where they are not known) may be evicted."""
        return namespace in self.namespaces or self.evict_namespaces.covers(namespace, labels)


NO_POLICY = PolicySpec(intensity_source="")
"""What holds while there is no EnergyPolicy: plans are made and not carried out, and no intensity source is named."""
