"""Settles finished periods: metered energy replaces planned energy, and the EnergyPlan gets its ledger.

Meters stand on the nodes, so a node that was off for a while has gaps. The relay in front of it measures all the time:
its readings, taken in every pass, fill the gaps. What neither saw is missing, and said to be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sunward.accounting.ledger import MissingNode, PeriodLedger
from sunward.accounting.values import Basis, Period, ZoneFactor
from sunward.cluster import plan_objects
from sunward.cluster.api import Api, ours
from sunward.cluster.ports import Reporter, Sensors
from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Measurement, Metered, Window
from sunward.domain.nodes import NodeView
from sunward.domain.plans import Transfer
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading
from sunward.planning.ports import SolverPort

LOG_LENGTH = 4096
RELAY_STEP_LIMIT_SECONDS = 30.0
GIVE_UP_AFTER = timedelta(hours=2)
Log = deque[tuple[datetime, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A period's books, what was cleared, and what the none baseline would have emitted per node."""

    ledger: PeriodLedger
    transfers: tuple[Transfer, ...]
    baseline_grams: Mapping[str, float]
    intensities: Mapping[str, float]


def integral_watt_hours(log: Sequence[tuple[datetime, float]], start: datetime, end: datetime) -> float | None:
    """Watt-hours under the readings of a relay in [start, end), linear in between.

    None when readings are further apart than the limit or do not reach both ends: a guess would not be a meter.
    """
    reach = timedelta(seconds=RELAY_STEP_LIMIT_SECONDS)
    near = [(t, w) for t, w in log if start - reach <= t <= end + reach]
    if len(near) < 2 or near[0][0] > start + reach / 2 or near[-1][0] < end - reach / 2:
        return None
    total = 0.0
    for (t0, w0), (t1, w1) in pairwise(near):
        if (t1 - t0) > reach:
            return None
        a, b = max(t0, start), min(t1, end)
        if a < b:
            span = (t1 - t0).total_seconds()
            at = [w0 + (w1 - w0) * (t - t0).total_seconds() / span for t in (a, b)]
            total += sum(at) / 2 * (b - a).total_seconds() / 3600
    edges = _held(near, start, end)
    return total + edges


def _held(near: Sequence[tuple[datetime, float]], start: datetime, end: datetime) -> float:
    """The first and last reading hold towards the ends of the interval."""
    (first, first_watts), (last, last_watts) = near[0], near[-1]
    before = max(0.0, (min(first, end) - start).total_seconds()) * first_watts
    after = max(0.0, (end - max(last, start)).total_seconds()) * last_watts
    return (before + after) / 3600


def filled(window: Window | None, log: Sequence[tuple[datetime, float]], start: datetime, end: datetime) -> float | None:
    """A node's load in a period (Wh): its own meter, and the relay's where that has gaps. None when both were blind."""
    gaps = ((start, end),) if window is None else window.gaps
    total = 0.0 if window is None else window.watt_hours
    for gap_start, gap_end in gaps:
        part = integral_watt_hours(log, gap_start, gap_end)
        if part is None:
            return None
        total += part
    return total


def mean_of(log: Sequence[tuple[datetime, float]], start: datetime, end: datetime) -> float | None:
    """Time-weighted mean of a signal that holds its value until the next reading; None when nothing is known."""
    known = [(t, v) for t, v in log if t < end]
    if not known:
        return None
    marks = [(max(t, start), v) for t, v in known]
    marks.append((end, known[-1][1]))
    weights = [(b[0] - a[0]).total_seconds() for a, b in pairwise(marks)]
    if sum(weights) <= 0:
        return known[-1][1]
    return sum(w * v for w, (_, v) in zip(weights, marks, strict=False)) / sum(weights)


class Settler:
    """Remembers relay and intensity readings, and writes the settlement of every period that has ended."""

    def __init__(self, api: Api, sensors: Sensors, solver: SolverPort, reporter: Reporter) -> None:
        self._api = api
        self._sensors = sensors
        self._solver = solver
        self._reporter = reporter
        self._relays: dict[str, Log] = {}
        self._zones: dict[str, Log] = {}
        self._batteries: dict[str, Log] = {}
        self._basis = Basis()
        self._done: set[str] = set()

    def remember(self, snapshot: Snapshot, power: Mapping[str, PowerReading | None]) -> None:
        """Keep what the meters say now; called in every pass."""
        for name, reading in power.items():
            if reading is not None and reading.watts is not None:
                _append(self._relays, name, reading.time, reading.watts)
        for zone, value in snapshot.intensities.items():
            now = value.now_grams_per_kilowatt_hour
            if isinstance(now, Measurement):
                _append(self._zones, zone, snapshot.taken_at, now.value)
                self._basis = Basis.parse(value.basis)
        for node in snapshot.nodes:
            ratio = node.meters.battery_ratio
            if node.spec.battery is not None and isinstance(ratio, Measurement):
                _append(self._batteries, node.name, ratio.time, ratio.value)

    async def settle(self, snapshot: Snapshot) -> None:
        """Settle every plan whose period ended long enough ago for its last samples to be in."""
        for body in await self._api.list(ours("energyplans"), labelSelector="app.kubernetes.io/managed-by=sunward"):
            name = body["metadata"]["name"]
            if name in self._done or (body.get("status") or {}).get("settlement"):
                continue
            start, length = plan_objects.period_of(body)
            age = snapshot.taken_at - (start + length)
            if age.total_seconds() < self._sensors.settle_delay_seconds:
                continue
            if age > GIVE_UP_AFTER:
                self._done.add(name)
                continue
            await self._settle_one(name, body, Period(start=start, end=start + length), snapshot)

    async def _settle_one(self, name: str, body: dict[str, object], period: Period, snapshot: Snapshot) -> None:
        try:
            metered = await self._sensors.energy([node.spec for node in snapshot.nodes], period.start, period.end)
        except SourceUnavailable as error:
            self._reporter.failed("settlement", error)
            return
        settled = self._clear(period, snapshot, metered)
        status = plan_objects.settlement_status(
            settled.ledger,
            settled.transfers,
            settled.baseline_grams,
            settled.intensities,
            METHOD,
            snapshot.taken_at,
        )
        await self._api.patch(ours("energyplans", name, sub="status"), {"status": {"settlement": status}})
        self._done.add(name)
        baseline = sum(settled.baseline_grams.values()) if settled.baseline_grams else None
        self._reporter.settled(settled.ledger, baseline)

    def _factors(self, snapshot: Snapshot, period: Period) -> dict[str, ZoneFactor]:
        zones = {node.spec.grid_zone for node in snapshot.nodes}
        means = {zone: mean_of(self._zones.get(zone, ()), period.start, period.end) for zone in sorted(zones)}
        return {
            zone: ZoneFactor(grid_zone=zone, grams_per_kilowatt_hour=mean, basis=self._basis)
            for zone, mean in means.items()
            if mean is not None
        }
