"""Plans and settlements as EnergyPlan objects: integers in micro-units, bounded lists, nothing a float could blur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sunward.accounting.ledger import LedgerRow, MissingNode, PeriodLedger
from sunward.accounting.none_baseline import total_grams
from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.objects import conditions
from sunward.cluster.objects.conditions import Condition
from sunward.domain.cause import Cause
from sunward.domain.measurement import Measurement, Reading
from sunward.domain.plans import Decision, Plan, SolverReport, Transfer
from sunward.domain.policy import Mode, PolicySpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot

Body = dict[str, Any]
MICRO = 1_000_000
ROWS_LIMIT = 1024
MODES = ("none", "det", "dat", "deta")
IN_FORCE = Cause(Reason.PLANNED, "in force: every step is checked again before it is taken")
DRY_RUN = Cause(Reason.DRY_RUN, "EnergyPolicy default has mode DryRun: set spec.mode to Active to act")


def micro(value: float) -> int:
    """A figure in millionths, rounded to the nearest."""
    return round(value * MICRO)


def micro_or_none(value: float | None) -> int | None:
    """A figure in millionths; None stays None, and in a merge patch removes what stood there."""
    return None if value is None else micro(value)


def plan_object(plan: Plan, policy: PolicySpec) -> Body:
    """The EnergyPlan to create for a period."""
    return {
        "apiVersion": "sunward.dev/v1alpha1",
        "kind": "EnergyPlan",
        "metadata": {"name": plan.name, "labels": {"app.kubernetes.io/managed-by": "sunward"}},
        "spec": {
            "periodStart": format_time(plan.start),
            "periodEnd": format_time(plan.end),
            "mode": str(policy.mode),
            "periodSeconds": max(1, round(plan.period.total_seconds())),
            "horizonPeriods": policy.horizon_periods,
            "policyGeneration": policy.observed_generation,
        },
    }


def plan_status(plan: Plan, snapshot: Snapshot, dropped: Mapping[Reason, int], old: Body, now: datetime) -> Body:
    """The planned half of an EnergyPlan's status, as a merge patch: None removes what an earlier plan left."""
    return {
        "inputs": inputs(plan, snapshot),
        "solution": _solution(plan.solver),
        "emissions": {
            **{mode: micro_or_none(plan.emissions_by_mode_grams.get(mode)) for mode in MODES},
            "bound": micro_or_none(plan.solver.lower_bound_grams),
        },
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
        "transfers": [_transfer(transfer) for transfer in plan.transfers],
        "conditions": conditions.merge(old.get("conditions") or (), _conditions(plan, snapshot), now, 1),
    }


def inputs(plan: Plan, snapshot: Snapshot) -> Body:
    """What a plan and the sleeps under it rest on: ages in seconds and qualities, as the snapshot has them."""
    return {
        "digest": plan.input_digest,
        "time": format_time(snapshot.taken_at),
        "nodes": [
            {
                "node": node.name,
                **_aged("power", node.meters.power_watts, snapshot.taken_at),
                **_aged("harvest", node.meters.harvest_watts, snapshot.taken_at),
                **_aged("battery", node.meters.battery_ratio, snapshot.taken_at),
            }
            for node in snapshot.nodes[:ROWS_LIMIT]
        ],
        "zones": [
            {"zone": zone, **_zone(value.now_grams_per_kilowatt_hour, snapshot.taken_at)}
            for zone, value in sorted(snapshot.intensities.items())
        ],
    }


def nodes_without_power(body: Body) -> frozenset[str]:
    """Nodes for which an EnergyPlan has no reading of power on record."""
    rows = ((body.get("status") or {}).get("inputs") or {}).get("nodes") or ()
    return frozenset(row["node"] for row in rows if "powerAgeSeconds" not in row)


def _aged(what: str, reading: Reading, now: datetime) -> Body:
    if not isinstance(reading, Measurement):
        return {f"{what}Quality": "Missing", "reason": str(reading.reason)} if what == "power" else {}
    age = max(0, round(reading.age(now).total_seconds()))
    return {f"{what}AgeSeconds": age, f"{what}Quality": str(reading.quality)}


def _zone(reading: Reading, now: datetime) -> Body:
    if not isinstance(reading, Measurement):
        return {"quality": "Missing"}
    return {
        "milligramsPerKilowattHour": round(reading.value * 1000),
        "quality": str(reading.quality),
        "ageSeconds": max(0, round(reading.age(now).total_seconds())),
    }


def _solution(report: SolverReport) -> Body:
    cause, gap = report.cause, report.relative_gap
    return {
        "status": str(report.status),
        "solver": report.solver[:256] if report.solver else None,
        "reason": str(cause.reason) if cause else None,
        "message": cause.message[:1024] if cause else None,
        "objectiveMicrogramsCO2e": micro_or_none(report.objective_grams),
        "lowerBoundMicrogramsCO2e": micro_or_none(report.lower_bound_grams),
        "relativeGapPartsPerMillion": None if gap is None else micro(max(0.0, gap)),
    }


def _decision(decision: Decision, snapshot: Snapshot) -> Body:
    dry = snapshot.policy.mode is Mode.DRY_RUN
    return {
        "kind": str(decision.kind),
        "subject": decision.subject,
        "reason": str(decision.reason),
        "message": decision.message[:1024],
        "result": "DryRun" if dry else "Planned",
    }


