"""I13: settled energy adds up, by the rows themselves and not only by what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sunward_audit import facts
from sunward_audit.events import Event, ObjectSeen
from sunward_audit.verdicts import Verdict
from sunward_audit.view import View

PER_MILLE_PPM = 1000
ROUNDING_MICROWATT_HOURS = 10
HARVEST = ("harvestUsed", "harvestSent", "harvestStored", "harvestCurtailed")


def closes(view: View, event: Event) -> Iterator[Verdict]:
    """Every row and the whole close within 0.1 %, and harvest is used, sent, stored or curtailed, once."""
    if not isinstance(event, ObjectSeen) or event.kind != "energyplans" or event.gone:
        return
    settlement = facts.part(event.body, "status", "settlement")
    if not settlement or settlement == facts.part(view.before, "status", "settlement"):
        return
    wrong = list(_wrong(settlement))
    name = facts.name_of(event.body)
    yield from (Verdict(subject=name, broken=why, evidence=evidence) for why, evidence in wrong)
    if not wrong:
        yield Verdict(subject=name)


def _wrong(settlement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    whole = int(settlement.get("closingErrorPartsPerMillion") or 0)
    if whole > PER_MILLE_PPM:
        yield "the ledger does not close", f"{whole} ppm"
    rows = [row for row in settlement.get("nodes") or () if "loadMicrowattHours" in row]
    for row in rows:
        yield from _row(row)
    total, summed = facts.part(settlement, "totals").get("loadMicrowattHours"), _sum(rows, "load")
    if total is not None and abs(total - summed) > max(len(rows) * ROUNDING_MICROWATT_HOURS, summed / 1000):
        yield "the total is not the sum of its rows", f"{total} and {summed} µWh"


def _row(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    node, error = row.get("node"), int(row.get("closingErrorPartsPerMillion") or 0)
    if error > PER_MILLE_PPM:
        yield "a row does not close", f"{node}: {error} ppm"
    harvest, parts = row.get("harvestMicrowattHours"), [row.get(f"{what}MicrowattHours") for what in HARVEST]
    if harvest is None or any(part is None for part in parts):
        return
    gap = abs(harvest - sum(part for part in parts if part is not None))
    if gap > max(ROUNDING_MICROWATT_HOURS, harvest / 1000):
        yield "harvest is not used, sent, stored and curtailed once", f"{node}: {gap} µWh"


def _sum(rows: list[Mapping[str, Any]], what: str) -> int:
    return sum(int(row.get(f"{what}MicrowattHours") or 0) for row in rows)
