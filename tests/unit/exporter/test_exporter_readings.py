"""What counts as a reading, and what is refused and why."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_exporter.readings import LARGEST_WATTS, Limits, Reading, Refusal, Sample, check_power, check_ratio

LIMITS = Limits(nameplate_watts=10.0, ramp_watts_per_second=4.0)


@pytest.mark.parametrize(
    ("watts", "expected"),
    [
        (0.0, 0.0),
        (3.5, 3.5),
        (10.5, 10.5),  # the tolerance of a meter above its nameplate
        (-0.1, 0.0),  # noise around zero
        (10.51, Refusal.ABOVE_NAMEPLATE),
        (-0.11, Refusal.NEGATIVE_VALUE),
        (math.nan, Refusal.NOT_A_NUMBER),
        (math.inf, Refusal.NOT_A_NUMBER),
        (-math.inf, Refusal.NOT_A_NUMBER),
        (Refusal.UNREADABLE, Refusal.UNREADABLE),
    ],
)
def test_a_power_is_accepted_or_refused_for_its_reason(watts: float | Refusal, expected: float | Refusal) -> None:
    answer = check_power(watts if isinstance(watts, Refusal) else Reading(watts=watts), 1.0, None, LIMITS)
    assert (answer.watts if isinstance(answer, Sample) else answer) == expected


def test_a_jump_that_is_too_steep_is_refused_until_enough_time_has_passed() -> None:
    last = Sample(seconds=0.0, watts=2.0)
    assert check_power(Reading(watts=8.0), 1.0, last, LIMITS) is Refusal.RAMP_TOO_STEEP
    assert check_power(Reading(watts=8.0), 1.5, last, LIMITS) == Sample(seconds=1.5, watts=8.0)


def test_without_limits_only_impossible_numbers_are_refused() -> None:
    largest = Reading(watts=LARGEST_WATTS)
    last = Sample(seconds=0.9, watts=0.0)
    assert check_power(largest, 1.0, last, Limits()) == Sample(seconds=1.0, watts=LARGEST_WATTS)
    assert check_power(Reading(watts=-1.0), 1.0, None, Limits()) is Refusal.NEGATIVE_VALUE


@pytest.mark.parametrize("watts", [4_294_967.295, 9.2e12, LARGEST_WATTS + 1.0])
def test_what_no_machine_draws_is_refused_without_a_nameplate(watts: float) -> None:
    assert check_power(Reading(watts=watts), 1.0, None, Limits()) is Refusal.IMPLAUSIBLE_UNIT
    known = Limits(nameplate_watts=1e13)
    assert isinstance(check_power(Reading(watts=watts), 1.0, None, known), Sample)


@given(
    watts=st.floats(allow_nan=True, allow_infinity=True),
    nameplate=st.none() | st.floats(min_value=0.1, max_value=1e5),
    ramp=st.none() | st.floats(min_value=0.1, max_value=1e5),
)
def test_an_accepted_power_is_finite_and_not_negative_and_within_tolerance(
    watts: float, nameplate: float | None, ramp: float | None
) -> None:
    limits = Limits(nameplate_watts=nameplate, ramp_watts_per_second=ramp)
    answer = check_power(Reading(watts=watts), 2.0, Sample(seconds=1.0, watts=1.0), limits)
    if isinstance(answer, Sample):
        assert 0.0 <= answer.watts < math.inf
        assert nameplate is None or answer.watts <= nameplate * 1.05
        assert ramp is None or abs(answer.watts - 1.0) <= ramp


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, 0.0),
        (0.55, 0.55),
        (1.02, 1.0),
        (1.07, 1.0),  # a worn battery beside a gauge that was calibrated for a new one
        (-0.01, Refusal.NEGATIVE_VALUE),  # -1 %, how some gauges say that they know nothing
        (-0.005, 0.0),
        (55.0, Refusal.IMPLAUSIBLE_UNIT),
        (-0.5, Refusal.NEGATIVE_VALUE),
        (math.nan, Refusal.NOT_A_NUMBER),
    ],
)
def test_a_state_of_charge_is_a_ratio_or_refused(value: float, expected: float | Refusal) -> None:
    assert check_ratio(value) == expected
