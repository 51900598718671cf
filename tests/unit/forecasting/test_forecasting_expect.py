"""Expectations are weighted by time, never promise what is not known, and learn from yesterday."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.cause import Cause
from sunward.domain.intensity import DEFAULT_BASIS
from sunward.domain.measurement import Absent, Quality, Series
from sunward.domain.nodes import NodeRecord, PowerState
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneIntensity
from sunward.forecasting.expect import RememberingForecaster, expect, intensity
from sunward.forecasting.harvest import expect_watts
from sunward.forecasting.history import History, Observation, mean_of
from sunward.forecasting.periods import mean_between, resample
from support.planning import NOW, a_node, a_policy, a_snapshot, a_zone, measured, some_meters

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
SILENT = Absent(cause=Cause(Reason.DATA_MISSING), source="test")


def series(*values: float, start_minutes: float = 0.0, step: timedelta = HOUR) -> Series:
    return Series(
        start=NOW + timedelta(minutes=start_minutes),
        step=step,
        values=values,
        issued_at=NOW,
        quality=Quality.FORECAST,
        source="test",
    )


def forecast_in_watts(*values: float) -> Series:
    return series(*values, start_minutes=-30.0)


def test_a_forecast_takes_the_place_of_yesterday_and_gives_way_to_what_is_seen_now() -> None:
    ahead = forecast_in_watts(4.0, 4.0, 2.0, 2.0)
    agreed = expect_watts(4.0, NOW, day(), NOW, HOUR, 3, most_watts=10.0, forecast=ahead).values
    darker = expect_watts(2.0, NOW, day(), NOW, HOUR, 3, most_watts=10.0, forecast=ahead).values

    assert agreed == pytest.approx((4.0, 3.0, 2.0))
    weights = [math.exp(-hours / 3.0) for hours in (0.5, 1.5, 2.5)]
    assert darker == pytest.approx(
        [value * (1.0 - weight / 2.0) for value, weight in zip(agreed, weights, strict=True)]
    )


def test_where_a_forecast_ends_yesterday_takes_over() -> None:
    ahead = forecast_in_watts(4.0, 4.0)
    found = expect_watts(4.0, NOW, day(), NOW, HOUR, 8, most_watts=10.0, forecast=ahead).values
    without = expect_watts(4.0, NOW, day(), NOW, HOUR, 8, most_watts=10.0).values

    assert found[0] == pytest.approx(4.0)
    assert found[2:] == pytest.approx(without[2:])


@pytest.mark.parametrize("watts", [0.0, 3.0, 50.0])
def test_with_a_forecast_nothing_is_negative_or_above_the_nameplate(watts: float) -> None:
    found = expect_watts(watts, NOW, (), NOW, QUARTER, 8, most_watts=10.0, forecast=forecast_in_watts(0.0, 12.0, 15.0))

    assert all(0.0 <= value <= 10.0 for value in found.values)


def test_a_silent_meter_promises_nothing_whatever_is_forecast() -> None:
    meters = replace(some_meters(NOW), harvest_watts=SILENT, harvest_forecast_watts=forecast_in_watts(9.0, 9.0, 9.0))
    snapshot = a_snapshot(a_node("pi-01", harvest_nameplate_watts=10.0, meters=meters))

    assert set(expect(snapshot, NOW, History()).harvest_watt_hours["pi-01"]) == {0.0}


def test_a_mean_is_weighted_by_time() -> None:
    assert mean_between(series(10.0, 40.0), NOW + timedelta(minutes=45), NOW + timedelta(minutes=75)) == 25.0
    assert mean_between(series(10.0, 40.0), NOW + timedelta(minutes=50), NOW + timedelta(minutes=65)) == 20.0


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_period_that_is_not_covered_whole_has_no_mean(shift: int) -> None:
    moved = NOW + timedelta(seconds=shift)

    assert mean_between(series(10.0, 40.0), moved, moved + 2 * HOUR) is None


@given(
    values=st.lists(st.floats(0.0, 1000.0), min_size=2, max_size=30),
    step=st.integers(60, 7200),
    period=st.integers(60, 7200),
)
def test_resampling_keeps_the_integral(values: list[float], step: int, period: int) -> None:
    whole = series(*values, step=timedelta(seconds=step))
    count = int(len(values) * step // period)
    found = resample(whole, NOW, timedelta(seconds=period), count)

    covered = mean_between(whole, NOW, NOW + count * timedelta(seconds=period))
    assert None not in found
    if covered is not None:
        assert math.fsum(value or 0.0 for value in found) == pytest.approx(covered * count, rel=1e-9, abs=1e-9)


def day(watts: float = 10.0, *, days: float = 1.2, minutes: int = 5) -> tuple[Observation, ...]:
    """A clear day's arch between 06 and 18 hours, seen until NOW, which is noon."""
    count = int(days * 1440 / minutes)
    times = (NOW - timedelta(minutes=minutes * back) for back in range(count, 0, -1))
    return tuple(Observation(time=time, value=watts * arch(time.hour + time.minute / 60.0)) for time in times)


