"""The simulated world in the operator's own words: specs, policy, forecasts and the snapshot that a plan is made from.

Nothing is decided here. Every planned policy, the sleep state machine and the settlement read what this module says,
as in a real cluster they read what the API server and the meters say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.eviction import known_settings
from sunward.domain.jobs import JobView
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.nodes import (
    BatterySpec,
    ExportRule,
    MeterFacts,
    NodeFacts,
    NodeRecord,
    NodeSpec,
    NodeView,
    PowerProfile,
    Role,
    SleepSpec,
)
from sunward.domain.pods import FreeCapacity, Resources
from sunward.domain.policy import Budgets, OperatingMode, PolicySpec, PoolKind, PoolSpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.domain.units import JOULES_PER_WATT_HOUR
from sunward.simulation.future import Outlook
from sunward.simulation.scenario import BASIS, Scenario

DRIVER = "Simulated"
NAMESPACE = "simulated"
LONG_BEFORE = timedelta(days=30)
"""The operator and the nodes have been running for this long when a simulation begins."""

_STORAGE_GIGABYTES = 1e6
"""More than any scenario moves: storage is not what the simulation is about."""
_SOURCE = "simulation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a policy may do: the four switches of `EnergyPolicy.spec`."""

    share_energy: bool
    offload_tasks: bool
    sleep: bool
    shift_in_time: bool


def period_start(scenario: Scenario, period: int) -> datetime:
    """When a period begins."""
    return scenario.start + timedelta(seconds=period * scenario.period_seconds)


