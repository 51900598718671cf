"""The lists of an EnergyPlan's status: the weightiest rows first, folded or cut where they are too many. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sunward.cluster.access.times import format_time
from sunward.cluster.objects.crd_types import (
    EnergyPlanStatusAssignment,
    EnergyPlanStatusDecision,
    EnergyPlanStatusPrices,
    EnergyPlanStatusSleep,
    EnergyPlanStatusTransfer,
)
from sunward.cluster.objects.statuses import present
from sunward.cluster.reporting.bounds import Limit, Omitted
from sunward.cluster.reporting.micro import micro
from sunward.domain.jobs import Assignment
from sunward.domain.plans import Decision, DecisionKind, JobDirective, PlannedSleep, Prices, Transfer

DECISIONS = Limit(rows=1024, size_bytes=180_000)
ASSIGNMENTS = Limit(rows=4096, size_bytes=180_000)
TRANSFERS = Limit(rows=4096, size_bytes=100_000)
SLEEPS = Limit(rows=1024, size_bytes=60_000)
ENERGY_PRICES = Limit(rows=64, size_bytes=10_000)
OFFLOAD_PRICES = Limit(rows=256, size_bytes=60_000)
QUIET = (DecisionKind.KEEP_AWAKE, DecisionKind.KEEP_ASLEEP)
"""Decisions that change nothing: the first that may be missing."""


def decisions(made: Iterable[Decision], result: str, omitted: Omitted) -> list[EnergyPlanStatusDecision]:
    """What was decided; what changes something comes first where not all fit."""
    rows = list(made)
    all_rows = [_decision(one, result) for one in rows]
    if not DECISIONS.holds(all_rows):
        all_rows = [_decision(one, result) for one in sorted(rows, key=lambda one: one.kind in QUIET)]
    return omitted.fitting("decisions", all_rows, DECISIONS)


def _decision(decision: Decision, result: str) -> EnergyPlanStatusDecision:
    return {
        "kind": str(decision.kind),
        "subject": decision.subject,
        "reason": str(decision.cause.reason),
        "message": decision.cause.message[:1024],
        "result": "DryRun" if result == "DryRun" else "Planned",
    }


def assignments(directives: Iterable[JobDirective], omitted: Omitted) -> list[EnergyPlanStatusAssignment]:
    """Who works on what: shard by shard, else a row for each job and node, else a row for each job."""
    found = [row for directive in directives for row in directive.assignments]
    one_by_one = [_assignment(row) for row in found]
    for rows in (one_by_one, _folded(found, by_node=True), _folded(found, by_node=False)):
        if ASSIGNMENTS.holds(rows):
            omitted.count("assignments", len(found) - len(rows))
            return rows
    kept = omitted.fitting("assignments", _folded(found, by_node=False), ASSIGNMENTS)
    omitted.counts["assignments"] = len(found) - len(kept)
    return kept


def _assignment(row: Assignment) -> EnergyPlanStatusAssignment:
    return {
        "job": row.job,
        "shard": row.shard,
        "fromNode": row.from_node,
        "node": row.node,
        "batches": row.batches,
    }


def _folded(rows: Sequence[Assignment], *, by_node: bool) -> list[EnergyPlanStatusAssignment]:
    """The rows of a job as one, or as one for each node that works for it."""
    groups: dict[tuple[str, str], list[Assignment]] = defaultdict(list)
    for row in rows:
        groups[row.job, row.node if by_node else ""].append(row)
    return [_sum(job, node, group) for (job, node), group in sorted(groups.items())]


def _sum(job: str, node: str, rows: Sequence[Assignment]) -> EnergyPlanStatusAssignment:
    shards = len({row.shard for row in rows})
    folded: EnergyPlanStatusAssignment = {"job": job, "batches": sum(row.batches for row in rows), "shards": shards}
    if node:
        folded["node"] = node
    return folded


def transfers(
    planned: Sequence[Transfer], omitted: Omitted, limit: Limit = TRANSFERS
) -> list[EnergyPlanStatusTransfer]:
    """Energy that moves; the largest amounts come first where not all fit."""
    rows = [transfer_row(one) for one in planned]
    if not limit.holds(rows):
        rows = sorted(rows, key=lambda row: -row["sentMicrowattHours"])
    return omitted.fitting("transfers", rows, limit)


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


def sleeps(planned: Iterable[PlannedSleep], omitted: Omitted) -> list[EnergyPlanStatusSleep]:
    """Planned sleeps, the soonest first."""
    ordered = sorted(planned, key=lambda sleep: (sleep.start, sleep.node))
    return omitted.fitting("sleeps", (present(_sleep(sleep)) for sleep in ordered), SLEEPS)


def _sleep(sleep: PlannedSleep) -> EnergyPlanStatusSleep:
    return {"node": sleep.node, "time": format_time(sleep.start), "until": format_time(sleep.until)}


def prices(worth: Prices, omitted: Omitted) -> EnergyPlanStatusPrices:
    """What the limits of the first period are worth."""
    energy = worth.energy_grams_per_watt_hour.items()
    offload = worth.offload_grams.items()
    return {
        "energy": omitted.fitting(
            "prices.energy",
            [{"pool": pool, "microgramsPerWattHour": micro(grams)} for pool, grams in energy],
            ENERGY_PRICES,
        ),
        "offload": omitted.fitting(
            "prices.offload", [{"job": job, "microgramsCO2e": micro(grams)} for job, grams in offload], OFFLOAD_PRICES
        ),
    }
