"""Settles finished periods: metered energy replaces planned energy, and the EnergyPlan gets its ledger.

Meters stand on the nodes, so a node that was off for a while has gaps. The relay in front of it measures all the time:
its readings, taken in every pass, fill the gaps. What neither saw is missing, and said to be.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sunward.accounting import none_baseline
from sunward.accounting.attribution import node_shares, weighted
from sunward.accounting.ledger import MissingNode, PeriodLedger, close
from sunward.accounting.none_baseline import Work, total_grams
from sunward.accounting.values import Period, ZoneFactor
from sunward.cluster.access.api import Api, ours
from sunward.cluster.access.times import format_time, parse_time
from sunward.cluster.objects.crd_types import TrainingJobStatus
from sunward.cluster.objects.statuses import status_of
from sunward.cluster.ports import Reporter, Sensors
from sunward.cluster.reporting import plan_objects, retention
from sunward.cluster.settling.meter_logs import LOG_LENGTH, Log, append, filled, mean_of, nearest
from sunward.domain.cause import Cause
from sunward.domain.energy import MeteredNode
from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Measurement, Metered, Window
from sunward.domain.nodes import NodeSpec
from sunward.domain.plans import Transfer
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.planning import settle
from sunward.planning.ports import SolverPort

GIVE_UP_AFTER = timedelta(hours=2)
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Work that a job finished between two passes."""

    time: datetime
    job: str
    work: tuple[Work, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A period's books, what was cleared, and what the none baseline would have emitted per node."""

    ledger: PeriodLedger
    transfers: tuple[Transfer, ...]
    baseline_grams: Mapping[str, float]
    intensities: Mapping[str, float]


class Settler:
    """Remembers relay and intensity readings, and writes the settlement of every period that has ended."""

    def __init__(self, api: Api, sensors: Sensors, solver: SolverPort, reporter: Reporter) -> None:
        self._api = api
        self._sensors = sensors
        self._solver = solver
        self._reporter = reporter
        self._relays: dict[str, Log] = {}
        self._zones: dict[Basis, dict[str, Log]] = {}
        self._batteries: dict[str, Log] = {}
        self._harvests: dict[str, Log] = {}
        self._rounds: deque[Round] = deque(maxlen=LOG_LENGTH)
        self._last_rounds: dict[str, int] = {}
        self._done: set[str] = set()
        self._open: dict[str, datetime] = {}  # plans without a settlement, and when their periods end
        self._looked_for = ""

    def remember(self, snapshot: Snapshot, power: Mapping[str, PowerReading | None]) -> None:
        """Keep what the meters say now; called in every pass."""
        for name, reading in power.items():
            if reading is not None and reading.watts is not None:
                append(self._relays, name, reading.time, reading.watts)
        for zone, value in snapshot.intensities.items():
            now = value.now_grams_per_kilowatt_hour
            if isinstance(now, Measurement) and value.basis is not None:
                append(self._zones.setdefault(value.basis, {}), zone, snapshot.taken_at, now.value)
        for node in snapshot.nodes:
            ratio = node.meters.battery_ratio
            if node.spec.battery is not None and isinstance(ratio, Measurement):
                append(self._batteries, node.name, ratio.time, ratio.value)
            harvest = node.meters.harvest_watts
            if isinstance(harvest, Measurement):
                append(self._harvests, node.name, harvest.time, harvest.value)
        self._remember_rounds(snapshot)

    def _remember_rounds(self, snapshot: Snapshot) -> None:
        """Rounds that ended since the last pass, worked on as the assignments in force said."""
        for job in snapshot.jobs:
            before = self._last_rounds.get(job.spec.key, job.last_round)
            self._last_rounds[job.spec.key] = job.last_round
            ended = job.last_round - before
            if ended > 0 and job.assignments:
                work = tuple(
                    Work(node=row.node, home=row.from_node, batches=row.batches * ended) for row in job.assignments
                )
                self._rounds.append(Round(time=snapshot.taken_at, job=job.spec.key, work=work))

    async def settle(self, snapshot: Snapshot, plan: str) -> None:
        """Settle every plan whose period ended long enough ago for its last samples to be in; let old ones go.

        A hundred plans of a large cluster are megabytes: they are listed when *plan*, the one in force, is new, and
        when one is due.
        """
        due = any(self._is_due(end, snapshot.taken_at) for end in self._open.values())
        if plan == self._looked_for and not due:
            return
        plans = await self._api.list(ours("energyplans"), labelSelector="app.kubernetes.io/managed-by=sunward")
        self._open, self._looked_for = {}, ""  # until all is seen through: an error on the way must not hide the rest
        for body in plans:
            await self._settle_if_due(body, snapshot)
        old = retention.expired(plans, self._done, snapshot.policy.keep_plans)
        gone = await retention.remove(self._api, old)
        self._done -= set(gone)
        self._looked_for = plan if len(gone) == len(old) else ""

    def _is_due(self, end: datetime, now: datetime) -> bool:
        return (now - end).total_seconds() >= self._sensors.settle_delay_seconds

    async def _settle_if_due(self, body: Body, snapshot: Snapshot) -> None:
        name = body["metadata"]["name"]
        start, length = plan_objects.period_of(body)
        end = start + length
        is_settled = bool((body.get("status") or {}).get("settlement"))
        if name in self._done or is_settled or snapshot.taken_at - end > GIVE_UP_AFTER:
            self._done.add(name)
        else:
            self._open[name] = end
            if self._is_due(end, snapshot.taken_at):
                await self._settle_one(name, Period(start=start, end=end), snapshot)

    async def _settle_one(self, name: str, period: Period, snapshot: Snapshot) -> None:
        try:
            metered = await self._sensors.energy([node.spec for node in snapshot.nodes], period.start, period.end)
        except SourceUnavailable as error:
            self._reporter.failed("settlement", error)
            return
        settled = await asyncio.to_thread(self._clear, period, snapshot, metered)
        status = plan_objects.settlement_status(
            settled.ledger,
            settled.transfers,
            settled.baseline_grams,
            settled.intensities,
            none_baseline.METHOD,
            snapshot.taken_at,
        )
        await self._account_jobs(period, snapshot, settled)
        await self._api.patch(ours("energyplans", name, sub="status"), {"status": {"settlement": status}})
        self._done.add(name)
        self._open.pop(name, None)
        self._reporter.settled(settled.ledger, total_grams(settled.baseline_grams, settled.ledger.nodes))

    async def _account_jobs(self, period: Period, snapshot: Snapshot, settled: Settled) -> None:
        """Add the period to the jobs that ran in it, once: `accountedUntil` survives a crash between two writes."""
        running = [job for job in snapshot.jobs if job.finished is None or self._worked(job.spec.key, period)]
        work = {job.spec.key: self._work(period, job.spec.key) for job in running}
        homes = {job.spec.key: [shard.node for shard in job.spec.shards] for job in running}
        shares = node_shares(work, homes)
        for job in running:
            path = ours("trainingjobs", job.spec.name, namespace=job.spec.namespace)
            body = await self._api.get(path)
            old: TrainingJobStatus = status_of(body)
            until = parse_time(old.get("accountedUntil"))
            if until is not None and period.end <= until:
                continue
            status = _accounted(old, _job_figures(shares[job.spec.key], settled))
            status["accountedUntil"] = format_time(period.end)
            version = {"resourceVersion": body["metadata"]["resourceVersion"]}  # a sum over another sum is none
            await self._api.patch(f"{path}/status", {"metadata": version, "status": status})

    def _worked(self, job: str, period: Period) -> bool:
        return bool(self._work(period, job))

    def _factors(self, snapshot: Snapshot, period: Period) -> dict[str, ZoneFactor]:
        """Mean intensities of the period's zones, all of one basis: books of two are no books.

        A source that was exchanged during the period may have another basis; then the younger one counts, and a zone
        that has no reading under it is unknown.
        """
        basis = self._basis_at(period.end)
        if basis is None:
            return {}
        logs = self._zones[basis]
        zones = sorted({node.spec.grid_zone for node in snapshot.nodes})
        means = {zone: mean_of(logs.get(zone, ()), period.start, period.end) for zone in zones}
        return {
            zone: ZoneFactor(grid_zone=zone, grams_per_kilowatt_hour=mean, basis=basis)
            for zone, mean in means.items()
            if mean is not None
        }

    def _basis_at(self, end: datetime) -> Basis | None:
        """The basis of the last reading before a time."""
        times = {
            basis: [time for log in logs.values() for time, _ in log if time < end]
            for basis, logs in self._zones.items()
        }
        known = {basis: max(found) for basis, found in times.items() if found}
        return max(known, key=lambda basis: known[basis], default=None)

    def _clear(self, period: Period, snapshot: Snapshot, metered: Mapping[str, Metered]) -> Settled:
        """Everything that is computed and not asked: loads, clearing, books and baseline."""
        factors = self._factors(snapshot, period)
        intensities = {zone: factor.grams_per_kilowatt_hour for zone, factor in factors.items()}
        loads = [self._metered(node.spec, metered.get(node.name), period) for node in snapshot.nodes]
        known = [row for row in loads if isinstance(row, MeteredNode)]
        missing = [row for row in loads if isinstance(row, MissingNode)]
        cleared = settle.clear(known, period.end - period.start, intensities, snapshot.policy, self._solver)
        ledger = close(period, cleared.nodes, cleared.flows, factors.values(), missing=missing)
        grams = none_baseline.baseline_grams(known, self._work(period), period.hours, intensities)
        return Settled(ledger=ledger, transfers=cleared.transfers, baseline_grams=grams, intensities=intensities)

    def _metered(self, spec: NodeSpec, found: Metered | None, period: Period) -> MeteredNode | MissingNode:
        own = found.load if found else None
        load = filled(own, self._relays.get(spec.name, ()), period.start, period.end)
        if load is None:
            return _missing(spec, "no energy reading covers the whole period")
        harvest = found.harvest if found else None
        hours = _covered_hours(own, period)
        if spec.harvest_nameplate_watts is not None and harvest is None and hours > 0.0:
            return _missing(spec, "it ran and its harvest was not metered", load)
        harvested = harvest.watt_hours if harvest else 0.0
        stored_change = self._stored_change(spec, period)
        if stored_change is None:
            return _missing(spec, "no battery reading near the start or the end of the period", load, harvested)
        return MeteredNode(
            spec=spec,
            load_watt_hours=load,
            harvest_watt_hours=harvested,
            stored_change_watt_hours=stored_change,
            awake_hours=hours,
            awake_watt_hours=own.watt_hours if own else 0.0,
            unseen_harvest_watt_hours=self._unseen_harvest(spec, period, hours),
        )

    def _stored_change(self, spec: NodeSpec, period: Period) -> float | None:
        """Change of stored energy (Wh) between the readings nearest to both ends; None without readings there."""
        if spec.battery is None:
            return 0.0
        log = self._batteries.get(spec.name, ())
        start, end = nearest(log, period.start), nearest(log, period.end)
        return None if start is None or end is None else (end - start) * spec.battery.capacity_watt_hours

    def _unseen_harvest(self, spec: NodeSpec, period: Period, own_hours: float) -> float | None:
        """What the source offered while the node's own meters were off (Wh), at its mean power of the period.

        None when it was off and no reading of the source is known.
        """
        unseen_hours = max(0.0, period.hours - own_hours)
        if spec.harvest_nameplate_watts is None or unseen_hours == 0.0:
            return 0.0
        watts = mean_of(self._harvests.get(spec.name, ()), period.start, period.end)
        return None if watts is None else watts * unseen_hours

    def _work(self, period: Period, job: str | None = None) -> list[Work]:
        return [
            item
            for done in self._rounds
            if period.start <= done.time < period.end and job in (None, done.job)
            for item in done.work
        ]


def _missing(spec: NodeSpec, why: str, load: float | None = None, harvest: float | None = None) -> MissingNode:
    cause = Cause(Reason.DATA_MISSING, why)
    return MissingNode(node=spec.name, cause=cause, load_watt_hours=load, harvest_watt_hours=harvest)


def _job_figures(shares: Mapping[str, float], settled: Settled) -> TrainingJobStatus | None:
    """What a period adds to a job's figures, in micro-units; None when one of its nodes has no figure."""
    rows = settled.ledger.rows
    energy = weighted(shares, {row.node: row.load_watt_hours for row in rows})
    grams = weighted(shares, {row.node: row.location_grams for row in rows if row.location_grams is not None})
    baseline = weighted(shares, settled.baseline_grams)
    if energy is None or grams is None or baseline is None:
        return None
    return {
        "energyMicrowattHours": plan_objects.micro(energy),
        "emissionsMicrogramsCO2e": plan_objects.micro(grams),
        "baselineEmissionsMicrogramsCO2e": plan_objects.micro(baseline),
    }


def _accounted(old: TrainingJobStatus, added: TrainingJobStatus | None) -> TrainingJobStatus:
    """A job's figures with those of one more period; a period that is not known is counted instead of added as zero."""
    if added is None:
        return {"unaccountedPeriods": (old.get("unaccountedPeriods") or 0) + 1}
    emissions = _sum(old.get("emissionsMicrogramsCO2e"), added.get("emissionsMicrogramsCO2e"))
    baseline = _sum(old.get("baselineEmissionsMicrogramsCO2e"), added.get("baselineEmissionsMicrogramsCO2e"))
    return {
        "energyMicrowattHours": _sum(old.get("energyMicrowattHours"), added.get("energyMicrowattHours")),
        "emissionsMicrogramsCO2e": emissions,
        "baselineEmissionsMicrogramsCO2e": baseline,
        "avoidedEmissionsMicrogramsCO2e": baseline - emissions,
    }


def _sum(before: int | None, added: int | None) -> int:
    """What was counted before and what is added; a job that has no figure yet has counted nothing."""
    return (before or 0) + (added or 0)


def _covered_hours(window: Window | None, period: Period) -> float:
    if window is None:
        return 0.0
    gaps = sum((end - start).total_seconds() for start, end in window.gaps)
    return max(0.0, period.hours - gaps / SECONDS_PER_HOUR)
