"""The numbers a reader can check by hand: one board, one hour, one panel, one battery."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sunward.simulation.world import (
    Battery,
    Inputs,
    NodeState,
    Power,
    harvest_watts,
    step,
    switch_off,
    switch_on,
)
from support.simulation import board

HOUR = 3600.0


def test_an_idle_hour_costs_the_idle_watts() -> None:
    state = step(board(), NodeState(), Inputs(), HOUR)
    assert state.flows.load == pytest.approx(2.7)
    assert state.flows.grid == pytest.approx(2.7)


def test_a_half_busy_hour_lies_half_way_between_idle_and_busy() -> None:
    state = step(board(), NodeState(), Inputs(busy_ratio=0.5), HOUR)
    assert state.flows.load == pytest.approx((2.7 + 6.4) / 2)


def test_harvest_serves_the_load_first_and_the_rest_is_curtailed() -> None:
    state = step(board(), NodeState(), Inputs(harvest_watts=5.0), HOUR)
    assert state.flows.grid == 0.0
    assert state.flows.curtailed == pytest.approx(5.0 - 2.7)


def test_harvest_that_is_sent_away_has_to_be_replaced_by_the_grid() -> None:
    state = step(board(), NodeState(), Inputs(harvest_watts=2.0, sent_watts=1.0), HOUR)
    assert state.flows.grid == pytest.approx(2.7 + 1.0 - 2.0)


def test_a_battery_stores_surplus_less_its_losses_and_gives_it_back() -> None:
    model = board(battery=Battery(capacity_watt_hours=10.0, charge_efficiency=0.9, discharge_efficiency=0.8))
    sunny = step(model, NodeState(), Inputs(harvest_watts=4.7), HOUR)
    assert sunny.stored_watt_hours == pytest.approx(0.9 * 2.0)
    night = step(model, sunny, Inputs(), HOUR)
    assert night.flows.discharged == pytest.approx(0.8 * 0.9 * 2.0)
    assert night.stored_watt_hours == pytest.approx(0.0)


def test_a_battery_keeps_its_reserve() -> None:
    model = board(battery=Battery(capacity_watt_hours=10.0, reserve_watt_hours=4.0))
    state = step(model, NodeState(stored_watt_hours=5.0), Inputs(), HOUR)
    assert state.stored_watt_hours == pytest.approx(4.0)
    assert state.flows.grid == pytest.approx(2.7 - 1.0)


def test_a_set_point_charges_from_the_grid() -> None:
    model = board(battery=Battery(capacity_watt_hours=10.0))
    state = step(model, NodeState(), Inputs(battery_watts=3.0), HOUR)
    assert state.stored_watt_hours == pytest.approx(3.0)
    assert state.flows.grid == pytest.approx(5.7)


def test_a_set_point_never_discharges_more_than_the_node_takes() -> None:
    model = board(battery=Battery(capacity_watt_hours=10.0))
    state = step(model, NodeState(stored_watt_hours=10.0), Inputs(battery_watts=-8.0), HOUR)
    assert state.flows.discharged == pytest.approx(2.7)
    assert state.stored_watt_hours == pytest.approx(7.3)


def test_a_node_boots_at_boot_power_and_then_runs() -> None:
    model = board()
    booting = switch_on(model, switch_off(NodeState()))
    assert booting.power is Power.BOOTING
    state = step(model, booting, Inputs(), 30.0)
    assert state.power is Power.AWAKE
    assert state.flows.load == pytest.approx((20.0 * 4.5 + 10.0 * 2.7) / HOUR)


def test_switching_on_a_node_that_runs_changes_nothing() -> None:
    state = NodeState()
    assert switch_on(board(), state) == state


def test_work_costs_nothing_while_the_node_is_asleep() -> None:
    state = step(board(), switch_off(NodeState()), Inputs(busy_ratio=1.0), HOUR)
    assert state.flows.load == pytest.approx(0.1)


def test_the_draw_shown_is_the_draw_of_the_last_instant() -> None:
    model = board()
    state = step(model, replace(NodeState(), power=Power.BOOTING, boot_seconds_left=5.0), Inputs(), 5.0)
    assert state.draw_watts == pytest.approx(2.7)


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: Inputs(busy_ratio=1.5), "busy_ratio"),
        (lambda: Inputs(harvest_watts=math.nan), "harvest_watts"),
        (lambda: Inputs(harvest_watts=1.0, sent_watts=2.0), "sent_watts"),
        (lambda: board(idle_watts=7.0), "busy_watts"),
        (lambda: Battery(capacity_watt_hours=1.0, reserve_watt_hours=2.0), "reserve_watt_hours"),
        (lambda: Battery(capacity_watt_hours=1.0, charge_efficiency=0.0), "charge_efficiency"),
        (lambda: harvest_watts(-0.1, 10.0), "normalised"),
        (lambda: step(board(), NodeState(), Inputs(), -1.0), "seconds"),
    ],
)
def test_what_cannot_be_is_refused_by_name(build: object, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        build()  # type: ignore[operator]


def test_energy_from_outside_is_taken_only_as_long_as_the_battery_has_room() -> None:
    battery = Battery(capacity_watt_hours=1.0, maximum_charge_watts=2.0)
    model = board(idle_watts=0.0, busy_watts=0.0, battery=battery)
    state = step(model, NodeState(), Inputs(received_watts=0.5, battery_watts=2.0), HOUR)
    assert state.flows.charged == pytest.approx(1.0)
    assert state.flows.received == pytest.approx(0.25)  # half an hour, then nobody takes it
    assert state.flows.grid == pytest.approx(0.75)
