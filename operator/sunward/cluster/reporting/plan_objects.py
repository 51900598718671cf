"""Plans and settlements as EnergyPlan objects: integers in micro-units, bounded lists, nothing a float could blur."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sunward import __version__
from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.objects import conditions
from sunward.cluster.objects.conditions import Condition
from sunward.cluster.objects.crd_types import (
    EnergyPlan,
    EnergyPlanSpec,
    EnergyPlanStatus,
    EnergyPlanStatusEmissions,
    EnergyPlanStatusInputs,
    EnergyPlanStatusInputsNode,
    EnergyPlanStatusInputsZone,
    EnergyPlanStatusSolution,
)
from sunward.cluster.objects.statuses import present
from sunward.cluster.reporting import plan_rows
from sunward.cluster.reporting.bounds import Limit, Omitted
from sunward.cluster.reporting.micro import micro, micro_or_none
from sunward.cluster.reporting.node_figures import basis_name
from sunward.domain.cause import Cause
from sunward.domain.measurement import Measurement, Reading
from sunward.domain.nodes import MeterFacts
from sunward.domain.plans import Plan, SolverReport
from sunward.domain.policy import OperatingMode, PolicySpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneIntensity

GENERATION = 1
"""Of an EnergyPlan's spec, which never changes."""

BECAUSE_LIMIT = 32
DROPPED_LIMIT = 64
INPUT_NODES = Limit(rows=1024, size_bytes=150_000)
INPUT_ZONES = Limit(rows=256, size_bytes=30_000)
IN_FORCE = Cause(Reason.PLANNED, "in force; every step is rechecked before it is executed")
DRY_RUN = Cause(Reason.DRY_RUN, "EnergyPolicy default has mode DryRun: set spec.mode to Active to act")


def plan_object(plan: Plan, policy: PolicySpec) -> EnergyPlan:
    """The EnergyPlan to create for a period."""
    return {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "EnergyPlan",
        "metadata": {"name": plan.name, "labels": {"app.kubernetes.io/managed-by": "sunward"}},
        "spec": {
            "periodStart": format_time(plan.start),
            "periodEnd": format_time(plan.end),
            "mode": policy.mode.value,
            "periodSeconds": max(1, round(plan.period.total_seconds())),
            "horizonPeriods": policy.horizon_periods,
            "policyGeneration": policy.observed_generation,
        },
    }


def plan_status(
    plan: Plan, snapshot: Snapshot, dropped: Mapping[Reason, int], old: EnergyPlanStatus, now: datetime
) -> EnergyPlanStatus:
    """The planned half of an EnergyPlan's status, as a merge patch: None removes what an earlier plan left."""
    omitted = Omitted()
    result = "DryRun" if snapshot.policy.mode is OperatingMode.DRY_RUN else "Planned"
    status: EnergyPlanStatus = {
        "observedGeneration": GENERATION,
        "operatorVersion": __version__,
        "inputs": inputs(plan, snapshot, omitted),
        "solution": _solution(plan.solver),
        "emissions": _emissions(plan),
        "decisions": plan_rows.decisions(plan.decisions, result, omitted),
        "dropped": [{"reason": str(reason), "count": dropped[reason]} for reason in sorted(dropped)[:DROPPED_LIMIT]],
        "assignments": plan_rows.assignments(plan.jobs, omitted),
        "transfers": plan_rows.transfers(plan.transfers, omitted),
        "sleeps": plan_rows.sleeps(plan.sleeps, omitted),
        "prices": plan_rows.prices(plan.prices, omitted),
        "conditions": conditions.merge(old.get("conditions"), _conditions(plan, snapshot), now, GENERATION),
    }
    omitted.count("dropped", len(dropped) - DROPPED_LIMIT)
    omitted.count("solution.infeasibleBecause", len(plan.solver.infeasible_because) - BECAUSE_LIMIT)
    return status | {"omitted": omitted.rows()}


def _emissions(plan: Plan) -> EnergyPlanStatusEmissions:
    grams = plan.emissions_by_mode_grams
    return {
        "none": micro_or_none(grams.get("none")),
        "det": micro_or_none(grams.get("det")),
        "dat": micro_or_none(grams.get("dat")),
        "deta": micro_or_none(grams.get("deta")),
        "bound": micro_or_none(plan.solver.lower_bound_grams),
    }


