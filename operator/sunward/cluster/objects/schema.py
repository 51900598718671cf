"""Custom resources as people write them -> the domain's values.

The API server has already checked and completed what passes here; objects that a command read from a file are checked
and completed here, from the same definitions (`crd_fields`). Milli-units become base units here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sunward.cluster.access.times import parse_time
from sunward.cluster.objects.crd_fields import SPEC_FIELDS
from sunward.cluster.objects.crd_types import (
    EnergyNodeSpec,
    EnergyNodeSpecBattery,
    EnergyNodeSpecEmbodied,
    EnergyNodeSpecOverride,
    EnergyNodeSpecPower,
    EnergyNodeSpecSleep,
    EnergyPolicySpec,
    EnergyPolicySpecBudgets,
    EnergyPolicySpecEvictNamespaces,
    EnergyPolicySpecLimit,
    EnergyPolicySpecPool,
    TrainingJobSpec,
    TrainingJobSpecCost,
    TrainingJobSpecShard,
)
from sunward.cluster.objects.fields import completed
from sunward.cluster.objects.runtime_schema import runtime_of, with_needs
from sunward.cluster.objects.workload_schema import pod_options, shard_volume
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import DataMobility, Disruption, JobCost, JobSpec, Shard, UpdateRule
from sunward.domain.nodes import (
    BatterySpec,
    ExportRule,
    NodeSpec,
    OverridePower,
    Panel,
    PowerOverride,
    PowerProfile,
    Role,
    SleepSpec,
)
from sunward.domain.policy import (
    Budgets,
    EmptyDirs,
    EvictionScope,
    NamespaceLimit,
    OperatingMode,
    PolicySpec,
    PoolKind,
    PoolSpec,
    SleepOn,
    Staleness,
)

Body = Mapping[str, Any]
MILLI, MICRO = 1e-3, 1e-6
JOB_NAME = re.compile(r"[a-z]([-a-z0-9]{0,49}[a-z0-9])?")
"""A Service is named after the job, with "-coordinator" behind it: what a Service may be called, less 12 characters."""
NAME_ADVICE = (
    "must begin with a letter and have at most 51 small letters, digits and hyphens, because a Service is named after "
    "the job: create the job under another name"
)
MEBIBYTE_IN_GIGABYTES = 1024 * 1024 / 1e9


def node_spec(body: Body) -> NodeSpec:
    """Read an EnergyNode. Raises InvalidInput naming the field."""
    name = str(body["metadata"]["name"])
    spec: EnergyNodeSpec = _completed("EnergyNode", name, body)
    harvest, battery = spec.get("harvest"), spec.get("battery")
    return NodeSpec(
        name=name,
        node_name=spec.get("nodeName") or name,
        grid_zone=spec["gridZone"],
        site=spec.get("site"),
        role=Role(spec["role"]),
        power=_profile(spec["power"]),
        harvest_nameplate_watts=None if harvest is None else harvest["nameplateMilliwatts"] * MILLI,
        production_device=None if harvest is None else harvest.get("productionDevice"),
        panel=_panel(spec),
        battery=None if battery is None else _battery(battery),
        maximum_export_ratio=spec["export"]["maximumPercentOfHarvest"] / 100,
        export_rule=ExportRule(spec["export"]["rule"]),
        storage_gigabytes=spec["storageMebibytes"] * MEBIBYTE_IN_GIGABYTES,
        sleep=_sleep(spec["sleep"]),
        override=_override(spec.get("override")),
        **_embodied(spec.get("embodied")),
    )


def _panel(spec: EnergyNodeSpec) -> Panel | None:
    """Where a node's panel stands; None where the node has no panel, or no place."""
    harvest, place = spec.get("harvest"), spec.get("location")
    if harvest is None or place is None:
        return None
    return Panel(
        latitude_degrees=place["latitude"] * MICRO,
        longitude_degrees=place["longitude"] * MICRO,
        tilt_degrees=float(harvest["tiltDegrees"]),
        azimuth_degrees=float(harvest["azimuthDegrees"]),
    )


def _completed(kind: str, name: str, body: Body) -> Any:
    """The spec with every field that its kind promises. Raises InvalidInput naming the field."""
    return completed(SPEC_FIELDS[kind], body.get("spec"), f"{kind} {name}: spec")


