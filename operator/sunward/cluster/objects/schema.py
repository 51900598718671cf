"""Custom resources as people write them -> the domain's values.

The API server has already checked and defaulted what passes here (crds/); the defaults below repeat the schema's only
for objects that were read from a file by a command. Milli-units become base units here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sunward.cluster.access.times import parse_time
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import DataMobility, Disruption, JobCost, JobSpec, Shard
from sunward.domain.nodes import (
    BatterySpec,
    ExportRule,
    NodeSpec,
    PowerOverride,
    PowerProfile,
    Role,
    SleepSpec,
)
from sunward.domain.policy import Budgets, Mode, PolicySpec, PoolKind, PoolSpec, Staleness

Body = Mapping[str, Any]
MILLI = 1e-3
MEBIBYTE_IN_GIGABYTES = 1024 * 1024 / 1e9


def node_spec(body: Body) -> NodeSpec:
    """Read an EnergyNode. Raises InvalidInput naming the field."""
    name = str(body["metadata"]["name"])
    where = f"EnergyNode {name}: spec"
    spec = _required(body, "spec", f"EnergyNode {name}")
    export = spec.get("export") or {}
    embodied = spec.get("embodied") or {}
    harvest = spec.get("harvest")
    return NodeSpec(
        name=name,
        node_name=spec.get("nodeName") or name,
        grid_zone=_required(spec, "gridZone", where),
        site=spec.get("site"),
        role=Role(spec.get("role", Role.WORKER)),
        power=_profile(_required(spec, "power", where), f"{where}.power"),
        harvest_nameplate_watts=None if harvest is None else harvest["nameplateMilliwatts"] * MILLI,
        battery=None if spec.get("battery") is None else _battery(spec["battery"]),
        maximum_export_ratio=export.get("maximumPercentOfHarvest", 50) / 100,
        export_rule=ExportRule(export.get("rule", ExportRule.ANY_HARVEST)),
        storage_gigabytes=spec.get("storageMebibytes", 8192) * MEBIBYTE_IN_GIGABYTES,
        embodied_grams=float(embodied.get("gramsCO2e", 0)),
        embodied_lifetime_days=float(embodied.get("lifetimeDays", 1460)),
        sleep=_sleep(spec.get("sleep") or {}),
        override=_override(spec.get("override")),
    )


def _profile(power: Body, where: str) -> PowerProfile:
    return PowerProfile(
        name=power.get("profile", ""),
        idle_watts=_required(power, "idleMilliwatts", where) * MILLI,
        busy_watts=_required(power, "busyMilliwatts", where) * MILLI,
        asleep_watts=power.get("asleepMilliwatts", 100) * MILLI,
        wake_seconds=float(power.get("wakeSeconds", 60)),
        wake_watt_hours=power.get("wakeMilliwattHours", 100) * MILLI,
    )


def _battery(battery: Body) -> BatterySpec:
    return BatterySpec(
        capacity_watt_hours=battery["capacityMilliwattHours"] * MILLI,
        reserve_ratio=battery.get("reservePercent", 20) / 100,
        charge_efficiency=battery.get("chargeEfficiencyPercent", 95) / 100,
        discharge_efficiency=battery.get("dischargeEfficiencyPercent", 95) / 100,
        maximum_charge_watts=battery["maximumChargeMilliwatts"] * MILLI,
        maximum_discharge_watts=battery["maximumDischargeMilliwatts"] * MILLI,
        charge_from_grid=bool(battery.get("chargeFromGrid", False)),
        exportable=bool(battery.get("exportable", False)),
    )


def _sleep(sleep: Body) -> SleepSpec:
    return SleepSpec(
        driver=sleep.get("driver", "None"),
        driver_ref=(sleep.get("driverRef") or {}).get("name"),
        minimum_awake_seconds=float(sleep.get("minimumAwakeSeconds", 1800)),
        minimum_asleep_seconds=float(sleep.get("minimumAsleepSeconds", 900)),
        maximum_cycles_per_day=int(sleep.get("maximumCyclesPerDay", 6)),
    )


def _override(override: Body | None) -> PowerOverride | None:
    if override is None:
        return None
    return PowerOverride(
        power=override["power"], until=parse_time(override.get("until")), reason=override.get("reason", "")
    )


def job_spec(body: Body) -> JobSpec:
    """Read a TrainingJob. Raises InvalidInput naming the field."""
    metadata = body["metadata"]
    name = f"{metadata.get('namespace', 'default')}/{metadata['name']}"
    where = f"TrainingJob {name}: spec"
    spec = _required(body, "spec", f"TrainingJob {name}")
    runtime = spec.get("runtime") or {}
    if "generic" in runtime:
        raise InvalidInput(f"{where}.runtime.generic", "is not carried out yet: use runtime.flower")
    flower = runtime.get("flower") or {}
    budget = spec.get("emissionsBudgetMilligramsCO2e")
    return JobSpec(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        rounds=int(_required(spec, "rounds", where)),
        steps_per_round=int(_required(spec, "stepsPerRound", where)),
        batch_size=int(spec.get("batchSize", 32)),
        target_accuracy_percent=spec.get("targetAccuracyPercent"),
        shards=tuple(_shard(shard) for shard in _required(spec, "shards", where)),
        data_mobility=DataMobility(spec.get("dataMobility", DataMobility.ANYWHERE)),
        maximum_offload_ratio=spec.get("maximumOffloadPercent", 50) / 100,
        minimum_workers=int(spec.get("minimumWorkers", 1)),
        deadline=parse_time(spec.get("deadline")),
        emissions_budget_grams=None if budget is None else budget * MILLI,
        suspend=bool(spec.get("suspend", False)),
        disruption=Disruption(spec.get("disruption", Disruption.AT_ROUND_BOUNDARY)),
        cost=_cost(spec.get("cost") or {}),
        image=flower.get("image"),
        app=flower.get("app"),
        arguments=tuple(sorted((key, str(value)) for key, value in (flower.get("arguments") or {}).items())),
    )


def _shard(shard: Body) -> Shard:
    return Shard(
        name=shard["name"],
        node=shard["node"],
        samples=int(shard.get("samples", 0)),
        gigabytes=shard.get("sizeMebibytes", 0) * MEBIBYTE_IN_GIGABYTES,
    )


def _cost(cost: Body) -> JobCost:
    energy = cost.get("milliwattHoursPerThousandBatches")
    time = cost.get("millisecondsPerBatch")
    return JobCost(
        watt_hours_per_batch=None if energy is None else energy * MILLI / 1000,
        seconds_per_batch=None if time is None else time * MILLI,
    )


def policy_spec(body: Body) -> PolicySpec:
    """Read the EnergyPolicy."""
    spec = body.get("spec") or {}
    limits = spec.get("stalenessLimits") or {}
    return PolicySpec(
        mode=Mode(spec.get("mode", Mode.DRY_RUN)),
        planning_period_seconds=float(spec.get("planningPeriodSeconds", 300)),
        horizon_periods=int(spec.get("horizonPeriods", 12)),
        share_energy=bool(spec.get("shareEnergy", True)),
        offload_tasks=bool(spec.get("offloadTasks", True)),
        sleep=bool(spec.get("sleep", True)),
        shift_in_time=bool(spec.get("shiftInTime", False)),
        minimum_gain_ratio=spec.get("minimumGainPercent", 5) / 100,
        pools=tuple(_pool(pool) for pool in spec.get("pools") or ()),
        intensity_source=spec.get("intensitySource", ""),
        staleness=Staleness(
            sensors_seconds=float(limits.get("sensorsSeconds", 120)),
            intensity_seconds=float(limits.get("intensitySeconds", 7200)),
            clock_skew_seconds=float(limits.get("clockSkewSeconds", 60)),
        ),
        budgets=_budgets(spec.get("budgets") or {}),
        namespaces=tuple(spec.get("namespaces") or ()),
        solver_time_limit_seconds=float((spec.get("solver") or {}).get("timeLimitSeconds", 10)),
        keep_plans=int(spec.get("keepPlans", 100)),
        include_embodied=bool(spec.get("includeEmbodied", False)),
        observed_generation=int(body["metadata"].get("generation", 0)),
    )


def _pool(pool: Body) -> PoolSpec:
    return PoolSpec(
        name=pool["name"],
        kind=PoolKind(pool["kind"]),
        efficiency=pool.get("efficiencyPercent", 95) / 100,
        site=pool.get("site"),
        members=tuple(pool.get("members") or ()),
    )


def _budgets(budgets: Body) -> Budgets:
    default = Budgets()
    return Budgets(
        nodes_in_transition=int(budgets.get("nodesInTransition", default.nodes_in_transition)),
        minimum_awake_nodes=int(budgets.get("minimumAwakeNodes", default.minimum_awake_nodes)),
        maximum_asleep_nodes=budgets.get("maximumAsleepNodes"),
        dwell_seconds=float(budgets.get("dwellSeconds", default.dwell_seconds)),
        warm_up_seconds=float(budgets.get("warmUpSeconds", default.warm_up_seconds)),
        drain_timeout_seconds=float(budgets.get("drainTimeoutSeconds", default.drain_timeout_seconds)),
        power_off_timeout_seconds=float(budgets.get("powerOffTimeoutSeconds", default.power_off_timeout_seconds)),
        boot_timeout_seconds=float(budgets.get("bootTimeoutSeconds", default.boot_timeout_seconds)),
        wake_interval_seconds=float(budgets.get("wakeIntervalSeconds", default.wake_interval_seconds)),
        wake_retry_seconds=tuple(float(s) for s in budgets.get("wakeRetrySeconds", default.wake_retry_seconds)),
    )


def _required(body: Body, key: str, where: str) -> Any:
    if key not in body or body[key] is None:
        raise InvalidInput(f"{where}.{key}", "is missing")
    return body[key]
