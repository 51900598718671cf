"""What earlier snapshots say about the trust in this one: since when a meter is silent, stuck or caught lying.

A value that each snapshot makes into the next. Losing it (a restart) only means to begin without suspicion, and the
warm-up covers that. It judges nothing; `data_quality` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.nodes import MeterFacts
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot

REFUSALS_REMEMBERED = timedelta(minutes=5)
LIES = (Reason.NEGATIVE_VALUE, Reason.ABOVE_NAMEPLATE, Reason.NOT_A_NUMBER, Reason.RAMP_TOO_STEEP)
"""Refusals that cast doubt on the meter itself, not only on the one value."""


class Meter(StrEnum):
    """The meters of a node."""

    POWER = "power"
    HARVEST = "harvest"
    BATTERY = "battery"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterTrail:
    """The past of one meter.

    `good` is the last value that was measured, `before` the one before it; `same_since` tells since when the value has
    not moved; `silent_since` since when there is none; `refusals` are the times of values that could not be,
    `last_lie` why the last of them could not.
    """

    good: Measurement | None = None
    before: Measurement | None = None
    same_since: datetime | None = None
    silent_since: datetime | None = None
    refusals: tuple[datetime, ...] = ()
    last_lie: Reason | None = None

    def after(self, reading: Reading, at: datetime) -> MeterTrail:
        """The trail with what was read at `at`."""
        recent = tuple(time for time in self.refusals if at - time <= REFUSALS_REMEMBERED)
        if isinstance(reading, Absent):
            lies = reading.cause.reason in LIES
            return replace(
                self,
                silent_since=self.silent_since or at,
                refusals=(*recent, at) if lies else recent,
                last_lie=reading.cause.reason if lies else self.last_lie,
            )
        if self.good is not None and reading.time <= self.good.time:
            return replace(self, refusals=recent, silent_since=None)
        moved = self.good is None or reading.value != self.good.value
        return MeterTrail(
            good=reading,
            before=self.good,
            same_since=reading.time if moved else self.same_since,
            silent_since=None,
            refusals=recent,
            last_lie=self.last_lie,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingHistory:
    """The past of all meters and zones. `sensors_silent_since` is set while the metrics store does not answer.

    `sensors_failures` counts snapshots in a row without it. `measured_intensity` holds each zone's last measured value.
    """

    meters: Mapping[tuple[str, Meter], MeterTrail] = field(default_factory=dict)
    measured_intensity: Mapping[str, Measurement] = field(default_factory=dict)
    sensors_silent_since: datetime | None = None
    sensors_failures: int = 0

    def after(self, snapshot: Snapshot) -> ReadingHistory:
        """The trail with one more snapshot; nodes and zones that are gone are forgotten."""
        at = snapshot.taken_at
        if not snapshot.sensors_available:
            silent_since = self.sensors_silent_since or at
            failures = self.sensors_failures + 1
            return replace(self, sensors_silent_since=silent_since, sensors_failures=failures)
        return ReadingHistory(
            meters={
                (node.name, meter): self.of(node.name, meter).after(reading, at)
                for node in snapshot.nodes
                for meter, reading in readings(node.meters)
            },
            measured_intensity=dict(self._intensities(snapshot)),
        )

    def of(self, node: str, meter: Meter) -> MeterTrail:
        """The past of one meter; an empty one for a meter never seen."""
        return self.meters.get((node, meter), MeterTrail())

    def _intensities(self, snapshot: Snapshot) -> Iterator[tuple[str, Measurement]]:
        for name, zone in snapshot.intensities.items():
            reading = zone.now_grams_per_kilowatt_hour
            known = self.measured_intensity.get(name)
            if isinstance(reading, Measurement) and reading.quality is Quality.MEASURED:
                known = reading
            if known is not None:
                yield name, known


def readings(meters: MeterFacts) -> Iterator[tuple[Meter, Reading]]:
    """The three meters by name."""
    yield Meter.POWER, meters.power_watts
    yield Meter.HARVEST, meters.harvest_watts
    yield Meter.BATTERY, meters.battery_ratio