def arch(hour: float) -> float:
    return max(0.0, math.sin(math.pi * (hour - 6.0) / 12.0))


def test_without_a_day_of_history_the_present_persists_and_nothing_is_known_of_its_error() -> None:
    found = expect_watts(4.0, NOW, (), NOW, QUARTER, 3, most_watts=10.0)

    assert found.values == (4.0, 4.0, 4.0)
    assert found.spreads == (4.0, 4.0, 4.0)


def test_with_a_day_of_history_the_sun_goes_down() -> None:
    found = expect_watts(10.0, NOW, day(), NOW, HOUR, 8, most_watts=10.0)

    assert found.values[0] == pytest.approx(9.9, abs=0.2)
    assert found.values[7] == pytest.approx(0.0, abs=0.1)
    assert all(early > late for early, late in zip(found.values, found.values[1:], strict=False))


def test_a_cloudy_noon_dims_the_next_hours_more_than_the_evening() -> None:
    clear = expect_watts(10.0, NOW, day(), NOW, HOUR, 6, most_watts=10.0).values
    cloudy = expect_watts(2.0, NOW, day(), NOW, HOUR, 6, most_watts=10.0).values
    share = [low / high for low, high in zip(cloudy, clear, strict=True)]

    assert share[0] == pytest.approx(0.3, abs=0.1)
    assert share[5] > 0.8


@given(
    watts=st.floats(0.0, 50.0),
    past=st.lists(st.floats(0.0, 50.0), max_size=60),
    most=st.floats(0.0, 50.0),
)
def test_a_source_never_promises_more_than_its_nameplate_or_less_than_nothing(
    watts: float, past: list[float], most: float
) -> None:
    start = NOW - timedelta(hours=25)
    history = tuple(Observation(time=start + k * timedelta(minutes=30), value=value) for k, value in enumerate(past))

    found = expect_watts(watts, NOW, history, NOW, QUARTER, 8, most_watts=most)

    assert all(0.0 <= value <= most for value in found.values)
    assert all(math.isfinite(spread) and spread >= 0.0 for spread in found.spreads)


def test_the_spread_grows_with_the_distance_when_a_day_is_known() -> None:
    found = expect_watts(10.0, NOW, day(), NOW, HOUR, 4, most_watts=10.0)

    assert found.spreads[0] < found.spreads[3]


def planned(snapshot: Snapshot, history: History | None = None) -> dict[str, tuple[float, ...]]:
    return dict(expect(snapshot, NOW, history or History()).harvest_watt_hours)


def with_policy(*nodes: object, **changes: object) -> Snapshot:
    policy = a_policy(planning_period_seconds=900.0, horizon_periods=4)
    return a_snapshot(*nodes, policy=policy, **changes)  # type: ignore[arg-type]


def test_harvest_is_energy_per_period() -> None:
    assert planned(with_policy(a_node(harvest_nameplate_watts=10.0))) == {"pi-01": (1.25,) * 4}


@pytest.mark.parametrize(
    "reading",
    [SILENT, measured(5.0, at=NOW - timedelta(minutes=5)), measured(5.0, at=NOW + timedelta(minutes=5))],
    ids=["silent", "stale", "from the future"],
)
def test_a_meter_that_cannot_be_trusted_promises_nothing(reading: object) -> None:
    node = a_node(harvest_nameplate_watts=10.0, meters=some_meters(harvest=reading))  # type: ignore[arg-type]

    assert planned(with_policy(node)) == {"pi-01": (0.0,) * 4}


