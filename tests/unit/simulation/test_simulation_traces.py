"""A trace says what held when, repeats, and keeps its mean when it is scaled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.simulation.world import Trace, intensity_traces, solar_traces
from sunward.simulation.world.traces import read_traces

STAIRS = Trace(name="stairs", step_hours=0.5, values=(0.0, 1.0, 4.0))


def test_a_value_holds_until_the_next_step() -> None:
    assert [STAIRS.at(hours) for hours in (0.0, 0.49, 0.5, 1.4)] == [0.0, 0.0, 1.0, 4.0]


def test_a_trace_repeats_in_both_directions() -> None:
    assert STAIRS.at(1.5) == STAIRS.at(0.0)
    assert STAIRS.at(-0.1) == 4.0


def test_smooth_values_pass_through_the_middle_of_each_step() -> None:
    assert STAIRS.smooth(0.75) == pytest.approx(1.0)
    assert STAIRS.smooth(1.0) == pytest.approx(2.5)


@given(st.floats(-20.0, 20.0), st.floats(0.01, 20.0))
def test_averages_add_up_like_time(start: float, hours: float) -> None:
    middle, end = start + hours / 3, start + hours
    whole = STAIRS.average(start, end) * (end - start)
    parts = STAIRS.average(start, middle) * (middle - start) + STAIRS.average(middle, end) * (end - middle)
    assert whole == pytest.approx(parts, abs=1e-9)


def test_the_average_over_a_repetition_is_the_mean() -> None:
    assert STAIRS.average(0.2, 0.2 + STAIRS.hours) == pytest.approx(STAIRS.mean)


def test_scaling_moves_the_mean_and_swing_flattens() -> None:
    assert STAIRS.scaled(mean=24.0).mean == pytest.approx(24.0)
    assert set(STAIRS.scaled(mean=24.0, swing=0.0).values) == {24.0}


def test_bundled_sun_is_a_fraction_of_rated_output_and_nights_are_dark() -> None:
    traces = solar_traces()
    assert len(traces) == 10
    for trace in traces.values():
        assert trace.hours == 7 * 24
        assert min(trace.values) == 0.0
        assert max(trace.values) < 1.0


def test_bundled_intensities_cover_four_regions_for_four_weeks() -> None:
    assert set(intensity_traces()) == {"us-ciso", "us-erco", "us-isne", "us-pjm"}
    assert {trace.hours for trace in intensity_traces().values()} == {28 * 24}


def test_uneven_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="seconds"):
        read_traces(["seconds,a", "0,1", "300,1", "500,1"])


@pytest.mark.parametrize("city", ["berlin", "lagos", "sydney"])
def test_an_average_at_night_is_not_below_zero_by_rounding(city: str) -> None:
    trace = solar_traces()[city]
    hours = 300 / 3600
    assert min(trace.average(hours * k, hours * k + hours) for k in range(576)) == 0.0
