"""The degradation ladder, row by row: what may be used, what is lowered, what holds, and the reason each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Measurement, Quality, Reading, Series
from sunward.domain.nodes import BatterySpec, NodeRecord, NodeView, PowerState
from sunward.domain.policy import Budgets, SleepOn
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import LastDay, Snapshot, ZoneIntensity
from sunward.planning.data_quality.history import Meter, ReadingHistory
from sunward.planning.data_quality.judgement import cleaned, judge
from sunward.planning.data_quality.verdict import DataVerdict, Use
from sunward.planning.data_quality.zones import reconcile
from sunward.planning.sleep.eligibility import sleep_obstacles
from support.planning import NOW, a_node, a_policy, a_snapshot, a_zone, measured, some_meters

BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=10.0, maximum_discharge_watts=10.0)


def absent(reason: Reason = Reason.DATA_MISSING) -> Absent:
    return Absent(cause=Cause(reason, "test"), source="test")


def sunny(
    name: str = "pi-01",
    *,
    at: datetime = NOW,
    power: Reading | None = None,
    harvest: Reading | None = None,
    battery: Reading | None = None,
) -> NodeView:
    """A node with a source and a battery, all meters fresh at `at` unless given."""
    meters = some_meters(
        power or measured(2.7, at=at), harvest or measured(5.0, at=at), battery or measured(0.5, at=at)
    )
    return a_node(name, harvest_nameplate_watts=10.0, battery=BATTERY, meters=meters)


def taken(*nodes: NodeView, at: datetime = NOW, **changes: object) -> Snapshot:
    return a_snapshot(*nodes, taken_at=at, **changes)  # type: ignore[arg-type]


def after(*snapshots: Snapshot) -> DataVerdict:
    """The verdict on the last snapshot after all of them."""
    trail = ReadingHistory()
    for snapshot in snapshots:
        trail = trail.after(snapshot)
    return judge(snapshots[-1], trail)


def peers(count: int = 5) -> list[NodeView]:
    """Healthy nodes, so that one bad node is not the pipeline."""
    return [sunny(f"pi-{10 + k}") for k in range(count)]


def reasons(verdict: DataVerdict, subject: str = "node/pi-01") -> list[tuple[Use, Reason]]:
    return [(finding.use, finding.cause.reason) for finding in verdict.findings if finding.subject == subject]


def value(reading: Reading) -> float | Reason:
    return reading.value if isinstance(reading, Measurement) else reading.cause.reason


def test_good_data_are_used_as_they_are() -> None:
    snapshot = taken(sunny())
    verdict = after(snapshot)

    assert verdict.findings == ()
    assert verdict.hold is None
    assert cleaned(snapshot, verdict) == snapshot


# Prometheus down


def test_a_silent_metrics_store_holds_everything_from_the_third_time_on() -> None:
    down = taken(sunny(power=absent(Reason.DATA_UNAVAILABLE)), sensors_available=False)

    assert after(down, down).hold is None
    third = after(down, down, down)
    assert third.hold is not None
    assert third.hold.cause.reason is Reason.DATA_UNAVAILABLE


def test_an_answer_in_between_starts_the_count_again() -> None:
    down, up = taken(sunny(), sensors_available=False), taken(sunny())

    assert after(down, down, up, down, down).hold is None


def test_a_node_is_not_put_to_sleep_even_at_the_first_miss() -> None:
    silent = absent(Reason.DATA_UNAVAILABLE)
    down = taken(sunny(power=silent, harvest=silent, battery=silent), sensors_available=False)

    assert not after(down).nodes["pi-01"].supports_sleep


# stale, absent, refused


STALE = NOW - timedelta(seconds=150)


def test_stale_meters_promise_no_gain_and_keep_their_load() -> None:
    snapshot = taken(sunny(at=STALE), *peers())
    verdict = after(snapshot)
    meters = verdict.nodes["pi-01"].meters

    assert reasons(verdict) == [(Use.HOLD, Reason.DATA_STALE)] * 3
    assert (value(meters.harvest_watts), value(meters.battery_ratio)) == (Reason.DATA_STALE, Reason.DATA_STALE)
    assert meters.power_watts == measured(2.7, at=STALE)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.DATA_MISSING,
        Reason.NOT_A_NUMBER,
        Reason.NEGATIVE_VALUE,
        Reason.ABOVE_NAMEPLATE,
        Reason.AMBIGUOUS_METRIC,
        Reason.CLOCK_SKEW,
        Reason.IMPLAUSIBLE_UNIT,
    ],
)
@pytest.mark.parametrize("meter", ["power", "harvest", "battery"])
def test_a_reading_that_was_refused_holds_the_node_and_names_the_reason(reason: Reason, meter: str) -> None:
    snapshot = taken(sunny(**{meter: absent(reason)}), *peers())  # type: ignore[arg-type]
    verdict = after(snapshot)

    assert reasons(verdict) == [(Use.HOLD, reason)]
    assert verdict.hold is None
    assert sleep_obstacles(cleaned(snapshot, verdict).nodes[0], cleaned(snapshot, verdict))


def test_a_node_that_is_silent_for_half_an_hour_is_degraded() -> None:
    start = taken(sunny(power=absent()), *peers(), at=NOW - timedelta(minutes=31))

    assert not after(taken(sunny(power=absent()), *peers())).nodes["pi-01"].degraded
    assert after(start, taken(sunny(power=absent()), *peers())).nodes["pi-01"].degraded


def test_a_word_in_between_ends_the_silence() -> None:
    minutes = [40, 20, 0]
    words: list[Reading] = [absent(), measured(2.7, at=NOW - timedelta(minutes=20)), absent()]
    snapshots = [
        taken(sunny(power=word), *peers(), at=NOW - timedelta(minutes=back))
        for back, word in zip(minutes, words, strict=True)
    ]

    assert not after(*snapshots).nodes["pi-01"].degraded


@pytest.mark.parametrize(
    "state", [PowerState.ASLEEP, PowerState.WAKE_REQUESTED, PowerState.BOOTING, PowerState.DEGRADED]
)
def test_a_node_that_cannot_answer_is_not_blamed(state: PowerState) -> None:
    node = replace(sunny(power=absent(), harvest=absent(), battery=absent()), record=NodeRecord(power_state=state))

    assert after(taken(node, *peers())).findings == ()


def test_a_node_without_a_source_or_battery_needs_no_meters_for_them() -> None:
    node = a_node(meters=some_meters(harvest=absent(), battery=absent()))

    assert after(taken(node)).findings == ()


# stuck, lying, too steep, skewed


def same_harvest(watts: float, minutes: int, step: int = 5) -> list[Snapshot]:
    times = [NOW - timedelta(minutes=back) for back in range(minutes, -1, -step)]
    return [taken(sunny(at=time, harvest=measured(watts, at=time)), at=time) for time in times]


def test_a_sun_that_never_flickers_is_half_believed_and_supports_no_sleep() -> None:
    verdict = after(*same_harvest(5.0, 30))
    harvest = verdict.nodes["pi-01"].meters.harvest_watts

    assert reasons(verdict) == [(Use.PESSIMISTIC, Reason.STUCK_SENSOR)]
    assert isinstance(harvest, Measurement)
    assert (harvest.value, harvest.quality) == (2.5, Quality.SUSPECT)


@pytest.mark.parametrize(
    ("watts", "minutes"), [(5.0, 25), (0.0, 600), (9.9, 60)], ids=["not yet", "night", "saturated"]
)
def test_darkness_and_saturation_may_be_constant(watts: float, minutes: int) -> None:
    assert after(*same_harvest(watts, minutes)).findings == ()


def test_three_impossible_values_in_five_minutes_cast_doubt_on_the_fourth() -> None:
    times = [NOW - timedelta(seconds=back) for back in (180, 120, 60)]
    lies = [taken(sunny(at=time, power=absent(Reason.NEGATIVE_VALUE)), at=time) for time in times]

    assert reasons(after(*lies[1:], taken(sunny()))) == []
    assert reasons(after(*lies, taken(sunny()))) == [(Use.PESSIMISTIC, Reason.NEGATIVE_VALUE)]
    later = NOW + timedelta(minutes=10)
    assert reasons(after(*lies, taken(sunny(at=later), at=later))) == []


def test_a_battery_cannot_jump() -> None:
    before = taken(sunny(at=NOW - timedelta(minutes=1), battery=measured(0.3, at=NOW - timedelta(minutes=1))))

    jumped = after(before, taken(sunny(battery=measured(0.9))))
    charged = after(before, taken(sunny(battery=measured(0.31))))

    assert reasons(jumped) == [(Use.PESSIMISTIC, Reason.RAMP_TOO_STEEP)]
    assert value(jumped.nodes["pi-01"].meters.battery_ratio) == 0.45
    assert reasons(charged) == []


def test_a_clock_a_little_ahead_is_told_and_a_clock_far_ahead_is_not_believed() -> None:
    little = after(taken(sunny(power=measured(2.7, at=NOW + timedelta(seconds=10))), *peers()))
    far = after(taken(sunny(power=measured(2.7, at=NOW + timedelta(seconds=90))), *peers()))

    assert reasons(little) == [(Use.USE, Reason.CLOCK_SKEW)]
    assert little.nodes["pi-01"].supports_sleep
    assert reasons(far) == [(Use.HOLD, Reason.CLOCK_SKEW)]


def test_a_forecast_of_harvest_passes_the_judgement_of_the_meters() -> None:
    ahead = Series(
        start=NOW, step=timedelta(hours=1), values=(5.0,), issued_at=NOW, quality=Quality.FORECAST, source="sun"
    )
    node = sunny()
    snapshot = taken(replace(node, meters=replace(node.meters, harvest_forecast_watts=ahead)))

    assert after(snapshot).nodes["pi-01"].meters.harvest_forecast_watts == ahead


# intensity


def of_zone(reading: Reading, forecast: Series | None = None) -> dict[str, ZoneIntensity]:
    zone = a_zone("CLEAN", reading)
    return {"CLEAN": replace(zone, forecast_grams_per_kilowatt_hour=forecast)}


@pytest.mark.parametrize(
    ("reading", "use", "reason"),
    [
        (absent(Reason.UNKNOWN_ZONE), Use.HOLD, Reason.UNKNOWN_ZONE),
        (absent(Reason.DATA_UNAVAILABLE), Use.HOLD, Reason.DATA_UNAVAILABLE),
        (measured(100.0, at=NOW - timedelta(hours=3)), Use.HOLD, Reason.DATA_STALE),
        (measured(100.0, at=NOW + timedelta(minutes=5)), Use.HOLD, Reason.CLOCK_SKEW),
        (measured(1700.0), Use.HOLD, Reason.IMPLAUSIBLE_UNIT),
        (measured(-1.0), Use.HOLD, Reason.IMPLAUSIBLE_UNIT),
        (measured(100.0, quality=Quality.LAST_KNOWN_GOOD), Use.USE, Reason.DATA_UNAVAILABLE),
        (measured(100.0, quality=Quality.ESTIMATED), Use.PESSIMISTIC, Reason.ESTIMATED_INTENSITY),
        (measured(100.0, quality=Quality.PROFILE), Use.PESSIMISTIC, Reason.ESTIMATED_INTENSITY),
    ],
)
def test_an_intensity_is_trusted_as_far_as_it_deserves(reading: Reading, use: Use, reason: Reason) -> None:
    verdict = after(taken(sunny(), intensities=of_zone(reading)))

    assert reasons(verdict, "zone/CLEAN") == [(use, reason)]
    assert verdict.zones["CLEAN"].use is use
    assert verdict.hold is None


@pytest.mark.parametrize(
    ("value", "sleep_on", "day", "use"),
    [
        (100.0, SleepOn.ESTIMATED, (80.0, 200.0), Use.USE),
        (57.0, SleepOn.ESTIMATED, (80.0, 200.0), Use.USE),
        (259.0, SleepOn.ESTIMATED, (80.0, 200.0), Use.USE),
        (55.0, SleepOn.ESTIMATED, (80.0, 200.0), Use.PESSIMISTIC),
        (261.0, SleepOn.ESTIMATED, (80.0, 200.0), Use.PESSIMISTIC),
        (100.0, SleepOn.ESTIMATED, None, Use.PESSIMISTIC),
        (100.0, SleepOn.MEASURED, (80.0, 200.0), Use.PESSIMISTIC),
    ],
)
def test_an_estimate_counts_where_the_policy_accepts_it_and_the_last_day_does_not_contradict_it(
    value: float, sleep_on: SleepOn, day: tuple[float, float] | None, use: Use
) -> None:
    last = (
        None if day is None else LastDay(lowest_grams_per_kilowatt_hour=day[0], highest_grams_per_kilowatt_hour=day[1])
    )
    zones = of_zone(measured(value, quality=Quality.ESTIMATED))
    seen = taken(
        sunny(), policy=a_policy(sleep_on=sleep_on), intensities={"CLEAN": replace(zones["CLEAN"], last_day=last)}
    )
    verdict = after(seen)

    assert reasons(verdict, "zone/CLEAN") == [(use, Reason.ESTIMATED_INTENSITY)]
    read = verdict.zones["CLEAN"].intensity.now_grams_per_kilowatt_hour
    assert isinstance(read, Measurement)
    assert (read.value, read.quality) == (value, Quality.ESTIMATED)


def test_a_profile_is_no_estimate_that_a_policy_can_accept() -> None:
    day = LastDay(lowest_grams_per_kilowatt_hour=80.0, highest_grams_per_kilowatt_hour=200.0)
    zone = replace(of_zone(measured(100.0, quality=Quality.PROFILE))["CLEAN"], last_day=day)

    assert after(taken(sunny(), intensities={"CLEAN": zone})).zones["CLEAN"].use is Use.PESSIMISTIC


def test_a_forecast_for_the_present_needs_no_excuse() -> None:
    assert after(taken(sunny(), intensities=of_zone(measured(100.0, quality=Quality.FORECAST)))).findings == ()


def test_an_estimate_gives_way_to_what_was_measured_within_the_hour() -> None:
    def flip(minutes: int) -> float | Reason:
        then = NOW - timedelta(minutes=minutes)
        before = taken(sunny(at=then), at=then, intensities=of_zone(measured(200.0, at=then)))
        estimated = measured(120.0, quality=Quality.ESTIMATED)
        verdict = after(before, taken(sunny(), intensities=of_zone(estimated)))
        return value(verdict.zones["CLEAN"].intensity.now_grams_per_kilowatt_hour)

    assert flip(30) == 200.0
    assert flip(90) == 120.0


def test_a_forecast_that_ends_before_the_horizon_is_reported() -> None:
    forecast = Series(
        start=NOW,
        step=timedelta(minutes=15),
        values=(1.0, 2.0),
        issued_at=NOW,
        quality=Quality.FORECAST,
        source="test",
    )
    policy = a_policy(planning_period_seconds=900.0, horizon_periods=4)
    short = after(taken(sunny(), policy=policy, intensities=of_zone(measured(1.0), forecast)))
    none = after(taken(sunny(), policy=policy, intensities=of_zone(measured(1.0))))

    assert reasons(short, "zone/CLEAN") == [(Use.USE, Reason.FORECAST_INCOMPLETE)]
    assert reasons(none, "zone/CLEAN") == []


def test_of_two_sources_that_disagree_the_higher_counts() -> None:
    snapshot = taken(sunny(), intensities=of_zone(measured(100.0)))
    verdict = judge(snapshot, ReadingHistory().after(snapshot), second_opinions={"CLEAN": measured(140.0)})

    assert reasons(verdict, "zone/CLEAN") == [(Use.PESSIMISTIC, Reason.SOURCES_DISAGREE)]
    assert value(verdict.zones["CLEAN"].intensity.now_grams_per_kilowatt_hour) == 140.0


@pytest.mark.parametrize(("second", "counts"), [(129.0, 100.0), (131.0, 131.0), (70.0, 100.0), (100.0, 100.0)])
def test_disagreement_begins_at_thirty_percent_of_the_lower(second: float, counts: float) -> None:
    assert reconcile(measured(100.0), measured(second)).value == counts


# the whole cluster


def test_many_bad_nodes_at_once_are_one_bad_pipeline() -> None:
    def bad(count: int) -> DataVerdict:
        nodes = [sunny(f"pi-{k}", power=absent() if k < count else None) for k in range(10)]
        return after(taken(*nodes))

    assert bad(3).hold is None
    fourth = bad(4).hold
    assert fourth is not None
    assert fourth.cause.reason is Reason.PIPELINE_SUSPECT


def test_who_lost_the_lease_holds() -> None:
    hold = after(taken(sunny(), is_leader=False)).hold

    assert hold is not None
    assert hold.cause.reason is Reason.NOT_LEADER


def test_after_a_restart_nothing_sleeps_until_it_is_warm() -> None:
    policy = a_policy(budgets=Budgets(warm_up_seconds=60.0))
    cold = after(taken(sunny(), policy=policy, operator_started_at=NOW - timedelta(seconds=59)))
    warm = after(taken(sunny(), policy=policy, operator_started_at=NOW - timedelta(seconds=60)))

    assert reasons(cold, "cluster") == [(Use.PESSIMISTIC, Reason.WARMING_UP)]
    assert cold.hold is None
    assert warm.findings == ()


@pytest.mark.parametrize(("minutes", "pending", "wakes"), [(31, 2, True), (29, 2, False), (31, 0, False)])
def test_who_is_blind_for_long_while_pods_wait_wakes_nodes(minutes: int, pending: int, wakes: bool) -> None:
    begun = taken(sunny(), at=NOW - timedelta(minutes=minutes), sensors_available=False)
    now = taken(sunny(), sensors_available=False)
    verdict = judge(now, ReadingHistory().after(begun).after(now), pending_pods=pending)

    assert (verdict.wake_for_pending is not None) is wakes


# properties


READINGS = st.one_of(
    st.builds(absent, st.sampled_from(Reason)),
    st.builds(
        lambda amount, age, quality: measured(amount, at=NOW - timedelta(seconds=age), quality=quality),
        st.floats(-1e6, 1e6),
        st.floats(-600.0, 600.0),
        st.sampled_from(Quality),
    ),
)


@given(pasts=st.lists(st.tuples(READINGS, READINGS, READINGS), min_size=1, max_size=6))
def test_no_doubtful_reading_ever_promises_more_than_it_says(pasts: list[tuple[Reading, Reading, Reading]]) -> None:
    snapshots = [
        taken(sunny(power=power, harvest=harvest, battery=battery), *peers()) for power, harvest, battery in pasts
    ]
    verdict = after(*snapshots)
    node = verdict.nodes["pi-01"]
    _, harvest, _ = pasts[-1]

    usable = node.meters.harvest_watts
    if isinstance(usable, Measurement):
        assert isinstance(harvest, Measurement)
        assert usable.value <= max(harvest.value, 0.5 * harvest.value)
    if node.supports_sleep:
        assert all(isinstance(reading, Measurement) for reading in pasts[-1])


@given(power=READINGS, zone=READINGS)
def test_what_is_not_plain_use_always_has_a_finding_and_blocks_the_guards(power: Reading, zone: Reading) -> None:
    snapshot = taken(sunny(power=power), *peers(), intensities=of_zone(zone))
    verdict = after(snapshot)
    usable = cleaned(snapshot, verdict)

    if verdict.nodes["pi-01"].use is not Use.USE or verdict.zones["CLEAN"].use is not Use.USE:
        assert verdict.findings
        assert sleep_obstacles(usable.nodes[0], usable)


def test_the_trail_forgets_nodes_that_are_gone() -> None:
    trail = ReadingHistory().after(taken(sunny("pi-01"), sunny("pi-02"))).after(taken(sunny("pi-02")))

    assert {name for name, _ in trail.meters} == {"pi-02"}
    assert trail.of("pi-01", Meter.POWER).good is None
