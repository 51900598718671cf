"""Figures from their definitions, with known values, and silence where nothing is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.accounting.ledger import MissingNode, PeriodLedger, close
from sunward.accounting.measures import (
    BothSignals,
    Hour,
    Repriced,
    SoftwareIntensity,
    UnderBoth,
    carbon_free_energy_score,
    harvest_use,
    jain_fairness,
    makespan_stretch,
    repriced,
    software_intensity,
    transferred,
    under_both_signals,
)
from sunward.accounting.savings import Saving, View
from sunward.accounting.stages import Stage, StageEntry, by_stage, inherited_grams
from sunward.accounting.values import ZoneFactor
from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput
from sunward.domain.intensity import Basis, Signal
from sunward.domain.policy import PoolKind
from sunward.domain.reasons import Reason
from support.accounting import CLEAN, DIRTY, QUARTER_HOUR, flow, node_period

MARGINAL = Basis(signal=Signal.MARGINAL)


def ledger(load: float = 1.0, *, factor: ZoneFactor = DIRTY, **given: float) -> PeriodLedger:
    return close(QUARTER_HOUR, [node_period(load=load, **given)], factors=[factor])  # type: ignore[arg-type]


def unknown() -> PeriodLedger:
    gap = MissingNode(node="pi-09", cause=Cause(Reason.DATA_MISSING, "no energy reading covers the whole period"))
    return close(QUARTER_HOUR, [node_period()], factors=[DIRTY], missing=[gap])


# savings


def saved(before: float, after: float) -> Saving:
    return Saving(method="none", view=View.LOCATION, baseline_grams=before, actual_grams=after, stored_watt_hours=0.0)


def test_a_saving_is_baseline_minus_actual_and_harm_is_negative() -> None:
    assert (saved(1.12, 0.28).grams, saved(1.12, 0.28).ratio) == pytest.approx((0.84, 0.75))
    assert (saved(0.28, 1.12).grams, saved(0.28, 1.12).ratio) == pytest.approx((-0.84, -3.0))


def test_from_nothing_no_share_can_be_saved() -> None:
    assert saved(0.0, 0.0).ratio is None


# software carbon intensity, embodied


def test_the_score_of_a_run_holds_operation_and_hardware() -> None:
    books = close(
        QUARTER_HOUR, [node_period(load=2.0, reserved_hours=0.25, embodied_grams_per_hour=0.8)], factors=[DIRTY]
    )
    found = software_intensity([books, books], functional_units=2.0, unit="training run to 97 %")

    assert found is not None
    assert found.grams_per_unit == pytest.approx((2 * 1.12 + 2 * 0.2) / 2.0)
    assert found.embodied_share == pytest.approx(0.4 / 2.64)


def test_what_is_nothing_has_no_embodied_share() -> None:
    nothing = SoftwareIntensity(operational_grams=0.0, embodied_grams=0.0, functional_units=1.0, unit="run")
    assert nothing.embodied_share is None


def test_a_score_of_what_is_not_known_is_not_given() -> None:
    made = {"reserved_hours": 0.25, "embodied_grams_per_hour": 0.8}
    known = ledger(**made)

    assert software_intensity([known, known], functional_units=1.0, unit="run") is not None
    assert software_intensity([known, unknown()], functional_units=1.0, unit="run") is None
    assert software_intensity([known, ledger()], functional_units=1.0, unit="run") is None, "a machine was made as well"


def test_without_a_unit_done_there_is_no_score() -> None:
    made = ledger(reserved_hours=0.25, embodied_grams_per_hour=0.8)

    assert software_intensity([made], functional_units=0.0, unit="run") is None


def test_a_score_needs_something_to_divide_by() -> None:
    with pytest.raises(InvalidInput, match="functional_units"):
        SoftwareIntensity(operational_grams=1.0, embodied_grams=0.0, functional_units=0.0, unit="run")


# around the clock


def test_the_score_around_the_clock_counts_each_hour_for_itself() -> None:
    night = Hour(load_watt_hours=10.0, matched_watt_hours=0.0, grid_share=0.5)
    noon = Hour(load_watt_hours=10.0, matched_watt_hours=30.0, grid_share=0.5)

    assert carbon_free_energy_score([night, noon]) == pytest.approx(0.75)
    assert carbon_free_energy_score([]) is None


@given(
    st.lists(
        st.builds(
            Hour,
            load_watt_hours=st.floats(0.1, 100.0),
            matched_watt_hours=st.floats(0.0, 100.0),
            grid_share=st.floats(0.0, 1.0),
        ),
        min_size=1,
    )
)
def test_the_score_is_a_share_and_no_worse_than_the_worst_grid(hours: list[Hour]) -> None:
    score = carbon_free_energy_score(hours)

    assert score is not None
    assert min(hour.grid_share for hour in hours) - 1e-9 <= score <= 1.0 + 1e-9


# fairness


def test_fairness_has_its_known_ends() -> None:
    assert jain_fairness([3.0, 3.0, 3.0]) == pytest.approx(1.0)
    assert jain_fairness([5.0, 0.0, 0.0, 0.0]) == pytest.approx(0.25)
    assert jain_fairness([0.0, 0.0]) is None
    assert jain_fairness([]) is None


@given(values=st.lists(st.just(0.0) | st.floats(1e-6, 1e6), min_size=1, max_size=30), scale=st.floats(1e-3, 1e3))
def test_fairness_knows_no_unit_and_stays_in_its_range(values: list[float], scale: float) -> None:
    found = jain_fairness(values)

    if found is not None:
        assert 1.0 / len(values) - 1e-9 <= found <= 1.0 + 1e-9
        assert jain_fairness([scale * value for value in values]) == pytest.approx(found)


# harvest, other signals


def test_shares_of_the_harvest_add_up() -> None:
    books = ledger(1.0, harvest=4.0, harvest_drawn_watt_hours=2.0, charge_watt_hours=1.0, stored_change_watt_hours=1.0)
    found = harvest_use(books.rows)

    assert found is not None
    assert (found.used, found.stored, found.sent, found.curtailed) == (0.25, 0.25, 0.0, 0.5)
    assert found.utilisation == 0.5
    assert harvest_use(ledger().rows) is None


def test_the_same_energy_has_another_price_at_the_margin() -> None:
    marginal = ZoneFactor(grid_zone="dirty", grams_per_kilowatt_hour=700.0, basis=MARGINAL)
    found = repriced(ledger(2.0), [marginal])

    assert found.grams == pytest.approx(1.4)
    assert str(found.basis) == "marginal-lifecycle"


@pytest.mark.parametrize("books", [unknown, lambda: ledger(factor=CLEAN)], ids=["a node is missing", "no such zone"])
def test_what_cannot_be_repriced_whole_is_not_repriced(books: Callable[[], PeriodLedger]) -> None:
    elsewhere = ZoneFactor(grid_zone="elsewhere", grams_per_kilowatt_hour=700.0, basis=MARGINAL)

    assert repriced(books(), [elsewhere]).grams is None


def test_repricing_needs_one_basis() -> None:
    other = ZoneFactor(grid_zone="clean", grams_per_kilowatt_hour=700.0, basis=MARGINAL)

    with pytest.raises(InvalidInput, match="2 bases"):
        repriced(ledger(), [DIRTY, other])
    with pytest.raises(InvalidInput, match="0 bases"):
        repriced(ledger(), [])


def both(books: PeriodLedger, *marginal: ZoneFactor) -> BothSignals:
    """What a ledger's grid energy emitted under its own signal and at the margin."""
    own = books.totals.location_grams
    grams = None if own is None else own - books.totals.transit_grams
    return BothSignals(own=Repriced(basis=books.basis, grams=grams), other=repriced(books, marginal))


