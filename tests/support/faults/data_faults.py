"""Every data fault in virtual time: a random healthy fleet, then a fault of random length on a node or on everything,
then health again.

Asked after every pass of fifteen seconds: what the operator's guards say of the victim.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Measurement, Quality, Reading, Series
from sunward.domain.nodes import BatterySpec, MeterFacts, NodeView
from sunward.domain.policy import Staleness
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneIntensity
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.judgement import cleaned, judge
from sunward.planning.data_quality.verdict import DataVerdict
from sunward.planning.sleep.eligibility import sleep_obstacles
from support.planning import NOW, a_node, a_policy, a_snapshot, a_zone, measured, some_meters

PASS = timedelta(seconds=15)
SHOWS_WITHIN = timedelta(seconds=60)
BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=10.0, maximum_discharge_watts=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One pass of a run: the time, how long the fault has lasted, and the run's own dice."""

    at: datetime
    since: timedelta
    dice: random.Random

    def read(self, value: float, quality: Quality = Quality.MEASURED) -> Measurement:
        return measured(value, at=self.at, quality=quality)


Meters = Callable[[Moment, MeterFacts], MeterFacts]
World = Callable[[Moment, Snapshot], Snapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to the victim's meters or to the whole snapshot, and what must come of it.

    `shows_after` is how long the fault needs to be what it is; from then on every pass must refuse the sleep, and
    the reason must show. `gone_after` is how long after its end the node may sleep again.
    """

    reason: Reason
    meters: Meters = lambda _moment, meters: meters
    world: World = lambda _moment, snapshot: snapshot
    shows_after: timedelta = timedelta(0)
    gone_after: timedelta = 2 * PASS
    refuses_sleep: bool = True


def absent(reason: Reason) -> Absent:
    return Absent(cause=Cause(reason, "fault"), source="test")


def refused(meter: str, reason: Reason) -> Meters:
    """The source refused the value of one meter."""
    return lambda _moment, meters: replace(meters, **{meter: absent(reason)})


def all_silent(_moment: Moment, snapshot: Snapshot) -> Snapshot:
    """The metrics store does not answer."""
    gone = absent(Reason.DATA_UNAVAILABLE)
    silent = MeterFacts(power_watts=gone, harvest_watts=gone, battery_ratio=gone)
    nodes = tuple(replace(node, meters=silent) for node in snapshot.nodes)
    return replace(snapshot, nodes=nodes, sensors_available=False)


def half_stale(moment: Moment, snapshot: Snapshot) -> Snapshot:
    """Half of the nodes stop at once, the victim among the healthy half."""
    old = measured(3.0, at=moment.at - timedelta(minutes=5))
    nodes = [
        replace(node, meters=some_meters(old, old, old)) if 0 < k <= len(snapshot.nodes) // 2 else node
        for k, node in enumerate(snapshot.nodes)
    ]
    return replace(snapshot, nodes=tuple(nodes))


def zone(change: Callable[[Moment], Reading]) -> World:
    """The intensity of the victim's zone is something else."""

    def world(moment: Moment, snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, intensities={"CLEAN": a_zone("CLEAN", change(moment))})

    return world


def short_forecast(moment: Moment, snapshot: Snapshot) -> Snapshot:
    """The forecast ends within the horizon."""
    known = Series(
        start=moment.at,
        step=timedelta(minutes=5),
        values=(30.0, 31.0),
        issued_at=moment.at,
        quality=Quality.FORECAST,
        source="test",
    )
    zones: dict[str, ZoneIntensity] = {
        name: replace(one, forecast_grams_per_kilowatt_hour=known) for name, one in snapshot.intensities.items()
    }
    return replace(snapshot, intensities=zones)


def stuck(moment: Moment, meters: MeterFacts) -> MeterFacts:
    return replace(meters, harvest_watts=moment.read(5.0))


def stopped(moment: Moment, meters: MeterFacts) -> MeterFacts:
    then = moment.at - moment.since
    return MeterFacts(
        power_watts=measured(2.7, at=then), harvest_watts=measured(5.0, at=then), battery_ratio=measured(0.5, at=then)
    )


def jumping(moment: Moment, meters: MeterFacts) -> MeterFacts:
    high = int(moment.since / PASS) % 2 == 0
    return replace(meters, battery_ratio=moment.read(0.95 if high else 0.05))


def ahead(moment: Moment, meters: MeterFacts) -> MeterFacts:
    future = moment.at + timedelta(seconds=moment.dice.uniform(61.0, 4000.0))
    return replace(meters, power_watts=measured(2.7, at=future))


FAULTS = {
    "prometheus does not answer": Fault(reason=Reason.DATA_UNAVAILABLE, world=all_silent),
    "the sensor stopped": Fault(
        reason=Reason.DATA_STALE, meters=stopped, shows_after=timedelta(seconds=135), gone_after=PASS
    ),
    "the harvest is stuck": Fault(reason=Reason.STUCK_SENSOR, meters=stuck, shows_after=timedelta(minutes=31)),
    "no series": Fault(reason=Reason.DATA_MISSING, meters=refused("power_watts", Reason.DATA_MISSING)),
    "no series of the battery": Fault(reason=Reason.DATA_MISSING, meters=refused("battery_ratio", Reason.DATA_MISSING)),
    "not a number": Fault(
        reason=Reason.NOT_A_NUMBER,
        meters=refused("harvest_watts", Reason.NOT_A_NUMBER),
        gone_after=timedelta(minutes=5, seconds=15),
    ),
    "below zero": Fault(
        reason=Reason.NEGATIVE_VALUE,
        meters=refused("power_watts", Reason.NEGATIVE_VALUE),
        gone_after=timedelta(minutes=5, seconds=15),
    ),
    "above nameplate": Fault(
        reason=Reason.ABOVE_NAMEPLATE,
        meters=refused("harvest_watts", Reason.ABOVE_NAMEPLATE),
        gone_after=timedelta(minutes=5, seconds=15),
    ),
    "the battery jumps": Fault(reason=Reason.RAMP_TOO_STEEP, meters=jumping),
    "two series": Fault(reason=Reason.AMBIGUOUS_METRIC, meters=refused("power_watts", Reason.AMBIGUOUS_METRIC)),
    "percent for a ratio": Fault(
        reason=Reason.IMPLAUSIBLE_UNIT, meters=refused("battery_ratio", Reason.IMPLAUSIBLE_UNIT)
    ),
    "the clock is ahead": Fault(reason=Reason.CLOCK_SKEW, meters=ahead),
    "pounds per megawatt-hour": Fault(
        reason=Reason.IMPLAUSIBLE_UNIT, world=zone(lambda moment: moment.read(moment.dice.uniform(1501.0, 3000.0)))
    ),
    "no provider": Fault(reason=Reason.DATA_UNAVAILABLE, world=zone(lambda _: absent(Reason.DATA_UNAVAILABLE))),
    "an old datum": Fault(
        reason=Reason.DATA_STALE, world=zone(lambda moment: measured(30.0, at=moment.at - timedelta(hours=3)))
    ),
    "an unknown zone": Fault(reason=Reason.UNKNOWN_ZONE, world=zone(lambda _: absent(Reason.UNKNOWN_ZONE))),
    "a profile": Fault(
        reason=Reason.ESTIMATED_INTENSITY,
        world=zone(lambda moment: moment.read(30.0, Quality.PROFILE)),
        shows_after=timedelta(minutes=61),
    ),
    "an estimate after a measurement": Fault(
        reason=Reason.ESTIMATED_INTENSITY,
        world=zone(lambda moment: moment.read(moment.dice.uniform(10.0, 900.0), Quality.ESTIMATED)),
        refuses_sleep=False,
    ),
    "a short forecast": Fault(reason=Reason.FORECAST_INCOMPLETE, world=short_forecast, refuses_sleep=False),
    "many nodes at once": Fault(reason=Reason.PIPELINE_SUSPECT, world=half_stale),
    "the lease is lost": Fault(
        reason=Reason.NOT_LEADER, world=lambda _moment, snapshot: replace(snapshot, is_leader=False)
    ),
    "just started": Fault(
        reason=Reason.WARMING_UP,
        world=lambda moment, snapshot: replace(snapshot, operator_started_at=moment.at - timedelta(seconds=10)),
    ),
}


@dataclass(slots=True)
class Run:
    """A fleet in time. The victim is its first node."""

    fault: Fault
    dice: random.Random
    trail: ReadingHistory
    size: int
    at: datetime = NOW

    def healthy(self) -> Snapshot:
        nodes = [self.node(f"pi-{number:02d}") for number in range(self.size)]
        zones = {"CLEAN": a_zone("CLEAN", measured(self.dice.uniform(20.0, 900.0), at=self.at))}
        policy = a_policy(staleness=Staleness(sensors_seconds=120.0))
        return a_snapshot(*nodes, taken_at=self.at, intensities=zones, policy=policy)

    def node(self, name: str) -> NodeView:
        age = timedelta(seconds=self.dice.uniform(0.0, 10.0))
        meters = some_meters(
            measured(self.dice.uniform(2.7, 6.4), at=self.at - age),
            measured(self.dice.uniform(0.1, 9.0), at=self.at - age),
            measured(0.5 + self.dice.uniform(-0.005, 0.005), at=self.at - age),
        )
        return a_node(name, harvest_nameplate_watts=10.0, battery=BATTERY, meters=meters)

    def step(self, since: timedelta | None) -> tuple[DataVerdict, bool]:
        """One pass, `since` the fault began or without it; the verdict, and whether the victim may sleep."""
        self.at += PASS
        snapshot = self.healthy()
        if since is not None:
            moment = Moment(at=self.at, since=since, dice=self.dice)
            victim = snapshot.nodes[0]
            broken = replace(victim, meters=self.fault.meters(moment, victim.meters))
            snapshot = self.fault.world(moment, replace(snapshot, nodes=(broken, *snapshot.nodes[1:])))
        self.trail = self.trail.after(snapshot)
        verdict = judge(snapshot, self.trail)
        usable = cleaned(snapshot, verdict)
        return verdict, not sleep_obstacles(usable.nodes[0], usable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a fault: what was wrong, and how many seconds it took to show and to pass."""

    violations: tuple[str, ...]
    shown_after_seconds: float
    gone_after_seconds: float


def play(name: str, seed: int) -> Seen:
    """One fault of the table on one random fleet."""
    fault, dice = FAULTS[name], random.Random(f"{name}/{seed}")
    run = Run(fault=fault, dice=dice, trail=ReadingHistory(), size=dice.randint(4, 12))
    found = ["a healthy node may not sleep" for _ in range(dice.randint(2, 5)) if not run.step(None)[1]]
    shown, wrong = _suffer(run, fault)
    found += wrong
    healthy_for = timedelta(0)
    while not run.step(None)[1] and healthy_for <= fault.gone_after:
        healthy_for += PASS
    found += [f"it lasts {healthy_for} longer than the fault"] if healthy_for > fault.gone_after else []
    found += ["its reason shows late or never"] if shown is None or shown > SHOWS_WITHIN else []
    return Seen(
        violations=tuple(found),
        shown_after_seconds=(shown or timedelta(0)).total_seconds(),
        gone_after_seconds=healthy_for.total_seconds(),
    )


def _suffer(run: Run, fault: Fault) -> tuple[timedelta | None, list[str]]:
    """The time of the fault: when its reason was first seen, and every pass that let the victim sleep."""
    shown: timedelta | None = None
    found: list[str] = []
    since = timedelta(0)
    length = fault.shows_after + run.dice.randint(4, 12) * PASS
    while since < length:
        verdict, may_sleep = run.step(since)
        if since >= fault.shows_after:
            if may_sleep is fault.refuses_sleep:
                found.append(f"{since} into it the node {'may' if may_sleep else 'may not'} sleep")
            seen = any(finding.cause.reason is fault.reason for finding in verdict.findings)
            shown = since - fault.shows_after if seen and shown is None else shown
        since += PASS
    return shown, found
