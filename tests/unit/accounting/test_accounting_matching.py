"""The 24/7 score from ledgers, against hours computed by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.accounting.hourly_matching import score
from sunward.accounting.ledger import MissingNode, PeriodLedger, close
from sunward.accounting.savings import View
from sunward.accounting.values import Period
from sunward.domain.cause import Cause
from sunward.domain.energy import NodePeriod, PoolFlow
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason
from support.accounting import DIRTY, START, Settlement, flow, node_period, settlements


def half(_zone: str, _hour: datetime) -> float:
    return 0.5


def dirty(_zone: str, _hour: datetime) -> float:
    return 0.0


def books(*nodes: NodePeriod, minutes: int = 0, flows: tuple[PoolFlow, ...] = ()) -> PeriodLedger:
    start = START + timedelta(minutes=minutes)
    return close(Period(start=start, end=start + timedelta(minutes=15)), nodes, flows, [DIRTY])


def test_own_sun_counts_whole_and_the_grid_by_its_share() -> None:
    # 4 Wh, of which 1 from the sun and 3 from a grid that is half free of carbon: (1 + 1.5) / 4
    assert score([books(node_period(load=4.0, harvest=1.0))], half) == pytest.approx(2.5 / 4.0)


def test_quarters_of_an_hour_are_matched_together_and_hours_are_not() -> None:
    sunny, dark = node_period(load=1.0, harvest=1.0), node_period(load=1.0)
    shares = {START: 1.0, START + timedelta(hours=1): 0.0}
    found = score([books(sunny), books(dark, minutes=60)], lambda _, hour: shares[hour])
    assert found == pytest.approx(0.5)
    assert score([books(sunny), books(dark, minutes=45)], dirty) == pytest.approx(0.5)


def test_a_surplus_covers_nobody_else() -> None:
    wasteful = node_period("pi-01", load=1.0, harvest=9.0)
    assert score([books(wasteful, node_period("pi-02", load=3.0))], dirty) == pytest.approx(0.25)


def test_a_battery_gives_back_what_it_was_charged_with() -> None:
    # 3 Wh of harvest and 1 Wh of grid go in; of 2 Wh that come out three quarters are free of carbon
    filled = node_period(
        load=0.0,
        harvest=3.0,
        harvest_drawn_watt_hours=3.0,
        grid_watt_hours=1.0,
        charge_watt_hours=4.0,
        stored_change_watt_hours=4.0,
    )
    drained = node_period(load=2.0, grid_watt_hours=0.0, discharge_watt_hours=2.0, stored_change_watt_hours=-2.0)
    assert score([books(filled), books(drained, minutes=15)], dirty) == pytest.approx(0.75)
    assert score([books(drained)], dirty) == 0.0  # nobody knows what was in it


def test_a_contract_counts_on_paper_and_wires_count_where_they_lead() -> None:
    seller = node_period("pi-01", load=1.0, harvest=1.0, harvest_drawn_watt_hours=1.0, grid_watt_hours=1.0)
    buyer = node_period("pi-02", load=1.0, grid_watt_hours=0.0)
    on_paper = (flow("pi-01", PoolKind.CONTRACTUAL, sent=1.0), flow("pi-02", PoolKind.CONTRACTUAL, drawn=1.0))
    traded = [books(seller, buyer, flows=on_paper)]
    assert score(traded, dirty, view=View.LOCATION) == pytest.approx(0.5)
    assert score(traded, dirty, view=View.MARKET) == pytest.approx(0.5)
    wired = (flow("pi-01", sent=1.0), flow("pi-02", drawn=1.0))
    assert score([books(seller, buyer, flows=wired)], dirty) == pytest.approx(0.5)


def test_without_load_or_with_a_node_missing_there_is_no_score() -> None:
    gap = MissingNode(node="pi-09", cause=Cause(Reason.DATA_MISSING, "no energy reading covers the whole period"))
    period = Period(start=START, end=START + timedelta(minutes=15))
    assert score([], half) is None
    assert score([books(node_period(load=0.0))], half) is None
    assert score([close(period, [node_period()], factors=[DIRTY], missing=[gap])], half) is None


@given(settlement=settlements(), share=st.floats(0.0, 1.0))
def test_the_score_lies_between_the_grids_share_and_one(settlement: Settlement, share: float) -> None:
    period = Period(start=START, end=START + timedelta(hours=1))
    ledger = close(period, settlement.nodes, settlement.flows, [DIRTY])
    for view in View:
        found = score([ledger], lambda _zone, _hour: share, view=view)
        assert found is None or share - 1e-9 <= found <= 1.0 + 1e-9
