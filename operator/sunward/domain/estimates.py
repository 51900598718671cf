"""Which estimates of grid intensity may put a node to sleep.

Grids publish what they measured hours later, so most providers answer with an estimate of the present. An estimate is
never taken for a measurement. It counts for what it is: where the policy accepts estimates, and the zone's last day,
in which the measured hours have replaced their estimates, does not contradict it.
"""

from __future__ import annotations

from sunward.domain.measurement import Measurement
from sunward.domain.policy import PolicySpec, SleepOn
from sunward.domain.snapshot import ZoneIntensity

LARGEST_DEPARTURE_RATIO = 0.3
"""An estimate further below the day's lowest value, or above its highest, contradicts the day. Of 8,759 hours of 2022
in each of 15 zones, 99.8 % stay within it."""


def doubt(zone: ZoneIntensity, reading: Measurement, policy: PolicySpec) -> str | None:
    """Why an estimate may not put a node to sleep, or None when it may."""
    if policy.sleep_on is SleepOn.MEASURED:
        return "spec.sleepOn is Measured"
    day = zone.last_day
    if day is None:
        return "too little of the zone's last day is known to compare it with"
    low = day.lowest_grams_per_kilowatt_hour * (1.0 - LARGEST_DEPARTURE_RATIO)
    high = day.highest_grams_per_kilowatt_hour * (1.0 + LARGEST_DEPARTURE_RATIO)
    if low <= reading.value <= high:
        return None
    return (
        f"the zone's last day was between {day.lowest_grams_per_kilowatt_hour:.0f} "
        f"and {day.highest_grams_per_kilowatt_hour:.0f} g/kWh"
    )