def _profile(power: EnergyNodeSpecPower) -> PowerProfile:
    halted = power.get("haltedMilliwatts")
    return PowerProfile(
        idle_watts=power["idleMilliwatts"] * MILLI,
        busy_watts=power["busyMilliwatts"] * MILLI,
        asleep_watts=power["asleepMilliwatts"] * MILLI,
        halted_watts=None if halted is None else halted * MILLI,
        wake_seconds=float(power["wakeSeconds"]),
        wake_watt_hours=power["wakeMilliwattHours"] * MILLI,
    )


def _battery(battery: EnergyNodeSpecBattery) -> BatterySpec:
    return BatterySpec(
        capacity_watt_hours=battery["capacityMilliwattHours"] * MILLI,
        reserve_ratio=battery["reservePercent"] / 100,
        charge_efficiency=battery["chargeEfficiencyPercent"] / 100,
        discharge_efficiency=battery["dischargeEfficiencyPercent"] / 100,
        maximum_charge_watts=battery["maximumChargeMilliwatts"] * MILLI,
        maximum_discharge_watts=battery["maximumDischargeMilliwatts"] * MILLI,
        charge_from_grid=battery["chargeFromGrid"],
        exportable=battery["exportable"],
    )


def _embodied(embodied: EnergyNodeSpecEmbodied | None) -> dict[str, float]:
    if embodied is None:
        return {}
    return {
        "embodied_grams": float(embodied["gramsCO2e"]),
        "embodied_lifetime_days": float(embodied["lifetimeDays"]),
    }


def _sleep(sleep: EnergyNodeSpecSleep) -> SleepSpec:
    reference = sleep.get("driverRef")
    return SleepSpec(
        driver=sleep["driver"],
        driver_ref=None if reference is None else reference["name"],
        uses_agent=sleep["shutdown"] == "Agent",
        minimum_awake_seconds=float(sleep["minimumAwakeSeconds"]),
        minimum_asleep_seconds=float(sleep["minimumAsleepSeconds"]),
        maximum_cycles_per_day=sleep["maximumCyclesPerDay"],
    )


def _override(override: EnergyNodeSpecOverride | None) -> PowerOverride | None:
    if override is None:
        return None
    return PowerOverride(
        power=OverridePower(override["power"]), until=parse_time(override["until"]), reason=override["reason"]
    )


def job_spec(body: Body) -> JobSpec:
    """Read a TrainingJob. Raises InvalidInput naming the field."""
    metadata = body["metadata"]
    namespace, name = metadata.get("namespace", "default"), metadata["name"]
    if not JOB_NAME.fullmatch(name):
        raise InvalidInput(f"TrainingJob {namespace}/{name}: metadata.name", NAME_ADVICE)
    spec: TrainingJobSpec = _completed("TrainingJob", f"{namespace}/{name}", body)
    runtime, budget = runtime_of(f"{namespace}/{name}", spec), spec.get("emissionsBudgetMilligramsCO2e")
    return JobSpec(
        namespace=namespace,
        name=name,
        uid=metadata.get("uid", ""),
        rounds=spec["rounds"],
        steps_per_round=spec["stepsPerRound"],
        batch_size=spec["batchSize"],
        target_accuracy_percent=spec.get("targetAccuracyPercent"),
        target_accuracy_parts_per_million=spec.get("targetAccuracyPartsPerMillion"),
        shards=tuple(_shard(shard) for shard in spec["shards"]),
        data_mobility=DataMobility(spec["dataMobility"]),
        maximum_offload_ratio=spec["maximumOffloadPercent"] / 100,
        minimum_workers=spec["minimumWorkers"],
        deadline=parse_time(spec.get("deadline")),
        emissions_budget_grams=None if budget is None else budget * MILLI,
        suspend=spec["suspend"],
        disruption=Disruption(spec["disruption"]),
        cost=_cost(spec.get("cost")),
        priority=spec["priority"],
        created_at=parse_time(metadata.get("creationTimestamp")),
        update_rule=UpdateRule(spec["updates"]["rule"]),
        maximum_norm_factor=spec["updates"]["maximumNormFactor"],
        image=runtime.image,
        model=runtime.model,
        app=runtime.app,
        flower_app=runtime.flower_app,
        arguments=runtime.arguments,
        containers=runtime.containers,
        pod=with_needs(pod_options(spec.get("pod")), runtime.containers),
    )


def _shard(shard: TrainingJobSpecShard) -> Shard:
    return Shard(
        name=shard["name"],
        node=shard["node"],
        samples=shard["samples"],
        gigabytes=shard["sizeMebibytes"] * MEBIBYTE_IN_GIGABYTES,
        volume=shard_volume(shard.get("volume")),
    )


