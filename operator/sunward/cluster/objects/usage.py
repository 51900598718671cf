"""`EnergyPolicy.status.usage` -> node-hours by namespace, by the clock hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sunward.cluster.access.times import parse_time
from sunward.cluster.objects.crd_types import EnergyPolicyStatus
from sunward.domain.units import HOURS_PER_DAY, SECONDS_PER_HOUR

HOUR = timedelta(hours=1)
Buckets = dict[tuple[str, datetime], float]
"""By namespace and start of a clock hour: seconds times nodes."""


def node_hours(status: EnergyPolicyStatus, now: datetime) -> Mapping[str, float]:
    """By namespace: node-hours of the clock hour that runs at *now* and of the 23 before it."""
    totals: dict[str, float] = {}
    for (namespace, _), seconds in recent(stored(status), now).items():
        totals[namespace] = totals.get(namespace, 0.0) + seconds / SECONDS_PER_HOUR
    return totals


def stored(status: EnergyPolicyStatus) -> Buckets:
    """All hours that a status has."""
    return {
        (row["namespace"], start): float(hour["awakeNodeSeconds"])
        for row in status.get("usage") or ()
        for hour in row["hours"]
        if (start := parse_time(hour["start"])) is not None
    }


def recent(buckets: Buckets, now: datetime) -> Buckets:
    """Those that still count at *now*."""
    first = hour_of(now) - (HOURS_PER_DAY - 1) * HOUR
    return {key: seconds for key, seconds in buckets.items() if first <= key[1] <= now}


def hour_of(moment: datetime) -> datetime:
    """The start of its clock hour."""
    return moment.replace(minute=0, second=0, microsecond=0)
