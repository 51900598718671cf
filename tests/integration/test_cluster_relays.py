"""Relays that lie, stall and break off, behind the real drivers: power states are proven, never believed."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime

import pytest

from sunward.power.relay import reading
from support.loop.lying_relays import CASES, KINDS, Case, play

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def test_there_are_at_least_twenty_cases() -> None:
    assert len({case.name for case in CASES}) >= 20


@pytest.mark.parametrize(
    ("case", "kind"),
    [pytest.param(case, kind, id=f"{kind}-{case.name}") for case, kind in zip(CASES, itertools.cycle(KINDS))],
)
async def test_a_state_is_entered_on_proof_only_and_the_end_is_in_order(case: Case, kind: str) -> None:
    seen = await play(case, kind)
    assert seen.violations == []


@pytest.mark.parametrize("output", [None, 0, 1, "off", "true", [], {}])
def test_only_a_plain_yes_or_no_is_an_output(output: object) -> None:
    assert reading(output, 2.7, NOW) is None


@pytest.mark.parametrize("watts", [None, "2.7", True, math.nan, math.inf, -math.inf, [2.7], {}])
def test_only_a_finite_number_is_a_draw(watts: object) -> None:
    found = reading(False, watts, NOW)
    assert found is not None
    assert found.watts is None


def test_a_meter_that_counts_backwards_still_shows_a_draw() -> None:
    found = reading(False, -2.7, NOW)
    assert found is not None
    assert found.watts == 2.7
