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
    EnergyPlanStatusDecision,
    EnergyPlanStatusEmissions,
    EnergyPlanStatusInputs,
    EnergyPlanStatusInputsNode,
    EnergyPlanStatusInputsZone,
    EnergyPlanStatusPrices,
    EnergyPlanStatusSleep,
    EnergyPlanStatusSolution,
    EnergyPlanStatusTransfer,
)
from sunward.cluster.objects.statuses import present
from sunward.cluster.reporting.node_figures import basis_name
from sunward.domain.cause import Cause
from sunward.domain.measurement import Measurement, Reading
from sunward.domain.nodes import MeterFacts
from sunward.domain.plans import Decision, Plan, PlannedSleep, Prices, SolverReport, Transfer
from sunward.domain.policy import OperatingMode, PolicySpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneIntensity

GENERATION = 1
"""Of an EnergyPlan's spec, which never changes."""

BECAUSE_LIMIT = 32
MICRO = 1_000_000
ROWS_LIMIT = 1024
IN_FORCE = Cause(Reason.PLANNED, "in force; every step is rechecked before it is executed")
DRY_RUN = Cause(Reason.DRY_RUN, "EnergyPolicy default has mode DryRun: set spec.mode to Active to act")


def micro(value: float) -> int:
    """A figure in millionths, rounded to the nearest."""
    return round(value * MICRO)


def micro_or_none(value: float | None) -> int | None:
    """A figure in millionths; None stays None, and in a merge patch removes what stood there."""
    return None if value is None else micro(value)


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
    return {
        "observedGeneration": GENERATION,
        "operatorVersion": __version__,
        "inputs": inputs(plan, snapshot),
        "solution": _solution(plan.solver),
        "emissions": _emissions(plan),
        "decisions": [_decision(decision, snapshot) for decision in plan.decisions[:ROWS_LIMIT]],
        "dropped": [{"reason": str(reason), "count": count} for reason, count in sorted(dropped.items())],
        "assignments": [
            {
                "job": row.job,
                "shard": row.shard,
                "fromNode": row.from_node,
                "node": row.node,
                "batches": row.batches,
            }
            for directive in plan.jobs
            for row in directive.assignments
        ],
        "transfers": [transfer_row(transfer) for transfer in plan.transfers],
        "sleeps": [present(_sleep(sleep)) for sleep in plan.sleeps[:ROWS_LIMIT]],
        "prices": _prices(plan.prices),
        "conditions": conditions.merge(old.get("conditions"), _conditions(plan, snapshot), now, GENERATION),
    }


def _emissions(plan: Plan) -> EnergyPlanStatusEmissions:
    grams = plan.emissions_by_mode_grams
    return {
        "none": micro_or_none(grams.get("none")),
        "det": micro_or_none(grams.get("det")),
        "dat": micro_or_none(grams.get("dat")),
        "deta": micro_or_none(grams.get("deta")),
        "bound": micro_or_none(plan.solver.lower_bound_grams),
    }


def inputs(plan: Plan, snapshot: Snapshot) -> EnergyPlanStatusInputs:
    """What a plan and the sleeps under it rest on: ages in seconds and qualities, as the snapshot has them."""
    return {
        "digest": plan.input_digest,
        "time": format_time(snapshot.taken_at),
        "nodes": [present(_input(node.name, node.meters, snapshot.taken_at)) for node in snapshot.nodes[:ROWS_LIMIT]],
        "zones": [present(_zone(value, snapshot.taken_at)) for _, value in sorted(snapshot.intensities.items())],
    }


def nodes_without_power(status: EnergyPlanStatus) -> frozenset[str]:
    """Nodes for which an EnergyPlan has no reading of power on record."""
    rows = (status.get("inputs") or {}).get("nodes") or ()
    return frozenset(row["node"] for row in rows if "powerAgeSeconds" not in row)


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


def _decision(decision: Decision, snapshot: Snapshot) -> EnergyPlanStatusDecision:
    dry = snapshot.policy.mode is OperatingMode.DRY_RUN
    return {
        "kind": str(decision.kind),
        "subject": decision.subject,
        "reason": str(decision.cause.reason),
        "message": decision.cause.message[:1024],
        "result": "DryRun" if dry else "Planned",
    }


def _sleep(sleep: PlannedSleep) -> EnergyPlanStatusSleep:
    return {"node": sleep.node, "time": format_time(sleep.start), "until": format_time(sleep.until)}


def _prices(prices: Prices) -> EnergyPlanStatusPrices:
    energy, offload = prices.energy_grams_per_watt_hour, prices.offload_grams
    return {
        "energy": [{"pool": pool, "microgramsPerWattHour": micro(grams)} for pool, grams in list(energy.items())[:64]],
        "offload": [{"job": job, "microgramsCO2e": micro(grams)} for job, grams in list(offload.items())[:256]],
    }


def transfer_row(transfer: Transfer) -> EnergyPlanStatusTransfer:
    """A transfer as planned or as cleared."""
    return {
        "pool": transfer.pool,
        "kind": transfer.kind.value,
        "fromNode": transfer.from_node,
        "toNode": transfer.to_node,
        "sentMicrowattHours": micro(transfer.sent_watt_hours),
        "receivedMicrowattHours": micro(transfer.received_watt_hours),
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
