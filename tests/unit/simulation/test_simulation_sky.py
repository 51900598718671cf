"""The modelled sky, against the almanac and its own description."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from sunward.simulation.future import Future
from sunward.simulation.scenario import parse_scenario
from sunward.simulation.world.sky import (
    DARKEST_CLEARNESS,
    STEP_HOURS,
    Sky,
    clear_sky_watts_per_square_metre,
    clearness,
    cosine_of_zenith,
    sky_trace,
)
from support.simulation import MINIMAL_SCENARIO

BERLIN = (52.5, 13.4)


@pytest.mark.parametrize(
    ("latitude", "longitude", "time", "elevation_degrees"),
    [
        (0.0, 0.0, datetime(2021, 3, 21, 12, tzinfo=UTC), 90.0),
        (52.5, 13.4, datetime(2021, 6, 21, 11, 6, 24, tzinfo=UTC), 90.0 - 52.5 + 23.45),
        (52.5, 13.4, datetime(2021, 12, 21, 11, 6, 24, tzinfo=UTC), 90.0 - 52.5 - 23.45),
        (-33.9, 151.2, datetime(2021, 12, 21, 1, 55, 12, tzinfo=UTC), 90.0 - (33.9 - 23.45)),
    ],
)
def test_the_sun_culminates_where_the_almanac_says(
    latitude: float, longitude: float, time: datetime, elevation_degrees: float
) -> None:
    elevation = math.degrees(math.asin(cosine_of_zenith(latitude, longitude, time)))
    assert elevation == pytest.approx(elevation_degrees, abs=0.6)


def test_midsummer_in_berlin_is_as_long_as_it_is() -> None:
    start = datetime(2021, 6, 21, tzinfo=UTC)
    up = sum(cosine_of_zenith(*BERLIN, start + timedelta(minutes=k)) > 0.0 for k in range(24 * 60))
    assert up / 60 == pytest.approx(16.6, abs=0.2)  # geometric; refraction and the disc add a quarter of an hour


@pytest.mark.parametrize(("zenith_degrees", "watts"), [(0.0, 1035.1), (30.0, 888.3), (60.0, 487.9), (80.0, 135.7)])
def test_the_clear_sky_is_haurwitz(zenith_degrees: float, watts: float) -> None:
    found = clear_sky_watts_per_square_metre(math.cos(math.radians(zenith_degrees)))
    assert found == pytest.approx(watts, rel=1e-3)


def test_no_light_below_the_horizon() -> None:
    assert clear_sky_watts_per_square_metre(-0.2) == clear_sky_watts_per_square_metre(0.0) == 0.0


def test_clouds_have_the_mean_spread_and_memory_that_were_asked_for() -> None:
    sky = Sky(latitude_degrees=0, longitude_degrees=0, mean_clearness=0.5, clearness_spread=0.1, persistence_hours=2.0)
    values = clearness(sky, 60_000, (7,))
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    lag = round(2.0 / STEP_HOURS)
    pairs = zip(values, values[lag:], strict=False)
    memory = sum((a - mean) * (b - mean) for a, b in pairs) / len(values) / spread**2
    assert mean == pytest.approx(0.5, abs=0.02)
    assert spread == pytest.approx(0.1, rel=0.05)
    assert memory == pytest.approx(math.exp(-1.0), abs=0.05)
    assert DARKEST_CLEARNESS <= min(values) <= max(values) <= 1.0


def test_a_clear_day_on_a_panel_adds_up_to_what_the_formula_gives() -> None:
    sky = Sky(latitude_degrees=52.5, longitude_degrees=13.4, mean_clearness=1.0, clearness_spread=0.0)
    trace = sky_trace(sky, datetime(2021, 6, 21, tzinfo=UTC), 24.0, (0,))
    assert trace.hours == pytest.approx(24.0)
    assert 24.0 * trace.mean == pytest.approx(8.5, abs=0.3)  # kWh a day on a square metre of level ground
    assert max(trace.values) == pytest.approx(clear_sky_watts_per_square_metre(0.875) / 1000.0, rel=0.01)


def test_every_seed_and_every_panel_has_its_own_clouds_and_keeps_them() -> None:
    panel = "harvest: {sky: {latitude_degrees: 50, longitude_degrees: 8}, nameplate_watts: 10}"
    two = f"nodes: {{a: {{zone: Z, site: s, profile: p, {panel}}}, b: {{zone: Z, site: s, profile: p, {panel}}}}}"
    text = MINIMAL_SCENARIO.replace("nodes: {a: {zone: Z, site: s, profile: p}}", two).replace("T00:", "T10:")
    scenario = parse_scenario(text, "two")
    one, again, other = (Future(scenario, seed).harvest_watt_hours for seed in (1, 1, 2))
    assert list(one["a"]) == list(again["a"])
    assert list(one["a"]) != list(other["a"])
    assert list(one["a"]) != list(one["b"])
    assert min(one["a"][:4]) > 0.0
