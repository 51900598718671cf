"""Trades between owners: nobody beats the optimum, and the best mechanisms come close."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.simulation.experiments.incomplete_information.information import capture
from sunward.simulation.experiments.incomplete_information.markets import MECHANISMS, Market, draw_market, optimum
from sunward.simulation.experiments.paper import REGIONS

INTENSITIES = tuple(REGIONS.values())


@given(st.integers(0, 10_000))
def test_no_mechanism_saves_more_than_the_optimum_or_less_than_nothing(seed: int) -> None:
    market = draw_market(INTENSITIES, seed)
    best = optimum(market)
    for mechanism in MECHANISMS.values():
        assert -1e-9 <= mechanism(market, seed) <= best + 1e-9
    assert best <= market.grams_alone + 1e-9


@given(st.integers(0, 10_000))
def test_selling_what_one_needs_never_lowers_the_optimum(seed: int) -> None:
    market = draw_market(INTENSITIES, seed)
    assert optimum(market, surplus_only=True) <= optimum(market) + 1e-9


def test_one_seller_and_one_buyer_trade_as_by_hand() -> None:
    market = Market(intensities=(100.0, 500.0), harvest=(1.5, 0.0), efficiency=0.5)
    surplus, own_part = 0.5, 0.75 - 0.5
    saved = surplus * 0.5 * 500.0 + own_part * (0.5 * 500.0 - 100.0)
    assert optimum(market) == pytest.approx(saved)


def test_captured_savings_are_near_those_of_another_implementation() -> None:
    captured = {name: estimate.value for name, (estimate, _) in capture(range(300)).items()}
    assert captured["optimum"] == pytest.approx(100.0)
    assert captured["uniform-price double auction"] == pytest.approx(99.4, abs=0.3)
    assert captured["one-to-one stable matching"] == pytest.approx(88.4, abs=2.0)
    assert captured["truthful auction (trade reduction)"] == pytest.approx(73.3, abs=4.0)
    assert captured["random one-to-one"] == pytest.approx(49.9, abs=4.0)