def test_a_node_without_a_source_harvests_nothing() -> None:
    assert planned(with_policy(a_node())) == {"pi-01": (0.0,) * 4}


def test_a_sleeping_node_is_expected_to_have_the_sun_of_its_site() -> None:
    asleep = NodeRecord(power_state=PowerState.ASLEEP)
    sleeper = a_node("pi-01", harvest_nameplate_watts=20.0, meters=some_meters(harvest=SILENT), record=asleep)
    awake = a_node("pi-02", harvest_nameplate_watts=10.0, meters=some_meters(harvest=measured(5.0)))
    elsewhere = a_node("pi-03", harvest_nameplate_watts=10.0, site="barn", meters=some_meters(harvest=measured(9.0)))

    assert planned(with_policy(sleeper, awake, elsewhere))["pi-01"] == (2.5,) * 4


def zone(now: object, forecast: Series | None) -> ZoneIntensity:
    return ZoneIntensity(
        zone="Z",
        now_grams_per_kilowatt_hour=now,  # type: ignore[arg-type]
        forecast_grams_per_kilowatt_hour=forecast,
        basis=DEFAULT_BASIS,
    )


def test_the_providers_forecast_is_used_where_it_reaches_and_the_present_beyond() -> None:
    found = intensity(zone(measured(100.0), series(90.0, 200.0)), NOW, NOW, timedelta(minutes=30), 6)

    assert found == (100.0, 100.0, 200.0, 200.0, 100.0, 100.0)


def test_an_estimate_does_not_replace_the_forecast_of_the_present() -> None:
    found = intensity(zone(measured(100.0, quality=Quality.ESTIMATED), series(90.0, 200.0)), NOW, NOW, HOUR, 2)

    assert found == (90.0, 200.0)


def test_without_a_present_the_last_known_period_persists() -> None:
    assert intensity(zone(SILENT, series(90.0, 200.0)), NOW, NOW, HOUR, 4) == (90.0, 200.0, 200.0, 200.0)


def test_an_intensity_that_nobody_knows_is_left_out() -> None:
    snapshot = with_policy(a_node(), intensities={"CLEAN": a_zone("CLEAN", SILENT)})

    assert expect(snapshot, NOW, History()).intensity_grams_per_kilowatt_hour == {}


def test_history_keeps_two_days_of_trusted_and_different_samples() -> None:
    def seen(hours: float, quality: Quality = Quality.MEASURED) -> Snapshot:
        at = NOW + timedelta(hours=hours)
        meters = some_meters(harvest=measured(hours, at=at, quality=quality))
        return with_policy(a_node(harvest_nameplate_watts=10.0, meters=meters))

    history = History()
    for hours in (0.0, 0.001, 1.0, 2.0, 50.0):
        history = history.after(seen(hours))
    history = history.after(seen(51.0, Quality.SUSPECT))

    assert [one.value for one in history.harvest_watts["pi-01"]] == [1.0, 2.0, 50.0]


def test_a_mean_of_observations_needs_one_nearby() -> None:
    observations = (Observation(time=NOW, value=1.0), Observation(time=NOW + QUARTER, value=3.0))

    assert mean_of(observations, NOW, NOW + HOUR) == 2.0
    assert mean_of(observations, NOW + timedelta(minutes=5), NOW + timedelta(minutes=10)) == 2.0
    assert mean_of(observations, NOW + 2 * HOUR, NOW + 3 * HOUR) is None


def test_a_forecaster_remembers_yesterday_and_forgets_it_with_itself() -> None:
    forecaster = RememberingForecaster()
    for back in range(26 * 4, -1, -1):
        at = NOW - back * QUARTER
        meters = some_meters(harvest=measured(10.0 * arch(at.hour + at.minute / 60.0), at=at))
        snapshot = with_policy(a_node(harvest_nameplate_watts=10.0, meters=meters), taken_at=at)
        forecaster.remember(snapshot)

    evening = NOW + timedelta(hours=5)
    remembered = forecaster(snapshot, evening).harvest_watt_hours["pi-01"][0]
    fresh = RememberingForecaster()(snapshot, evening).harvest_watt_hours["pi-01"][0]

    assert remembered == pytest.approx(2.5 * arch(17.0), rel=0.01)
    assert fresh == pytest.approx(2.5)
