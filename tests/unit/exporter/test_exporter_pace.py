"""When samples are taken."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_exporter.integration import Energy, add
from sunward_exporter.pace import Pace
from sunward_exporter.readings import Sample


@given(rate=st.sampled_from([0.5, 10.0, 1000.0]), seed=st.integers(0, 99))
def test_every_period_has_one_moment_of_its_own(rate: float, seed: int) -> None:
    pace, now = Pace(rate, 3.0, random.Random(seed).random), 3.0
    moments = []
    for _ in range(50):
        now = pace.next(now, spread=True)
        moments.append(now)
    assert all(earlier <= later for earlier, later in pairwise(moments))
    slots = [int((moment - 3.0) * rate + 1e-6) for moment in moments]
    assert len(set(slots)) >= 49  # a moment at the very edge of its period may round into the next


def test_periods_that_were_missed_are_left_out() -> None:
    pace = Pace(10.0, 0.0)
    assert pace.next(0.0, spread=False) == 0.0
    assert pace.next(2.05, spread=False) == pytest.approx(2.0)
    assert pace.next(2.06, spread=False) == pytest.approx(2.1)


@pytest.mark.parametrize("phase", [0.0, 0.7, math.pi / 2])
def test_a_ripple_at_a_multiple_of_the_rate_has_its_mean(phase: float) -> None:
    """At even distances every sample would see the same phase, and the error would be sin(phase) * 2 / 5 for ever."""
    pace, energy, now = Pace(10.0, 0.0, random.Random(1).random), Energy(), 0.0
    first = None
    for _ in range(36_000):
        now = pace.next(now, spread=True)
        first = now if first is None else first
        watts = 5.0 + 2.0 * math.sin(2.0 * math.pi * 50.0 * now + phase)
        energy, _ = add(energy, Sample(seconds=now, watts=watts), 5.0)
    assert first is not None
    assert energy.joules == pytest.approx(5.0 * (now - first), rel=0.005)