def _transfer(transfer: Transfer) -> Body:
    return {
        "pool": transfer.pool,
        "kind": str(transfer.kind),
        "fromNode": transfer.from_node,
        "toNode": transfer.to_node,
        "sentMicrowattHours": micro(transfer.sent_watt_hours),
        "receivedMicrowattHours": micro(transfer.received_watt_hours),
    }


def _conditions(plan: Plan, snapshot: Snapshot) -> list[Condition]:
    report = plan.solver
    why_not = None if report.status.is_planned else report.cause
    planned = why_not or Cause(Reason.PLANNED, _quality(report))
    applied = plan.hold or (IN_FORCE if snapshot.policy.mode is Mode.ACTIVE else DRY_RUN)
    return [
        Condition(type="Planned", status=why_not is None, reason=planned.reason, message=planned.message),
        Condition(type="Applied", status=applied is IN_FORCE, reason=applied.reason, message=applied.message),
    ]


def _quality(report: SolverReport) -> str:
    """Who found the plan, what it emits and how much better another might be, as far as that is known."""
    objective, gap = report.objective_grams, report.relative_gap
    grams = "emissions unknown" if objective is None else f"{objective:.4f} g"
    return f"{report.solver or 'no solver'}: {grams}, gap {'unknown' if gap is None else f'{gap:.1e}'}"


def settlement_status(
    ledger: PeriodLedger,
    transfers: Sequence[Transfer],
    baseline_grams: Mapping[str, float],
    intensities: Mapping[str, float],
    method: str,
    now: datetime,
) -> Body:
    """The settled half: what the meters said, row by row, and how well it closes."""
    totals = ledger.totals
    location, market = totals.location_grams, totals.market_grams
    baseline = total_grams(baseline_grams, ledger.nodes)
    sums = {
        **(_energies(ledger) if ledger.rows and not ledger.missing else {}),
        "locationBasedMicrogramsCO2e": micro_or_none(location),
        "marketBasedMicrogramsCO2e": micro_or_none(market),
        "baselineMicrogramsCO2e": micro_or_none(baseline),
        "avoidedMicrogramsCO2e": None if location is None or baseline is None else micro(baseline - location),
    }
    return {
        "time": format_time(now),
        "from": format_time(ledger.period.start),
        "until": format_time(ledger.period.end),
        "method": method,
        **({"closingErrorPartsPerMillion": micro(ledger.closing_error_ratio)} if ledger.rows else {}),
        "totals": {key: value for key, value in sums.items() if value is not None},
        "nodes": [
            *(_row(row, baseline_grams, intensities) for row in ledger.rows),
            *(_missing_row(node) for node in ledger.missing),
        ],
        "transfers": [_transfer(transfer) for transfer in transfers],
    }


def _energies(ledger: PeriodLedger) -> Body:
    """Sums over all nodes; they are not known while the energy of one node is not."""
    totals = ledger.totals
    return {
        "loadMicrowattHours": micro(totals.load_watt_hours),
        "harvestMicrowattHours": micro(totals.harvest_watt_hours),
        "transferredMicrowattHours": micro(sum(pool.sent_watt_hours for pool in ledger.pools)),
        "gridMicrowattHours": micro(totals.grid_watt_hours),
    }


def _missing_row(node: MissingNode) -> Body:
    metered = {"loadMicrowattHours": node.load_watt_hours, "harvestMicrowattHours": node.harvest_watt_hours}
    return {
        "node": node.node,
        **{key: micro(value) for key, value in metered.items() if value is not None},
        "reason": str(node.cause.reason),
        "message": node.cause.message,
    }


def _row(row: LedgerRow, baseline_grams: Mapping[str, float], intensities: Mapping[str, float]) -> Body:
    columns = {
        "loadMicrowattHours": row.load_watt_hours,
        "harvestMicrowattHours": row.harvest_watt_hours,
        "harvestUsedMicrowattHours": row.harvest_used_watt_hours,
        "harvestSentMicrowattHours": row.harvest_sent_watt_hours,
        "harvestStoredMicrowattHours": row.harvest_stored_watt_hours,
        "harvestCurtailedMicrowattHours": row.harvest_curtailed_watt_hours,
        "receivedMicrowattHours": row.received_physical_watt_hours + row.received_contractual_watt_hours,
        "dischargedMicrowattHours": row.discharge_watt_hours,
        "gridMicrowattHours": row.grid_watt_hours,
        "locationBasedMicrogramsCO2e": row.location_grams,
        "marketBasedMicrogramsCO2e": row.market_grams,
        "baselineMicrogramsCO2e": baseline_grams.get(row.node),
        "closingErrorPartsPerMillion": row.closing_error_ratio,
    }
    intensity = intensities.get(row.grid_zone)
    return {
        "node": row.node,
        **{key: micro(value) for key, value in columns.items() if value is not None},
        **({} if intensity is None else {"intensityMilligramsPerKilowattHour": round(intensity * 1000)}),
        **({} if row.emissions_missing is None else {"reason": str(row.emissions_missing)}),
    }


def period_of(body: Mapping[str, Any]) -> tuple[datetime, timedelta]:
    """Start and length of an EnergyPlan's period."""
    start = parse_time(body["spec"]["periodStart"])
    end = parse_time(body["spec"]["periodEnd"])
    if start is None or end is None:
        raise ValueError(f"EnergyPlan {body['metadata']['name']} has no period")
    return start, end - start
