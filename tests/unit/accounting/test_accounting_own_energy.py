"""The planner's own energy and induced demand, against a pocket calculator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.accounting.own_energy import NetSaving, after_induced_demand
from sunward.accounting.savings import Saving, View
from sunward.domain.errors import InvalidInput


def saved(grams: float) -> Saving:
    return Saving(
        method="none", view=View.LOCATION, baseline_grams=10.0, actual_grams=10.0 - grams, stored_watt_hours=0.0
    )


def test_the_planners_own_grams_come_off_the_saving() -> None:
    net = NetSaving(gross=saved(2.0), own_grams=0.5)
    assert (net.grams, net.overhead_ratio) == pytest.approx((1.5, 0.25))


def test_a_planner_may_cost_more_than_it_saves() -> None:
    assert NetSaving(gross=saved(0.1), own_grams=0.5).grams == pytest.approx(-0.4)
    assert NetSaving(gross=saved(-1.0), own_grams=0.001).overhead_ratio is None


@pytest.mark.parametrize(("elasticity", "left"), [(0.0, 0.5), (0.3, 1 - 0.5 * 1.15), (1.0, 0.25)])
def test_cheaper_runs_are_run_more_often(elasticity: float, left: float) -> None:
    assert after_induced_demand(0.5, elasticity) == pytest.approx(left)


@given(ratio=st.floats(-2.0, 1.0), elasticity=st.floats(0.0, 3.0))
def test_induced_demand_never_adds_to_a_reduction(ratio: float, elasticity: float) -> None:
    assert after_induced_demand(ratio, elasticity) <= ratio + 1e-12


def test_nothing_can_be_cut_by_more_than_itself() -> None:
    with pytest.raises(InvalidInput, match="reduction_ratio"):
        after_induced_demand(1.1, 0.0)
