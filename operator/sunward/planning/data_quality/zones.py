"""What a zone's intensity may be used for: the zones' part of the degradation ladder. Pure: no clock, no source.

An intensity never holds a running job; it only loses its vote on sleeping and moving.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.estimates import doubt
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneIntensity
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.verdict import Finding, Use, ZoneVerdict

HIGHEST_GRAMS_PER_KILOWATT_HOUR = 1500.0
"""A higher number is in another unit."""
DISAGREEMENT_RATIO = 0.3
"""Two sources that differ by more, of the lower, do not speak of the same thing."""
MEASURED_KEPT = timedelta(hours=1)
"""A measured value is preferred to an estimate of the same hour."""

_GUESSES = (Quality.ESTIMATED, Quality.PROFILE, Quality.SUSPECT)


def judge_zone(
    zone: ZoneIntensity, snapshot: Snapshot, trail: ReadingHistory, second_opinion: Reading | None = None
) -> ZoneVerdict:
    """What one zone's intensity is good for, `second_opinion` being another source's value for the same zone."""
    reading, finding = _now(zone, snapshot, trail, second_opinion)
    findings = [finding] if finding else []
    series = zone.forecast_grams_per_kilowatt_hour
    period = timedelta(seconds=snapshot.policy.planning_period_seconds)
    if series is not None and series.end < snapshot.taken_at + snapshot.policy.horizon_periods * period:
        message = f"the forecast ends at {series.end:%H:%M}; the current value is used after that"
        findings.append(_found(zone, Use.USE, Cause(Reason.FORECAST_INCOMPLETE, message)))
    return ZoneVerdict(
        zone=zone.zone,
        intensity=replace(zone, now_grams_per_kilowatt_hour=reading),
        findings=tuple(findings),
    )


def reconcile(first: Measurement, second: Reading | None) -> Measurement:
    """The first source's value, or the higher of two that differ by more than 30 % of the lower, marked suspect."""
    if not isinstance(second, Measurement):
        return first
    low, high = sorted((first, second), key=lambda reading: reading.value)
    if high.value - low.value <= DISAGREEMENT_RATIO * low.value:
        return first
    return Measurement(value=high.value, time=high.time, quality=Quality.SUSPECT, source=high.source)


def _now(
    zone: ZoneIntensity, snapshot: Snapshot, trail: ReadingHistory, second: Reading | None
) -> tuple[Reading, Finding | None]:
    reading = _believable(zone.now_grams_per_kilowatt_hour, snapshot)
    if isinstance(reading, Absent):
        return reading, _found(zone, Use.HOLD, Cause(reading.cause.reason, reading.cause.message or "no value"))
    agreed = reconcile(reading, second)
    if agreed is not reading and agreed.quality is Quality.SUSPECT:
        message = f"two sources report {reading.value:.0f} and {_value(second):.0f} g/kWh; the higher value is used"
        return agreed, _found(zone, Use.PESSIMISTIC, Cause(Reason.SOURCES_DISAGREE, message))
    if reading.quality in _GUESSES:
        return _guessed(zone, reading, snapshot, trail)
    if reading.quality is Quality.LAST_KNOWN_GOOD:
        minutes = reading.age(snapshot.taken_at).total_seconds() / 60.0
        message = f"the provider does not respond; its value from {minutes:.0f} min ago is used"
        return reading, _found(zone, Use.USE, Cause(Reason.DATA_UNAVAILABLE, message))
    return reading, None


def _guessed(
    zone: ZoneIntensity, reading: Measurement, snapshot: Snapshot, trail: ReadingHistory
) -> tuple[Reading, Finding | None]:
    """A guess gives way to what was measured within the hour; an estimate that the policy accepts counts as one."""
    known = trail.measured_intensity.get(zone.zone)
    if known is not None and timedelta(0) <= known.age(snapshot.taken_at) <= MEASURED_KEPT:
        kept = Measurement(value=known.value, time=known.time, quality=Quality.LAST_KNOWN_GOOD, source=known.source)
        message = f"the measured {known.value:.0f} g/kWh is used instead of an estimate of {reading.value:.0f} g/kWh"
        return kept, _found(zone, Use.USE, Cause(Reason.ESTIMATED_INTENSITY, message))
    message = f"{reading.value:.0f} g/kWh is {reading.quality.value.lower()}, not measured"
    why = doubt(zone, reading, snapshot.policy) if reading.quality is Quality.ESTIMATED else ""
    if why is None:
        return reading, _found(zone, Use.USE, Cause(Reason.ESTIMATED_INTENSITY, f"{message}; spec.sleepOn accepts it"))
    message = f"{message}; used to place work, not to sleep" + (f": {why}" if why else "")
    return reading, _found(zone, Use.PESSIMISTIC, Cause(Reason.ESTIMATED_INTENSITY, message))


def _believable(reading: Reading, snapshot: Snapshot) -> Reading:
    """The reading, or its absence where its age, clock or unit cannot be right."""
    if isinstance(reading, Absent):
        return reading
    limits = snapshot.policy.staleness
    age = reading.age(snapshot.taken_at).total_seconds()
    if age > limits.intensity_seconds:
        return Absent(cause=Cause(Reason.DATA_STALE, f"{age / SECONDS_PER_HOUR:.1f} h old"), source=reading.source)
    if age < -limits.clock_skew_seconds:
        return Absent(cause=Cause(Reason.CLOCK_SKEW, f"{-age:.0f} s in the future"), source=reading.source)
    if not 0.0 <= reading.value <= HIGHEST_GRAMS_PER_KILOWATT_HOUR:
        detail = f"{reading.value:g} is not between 0 and {HIGHEST_GRAMS_PER_KILOWATT_HOUR:g} g/kWh"
        return Absent(cause=Cause(Reason.IMPLAUSIBLE_UNIT, detail), source=reading.source)
    return reading


def _value(reading: Reading | None) -> float:
    return reading.value if isinstance(reading, Measurement) else 0.0


def _found(zone: ZoneIntensity, use: Use, why: Cause) -> Finding:
    return Finding(subject=f"zone/{zone.zone}", use=use, cause=why)
