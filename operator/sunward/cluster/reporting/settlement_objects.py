"""A ledger as the settled half of an EnergyPlan's status: integers in micro-units, unknown figures left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sunward.accounting.ledger import LedgerRow, MissingNode, PeriodLedger
from sunward.accounting.none_baseline import total_grams
from sunward.accounting.signed.chain import Seal
from sunward.cluster.access.times import format_time
from sunward.cluster.objects.crd_types import (
    EnergyPlanStatusSettlement,
    EnergyPlanStatusSettlementNode,
    EnergyPlanStatusSettlementSeal,
    EnergyPlanStatusSettlementTotals,
)
from sunward.cluster.objects.statuses import present
from sunward.cluster.reporting.bounds import Limit, Omitted
from sunward.cluster.reporting.micro import micro, micro_or_none
from sunward.cluster.reporting.plan_rows import transfers as transfer_rows
from sunward.domain.plans import Transfer

NODES = Limit(rows=1024, size_bytes=450_000)
TRANSFERS = Limit(rows=4096, size_bytes=80_000)


def settlement_status(
    ledger: PeriodLedger,
    transfers: Sequence[Transfer],
    baseline_grams: Mapping[str, float],
    intensities: Mapping[str, float],
    devices: Mapping[str, str | None],
    method: str,
    now: datetime,
) -> EnergyPlanStatusSettlement:
    """The settled half: what the meters said, row by row, and how well it closes.

    `devices` are the production devices of nodes, as far as they are stated.
    """
    totals = ledger.totals
    location, market = totals.location_grams, totals.market_grams
    baseline = total_grams(baseline_grams, ledger.nodes)
    sums = _energies(ledger) if ledger.rows and not ledger.missing else EnergyPlanStatusSettlementTotals()
    sums["locationBasedMicrogramsCO2e"] = micro_or_none(location)
    sums["marketBasedMicrogramsCO2e"] = micro_or_none(market)
    sums["baselineMicrogramsCO2e"] = micro_or_none(baseline)
    sums["avoidedMicrogramsCO2e"] = None if location is None or baseline is None else micro(baseline - location)
    sums["embodiedMicrogramsCO2e"] = micro_or_none(totals.embodied_grams) if ledger.rows else None
    omitted = Omitted()
    rows = [
        *(present(_row(row, baseline_grams, intensities, devices)) for row in ledger.rows),
        *(present(_missing_row(node, devices)) for node in ledger.missing),
    ]
    status: EnergyPlanStatusSettlement = {
        "time": format_time(now),
        "from": format_time(ledger.period.start),
        "until": format_time(ledger.period.end),
        "method": method,
        "closingErrorPartsPerMillion": micro(ledger.closing_error_ratio) if ledger.rows else None,
        "totals": sums,
        "nodes": omitted.fitting("nodes", rows, NODES),
        "transfers": transfer_rows(transfers, omitted, TRANSFERS),
    }
    return status | {"omitted": omitted.rows()}


def seal_status(seal: Seal) -> EnergyPlanStatusSettlementSeal:
    """A seal as it stands beside its settlement."""
    return {
        "index": seal.index,
        "previous": seal.previous,
        "hash": seal.digest,
        "keyFingerprint": seal.key_fingerprint,
        "signature": seal.signature,
    }


def _energies(ledger: PeriodLedger) -> EnergyPlanStatusSettlementTotals:
    """Sums over all nodes; they are not known while the energy of one node is not."""
    totals = ledger.totals
    return {
        "loadMicrowattHours": micro(totals.load_watt_hours),
        "harvestMicrowattHours": micro(totals.harvest_watt_hours),
        "harvestUsedMicrowattHours": micro(totals.harvest_used_watt_hours),
        "harvestSentMicrowattHours": micro(totals.harvest_sent_watt_hours),
        "harvestStoredMicrowattHours": micro(totals.harvest_stored_watt_hours),
        "harvestCurtailedMicrowattHours": micro(totals.harvest_curtailed_watt_hours),
        "transferredMicrowattHours": micro(sum(pool.sent_watt_hours for pool in ledger.pools)),
        "receivedMicrowattHours": micro(totals.received_watt_hours),
        "lostMicrowattHours": micro(totals.lost_watt_hours),
        "gridMicrowattHours": micro(totals.grid_watt_hours),
        "fedInMicrowattHours": micro(totals.fed_in_watt_hours),
    }


def _missing_row(node: MissingNode, devices: Mapping[str, str | None]) -> EnergyPlanStatusSettlementNode:
    return {
        "node": node.node,
        "productionDevice": devices.get(node.node),
        "loadMicrowattHours": micro_or_none(node.load_watt_hours),
        "harvestMicrowattHours": micro_or_none(node.harvest_watt_hours),
        "reason": str(node.cause.reason),
        "message": node.cause.message,
    }


def _row(
    row: LedgerRow,
    baseline_grams: Mapping[str, float],
    intensities: Mapping[str, float],
    devices: Mapping[str, str | None],
) -> EnergyPlanStatusSettlementNode:
    intensity, sent = intensities.get(row.grid_zone), row.sent_physical_watt_hours + row.sent_contractual_watt_hours
    return {
        "node": row.node,
        "productionDevice": devices.get(row.node),
        "loadMicrowattHours": micro(row.load_watt_hours),
        "harvestMicrowattHours": micro(row.harvest_watt_hours),
        "harvestUsedMicrowattHours": micro(row.harvest_used_watt_hours),
        "harvestSentMicrowattHours": micro(row.harvest_sent_watt_hours),
        "harvestStoredMicrowattHours": micro(row.harvest_stored_watt_hours),
        "harvestCurtailedMicrowattHours": micro(row.harvest_curtailed_watt_hours),
        "receivedMicrowattHours": micro(row.received_physical_watt_hours + row.received_contractual_watt_hours),
        "chargedMicrowattHours": micro(row.charge_watt_hours),
        "dischargedMicrowattHours": micro(row.discharge_watt_hours),
        "batterySentMicrowattHours": micro(max(0.0, sent - row.harvest_sent_watt_hours)),
        "gridMicrowattHours": micro(row.grid_watt_hours),
        "locationBasedMicrogramsCO2e": micro_or_none(row.location_grams),
        "marketBasedMicrogramsCO2e": micro_or_none(row.market_grams),
        "baselineMicrogramsCO2e": micro_or_none(baseline_grams.get(row.node)),
        "closingErrorPartsPerMillion": micro(row.closing_error_ratio),
        "intensityMilligramsPerKilowattHour": None if intensity is None else round(intensity * 1000),
        "reason": None if row.emissions_missing is None else str(row.emissions_missing),
    }
