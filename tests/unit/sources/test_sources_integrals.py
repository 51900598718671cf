"""Energy of a window is exact at its edges, honest about gaps, and adds up over adjacent windows."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.sources.integrals import Gap, increase, merge
from sunward.sources.samples import Sample


def counter(*pairs: tuple[float, float]) -> list[Sample]:
    return [Sample(seconds=seconds, value=value) for seconds, value in pairs]


def test_constant_power_is_exact_where_no_sample_lies_on_an_edge() -> None:
    samples = counter(*((7.3 + 5.0 * k, 4.2 * 5.0 * k) for k in range(80)))

    grown = increase(samples, 60.0, 360.0, longest_step_seconds=15.0)

    assert grown.amount == pytest.approx(4.2 * 300.0, rel=1e-12)
    assert (grown.gaps, grown.resets) == ((), 0)


@pytest.mark.parametrize("phase", [0.0, 1.7, 3.1, 4.9])
@pytest.mark.parametrize(("wave_seconds", "window_seconds"), [(90.0, 300.0), (40.0, 900.0)])
def test_a_known_waveform_is_met_within_a_thousandth(phase: float, wave_seconds: float, window_seconds: float) -> None:
    """A node that swings between 2.7 and 6.4 W, scraped every 5 s."""

    def joules(seconds: float) -> float:
        turn = 2.0 * math.pi / wave_seconds
        return 4.55 * seconds + 1.85 / turn * (1.0 - math.cos(turn * seconds))

    samples = counter(*((phase + 5.0 * k, joules(phase + 5.0 * k)) for k in range(220)))
    start, end = 61.0, 61.0 + window_seconds

    grown = increase(samples, start, end, longest_step_seconds=15.0)

    assert grown.amount == pytest.approx(joules(end) - joules(start), rel=1e-3)


@given(
    steps=st.lists(st.tuples(st.floats(0.5, 30.0), st.floats(0.0, 500.0)), min_size=3, max_size=40),
    cut=st.floats(0.05, 0.95),
)
def test_adjacent_windows_share_every_joule_once(steps: list[tuple[float, float]], cut: float) -> None:
    seconds = list(accumulate(step for step, _ in steps))
    samples = counter(*zip(seconds, accumulate(joules for _, joules in steps), strict=True))
    start, end = seconds[0], seconds[-1]
    middle = start + cut * (end - start)

    whole = increase(samples, start, end, longest_step_seconds=60.0)
    parts = [increase(samples, a, b, longest_step_seconds=60.0) for a, b in pairwise((start, middle, end))]

    assert sum(part.amount for part in parts) == pytest.approx(whole.amount, rel=1e-9, abs=1e-9)
    assert whole.amount == pytest.approx(samples[-1].value - samples[0].value, rel=1e-9, abs=1e-9)


def test_the_error_of_an_edge_stays_within_its_stated_bound() -> None:
    """Worst case: power jumps from 0 to 10 W exactly at the edge, in the middle of a step of 5 s."""
    samples = counter((-5.0, 0.0), (-2.5, 0.0), (2.5, 25.0), (102.5, 1025.0))

    grown = increase(samples, 0.0, 100.0, longest_step_seconds=15.0)

    assert abs(grown.amount - 1000.0) <= 5.0 * 10.0 / 4.0 + 1e-9


def test_a_reset_counts_what_the_new_counter_shows() -> None:
    samples = counter((0.0, 1000.0), (5.0, 1020.0), (10.0, 8.0), (15.0, 28.0))

    grown = increase(samples, 0.0, 15.0, longest_step_seconds=15.0)

    assert grown.amount == pytest.approx(20.0 + 8.0 + 20.0)
    assert (grown.resets, grown.gaps) == (1, ())


def test_a_machine_that_was_off_leaves_a_gap_and_no_invented_energy() -> None:
    samples = counter((0.0, 1000.0), (5.0, 1020.0), (205.0, 4.0), (210.0, 24.0))

    grown = increase(samples, 0.0, 210.0, longest_step_seconds=15.0)

    assert grown.amount == pytest.approx(20.0 + 4.0 + 20.0)
    assert grown.gaps == (Gap(start_seconds=5.0, end_seconds=205.0),)


def test_missed_scrapes_lose_nothing_while_the_counter_goes_on() -> None:
    samples = counter((0.0, 0.0), (5.0, 20.0), (95.0, 380.0), (100.0, 400.0))

    grown = increase(samples, 0.0, 100.0, longest_step_seconds=15.0)

    assert grown.amount == pytest.approx(400.0)
    assert grown.gaps == ()


def test_what_lies_before_the_first_and_after_the_last_sample_is_a_gap() -> None:
    grown = increase(counter((40.0, 0.0), (60.0, 80.0)), 0.0, 100.0, longest_step_seconds=30.0)

    assert grown.amount == pytest.approx(80.0)
    assert grown.gaps == (
        Gap(start_seconds=0.0, end_seconds=40.0),
        Gap(start_seconds=60.0, end_seconds=100.0),
    )


@pytest.mark.parametrize("samples", [[], counter((200.0, 1.0), (205.0, 2.0)), counter((-5.0, 1.0))])
def test_a_window_that_no_sample_touches_is_all_gap(samples: list[Sample]) -> None:
    grown = increase(samples, 0.0, 100.0, longest_step_seconds=15.0)

    assert grown.amount == 0.0
    assert grown.gap_seconds == 100.0


def test_counters_of_a_restarted_pod_are_joined() -> None:
    old, new = counter((0.0, 5.0), (5.0, 9.0)), counter((10.0, 1.0), (15.0, 5.0))

    merged = merge([new, old])

    assert merged == (*old, *new)


def test_counters_that_live_at_the_same_time_are_not_joined() -> None:
    assert merge([counter((0.0, 5.0), (10.0, 9.0)), counter((5.0, 1.0), (15.0, 5.0))]) is None
