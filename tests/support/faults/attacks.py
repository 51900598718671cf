"""Fifteen ways in which the exporter of one node, or of two, lies; what is believed of them, and of everybody else.

Answers of Prometheus are made row by row, read by the product's own readers, and judged pass by pass. The same fleet
runs beside it without the attack: whatever differs at another node was done by the attacker.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Measurement, Reading
from sunward.domain.nodes import MeterFacts
from sunward.domain.policy import Staleness
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.judgement import cleaned, judge
from sunward.planning.data_quality.verdict import DataVerdict
from sunward.sources.plausible import TOLERANCE_RATIO, check_amount, check_ratio
from sunward.sources.samples import LONGEST_LABEL, by_node, only_one, parse_series
from support.faults.data_faults import BATTERY
from support.planning import NOW, a_node, a_policy, a_snapshot, a_zone, measured, some_meters

PASS = timedelta(seconds=15)
CALM = timedelta(minutes=6)
"""Before the attack: what has been bad stays suspect for five minutes."""
DETECTED_WITHIN = timedelta(minutes=15)
NAMEPLATE_WATTS = 10.0
METERS = ("power", "harvest", "battery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A series of one meter with its newest sample."""

    labels: Mapping[str, str]
    text: str
    at: datetime


Lie = Callable[[Row, timedelta], Sequence[Row]]
"""What the exporter serves in place of an honest row, and how long it has lied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A lie about one meter. `reason` is what gives it away; None where nothing can, and only its gain is bounded."""

    lie: Lie
    reason: Reason | None
    meter: str = "harvest"
    attackers: int = 1


def value(text: str) -> Lie:
    """Another number, or no number."""
    return lambda row, _: [Row(labels=row.labels, text=text, at=row.at)]


def changed(change: Callable[[float, timedelta], float]) -> Lie:
    """A number that follows from the true one and the time since the lie began."""
    return lambda row, since: [Row(labels=row.labels, text=repr(change(float(row.text), since)), at=row.at)]


def late(by: timedelta) -> Lie:
    """The true number at another time."""
    return lambda row, _: [Row(labels=row.labels, text=row.text, at=row.at + by)]


def labelled(**labels: str) -> Lie:
    """The true number with further labels."""
    return lambda row, _: [Row(labels={**row.labels, **labels}, text=row.text, at=row.at)]


ATTACKS: dict[str, Attack] = {
    "constant 2 kW": Attack(lie=value("2000"), reason=Reason.ABOVE_NAMEPLATE),
    "a slow ramp": Attack(
        lie=changed(lambda watts, since: watts + since.total_seconds() / 60.0), reason=Reason.ABOVE_NAMEPLATE
    ),
    "yesterday's samples again": Attack(lie=late(-timedelta(days=1)), reason=Reason.DATA_STALE),
    "another node's name": Attack(lie=labelled(exported_node="pi-03"), reason=Reason.AMBIGUOUS_METRIC),
    "a spoofed job": Attack(lie=labelled(exported_job="sunward-exporter"), reason=Reason.AMBIGUOUS_METRIC),
    "negative": Attack(lie=value("-5"), reason=Reason.NEGATIVE_VALUE),
    "the clock is ahead": Attack(lie=late(timedelta(minutes=10)), reason=Reason.CLOCK_SKEW),
    "flapping between nothing and all": Attack(
        lie=changed(lambda _, since: 0.0 if int(since / PASS) % 2 else NAMEPLATE_WATTS), reason=None
    ),
    "silent": Attack(lie=lambda _row, _since: [], reason=Reason.DATA_MISSING),
    "the same series twice": Attack(lie=lambda row, _: [row, row], reason=Reason.AMBIGUOUS_METRIC),
    "a label of a megabyte": Attack(lie=labelled(sensor="x" * 1_000_000), reason=None),
    "a flood of NaN": Attack(lie=value("NaN"), reason=Reason.NOT_A_NUMBER),
    "milliwatts for watts": Attack(lie=changed(lambda watts, _: 1000.0 * watts), reason=Reason.ABOVE_NAMEPLATE),
    "two that claim all their panels": Attack(lie=value("10.0"), reason=None, attackers=2),
    "an empty battery": Attack(lie=value("0.01"), reason=Reason.RAMP_TOO_STEEP, meter="battery"),
}


