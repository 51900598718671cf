"""Power becomes energy: against waveforms whose integral is known."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_exporter.integration import Energy, add
from sunward_exporter.readings import Refusal, Sample

GAP_SECONDS = 5.0


def integrate(samples: list[Sample]) -> Energy:
    """Energy of a series."""
    energy = Energy()
    for sample in samples:
        energy, _ = add(energy, sample, GAP_SECONDS)
    return energy


@pytest.mark.parametrize("rate_hertz", [10.0, 1000.0])
@pytest.mark.parametrize("wave_hertz", [0.05, 0.3])
def test_a_sine_is_integrated_to_a_thousandth(rate_hertz: float, wave_hertz: float) -> None:
    seconds = 61.7
    omega = 2.0 * math.pi * wave_hertz
    times = [i / rate_hertz for i in range(round(seconds * rate_hertz) + 1)]
    energy = integrate([Sample(seconds=t, watts=4.5 + 1.8 * math.sin(omega * t)) for t in times])
    exact = 4.5 * seconds + 1.8 * (1.0 - math.cos(omega * seconds)) / omega
    assert energy.joules == pytest.approx(exact, rel=1e-3)


def test_uneven_steps_of_a_ramp_are_integrated_exactly() -> None:
    times = [0.0, 0.1, 0.35, 0.36, 1.0, 3.0]
    energy = integrate([Sample(seconds=t, watts=2.0 * t) for t in times])
    assert energy.joules == pytest.approx(9.0)


def test_a_hole_is_not_bridged_and_is_reported() -> None:
    energy, _ = add(Energy(), Sample(seconds=0.0, watts=5.0), GAP_SECONDS)
    energy, lost = add(energy, Sample(seconds=6.0, watts=5.0), GAP_SECONDS)
    assert lost is Refusal.SAMPLES_LOST
    assert energy.joules == 0.0
    energy, lost = add(energy, Sample(seconds=7.0, watts=5.0), GAP_SECONDS)
    assert lost is None
    assert energy.joules == pytest.approx(5.0)


def test_what_a_meter_counted_is_taken_as_it_is_also_across_a_hole() -> None:
    energy, lost = add(Energy(), Sample(seconds=0.0, watts=5.0, joules=2.0), GAP_SECONDS)
    energy, lost = add(energy, Sample(seconds=100.0, watts=9.0, joules=600.0), GAP_SECONDS)
    assert lost is None
    assert energy.joules == pytest.approx(602.0)


def test_a_sample_that_is_not_later_adds_nothing() -> None:
    energy = integrate([Sample(seconds=1.0, watts=5.0), Sample(seconds=2.0, watts=5.0)])
    assert add(energy, Sample(seconds=2.0, watts=500.0), GAP_SECONDS) == (energy, None)


@given(
    st.lists(
        st.tuples(st.floats(min_value=1e-3, max_value=GAP_SECONDS), st.floats(min_value=0.0, max_value=1e3)),
        min_size=2,
        max_size=50,
    )
)
def test_energy_never_falls_and_lies_between_the_smallest_and_the_largest_power(
    steps: list[tuple[float, float]],
) -> None:
    now, energy, seen = 0.0, Energy(), [Energy()]
    for wait, watts in steps:
        now += wait
        energy, _ = add(energy, Sample(seconds=now, watts=watts), 2.0 * GAP_SECONDS)
        seen.append(energy)
    powers = [watts for _, watts in steps]
    seconds = sum(wait for wait, _ in steps[1:])
    assert all(before.joules <= after.joules for before, after in pairwise(seen))
    assert min(powers) * seconds - 1e-6 <= energy.joules <= max(powers) * seconds + 1e-6