def at(zone: str, grams: float) -> ZoneFactor:
    return ZoneFactor(grid_zone=zone, grams_per_kilowatt_hour=grams, basis=MARGINAL)


@pytest.mark.parametrize(("average", "marginal", "differ"), [(1.0, -0.1, True), (1.0, 2.0, False), (0.0, -1.0, False)])
def test_a_change_of_sign_is_flagged(average: float, marginal: float, differ: bool) -> None:
    assert UnderBoth(own_grams=average, other_grams=marginal).contradict is differ


def test_a_saving_that_turns_round_under_the_other_signal_is_flagged() -> None:
    stayed = close(QUARTER_HOUR, [node_period(load=10.0, grid_zone="dirty")], factors=[DIRTY, CLEAN])
    moved = close(QUARTER_HOUR, [node_period(load=10.0, grid_zone="clean")], factors=[DIRTY, CLEAN])
    at_the_margin = (at("dirty", 400.0), at("clean", 700.0))  # gas here, coal there

    found = under_both_signals(both(stayed, *at_the_margin), both(moved, *at_the_margin))

    assert found is not None
    assert (found.own_grams, found.other_grams) == pytest.approx((5.36, -3.0))
    assert found.contradict


def test_both_signals_need_every_gram_and_the_same_bases() -> None:
    known = both(ledger(), at("dirty", 700.0))

    assert under_both_signals(known, both(unknown(), at("dirty", 700.0))) is None
    with pytest.raises(InvalidInput, match="priced average-lifecycle, the baseline marginal-lifecycle"):
        under_both_signals(known, both(ledger(), DIRTY))


