"""What a node's meters may be used for: the nodes' part of the degradation ladder.

Pessimistic both ways: a load that is old stays as it was last seen, harvest and stored energy that are not seen are not
counted on. Pure: no clock, no source.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.policy import Staleness
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.planning.data_quality.history import Meter, MeterTrail, ReadingHistory, readings
from sunward.planning.data_quality.verdict import Finding, NodeVerdict, Use

LIES_BEFORE_SUSPECT = 3
"""So many impossible values within five minutes cast doubt on the possible ones."""
STUCK_AFTER = timedelta(minutes=30)
SILENT_BEFORE_DEGRADED = timedelta(minutes=30)
SKEW_WORTH_SAYING_SECONDS = 5.0
"""Below this a sample from the future is explained by ordinary clocks."""
SUSPECT_RATIO = 0.5
"""This much of a doubtful promise of energy is believed."""
SATURATED_RATIO = 0.98
"""From this share of its nameplate on a source may well give the same for half an hour: it is at its limit."""
STEEP_RATIO = 1.5
"""Times what a battery's terminals allow: states of charge are estimates, and are corrected now and then."""
BATTERY_NOISE_RATIO = 0.02
"""State of charge that may come and go between two readings, whatever flows."""


def judge_node(node: NodeView, snapshot: Snapshot, trail: ReadingHistory) -> NodeVerdict:
    """What the meters of one node are good for; a node that is not expected to answer is left alone."""
    if not should_answer(node):
        return NodeVerdict(node=node.name, meters=node.meters)
    judged = {
        meter: _judge(node, meter, reading, trail.of(node.name, meter), snapshot)
        for meter, reading in readings(node.meters)
        if _has(node, meter)
    }
    usable = dict(readings(node.meters)) | {meter: one.reading for meter, one in judged.items()}
    silent_since = trail.of(node.name, Meter.POWER).silent_since
    return NodeVerdict(
        node=node.name,
        meters=replace(
            node.meters,
            power_watts=usable[Meter.POWER],
            harvest_watts=usable[Meter.HARVEST],
            battery_ratio=usable[Meter.BATTERY],
        ),
        findings=tuple(one.finding for one in judged.values() if one.finding is not None),
        degraded=silent_since is not None and snapshot.taken_at - silent_since > SILENT_BEFORE_DEGRADED,
    )


def should_answer(node: NodeView) -> bool:
    """Whether the node's meters should be heard: one that is off, broken or on its way between is expected silent."""
    awake = node.record.power_state is PowerState.AWAKE or node.record.power_state.falling_asleep
    return awake and node.facts is not None and node.facts.ready


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    reading: Reading
    finding: Finding | None = None


def _judge(node: NodeView, meter: Meter, reading: Reading, past: MeterTrail, snapshot: Snapshot) -> _Judged:
    """One meter: the first thing that is wrong decides."""

    def found(use: Use, issue: Cause) -> Finding:
        cause = issue.prefixed(f"{meter}: ")
        return Finding(subject=f"node/{node.name}", use=use, cause=cause)

    unusable = _unusable(reading, snapshot.taken_at, snapshot.policy.staleness)
    if isinstance(reading, Absent) or unusable is not None:
        issue = unusable or Cause(Reason.DATA_MISSING, "no value")
        return _Judged(reading=_substitute(meter, reading, issue), finding=found(Use.HOLD, issue))
    doubtful = _doubtful(node, meter, reading, past)
    if doubtful is not None:
        return _Judged(reading=_suspect(meter, reading), finding=found(Use.PESSIMISTIC, doubtful))
    ahead = -reading.age(snapshot.taken_at).total_seconds()
    if ahead > SKEW_WORTH_SAYING_SECONDS:
        return _Judged(
            reading=reading, finding=found(Use.USE, Cause(Reason.CLOCK_SKEW, f"its clock is {ahead:.0f} s ahead"))
        )
    return _Judged(reading=reading)


def _unusable(reading: Reading, now: datetime, limits: Staleness) -> Cause | None:
    if isinstance(reading, Absent):
        return Cause(reading.cause.reason, reading.cause.message or "no value")
    age = reading.age(now).total_seconds()
    if age > limits.sensors_seconds:
        return Cause(Reason.DATA_STALE, f"sampled {age:.0f} s ago; the limit is {limits.sensors_seconds:.0f} s")
    if age < -limits.clock_skew_seconds:
        return Cause(Reason.CLOCK_SKEW, f"sampled {-age:.0f} s in the future")
    return None


def _substitute(meter: Meter, reading: Reading, issue: Cause) -> Reading:
    """An old load stays, with its age for all to see; harvest and stored energy that are not seen are not there."""
    if meter is Meter.POWER:
        return reading
    return Absent(cause=issue, source=reading.source)


def _doubtful(node: NodeView, meter: Meter, reading: Measurement, past: MeterTrail) -> Cause | None:
    if len(past.refusals) >= LIES_BEFORE_SUSPECT:
        return Cause(
            past.last_lie or Reason.NOT_A_NUMBER, f"{len(past.refusals)} impossible values within five minutes"
        )
    if meter is Meter.HARVEST and _stuck(node, reading, past):
        return Cause(Reason.STUCK_SENSOR, f"harvest stuck at exactly {reading.value:g} W for 30 min of daylight")
    if meter is Meter.BATTERY and _too_steep(node, reading, past):
        return Cause(Reason.RAMP_TOO_STEEP, "the stored energy changed faster than the battery's power limits allow")
    if reading.quality is Quality.SUSPECT:
        return Cause(Reason.SOURCES_DISAGREE, "the source marks the value as suspect")
    return None


def _stuck(node: NodeView, reading: Measurement, past: MeterTrail) -> bool:
    """Sunlight is never constant; darkness and a source at its limit are."""
    nameplate = node.spec.harvest_nameplate_watts
    moving = past.same_since is None or reading.time - past.same_since < STUCK_AFTER
    saturated = nameplate is not None and reading.value >= SATURATED_RATIO * nameplate
    return not moving and reading.value > 0.0 and not saturated


def _too_steep(node: NodeView, reading: Measurement, past: MeterTrail) -> bool:
    battery, before = node.spec.battery, past.before
    if battery is None or before is None or past.good != reading:
        return False
    hours = (reading.time - before.time).total_seconds() / SECONDS_PER_HOUR
    watts = max(battery.maximum_charge_watts, battery.maximum_discharge_watts)
    most = STEEP_RATIO * watts * hours / battery.capacity_watt_hours + BATTERY_NOISE_RATIO
    return abs(reading.value - before.value) > most


def _suspect(meter: Meter, reading: Measurement) -> Measurement:
    """The doubtful value, halved where it promises energy; its quality keeps it from supporting a sleep."""
    value = reading.value if meter is Meter.POWER else SUSPECT_RATIO * reading.value
    return Measurement(value=value, time=reading.time, quality=Quality.SUSPECT, source=reading.source)


def _has(node: NodeView, meter: Meter) -> bool:
    if meter is Meter.HARVEST:
        return node.spec.harvest_nameplate_watts is not None
    return meter is Meter.POWER or node.spec.battery is not None
