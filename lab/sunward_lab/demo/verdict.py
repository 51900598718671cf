"""Did it happen? Every promise of the demo with the evidence for it; one that failed makes the demo exit with 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sunward_lab.demo.record import Record, at

Body = dict[str, Any]
CLOSING_LIMIT_PPM = 1000
LEARNED_PERCENT: Mapping[str, float] = {"mnist": 95.0, "fashion-mnist": 85.0, "digits": 85.0}
"""Accuracy above which the demo's model has learned its data set; chance gives 10 % on each of them.

The demo's 50 rounds reach 98 % on MNIST and 89 % on Fashion-MNIST, which is the harder set: one limit for both is
either no test of the first or unreachable on the second.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One promise, whether it was kept, and how it was seen."""

    promise: str
    kept: bool
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Settled figures over all periods of the job, micro-units of the resources in grams and watt-hours."""

    periods: int
    location_grams: float
    market_grams: float
    baseline_grams: float
    load_watt_hours: float
    harvest_watt_hours: float
    worst_closing_ppm: int


def settled(plans: Sequence[Body]) -> list[Body]:
    """Plans whose period has been settled for every node, oldest first; half a cluster's books prove nothing."""
    return [plan for plan in plans if _is_whole(at(plan, "status", "settlement") or {})]


def _is_whole(settlement: Body) -> bool:
    totals = settlement.get("totals") or {}
    known = all(totals.get(key) is not None for key in ("locationBasedMicrogramsCO2e", "baselineMicrogramsCO2e"))
    return known and not any("reason" in row for row in settlement.get("nodes") or ())


def sums(plans: Sequence[Body]) -> Sums:
    """Add up the settlements."""
    rows = [plan["status"]["settlement"] for plan in settled(plans)]

    def total(key: str) -> float:
        return sum((row["totals"].get(key) or 0) for row in rows) / 1e6

    return Sums(
        periods=len(rows),
        location_grams=total("locationBasedMicrogramsCO2e"),
        market_grams=total("marketBasedMicrogramsCO2e"),
        baseline_grams=total("baselineMicrogramsCO2e"),
        load_watt_hours=total("loadMicrowattHours"),
        harvest_watt_hours=total("harvestMicrowattHours"),
        worst_closing_ppm=max((row.get("closingErrorPartsPerMillion", 0) for row in rows), default=0),
    )


def judge(record: Record) -> list[Finding]:
    """Every promise of the demo."""
    plans = record.last.plans if record.last else []
    jobs = record.last.jobs if record.last else []
    figures = sums(plans)
    return [
        _complete(jobs),
        _powered(record, "Asleep", "a node was really powered off"),
        _powered(record, "Awake", "a powered-off node was woken again"),
        _moved(record),
        _transferred(plans),
        _nothing_lost(record),
        Finding(
            promise=f"the ledger closes within {CLOSING_LIMIT_PPM / 1e4:.1f} % in every period",
            kept=figures.periods > 0 and figures.worst_closing_ppm <= CLOSING_LIMIT_PPM,
            evidence=f"{figures.periods} periods, worst {figures.worst_closing_ppm} ppm",
        ),
        Finding(
            promise="emissions are below the none baseline under the same trace",
            kept=figures.periods > 0 and figures.location_grams < figures.baseline_grams,
            evidence=f"{figures.location_grams:.4f} g location-based, {figures.market_grams:.4f} g market-based, "
            f"baseline {figures.baseline_grams:.4f} g",
        ),
    ]


def _complete(jobs: Sequence[Body]) -> Finding:
    for job in jobs:
        conditions = {c["type"]: c for c in at(job, "status", "conditions") or ()}
        done = conditions.get("Complete", {}).get("status") == "True"
        learned, accuracy = _learned(job)
        return Finding(
            promise="the job is complete with its accuracy stated",
            kept=done and learned,
            evidence=f"round {at(job, 'status', 'round')} of {job['spec']['rounds']}, {accuracy}",
        )
    return Finding(promise="the job is complete with its accuracy stated", kept=False, evidence="no job")


def _learned(job: Body) -> tuple[bool, str]:
    """Whether the job learned what its data set can be expected to teach, and the figures that say so."""
    ppm, data_set = at(job, "status", "accuracyPartsPerMillion"), at(job, "status", "dataSet")
    if ppm is None:
        return False, "accuracy unknown"
    limit = LEARNED_PERCENT.get(str(data_set))
    if limit is None:
        return False, f"accuracy {ppm / 10_000:.2f} % on data set {data_set}, for which no limit is known"
    return ppm / 10_000 > limit, f"accuracy {ppm / 10_000:.2f} % on {data_set} (learned above {limit:.0f} %)"


def _powered(record: Record, state: str, promise: str) -> Finding:
    slept: set[str] = set()
    found: list[str] = []
    for transition in sorted(record.transitions, key=lambda t: str(t["time"])):
        if transition.get("to") == "Asleep":
            slept.add(transition["node"])
        if transition.get("to") == state and transition["node"] in slept:
            found.append(f"{transition['node']} {transition['time'][11:19]}")
    return Finding(promise=promise, kept=bool(found), evidence=", ".join(found[:6]) or "did not happen")


def _moved(record: Record) -> Finding:
    rows = [f"{key} ({batches} a round)" for key, batches in sorted(record.moved.items())]
    return Finding(
        promise="batches of a shard moved to a cleaner node", kept=bool(rows), evidence="; ".join(rows[:3]) or "none"
    )


def _transferred(plans: Sequence[Body]) -> Finding:
    rows = [
        f"{t['fromNode']} -> {t['toNode']} {t['sentMicrowattHours'] / 1000:.2f} mWh ({t.get('kind', '')})"
        for plan in settled(plans)
        for t in at(plan, "status", "settlement", "transfers") or ()
        if t["sentMicrowattHours"] > 0
    ]
    return Finding(
        promise="an energy transfer was settled", kept=bool(rows), evidence=f"{len(rows)}: " + "; ".join(rows[:2])
    )


def _nothing_lost(record: Record) -> Finding:
    return Finding(
        promise="no Sunward pod was lost other than by eviction",
        kept=not record.lost_pods,
        evidence=", ".join(record.lost_pods) or f"{len(record.ended_pods)} left, each by an eviction or at its end",
    )
