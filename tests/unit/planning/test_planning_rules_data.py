"""Guards about data at their limits: how old, how far ahead, how good, and of how many nodes at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sunward.domain.cause import Cause
from sunward.domain.measurement import Absent, Quality, Reading
from sunward.domain.nodes import NodeRecord, NodeView, PowerState
from sunward.domain.policy import SleepOn, Staleness
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import LastDay, Snapshot
from sunward.planning.guards import rules_data
from sunward.planning.guards.case import Case
from support.guards.cases import A_MOMENT, BATTERY, MISSING, SECOND, case_of, reason_of
from support.planning import NOW, a_node, a_policy, a_snapshot, a_zone, measured, some_facts, some_meters

LIMITS = Staleness(sensors_seconds=120.0, intensity_seconds=7200.0, clock_skew_seconds=60.0)
POLICY = a_policy(staleness=LIMITS)
FRESH, OLD, AHEAD = 120 * SECOND, 7200 * SECOND, -60 * SECOND

AGES = [
    (timedelta(0), None),
    (FRESH, None),
    (FRESH + A_MOMENT, Reason.DATA_STALE),
    (AHEAD, None),
    (AHEAD - A_MOMENT, Reason.CLOCK_SKEW),
]
"""Age of a sensor's reading, and why it supports no sleep."""

QUALITIES = [
    (Quality.MEASURED, None),
    (Quality.LAST_KNOWN_GOOD, Reason.DATA_STALE),
    (Quality.FORECAST, Reason.DATA_STALE),
    (Quality.ESTIMATED, Reason.DATA_STALE),
    (Quality.PROFILE, Reason.DATA_STALE),
    (Quality.SUSPECT, Reason.SOURCES_DISAGREE),
]


def metered(power: Reading) -> Case:
    return case_of(a_node(meters=some_meters(power)), policy=POLICY)


def in_zone(reading: Reading) -> Case:
    return case_of(intensities={"CLEAN": a_zone("CLEAN", reading)}, policy=POLICY)


@pytest.mark.parametrize(
    ("age", "reason"),
    [(age, reason and Reason.DATA_STALE) for age, reason in AGES],
    ids=str,
)
def test_a_picture_is_acted_on_while_it_is_fresh(age: timedelta, reason: Reason | None) -> None:
    case = case_of(policy=POLICY, taken_at=NOW - age)
    assert reason_of(rules_data.snapshot_fresh, case) is reason


@pytest.mark.parametrize(("age", "expired"), [(-1.0, True), (0.0, False), (60.0, False), (61.0, True)])
def test_a_command_to_cut_power_lives_for_a_minute(age: float, expired: bool) -> None:
    case = case_of(policy=POLICY, taken_at=NOW - timedelta(seconds=age))
    assert reason_of(rules_data.command_recent, case) is (Reason.COMMAND_EXPIRED if expired else None)


@pytest.mark.parametrize(("age", "reason"), AGES, ids=str)
def test_a_draw_counts_while_it_is_fresh(age: timedelta, reason: Reason | None) -> None:
    assert reason_of(rules_data.power_meter, metered(measured(2.7, at=NOW - age))) is reason


@pytest.mark.parametrize(("quality", "reason"), QUALITIES)
def test_only_a_measured_draw_counts(quality: Quality, reason: Reason | None) -> None:
    assert reason_of(rules_data.power_meter, metered(measured(2.7, quality=quality))) is reason


def test_a_missing_draw_keeps_the_reason_for_which_it_is_missing() -> None:
    absent = Absent(cause=Cause(Reason.SOURCES_DISAGREE, "two series"), source="test")
    refusal = rules_data.power_meter(metered(absent))
    assert refusal is not None
    assert refusal.reason is Reason.SOURCES_DISAGREE
    assert "two series" in refusal.message


def test_harvest_and_battery_are_asked_only_of_nodes_that_have_them() -> None:
    blind = some_meters(harvest=MISSING, battery=MISSING)
    neither, sun = a_node(meters=blind), a_node(meters=blind, harvest_nameplate_watts=10.0)
    stored = a_node(meters=blind, battery=BATTERY)
    asked = [
        (reason_of(rules_data.harvest_meter, case_of(node)), reason_of(rules_data.battery_meter, case_of(node)))
        for node in (neither, sun, stored)
    ]
    assert asked == [(None, None), (Reason.DATA_MISSING, None), (None, Reason.DATA_MISSING)]


def test_harvest_and_battery_support_a_sleep_when_they_are_known() -> None:
    case = case_of(a_node(harvest_nameplate_watts=10.0, battery=BATTERY))
    assert reason_of(rules_data.harvest_meter, case) is None
    assert reason_of(rules_data.battery_meter, case) is None


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (FRESH + A_MOMENT, None),
        (OLD, None),
        (OLD + A_MOMENT, Reason.DATA_STALE),
        (AHEAD, None),
        (AHEAD - A_MOMENT, Reason.CLOCK_SKEW),
    ],
    ids=str,
)
def test_an_intensity_has_a_longer_life_than_a_draw(age: timedelta, reason: Reason | None) -> None:
    assert reason_of(rules_data.intensity, in_zone(measured(24.0, at=NOW - age))) is reason


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        (Quality.MEASURED, None),
        (Quality.LAST_KNOWN_GOOD, None),
        (Quality.FORECAST, None),
        (Quality.ESTIMATED, Reason.ESTIMATED_INTENSITY),
        (Quality.PROFILE, Reason.ESTIMATED_INTENSITY),
        (Quality.SUSPECT, Reason.SOURCES_DISAGREE),
    ],
)
def test_nobody_sleeps_on_a_guessed_intensity(quality: Quality, reason: Reason | None) -> None:
    assert reason_of(rules_data.intensity, in_zone(measured(24.0, quality=quality))) is reason