def _cost(cost: TrainingJobSpecCost | None) -> JobCost:
    if cost is None:
        return JobCost()
    return JobCost(
        watt_hours_per_batch=cost["milliwattHoursPerThousandBatches"] * MILLI / 1000,
        seconds_per_batch=cost["millisecondsPerBatch"] * MILLI,
    )


def policy_spec(body: Body) -> PolicySpec:
    """Read the EnergyPolicy. Raises InvalidInput naming the field."""
    metadata = body["metadata"]
    spec: EnergyPolicySpec = _completed("EnergyPolicy", metadata["name"], body)
    limits = spec["stalenessLimits"]
    return PolicySpec(
        mode=OperatingMode(spec["mode"]),
        planning_period_seconds=float(spec["planningPeriodSeconds"]),
        horizon_periods=spec["horizonPeriods"],
        share_energy=spec["shareEnergy"],
        offload_tasks=spec["offloadTasks"],
        sleep=spec["sleep"],
        shift_in_time=spec["shiftInTime"],
        minimum_gain_ratio=spec["minimumGainPercent"] / 100,
        pools=tuple(_pool(pool) for pool in spec["pools"]),
        intensity_source=spec["intensitySource"],
        sleep_on=SleepOn(spec["sleepOn"]),
        staleness=Staleness(
            sensors_seconds=float(limits["sensorsSeconds"]),
            intensity_seconds=float(limits["intensitySeconds"]),
            clock_skew_seconds=float(limits["clockSkewSeconds"]),
        ),
        budgets=_budgets(spec["budgets"]),
        namespaces=tuple(spec["namespaces"]),
        evict_namespaces=_evictions(spec.get("evictNamespaces") or {}),
        empty_dirs=EmptyDirs(spec["localData"]["emptyDir"]),
        solver_time_limit_seconds=float(spec["solver"]["timeLimitSeconds"]),
        keep_plans=spec["keepPlans"],
        include_embodied=spec["includeEmbodied"],
        limits=tuple(_limit(place, limit) for place, limit in enumerate(spec["limits"])),
        observed_generation=int(metadata.get("generation", 0)),
    )


def _evictions(scope: EnergyPolicySpecEvictNamespaces) -> EvictionScope:
    all_but = scope.get("allBut")
    return EvictionScope(
        names=tuple(scope.get("names") or ()),
        match_labels=tuple(sorted((scope.get("matchLabels") or {}).items())),
        all_but=None if all_but is None else tuple(all_but),
    )


def _pool(pool: EnergyPolicySpecPool) -> PoolSpec:
    return PoolSpec(
        name=pool["name"],
        kind=PoolKind(pool["kind"]),
        efficiency=pool["efficiencyPercent"] / 100,
        site=pool.get("site"),
        members=tuple(pool.get("members", ())),
    )


def _limit(place: int, limit: EnergyPolicySpecLimit) -> NamespaceLimit:
    return NamespaceLimit(
        place=place,
        namespaces=tuple(limit["namespaces"]),
        jobs=limit.get("jobs"),
        shards=limit.get("shards"),
        awake_node_hours_per_day=limit.get("awakeNodeHoursPerDay"),
        pins=limit.get("pins"),
    )


def _budgets(budgets: EnergyPolicySpecBudgets) -> Budgets:
    threshold = budgets.get("unhealthyZoneThresholdPercent")
    return Budgets(
        nodes_in_transition=budgets["nodesInTransition"],
        minimum_awake_nodes=budgets["minimumAwakeNodes"],
        maximum_asleep_nodes=budgets.get("maximumAsleepNodes"),
        unhealthy_zone_threshold_ratio=None if threshold is None else threshold / 100,
        dwell_seconds=float(budgets["dwellSeconds"]),
        warm_up_seconds=float(budgets["warmUpSeconds"]),
        drain_timeout_seconds=float(budgets["drainTimeoutSeconds"]),
        shutdown_timeout_seconds=float(budgets["shutdownTimeoutSeconds"]),
        power_off_timeout_seconds=float(budgets["powerOffTimeoutSeconds"]),
        boot_timeout_seconds=float(budgets["bootTimeoutSeconds"]),
        wake_interval_seconds=float(budgets["wakeIntervalSeconds"]),
        wake_retry_seconds=tuple(float(seconds) for seconds in budgets["wakeRetrySeconds"]),
    )
