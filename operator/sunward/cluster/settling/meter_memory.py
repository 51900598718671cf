"""What meters said from cycle to cycle, and what that amounts to in a period. Losing it loses old readings only.

Meters stand on the nodes, so a node that was off for a while has gaps. The relay in front of it measures all the time:
its readings, taken in every cycle, fill the gaps. What neither measured is missing, and reported as missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from sunward.accounting.ledger import MissingNode
from sunward.accounting.values import Period, ZoneFactor
from sunward.cluster.settling.meter_logs import BATTERY_REACH, RELAY_REACH, Log, filled, kept_for, mean_of, nearest
from sunward.domain.cause import Cause
from sunward.domain.energy import MeteredNode
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Measurement, Metered, Window
from sunward.domain.nodes import NodeSpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading
from sunward.domain.units import SECONDS_PER_HOUR


class MeterMemory:
    """Readings of relays, batteries and harvests by node, and of intensities by basis and zone."""

    def __init__(self) -> None:
        self._relays: dict[str, Log] = defaultdict(Log)
        self._zones: dict[Basis, dict[str, Log]] = defaultdict(lambda: defaultdict(Log))
        self._batteries: dict[str, Log] = defaultdict(Log)
        self._harvests: dict[str, Log] = defaultdict(Log)

    def remember(self, snapshot: Snapshot, power: Mapping[str, PowerReading | None]) -> None:
        """Keep what the meters say now; called in every cycle."""
        for name, reading in power.items():
            if reading is not None and reading.watts is not None:
                self._relays[name].append(reading.time, reading.watts)
        for zone, value in snapshot.intensities.items():
            now = value.now_grams_per_kilowatt_hour
            if isinstance(now, Measurement) and value.basis is not None:
                self._zones[value.basis][zone].append(snapshot.taken_at, now.value)
        for node in snapshot.nodes:
            ratio = node.meters.battery_ratio
            if node.spec.battery is not None and isinstance(ratio, Measurement):
                self._batteries[node.name].append(ratio.time, ratio.value)
            harvest = node.meters.harvest_watts
            if isinstance(harvest, Measurement):
                self._harvests[node.name].append(harvest.time, harvest.value)
        self._forget(snapshot.taken_at - kept_for(snapshot.policy))

    def _forget(self, before: datetime) -> None:
        """Meters that said nothing since are gone, with their nodes, relays and zones."""
        for logs in (self._relays, self._batteries, self._harvests, *self._zones.values()):
            for name, log in list(logs.items()):
                log.forget(before)
                if log.newest < before:
                    del logs[name]

    def factors(self, zones: Iterable[str], period: Period) -> dict[str, ZoneFactor]:
        """Mean intensities of the period's zones, all of one basis: books of two are no books.

        A source that was exchanged during the period may have another basis; then the younger one counts, and a zone
        that has no reading under it is unknown.
        """
        basis = self._basis_at(period.end)
        if basis is None:
            return {}
        logs = self._zones[basis]
        means = {zone: _mean(logs, zone, period) for zone in sorted(set(zones))}
        return {
            zone: ZoneFactor(grid_zone=zone, grams_per_kilowatt_hour=mean, basis=basis)
            for zone, mean in means.items()
            if mean is not None
        }

    def _basis_at(self, end: datetime) -> Basis | None:
        """The basis of the last reading before a time."""
        times = {
            basis: [time for log in logs.values() if (time := log.last_before(end)) is not None]
            for basis, logs in self._zones.items()
        }
        known = {basis: max(found) for basis, found in times.items() if found}
        return max(known, key=lambda basis: known[basis], default=None)

    def metered(self, spec: NodeSpec, found: Metered | None, period: Period) -> MeteredNode | MissingNode:
        """A node's energy of a period from its own meter, with the relay's readings where that has gaps."""
        own = found.load if found else None
        relay = _within(self._relays, spec.name, period.start - RELAY_REACH, period.end + RELAY_REACH)
        load = filled(own, relay, period.start, period.end)
        if load is None:
            return _missing(spec, "no energy reading covers the whole period")
        harvest = found.harvest if found else None
        hours = _covered_hours(own, period)
        if spec.harvest_nameplate_watts is not None and harvest is None and hours > 0.0:
            return _missing(spec, "the node ran and no harvest reading is available", load)
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
        log = _within(self._batteries, spec.name, period.start - BATTERY_REACH, period.end + BATTERY_REACH)
        start, end = nearest(log, period.start), nearest(log, period.end)
        return None if start is None or end is None else (end - start) * spec.battery.capacity_watt_hours

    def _unseen_harvest(self, spec: NodeSpec, period: Period, own_hours: float) -> float | None:
        """What the source offered while the node's own meters were off (Wh), at its mean power of the period.

        None when it was off and no reading of the source is known.
        """
        unseen_hours = max(0.0, period.hours - own_hours)
        if spec.harvest_nameplate_watts is None or unseen_hours == 0.0:
            return 0.0
        watts = _mean(self._harvests, spec.name, period)
        return None if watts is None else watts * unseen_hours


def _within(logs: Mapping[str, Log], name: str, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
    log = logs.get(name)
    return [] if log is None else log.within(start, end)


def _mean(logs: Mapping[str, Log], name: str, period: Period) -> float | None:
    return mean_of(_within(logs, name, period.start, period.end), period.start, period.end)


def _missing(spec: NodeSpec, why: str, load: float | None = None, harvest: float | None = None) -> MissingNode:
    cause = Cause(Reason.DATA_MISSING, why)
    return MissingNode(node=spec.name, cause=cause, load_watt_hours=load, harvest_watt_hours=harvest)


def _covered_hours(window: Window | None, period: Period) -> float:
    if window is None:
        return 0.0
    gaps = sum((end - start).total_seconds() for start, end in window.gaps)
    return max(0.0, period.hours - gaps / SECONDS_PER_HOUR)