def inputs(plan: Plan, snapshot: Snapshot, omitted: Omitted) -> EnergyPlanStatusInputs:
    """What a plan and the sleeps under it rest on: ages in seconds and qualities, as the snapshot has them.

    Nodes that the plan has asleep come first where not all fit: no sleep begins without its inputs.
    """
    nodes = snapshot.nodes
    rows = [present(_input(node.name, node.meters, snapshot.taken_at)) for node in nodes]
    if not INPUT_NODES.holds(rows):
        rows.sort(key=lambda row: plan.awake.get(row["node"], True))
    zones = (present(_zone(value, snapshot.taken_at)) for _, value in sorted(snapshot.intensities.items()))
    return {
        "digest": plan.input_digest,
        "time": format_time(snapshot.taken_at),
        "nodes": omitted.fitting("inputs.nodes", rows, INPUT_NODES),
        "zones": omitted.fitting("inputs.zones", zones, INPUT_ZONES),
    }


def nodes_with_power(status: EnergyPlanStatus) -> frozenset[str]:
    """Nodes for which an EnergyPlan has a reading of power on record."""
    rows = (status.get("inputs") or {}).get("nodes") or ()
    return frozenset(row["node"] for row in rows if "powerAgeSeconds" in row)


def _input(name: str, meters: MeterFacts, now: datetime) -> EnergyPlanStatusInputsNode:
    power, harvest, battery = meters.power_watts, meters.harvest_watts, meters.battery_ratio
    return {
        "node": name,
        "powerAgeSeconds": _age_seconds(power, now),
        "powerQuality": _quality_of(power) or "Missing",
        "harvestAgeSeconds": _age_seconds(harvest, now),
        "harvestQuality": _quality_of(harvest),
        "batteryAgeSeconds": _age_seconds(battery, now),
        "batteryQuality": _quality_of(battery),
        "reason": None if isinstance(power, Measurement) else str(power.cause.reason),
    }


def _age_seconds(reading: Reading, now: datetime) -> int | None:
    return max(0, round(reading.age(now).total_seconds())) if isinstance(reading, Measurement) else None


def _quality_of(reading: Reading) -> str | None:
    return str(reading.quality) if isinstance(reading, Measurement) else None


def _zone(zone: ZoneIntensity, now: datetime) -> EnergyPlanStatusInputsZone:
    reading = zone.now_grams_per_kilowatt_hour
    return {
        "zone": zone.zone,
        "milligramsPerKilowattHour": round(reading.value * 1000) if isinstance(reading, Measurement) else None,
        "quality": _quality_of(reading) or "Missing",
        "ageSeconds": _age_seconds(reading, now),
        "provider": reading.source[:63] if isinstance(reading, Measurement) else None,
        "basis": basis_name(zone.basis),
    }


def _solution(report: SolverReport) -> EnergyPlanStatusSolution:
    cause, gap = report.cause, report.relative_gap
    return {
        "status": report.status.value,
        "solver": str(report.solver) if report.solver else None,
        "reason": str(cause.reason) if cause else None,
        "message": cause.message[:1024] if cause else None,
        "objectiveMicrogramsCO2e": micro_or_none(report.objective_grams),
        "lowerBoundMicrogramsCO2e": micro_or_none(report.lower_bound_grams),
        "relativeGapPartsPerMillion": None if gap is None else micro(max(0.0, gap)),
        "solveMilliseconds": None if report.solve_seconds is None else round(1000 * report.solve_seconds),
        "infeasibleBecause": [line[:256] for line in report.infeasible_because[:BECAUSE_LIMIT]],
    }


def _conditions(plan: Plan, snapshot: Snapshot) -> list[Condition]:
    report = plan.solver
    why_not = None if report.status.is_planned else report.cause
    planned = why_not or Cause(Reason.PLANNED, _quality(report))
    applied = plan.hold or (IN_FORCE if snapshot.policy.mode is OperatingMode.ACTIVE else DRY_RUN)
    return [
        Condition(type="Planned", status=why_not is None, cause=planned),
        Condition(type="Applied", status=applied is IN_FORCE, cause=applied),
    ]


def _quality(report: SolverReport) -> str:
    """Who found the plan, what it emits and how much better another might be, as far as that is known."""
    objective, gap = report.objective_grams, report.relative_gap
    grams = "emissions unknown" if objective is None else f"{objective:.4f} g"
    return f"{report.solver or 'no solver'}: {grams}, gap {'unknown' if gap is None else f'{gap:.1e}'}"


def period_of(body: Mapping[str, Any]) -> tuple[datetime, timedelta]:
    """Start and length of an EnergyPlan's period. Raises ValueError for an object without one."""
    spec: EnergyPlanSpec = body["spec"]
    start, end = parse_time(spec["periodStart"]), parse_time(spec["periodEnd"])
    if start is None or end is None:
        raise ValueError(f"EnergyPlan {body['metadata']['name']} has no period")
    return start, end - start
