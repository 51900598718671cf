"""The planner's own energy and induced demand, against a pocket calculator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.accounting.own_energy import after_induced_demand, after_own_energy, processor_watt_hours
from sunward.accounting.savings import Saving, View
from sunward.domain.errors import InvalidInput


def saved(grams: float) -> Saving:
    return Saving(
        method="none", view=View.LOCATION, baseline_grams=10.0, actual_grams=10.0 - grams, stored_watt_hours=0.0
    )


def test_an_hour_of_one_core_of_four_takes_a_quarter_of_the_span() -> None:
    assert processor_watt_hours(3600.0, idle_watts=2.7, busy_watts=6.4, cores=4) == pytest.approx(0.925)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"processor_seconds": -1.0}, "processor_seconds"), ({"busy_watts": 2.0}, "busy_watts"), ({"cores": 0}, "cores")],
)
def test_an_impossible_machine_is_refused(change: dict[str, float], field: str) -> None:
    machine = {"processor_seconds": 1.0, "idle_watts": 2.7, "busy_watts": 6.4, "cores": 4} | change
    with pytest.raises(InvalidInput, match=field):
        processor_watt_hours(**machine)  # type: ignore[arg-type]


def test_the_planners_own_grams_come_off_the_saving() -> None:
    net = after_own_energy(saved(2.0), own_watt_hours=1.0, grams_per_kilowatt_hour=500.0)
    assert (net.own_grams, net.grams, net.overhead_ratio) == pytest.approx((0.5, 1.5, 0.25))


def test_a_planner_may_cost_more_than_it_saves() -> None:
    net = after_own_energy(saved(0.1), own_watt_hours=1.0, grams_per_kilowatt_hour=500.0)
    assert net.grams == pytest.approx(-0.4)
    assert after_own_energy(saved(-1.0), own_watt_hours=1.0, grams_per_kilowatt_hour=1.0).overhead_ratio is None


@pytest.mark.parametrize(("elasticity", "left"), [(0.0, 0.5), (0.3, 1 - 0.5 * 1.15), (1.0, 0.25)])
def test_cheaper_runs_are_run_more_often(elasticity: float, left: float) -> None:
    assert after_induced_demand(0.5, elasticity) == pytest.approx(left)


@given(ratio=st.floats(-2.0, 1.0), elasticity=st.floats(0.0, 3.0))
def test_induced_demand_never_adds_to_a_reduction(ratio: float, elasticity: float) -> None:
    assert after_induced_demand(ratio, elasticity) <= ratio + 1e-12


def test_nothing_can_be_cut_by_more_than_itself() -> None:
    with pytest.raises(InvalidInput, match="reduction_ratio"):
        after_induced_demand(1.1, 0.0)