@dataclass(slots=True)
class Fleet:
    """Nodes in time, of which the first ones may lie."""

    dice: random.Random
    size: int
    attack: Attack | None
    trail: ReadingHistory = field(default_factory=ReadingHistory)
    at: datetime = NOW

    def step(self, since: timedelta | None) -> tuple[Snapshot, DataVerdict]:
        """One pass; `since` the lie began, None before. What may be used of it, and the verdict."""
        self.at += PASS
        rows = {meter: list(self._served(meter, since)) for meter in METERS}
        snapshot = self._snapshot({meter: read(served, meter) for meter, served in rows.items()})
        self.trail = self.trail.after(snapshot)
        verdict = judge(snapshot, self.trail)
        return cleaned(snapshot, verdict), verdict

    def _served(self, meter: str, since: timedelta | None) -> Iterator[Row]:
        low, high = {"power": (2.7, 6.4), "harvest": (3.0, 6.0), "battery": (0.495, 0.505)}[meter]
        for number in range(self.size):
            true = Row(labels={"node": f"pi-{number:02d}"}, text=repr(self.dice.uniform(low, high)), at=self.at)
            lies = since is not None and self.attack is not None and number < self.attack.attackers
            if lies and self.attack is not None and since is not None and meter == self.attack.meter:
                yield from self.attack.lie(true, since)
            else:
                yield true

    def _snapshot(self, readings: Mapping[str, Mapping[str, Reading]]) -> Snapshot:
        names = [f"pi-{number:02d}" for number in range(self.size)]
        silent = Absent(cause=Cause(Reason.DATA_MISSING, "no series"), source="test")
        nodes = [
            a_node(
                name,
                harvest_nameplate_watts=NAMEPLATE_WATTS,
                battery=BATTERY,
                meters=some_meters(*(readings[meter].get(name, silent) for meter in METERS)),
            )
            for name in names
        ]
        zones = {"CLEAN": a_zone("CLEAN", measured(400.0, at=self.at))}
        policy = a_policy(staleness=Staleness(sensors_seconds=120.0))
        return a_snapshot(*nodes, taken_at=self.at, intensities=zones, policy=policy)


def read(rows: Sequence[Row], meter: str) -> dict[str, Reading]:
    """What the product makes of an answer of Prometheus about one meter of every node."""
    result = [{"metric": dict(row.labels), "value": [row.at.timestamp(), row.text]} for row in rows]
    body: dict[str, Any] = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return {node: _reading(series, meter) for node, series in by_node(parse_series("prometheus", body)).items()}


def _reading(series: Sequence[Any], meter: str) -> Reading:
    one = only_one(series)
    if isinstance(one, Cause):
        return Absent(cause=one, source="test")
    longest = max(map(len, one.labels.values()))
    assert longest <= LONGEST_LABEL, f"a label of {longest} characters is kept"
    sample = one.samples[-1]
    found = check_ratio(sample.value) if meter == "battery" else check_amount(sample.value, NAMEPLATE_WATTS)
    if isinstance(found, Cause):
        return Absent(cause=found, source="test")
    return measured(found, at=datetime.fromtimestamp(sample.seconds, UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of an attack."""

    violations: tuple[str, ...]
    detected_after_seconds: float | None
    most_believed_watts: float


def play(name: str, seed: int) -> Seen:
    """One attack on one fleet for a quarter of an hour, beside the same fleet without it."""
    attack = ATTACKS[name]
    size = random.Random(f"{name}/{seed}").randint(8, 14)
    fleets = [Fleet(dice=random.Random(f"{name}/{seed}"), size=size, attack=one) for one in (attack, None)]
    begin, end = NOW + CALM, NOW + CALM + DETECTED_WITHIN
    found: list[str] = []
    detected: timedelta | None = None
    most = 0.0
    while fleets[0].at < end:
        since = fleets[0].at - begin if fleets[0].at >= begin else None
        (usable, verdict), (honest, clean) = (fleet.step(since) for fleet in fleets)
        found += _others(usable, honest, attack.attackers)
        found += [f"without an attack: {finding.cause}" for finding in clean.findings]
        most = max(most, *(_watts(node.meters) for node in usable.nodes[: attack.attackers]))
        reasons = {finding.cause.reason for finding in verdict.nodes["pi-00"].findings}
        if detected is None and since is not None and attack.reason in reasons:
            detected = since
    found += _too_much(most)
    if attack.reason is not None and detected is None:
        found.append(f"{attack.reason} does not show within {DETECTED_WITHIN}")
    return Seen(
        violations=tuple(dict.fromkeys(found)),
        detected_after_seconds=None if detected is None else detected.total_seconds(),
        most_believed_watts=most,
    )


def _others(usable: Snapshot, honest: Snapshot, attackers: int) -> list[str]:
    """Nodes that are honest and of which something else is believed than without the attack."""
    pairs = zip(usable.nodes[attackers:], honest.nodes[attackers:], strict=True)
    found = [f"{one.name} is judged otherwise" for one, other in pairs if one.meters != other.meters]
    return found + (["everything is held"] if usable.data_hold is not None else [])


def _too_much(watts: float) -> list[str]:
    bound = NAMEPLATE_WATTS * (1.0 + TOLERANCE_RATIO)
    return [f"a harvest of {watts} W is believed of a panel of {NAMEPLATE_WATTS} W"] if watts > bound else []


def _watts(meters: MeterFacts) -> float:
    return meters.harvest_watts.value if isinstance(meters.harvest_watts, Measurement) else 0.0


def false_alarms(seed: int, hours: int) -> tuple[int, float]:
    """Findings about an honest fleet, and node-days that it was watched."""
    fleet = Fleet(dice=random.Random(f"clean/{seed}"), size=10, attack=None)
    count = sum(len(fleet.step(None)[1].findings) for _ in range(round(timedelta(hours=hours) / PASS)))
    return count, fleet.size * hours / 24.0
