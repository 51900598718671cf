"""The ledger closes, counts harvest once, and never lets a contract lower what the wires carried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sunward.accounting.ledger import MissingNode, Transit, close
from sunward.accounting.values import Period, ZoneFactor
from sunward.domain.cause import Cause
from sunward.domain.energy import NodePeriod
from sunward.domain.errors import InvalidInput
from sunward.domain.intensity import Basis, Signal
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason
from support.accounting import CLEAN, DIRTY, QUARTER_HOUR, START, flow, node_period


def test_a_node_without_sun_emits_what_the_grid_emits() -> None:
    ledger = close(QUARTER_HOUR, [node_period(load=2.0)], factors=[DIRTY])

    row = ledger.rows[0]
    assert row.location_grams == pytest.approx(2.0 * 560.0 / 1000.0)
    assert row.market_grams == row.location_grams
    assert ledger.closes()


def test_harvest_is_used_stored_sent_or_curtailed_and_nothing_twice() -> None:
    sender = node_period(
        "pi-01",
        load=1.0,
        harvest=5.0,
        harvest_drawn_watt_hours=4.0,
        grid_watt_hours=0.0,
        charge_watt_hours=2.0,
        stored_change_watt_hours=1.9,
        charge_efficiency=0.95,
    )
    receiver = node_period("pi-02", load=1.0, grid_watt_hours=0.05)
    flows = [flow("pi-01", sent=1.0), flow("pi-02", drawn=1.0, efficiency=0.95)]

    ledger = close(QUARTER_HOUR, [sender, receiver], flows, [DIRTY])

    row = ledger.rows[0]
    assert (row.harvest_used_watt_hours, row.harvest_stored_watt_hours) == (1.0, 2.0)
    assert (row.harvest_sent_watt_hours, row.harvest_curtailed_watt_hours) == (1.0, 1.0)
    assert ledger.rows[1].lost_watt_hours == pytest.approx(0.05)
    assert ledger.closes(tolerance=1e-9)


def test_a_wire_lowers_both_accounts_and_a_contract_only_the_market_one() -> None:
    def emissions(kind: PoolKind) -> tuple[float | None, float | None]:
        sender = node_period(
            "pi-01", load=0.5, harvest=1.5, harvest_drawn_watt_hours=1.5, grid_watt_hours=0.0, grid_zone="clean"
        )
        receiver = node_period("pi-02", load=3.0, grid_watt_hours=2.0)
        flows = [flow("pi-01", kind, sent=1.0), flow("pi-02", kind, drawn=1.0)]
        totals = close(QUARTER_HOUR, [sender, receiver], flows, [CLEAN, DIRTY]).totals
        return totals.location_grams, totals.market_grams

    assert emissions(PoolKind.PHYSICAL) == pytest.approx((2.0 * 0.56, 2.0 * 0.56))
    assert emissions(PoolKind.CONTRACTUAL) == pytest.approx((3.0 * 0.56, 2.0 * 0.56))


def test_who_sells_harvest_on_paper_still_used_it_on_the_wires() -> None:
    seller = node_period("pi-01", load=1.0, harvest=1.0, harvest_drawn_watt_hours=1.0, grid_watt_hours=0.6)
    buyer = node_period("pi-02", load=1.0, grid_watt_hours=0.4, grid_zone="clean")
    flows = [flow("pi-01", PoolKind.CONTRACTUAL, sent=0.6), flow("pi-02", PoolKind.CONTRACTUAL, drawn=0.6)]

    seller_row, buyer_row = close(QUARTER_HOUR, [seller, buyer], flows, [CLEAN, DIRTY]).rows

    assert seller_row.location_grams == 0.0
    assert seller_row.market_grams == pytest.approx(0.6 * 0.56)
    assert buyer_row.location_grams == pytest.approx(1.0 * 0.024)
    assert buyer_row.market_grams == pytest.approx(0.4 * 0.024)


def test_surplus_fed_into_the_grid_earns_no_negative_grams() -> None:
    seller = node_period(load=0.0, harvest=1.0, harvest_drawn_watt_hours=1.0, grid_watt_hours=0.0)
    buyer = node_period("pi-02", load=1.0, grid_watt_hours=0.0)
    flows = [flow("pi-01", PoolKind.CONTRACTUAL, sent=1.0), flow("pi-02", PoolKind.CONTRACTUAL, drawn=1.0)]

    row = close(QUARTER_HOUR, [seller, buyer], flows, [DIRTY]).rows[0]

    assert (row.location_grams, row.fed_in_watt_hours) == (0.0, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"grid_watt_hours": 2.01},
        {"harvest": 1.0, "harvest_drawn_watt_hours": 1.01, "grid_watt_hours": 0.99},
        {"stored_change_watt_hours": 0.01},
        {"metered_grid_watt_hours": 2.01},
    ],
    ids=["balance", "harvest overdrawn", "battery", "grid meter"],
)
def test_a_percent_that_nobody_explains_keeps_the_books_open(wrong: dict[str, Any]) -> None:
    ledger = close(QUARTER_HOUR, [node_period(load=2.0, **wrong)], factors=[DIRTY])

    assert not ledger.closes()
    assert ledger.closing_error_ratio == pytest.approx(0.01, rel=0.6)


def test_a_pool_that_gives_more_than_it_takes_keeps_the_books_open() -> None:
    nodes = [
        node_period("pi-01", load=0.0, harvest=1.0, harvest_drawn_watt_hours=1.0, grid_watt_hours=0.0),
        node_period("pi-02", load=1.1, grid_watt_hours=0.0),
    ]
    flows = [flow("pi-01", sent=1.0), flow("pi-02", drawn=1.1)]

    ledger = close(QUARTER_HOUR, nodes, flows, [DIRTY])

    assert [row.closing_error_ratio for row in ledger.rows] == [0.0, 0.0]
    assert ledger.pools[0].closing_error_ratio > 0.09
    assert not ledger.closes()


def test_energy_from_nowhere_on_an_idle_node_is_an_error_of_one() -> None:
    ghost = node_period(load=0.0, stored_change_watt_hours=0.5)

    assert close(QUARTER_HOUR, [ghost], factors=[DIRTY]).closing_error_ratio == 1.0


def test_a_zone_without_intensity_makes_emissions_unknown_not_zero() -> None:
    ledger = close(QUARTER_HOUR, [node_period(grid_zone="nowhere"), node_period("pi-02")], factors=[DIRTY])

    assert ledger.rows[0].location_grams is None
    assert ledger.rows[0].emissions_missing is Reason.UNKNOWN_ZONE
    assert ledger.totals.location_grams is None


def test_a_node_that_lives_on_sun_alone_needs_no_intensity() -> None:
    ledger = close(QUARTER_HOUR, [node_period(load=1.0, harvest=1.0, grid_zone="nowhere")])

    assert ledger.totals.location_grams == 0.0
    assert ledger.rows[0].emissions_missing is None


def test_a_node_that_was_not_measured_leaves_the_total_unknown() -> None:
    gap = MissingNode(node="pi-09", cause=Cause(Reason.DATA_MISSING, "no energy reading covers the whole period"))

    ledger = close(QUARTER_HOUR, [node_period()], factors=[DIRTY], missing=[gap])

    assert ledger.totals.location_grams is None
    assert ledger.totals.load_watt_hours == 1.0


def test_the_market_account_uses_the_residual_mix_where_one_is_known() -> None:
    zone = ZoneFactor(grid_zone="dirty", grams_per_kilowatt_hour=400.0, market_grams_per_kilowatt_hour=500.0)

    row = close(QUARTER_HOUR, [node_period()], factors=[zone]).rows[0]

    assert (row.location_grams, row.market_grams) == pytest.approx((0.4, 0.5))


def test_harvest_may_carry_the_emissions_of_its_panels() -> None:
    ledger = close(
        QUARTER_HOUR, [node_period(load=1.0, harvest=1.0)], factors=[DIRTY], harvest_grams_per_kilowatt_hour=45.0
    )

    assert ledger.totals.location_grams == pytest.approx(0.045)


def test_the_network_between_the_nodes_is_in_the_total() -> None:
    ledger = close(
        QUARTER_HOUR,
        [node_period()],
        factors=[DIRTY],
        transit=Transit(watt_hours=2.0, grams_per_kilowatt_hour=400.0),
    )

    assert ledger.totals.location_grams == pytest.approx(0.56 + 0.8)
    assert ledger.totals.transit_grams == pytest.approx(0.8)


def test_embodied_grams_that_nobody_stated_are_unknown() -> None:
    made = node_period(reserved_hours=0.25, embodied_grams_per_hour=0.8)
    books = close(QUARTER_HOUR, [made, node_period("pi-02", reserved_hours=0.25)], factors=[DIRTY])

    assert [row.embodied_grams for row in books.rows] == [pytest.approx(0.2), None]
    assert books.totals.embodied_grams is None


def test_embodied_grams_stay_beside_the_scope_two_accounts() -> None:
    row = close(QUARTER_HOUR, [node_period(reserved_hours=0.25, embodied_grams_per_hour=0.8)], factors=[DIRTY]).rows[0]

    assert row.embodied_grams == pytest.approx(0.2)
    assert row.location_grams == pytest.approx(0.56)


def test_average_and_marginal_factors_are_never_added() -> None:
    marginal = ZoneFactor(grid_zone="clean", grams_per_kilowatt_hour=300.0, basis=Basis(signal=Signal.MARGINAL))

    with pytest.raises(InvalidInput, match="average-lifecycle, marginal-lifecycle"):
        close(QUARTER_HOUR, [node_period()], factors=[DIRTY, marginal])


def test_a_node_cannot_be_booked_twice() -> None:
    with pytest.raises(InvalidInput, match="pi-01"):
        close(QUARTER_HOUR, [node_period(), node_period()])


def test_only_booked_nodes_trade() -> None:
    with pytest.raises(InvalidInput, match="pi-07"):
        close(QUARTER_HOUR, [node_period()], [flow("pi-07", sent=1.0)])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1])
def test_impossible_energy_never_enters(value: float) -> None:
    with pytest.raises(InvalidInput, match=r"pi-01\.load_watt_hours"):
        NodePeriod(
            node="pi-01",
            grid_zone="dirty",
            load_watt_hours=value,
            harvest_watt_hours=0.0,
            harvest_drawn_watt_hours=0.0,
            grid_watt_hours=0.0,
        )


@pytest.mark.parametrize(
    ("start", "end"),
    [(START, START), (datetime(2026, 6, 1), START), (START, START - timedelta(seconds=1))],  # noqa: DTZ001
)
def test_a_period_has_a_zone_and_a_length(start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidInput):
        Period(start=start, end=end)


@pytest.mark.parametrize("text", ["average", "average-", "mean-direct", "average-direct-x"])
def test_a_basis_that_nobody_knows_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(InvalidInput, match="marginal-direct"):
        Basis.parse(text)
