"""Guards about data: no node is put to sleep on numbers that are old, missing, doubtful or from the future."""

from __future__ import annotations

from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.estimates import doubt
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.policy import Staleness
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.guards.case import Case

SUSPECT_SHARE = 0.3
"""When more of the nodes look bad at once, the pipeline is suspected and not the nodes."""

COMMAND_LIFETIME = timedelta(seconds=60)
"""How long after the look at the cluster that led to it a command to cut power is still carried out."""

TRUSTED_SENSOR = (Quality.MEASURED,)
TRUSTED_INTENSITY = (Quality.MEASURED, Quality.LAST_KNOWN_GOOD, Quality.FORECAST)
"""Profiles may guide work, never a sleep; of estimates, `domain.estimates` says which."""


def snapshot_fresh(case: Case) -> Cause | None:
    """What was true a while ago is no ground to act on now."""
    age = (case.now - case.snapshot.taken_at).total_seconds()
    staleness = case.snapshot.policy.staleness
    if -staleness.clock_skew_seconds <= age <= staleness.sensors_seconds:
        return None
    return Cause(Reason.DATA_STALE, f"the observed state of the cluster is {age:.0f} s old")


def command_recent(case: Case) -> Cause | None:
    """Power is cut within a minute of the look at the cluster that led to it, or not at all.

    A cycle that takes longer looks again first. Waking is not bound by this.
    """
    age = case.now - case.snapshot.taken_at
    if timedelta(0) <= age <= COMMAND_LIFETIME:
        return None
    why = f"decided {age.total_seconds():.0f} s ago; the limit is {COMMAND_LIFETIME.total_seconds():.0f} s"
    return Cause(Reason.COMMAND_EXPIRED, why)


def data_hold(case: Case) -> Cause | None:
    """The data as a whole were judged unfit to act on."""
    return case.snapshot.data_hold


def sensors_available(case: Case) -> Cause | None:
    """The metrics store does not answer."""
    if case.snapshot.sensors_available:
        return None
    return Cause(Reason.DATA_UNAVAILABLE, "the metrics store does not respond")


def power_meter(case: Case) -> Cause | None:
    """What the node draws decides what its sleep saves."""
    return _sensor(case, case.node.meters.power_watts, "power")


def harvest_meter(case: Case) -> Cause | None:
    """Only asked where the node has a source."""
    if case.node.spec.harvest_nameplate_watts is None:
        return None
    return _sensor(case, case.node.meters.harvest_watts, "harvest")


def battery_meter(case: Case) -> Cause | None:
    """Only asked where the node has a battery."""
    if case.node.spec.battery is None:
        return None
    return _sensor(case, case.node.meters.battery_ratio, "battery")


def intensity(case: Case) -> Cause | None:
    """The zone must be known, fresh by the datum's own time, and no guess that the policy does not accept."""
    zone = case.snapshot.intensities.get(case.node.spec.grid_zone)
    if zone is None:
        return Cause(Reason.UNKNOWN_ZONE, f"no intensity source covers grid zone {case.node.spec.grid_zone}")
    staleness = case.snapshot.policy.staleness
    reading = zone.now_grams_per_kilowatt_hour
    limit = staleness.intensity_seconds
    refusal = issue_of(reading, case.now, limit, staleness, f"intensity of {zone.zone}")
    if refusal is None and isinstance(reading, Measurement) and reading.quality not in TRUSTED_INTENSITY:
        why = doubt(zone, reading, case.snapshot.policy) if reading.quality is Quality.ESTIMATED else ""
        if why is None:
            return None
        message = f"intensity of {zone.zone} is only {reading.quality.value}" + (f": {why}" if why else "")
        return Cause(Reason.ESTIMATED_INTENSITY, message)
    return refusal


def pipeline(case: Case) -> Cause | None:
    """Many bad nodes at once are one bad pipeline."""
    share = _share.of(case)
    if share <= SUSPECT_SHARE:
        return None
    return Cause(Reason.PIPELINE_SUSPECT, f"{share:.0%} of the running nodes have no trusted meter")


def suspect_share(snapshot: Snapshot, now: datetime) -> float:
    """Share of the nodes that run whose power meter cannot be trusted; 0 when none runs."""
    running = [node for node in snapshot.nodes if _runs(node)]
    limits = snapshot.policy.staleness
    bad = [node for node in running if sensor_issue(node.meters.power_watts, now, limits, "power") is not None]
    return len(bad) / len(running) if running else 0.0


class _LastShare:
    """`suspect_share` of the last case: all nodes of a pass ask the same, and each answer looks at every node."""

    def __init__(self) -> None:
        self._last: tuple[Snapshot, datetime, float] | None = None

    def of(self, case: Case) -> float:
        last = self._last
        if last is None or last[0] is not case.snapshot or last[1] != case.now:
            last = self._last = (case.snapshot, case.now, suspect_share(case.snapshot, case.now))
        return last[2]


_share = _LastShare()


def sensor_issue(reading: Reading, now: datetime, limits: Staleness, what: str) -> Cause | None:
    """Why a sensor's reading supports no decision, or None when it does."""
    refusal = issue_of(reading, now, limits.sensors_seconds, limits, what)
    if refusal is None and isinstance(reading, Measurement) and reading.quality not in TRUSTED_SENSOR:
        return Cause(Reason.DATA_STALE, f"{what} is {reading.quality.value}, not measured")
    return refusal


def issue_of(reading: Reading, now: datetime, limit_seconds: float, limits: Staleness, what: str) -> Cause | None:
    """Why a reading is missing, suspect, too old or from the future, or None."""
    if isinstance(reading, Absent):
        return Cause(reading.cause.reason, f"{what}: {reading.cause.message or reading.cause.reason.value}")
    age = reading.age(now).total_seconds()
    if age > limit_seconds:
        return Cause(Reason.DATA_STALE, f"{what} is {age:.0f} s old; the limit is {limit_seconds:.0f} s")
    if age < -limits.clock_skew_seconds:
        return Cause(Reason.CLOCK_SKEW, f"{what} is {-age:.0f} s in the future")
    if reading.quality is Quality.SUSPECT:
        return Cause(Reason.SOURCES_DISAGREE, f"{what} is suspect ({reading.source})")
    return None


def _sensor(case: Case, reading: Reading, what: str) -> Cause | None:
    return sensor_issue(reading, case.now, case.snapshot.policy.staleness, what)


def _runs(node: NodeView) -> bool:
    """A node whose exporter should answer: one that is off or broken is expected to be silent."""
    awake = node.record.power_state is PowerState.AWAKE or node.record.power_state.falling_asleep
    return awake and node.facts is not None and node.facts.ready
