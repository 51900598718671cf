"""Lying about prices: never worth it under trade reduction, as theory says, and worth it elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.simulation.experiments.incomplete_information.markets import Market, draw_market
from sunward.simulation.experiments.incomplete_information.misreport_claims import (
    misreport_claim,
    misreport_table,
    temptations,
)
from sunward.simulation.experiments.incomplete_information.misreports import (
    RULES,
    Owner,
    double_auction,
    largest_gain,
    marginal_prices,
    one_to_one,
    owners,
    saved,
    trade_reduction,
)
from sunward.simulation.experiments.paper import REGIONS

INTENSITIES = tuple(REGIONS.values())


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Owner, ...]:
    """Up to five sellers and five buyers with any prices, equal ones too, and blocks of any size."""
    price, units = st.integers(0, 8).map(float) | st.floats(0.0, 800.0), st.floats(0.05, 3.0)
    sellers, buyers = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return tuple(
        Owner(node=k, sells=k < sellers, price=draw(price), units=draw(units)) for k in range(sellers + buyers)
    )


@given(crowds())
def test_nobody_gains_by_lying_under_trade_reduction(crowd: tuple[Owner, ...]) -> None:
    """McAfee 1992: telling the truth is a dominant strategy; here to numerical precision and with unequal blocks."""
    assert largest_gain(trade_reduction, crowd) <= 1e-9


@given(crowds())
def test_no_rule_saves_more_than_the_optimum_and_none_pays_out_what_it_did_not_take(crowd: tuple[Owner, ...]) -> None:
    best = saved(marginal_prices(crowd), crowd)
    for rule in RULES.values():
        deals = rule(crowd)
        assert -1e-9 <= saved(deals, crowd) <= best + 1e-9 * max(1.0, best)
        assert sum(deal.credit for deal in deals.values()) <= 1e-9 * max(1.0, best)
        sold = sum(deals[one.node].units for one in crowd if one.sells and one.node in deals)
        bought = sum(deals[one.node].units for one in crowd if not one.sells and one.node in deals)
        assert sold == pytest.approx(bought)


@given(crowds())
def test_whoever_tells_the_truth_never_loses(crowd: tuple[Owner, ...]) -> None:
    for rule in RULES.values():
        for one in crowd:
            deal = rule(crowd).get(one.node)
            if deal is not None:
                worth = deal.units * one.price
                assert (deal.credit - worth if one.sells else worth + deal.credit) >= -1e-9 * max(1.0, worth)


def test_a_lone_pair_shades_its_price_as_by_hand() -> None:
    """Cost 100, worth 500, one unit: halfway is 300; a seller that asks just below 500 gets just below 500."""
    pair = (Owner(node=0, sells=True, price=100.0, units=1.0), Owner(node=1, sells=False, price=500.0, units=1.0))
    for rule in (double_auction, one_to_one):
        assert rule(pair)[0].credit == pytest.approx(300.0)
        assert largest_gain(rule, pair) == pytest.approx(200.0, abs=0.01)
    assert trade_reduction(pair) == {}


def test_owners_ask_for_the_mean_of_what_their_block_costs() -> None:
    sellers = owners(Market(intensities=(100.0, 500.0), harvest=(1.5, 0.0), efficiency=0.5))
    assert sellers[0] == Owner(node=0, sells=True, price=pytest.approx(100.0 / 3.0), units=0.75)
    assert sellers[1] == Owner(node=1, sells=False, price=250.0, units=2.0)


def test_trade_reduction_alone_leaves_nothing_to_gain_on_drawn_markets() -> None:
    found = temptations(range(20))
    claim = misreport_claim(found)
    assert claim.holds is True
    assert max(found["trade reduction"].gains) == pytest.approx(0.0, abs=1e-9)
    assert all(found[name].tempted == 20 for name in RULES if name != "trade reduction")
    assert [row[0] for row in misreport_table(found).rows] == list(RULES)


def test_the_optimum_at_marginal_prices_tempts_less_than_splitting_the_difference() -> None:
    found = temptations(range(40))
    assert found["optimum at marginal prices"].mean_gain.value < found["double auction, k = 1/2"].mean_gain.value


def test_every_owner_trades_on_one_side() -> None:
    for seed in range(50):
        nodes = [one.node for one in owners(draw_market(INTENSITIES, seed))]
        assert len(nodes) == len(set(nodes))