def policy_spec(scenario: Scenario, allowed: Allowed) -> PolicySpec:
    """The `EnergyPolicy` of a simulated cluster."""
    operator = scenario.operator
    shifts = allowed.shift_in_time or operator.shift_in_time
    horizon = max(1, scenario.horizon_periods // scenario.replan_every_periods)
    return PolicySpec(
        mode=OperatingMode.ACTIVE,
        namespaces=(NAMESPACE,),
        planning_period_seconds=scenario.period_seconds * scenario.replan_every_periods,
        horizon_periods=min(horizon, operator.shift_periods or horizon) if shifts else horizon,
        share_energy=allowed.share_energy,
        offload_tasks=allowed.offload_tasks,
        sleep=allowed.sleep,
        shift_in_time=shifts,
        minimum_gain_ratio=operator.minimum_gain_ratio,
        pools=pool_specs(scenario),
        budgets=Budgets(
            nodes_in_transition=operator.nodes_in_transition,
            dwell_seconds=operator.dwell_seconds,
            maximum_asleep_nodes=operator.maximum_asleep_nodes,
            unhealthy_zone_threshold_ratio=operator.unhealthy_zone_threshold_ratio,
        ),
    )


def pool_specs(scenario: Scenario) -> tuple[PoolSpec, ...]:
    """The scenario's pools with their members by name; a pool without sites holds every node."""
    return tuple(
        PoolSpec(
            name=name,
            kind=PoolKind.PHYSICAL if pool.kind == "physical" else PoolKind.CONTRACTUAL,
            efficiency=pool.efficiency,
            members=tuple(n for n, node in scenario.nodes.items() if pool.sites is None or node.site in pool.sites),
        )
        for name, pool in scenario.pools.items()
    )


def node_spec(scenario: Scenario, name: str) -> NodeSpec:
    """`EnergyNode.spec` of a simulated node."""
    node = scenario.nodes[name]
    profile = scenario.profiles[node.profile]
    return NodeSpec(
        name=name,
        node_name=name,
        grid_zone=node.zone,
        site=node.site,
        role=Role.WORKER if node.can_sleep else Role.ALWAYS_ON,
        power=_power(scenario, name),
        harvest_nameplate_watts=None if node.harvest is None else node.harvest.nameplate_watts,
        battery=_battery(scenario, name),
        maximum_export_ratio=node.maximum_export_ratio,
        export_rule=ExportRule.SURPLUS_ONLY if scenario.export_rule == "surplus-only" else ExportRule.ANY_HARVEST,
        storage_gigabytes=_STORAGE_GIGABYTES,
        embodied_grams=profile.embodied_grams,
        embodied_lifetime_days=profile.embodied_lifetime_days,
        sleep=SleepSpec(
            driver=DRIVER,
            minimum_awake_seconds=scenario.operator.minimum_awake_seconds,
            minimum_asleep_seconds=scenario.operator.minimum_asleep_seconds,
            maximum_cycles_per_day=scenario.operator.maximum_cycles_per_day,
        ),
    )


def _power(scenario: Scenario, name: str) -> PowerProfile:
    """What a wake takes above idle is its energy in the format; a boot that draws less takes nothing extra."""
    profile = scenario.profiles[scenario.nodes[name].profile]
    above = max(0.0, profile.boot_watts - profile.idle_watts)
    return PowerProfile(
        idle_watts=profile.idle_watts,
        busy_watts=profile.busy_watts,
        asleep_watts=profile.asleep_watts,
        wake_seconds=profile.boot_seconds,
        wake_watt_hours=above * profile.boot_seconds / JOULES_PER_WATT_HOUR,
    )


def _battery(scenario: Scenario, name: str) -> BatterySpec | None:
    battery = scenario.nodes[name].battery
    if battery is None:
        return None
    return BatterySpec(
        capacity_watt_hours=battery.capacity_watt_hours,
        reserve_ratio=battery.reserve_ratio,
        charge_efficiency=battery.charge_efficiency,
        discharge_efficiency=battery.discharge_efficiency,
        maximum_charge_watts=battery.maximum_charge_watts,
        maximum_discharge_watts=battery.maximum_discharge_watts,
    )


def effortless(spec: NodeSpec) -> NodeSpec:
    """A node whose wakes take no time and no energy and whose sleep has no rules: the paper's."""
    return replace(
        spec,
        power=replace(spec.power, wake_seconds=0.0, wake_watt_hours=0.0),
        sleep=SleepSpec(driver=DRIVER, minimum_awake_seconds=0.0, minimum_asleep_seconds=0.0),
    )


def node_facts(name: str, since: datetime, *, ready: bool = True, unschedulable: bool = False) -> NodeFacts:
    """What Kubernetes says of a worker; our marks stand on it exactly as long as it is cordoned."""
    return NodeFacts(
        name=name,
        uid=f"uid-{name}",
        ready=ready,
        ready_since=since,
        unschedulable=unschedulable,
        is_control_plane=False,
        is_managed=True,
        do_not_sleep=False,
        has_our_taint=unschedulable,
        has_our_cordon_mark=unschedulable,
    )


def meter_facts(
    now: datetime, *, watts: float, harvest_watts: float | None, stored_ratio: float | None, silent: bool = False
) -> MeterFacts:
    """Fresh readings of a node's meters; a silent one says nothing at all."""
    return MeterFacts(
        power_watts=_reading(watts, now, silent=silent),
        harvest_watts=_reading(harvest_watts, now, silent=silent),
        battery_ratio=_reading(stored_ratio, now, silent=silent),
    )


def _reading(value: float | None, now: datetime, *, silent: bool) -> Reading:
    if value is None or silent:
        return Absent(cause=Cause(Reason.DATA_MISSING), source=_SOURCE)
    return Measurement(value=value, time=now, quality=Quality.MEASURED, source=_SOURCE)


def rested(spec: NodeSpec, record: NodeRecord, now: datetime, stored_watt_hours: float) -> NodeView:
    """A node that nothing was done to for long and whose meters work."""
    battery = spec.battery
    return NodeView(
        spec=spec,
        record=record,
        facts=node_facts(spec.name, now - LONG_BEFORE),
        meters=meter_facts(
            now,
            watts=spec.power.idle_watts,
            harvest_watts=0.0,
            stored_ratio=None if battery is None else stored_watt_hours / battery.capacity_watt_hours,
        ),
    )


def snapshot(
    scenario: Scenario,
    policy: PolicySpec,
    nodes: Iterable[NodeView],
    jobs: Iterable[JobView],
    forecasts: Forecasts,
    now: datetime,
) -> Snapshot:
    """One snapshot of the cluster; every grid zone is known, as the first hour of its forecast."""
    seen = tuple(nodes)
    return Snapshot(
        taken_at=now,
        policy=policy,
        nodes=seen,
        jobs=tuple(jobs),
        intensities={
            zone: ZoneIntensity(
                zone=zone,
                now_grams_per_kilowatt_hour=Measurement(
                    value=values[0], time=now, quality=Quality.MEASURED, source=_SOURCE
                ),
                forecast_grams_per_kilowatt_hour=None,
                basis=BASIS,
            )
            for zone, values in forecasts.intensity_grams_per_kilowatt_hour.items()
        },
        operator_started_at=scenario.start - LONG_BEFORE,
        operator_node=None,
        total_nodes=len(scenario.nodes),
        controllers=known_settings((), policy.budgets.unhealthy_zone_threshold_ratio),
        free_capacities=tuple(
            _room(node) for node in sorted(seen, key=lambda node: len(node.pods)) if _takes_pods(node)
        ),
    )


def _takes_pods(node: NodeView) -> bool:
    return node.facts is not None and node.facts.ready and not node.facts.unschedulable


def _room(node: NodeView) -> FreeCapacity:
    """Ordinary pods fit everywhere: what the simulation asks is how often they move, not where they find room."""
    return FreeCapacity(
        node=node.spec.node_name,
        labels=(),
        taints=(),
        free=Resources(millicores=4000, memory_bytes=2**32, pods=100),
    )


def forecasts(scenario: Scenario, outlook: Outlook, period: int, *, together: int = 1) -> Forecasts:
    """Beliefs from a period on; `together` periods make one of the planning grid, a rest too short for one is cut."""
    harvest = {name: _grouped(values, together) for name, values in outlook.harvest_watt_hours.items()}
    intensity = {zone: _grouped(values, together) for zone, values in outlook.intensity.items()}
    return Forecasts(
        start=period_start(scenario, period),
        period=timedelta(seconds=scenario.period_seconds * together),
        harvest_watt_hours=harvest,
        intensity_grams_per_kilowatt_hour={
            zone: tuple(value / together for value in values) for zone, values in intensity.items()
        },
    )


def _grouped(values: Iterable[float], together: int) -> tuple[float, ...]:
    known = [float(value) for value in values]
    count = len(known) // together
    return tuple(sum(known[k * together : (k + 1) * together]) for k in range(count))


def node_specs(scenario: Scenario) -> Mapping[str, NodeSpec]:
    """All specs by name."""
    return {name: node_spec(scenario, name) for name in scenario.nodes}
