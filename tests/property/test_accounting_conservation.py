"""Whatever was settled, the books close, count harvest once, and cannot be embellished by paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.accounting.ledger import PeriodLedger, close
from sunward.accounting.values import Period
from sunward.domain.policy import PoolKind
from support.accounting import CLEAN, DIRTY, START, Settlement, settlements

FACTORS = (CLEAN, DIRTY)


def books(settlement: Settlement) -> PeriodLedger:
    period = Period(start=START, end=START + timedelta(minutes=15))
    return close(period, settlement.nodes, settlement.flows, FACTORS)


@given(settlement=settlements())
def test_books_that_balance_close(settlement: Settlement) -> None:
    assert books(settlement).closes(tolerance=1e-9)


@given(settlement=settlements())
def test_harvest_is_counted_once(settlement: Settlement) -> None:
    for row in books(settlement).rows:
        parts = (
            row.harvest_used_watt_hours,
            row.harvest_stored_watt_hours,
            row.harvest_sent_watt_hours,
            row.harvest_curtailed_watt_hours,
        )
        assert min(parts) >= -1e-9
        assert fsum(parts) == pytest.approx(row.harvest_watt_hours, abs=1e-9)


@given(settlement=settlements())
def test_energy_of_the_whole_is_conserved(settlement: Settlement) -> None:
    """What the grid and the sun gave was consumed, stored, fed in, curtailed or lost."""
    totals = books(settlement).totals
    nodes = settlement.nodes
    battery_loss = fsum(n.charge_watt_hours - n.discharge_watt_hours - n.stored_change_watt_hours for n in nodes)
    given_in = totals.grid_watt_hours + totals.harvest_watt_hours
    went = fsum(
        (
            totals.load_watt_hours,
            totals.stored_change_watt_hours,
            battery_loss,
            totals.lost_watt_hours,
            totals.harvest_curtailed_watt_hours,
        )
    )
    assert given_in == pytest.approx(went, rel=1e-9, abs=1e-6)


@given(settlement=settlements(kinds=(PoolKind.CONTRACTUAL,)))
def test_a_contract_without_loss_moves_no_gram_of_the_location_account(settlement: Settlement) -> None:
    """Undo every contract: the buyers draw from the grid, the sellers keep their harvest. The wires see the same."""
    lossless = [replace(flow, efficiency=1.0) for flow in settlement.flows]
    nodes, undone = [], []
    for node in settlement.nodes:
        own = [flow for flow in lossless if flow.node == node.node]
        sent, received = fsum(f.sent_watt_hours for f in own), fsum(f.received_watt_hours for f in own)
        uses = node.load_watt_hours + node.charge_watt_hours + sent
        grid = max(0.0, uses - node.harvest_drawn_watt_hours - node.discharge_watt_hours - received)
        nodes.append(replace(node, grid_watt_hours=grid))
        undone.append(replace(node, grid_watt_hours=max(0.0, grid + received - sent)))
    period = Period(start=START, end=START + timedelta(minutes=15))

    with_contracts = close(period, nodes, lossless, FACTORS).totals
    without = close(period, undone, (), FACTORS).totals

    assert with_contracts.location_grams == pytest.approx(without.location_grams, rel=1e-9, abs=1e-9)


@given(settlement=settlements(), error=st.floats(0.002, 0.5))
def test_an_unexplained_share_of_the_energy_keeps_the_books_open(settlement: Settlement, error: float) -> None:
    first = settlement.nodes[0]
    flow_through = books(settlement).rows[0].throughput_watt_hours
    wrong = replace(first, grid_watt_hours=first.grid_watt_hours + error * (flow_through + 1.0))

    assert not books(replace(settlement, nodes=(wrong, *settlement.nodes[1:]))).closes()