@pytest.mark.parametrize(
    ("sleep_on", "quality", "highest", "reason"),
    [
        (SleepOn.ESTIMATED, Quality.ESTIMATED, 30.0, None),
        (SleepOn.ESTIMATED, Quality.ESTIMATED, 18.0, Reason.ESTIMATED_INTENSITY),
        (SleepOn.ESTIMATED, Quality.PROFILE, 30.0, Reason.ESTIMATED_INTENSITY),
        (SleepOn.MEASURED, Quality.ESTIMATED, 30.0, Reason.ESTIMATED_INTENSITY),
    ],
)
def test_an_estimate_puts_a_node_to_sleep_only_where_the_policy_and_the_last_day_allow_it(
    sleep_on: SleepOn, quality: Quality, highest: float, reason: Reason | None
) -> None:
    zone = a_zone("CLEAN", measured(24.0, quality=quality))
    day = LastDay(lowest_grams_per_kilowatt_hour=10.0, highest_grams_per_kilowatt_hour=highest)
    case = case_of(policy=a_policy(sleep_on=sleep_on), intensities={"CLEAN": replace(zone, last_day=day)})

    assert reason_of(rules_data.intensity, case) is reason


def test_an_intensity_that_is_too_old_is_old_and_not_a_guess() -> None:
    old = measured(24.0, at=NOW - OLD - SECOND, quality=Quality.ESTIMATED)
    assert reason_of(rules_data.intensity, in_zone(old)) is Reason.DATA_STALE


def test_a_missing_intensity_keeps_its_reason() -> None:
    assert reason_of(rules_data.intensity, in_zone(MISSING)) is Reason.DATA_MISSING


def test_what_holds_the_data_as_a_whole_is_told_as_it_was_judged() -> None:
    refusal = rules_data.data_hold(case_of(data_hold=Cause(Reason.CLOCK_SKEW, "the hub is ahead")))
    assert refusal is not None
    assert (refusal.reason, refusal.message) == (Reason.CLOCK_SKEW, "the hub is ahead")
    assert rules_data.data_hold(case_of()) is None


def nodes(bad: int, total: int, *, record: NodeRecord | None = None) -> list[NodeView]:
    return [
        a_node(f"n{index}", meters=some_meters(MISSING if index < bad else None), record=record)
        for index in range(total)
    ]


@pytest.mark.parametrize(
    ("bad", "total", "share", "reason"),
    [
        (0, 10, 0.0, None),
        (3, 10, 0.3, None),
        (4, 10, 0.4, Reason.PIPELINE_SUSPECT),
        (1, 3, 1 / 3, Reason.PIPELINE_SUSPECT),
        (1, 1, 1.0, Reason.PIPELINE_SUSPECT),
    ],
)
def test_more_than_three_blind_nodes_in_ten_are_a_bad_pipeline(
    bad: int, total: int, share: float, reason: Reason | None
) -> None:
    snapshot = a_snapshot(*nodes(bad, total))
    assert rules_data.suspect_share(snapshot, NOW) == share
    assert reason_of(rules_data.pipeline, Case(node=snapshot.nodes[0], snapshot=snapshot, now=NOW)) is reason


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (PowerState.AWAKE, True),
        (PowerState.CORDONED, True),
        (PowerState.DRAINING, True),
        (PowerState.POWER_OFF_REQUESTED, True),
        (PowerState.ASLEEP, False),
        (PowerState.WAKE_REQUESTED, False),
        (PowerState.BOOTING, False),
        (PowerState.DEGRADED, False),
    ],
)
def test_only_of_a_node_that_runs_is_a_reading_expected(state: PowerState, counts: bool) -> None:
    silent = nodes(1, 1, record=NodeRecord(power_state=state))[0]
    assert rules_data.suspect_share(a_snapshot(silent, a_node("seen")), NOW) == (0.5 if counts else 0.0)


def test_a_node_in_trouble_is_expected_to_be_silent() -> None:
    silent = nodes(1, 1)[0]
    for facts in (some_facts("n0", ready=False), None):
        assert rules_data.suspect_share(a_snapshot(replace(silent, facts=facts), a_node("seen")), NOW) == 0.0


def test_where_nobody_runs_nobody_is_suspect() -> None:
    asleep = nodes(1, 1, record=NodeRecord(power_state=PowerState.ASLEEP))
    assert rules_data.suspect_share(a_snapshot(*asleep), NOW) == 0.0


def test_what_was_true_of_one_picture_or_instant_is_not_believed_of_the_next() -> None:
    good, bad = case_of(policy=POLICY), metered(MISSING)
    bad = replace(bad, snapshot=replace(bad.snapshot, nodes=(bad.node,)))
    later = replace(good, now=NOW + FRESH + SECOND)
    cases = [good, bad, good, later, good, bad, later, bad]
    found = [reason_of(rules_data.pipeline, case) is not None for case in cases]
    assert found == [False, True, False, True, False, True, True, True]


def test_a_pass_over_many_nodes_looks_at_all_of_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(snapshot: Snapshot, now: datetime) -> float:
        asked.append((snapshot, now))
        return 0.4

    monkeypatch.setattr(rules_data, "suspect_share", counted)
    snapshot = a_snapshot(*nodes(4, 10))
    for node in snapshot.nodes:
        assert reason_of(rules_data.pipeline, Case(node=node, snapshot=snapshot, now=NOW)) is Reason.PIPELINE_SUSPECT
    assert asked == [(snapshot, NOW)]