# transfers, time


def test_wires_and_contracts_are_never_added_up() -> None:
    nodes = [
        node_period("pi-01", load=1.0, harvest=5.0, harvest_drawn_watt_hours=5.0),
        node_period("pi-02", load=4.0, grid_watt_hours=0.4),
    ]
    flows = [
        flow("pi-01", sent=1.0),
        flow("pi-01", PoolKind.CONTRACTUAL, "paper", sent=3.0),
        flow("pi-02", drawn=1.0, efficiency=0.9),
        flow("pi-02", PoolKind.CONTRACTUAL, "paper", drawn=3.0, efficiency=0.9),
    ]
    found = transferred(close(QUARTER_HOUR, nodes, flows, [DIRTY]).rows)

    assert (found.sent_physical_watt_hours, found.sent_contractual_watt_hours) == (1.0, 3.0)
    assert (found.received_physical_watt_hours, found.received_contractual_watt_hours) == pytest.approx((0.9, 2.7))
    assert found.lost_watt_hours == pytest.approx(0.4)


def test_a_job_that_takes_half_as_long_again_is_stretched_by_that() -> None:
    assert makespan_stretch(9.0, 6.0) == 1.5
    with pytest.raises(InvalidInput, match="baseline_hours"):
        makespan_stretch(1.0, 0.0)


# stages


def test_every_stage_is_there_and_shares_add_up() -> None:
    entries = [
        StageEntry(stage=Stage.PREPARATION, watt_hours=1.0, location_grams=1.0),
        StageEntry(stage=Stage.DEVELOPMENT, watt_hours=5.0, location_grams=2.0),
        StageEntry(stage=Stage.DEVELOPMENT, watt_hours=5.0, location_grams=1.0),
    ]

    totals = by_stage(entries)

    assert [(total.stage, total.watt_hours, total.share) for total in totals] == [
        (Stage.PREPARATION, 1.0, 0.25),
        (Stage.DEVELOPMENT, 10.0, 0.75),
        (Stage.APPLICATION, 0.0, 0.0),
        (Stage.RECYCLING, 0.0, 0.0),
    ]


def test_a_job_that_emitted_nothing_has_no_shares() -> None:
    assert {total.share for total in by_stage([])} == {None}


def test_a_training_is_shared_among_its_uses() -> None:
    assert 4 * inherited_grams(100.0, 4) == 100.0
    with pytest.raises(InvalidInput, match="uses"):
        inherited_grams(100.0, 0)
