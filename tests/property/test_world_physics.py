"""The physics loses and invents no energy, whatever happens to a node."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.simulation.world import Flows, NodeModel, NodeState, Power, step, switch_off, switch_on
from support.simulation import inputs, models, states


@st.composite
def histories(draw: st.DrawFn) -> tuple[NodeModel, NodeState, NodeState]:
    """A node, its first state and its state after a few steps and switches."""
    model = draw(models())
    first = draw(states(model))
    state = first
    for _ in range(draw(st.integers(1, 6))):
        switch = draw(st.sampled_from(["none", "on", "off"]))
        state = switch_on(model, state) if switch == "on" else state
        state = switch_off(state) if switch == "off" else state
        state = step(model, state, draw(inputs()), draw(st.floats(0.0, 7200.0, allow_subnormal=False)))
    return model, first, state


@given(histories())
def test_sources_equal_sinks_at_the_node(history: tuple[NodeModel, NodeState, NodeState]) -> None:
    _, _, last = history
    flows = last.flows
    sources = flows.grid + flows.harvest - flows.curtailed + flows.discharged + flows.received
    assert sources - (flows.load + flows.charged + flows.sent) == pytest.approx(0.0, abs=1e-9)


@given(histories())
def test_what_a_battery_holds_is_what_went_in_less_what_came_out(
    history: tuple[NodeModel, NodeState, NodeState],
) -> None:
    model, first, last = history
    if model.battery is None:
        assert last.stored_watt_hours == first.stored_watt_hours
        return
    charged = model.battery.charge_efficiency * last.flows.charged
    discharged = last.flows.discharged / model.battery.discharge_efficiency
    assert last.stored_watt_hours - first.stored_watt_hours == pytest.approx(charged - discharged, abs=1e-9)


@given(histories())
def test_no_flow_is_negative_and_no_store_leaves_its_limits(
    history: tuple[NodeModel, NodeState, NodeState],
) -> None:
    model, _, last = history
    assert min(getattr(last.flows, f.name) for f in fields(Flows)) >= 0.0
    capacity = 0.0 if model.battery is None else model.battery.capacity_watt_hours
    assert -1e-9 <= last.stored_watt_hours <= capacity + 1e-9


@given(histories())
def test_harvest_is_used_or_curtailed_and_never_both(
    history: tuple[NodeModel, NodeState, NodeState],
) -> None:
    _, _, last = history
    assert 0.0 <= last.flows.curtailed <= last.flows.harvest + 1e-12


@st.composite
def constant_runs(draw: st.DrawFn) -> tuple[NodeModel, NodeState, NodeState]:
    """The same seconds under the same inputs, in one step and in two."""
    model = draw(models())
    state, held = draw(states(model)), draw(inputs())
    before, after = draw(st.floats(0.0, 600.0)), draw(st.floats(0.0, 600.0))
    return (
        model,
        step(model, state, held, before + after),
        step(model, step(model, state, held, before), held, after),
    )


@given(constant_runs())
def test_a_long_step_ends_where_short_steps_end(run: tuple[NodeModel, NodeState, NodeState]) -> None:
    _, once, twice = run
    assert once.stored_watt_hours == pytest.approx(twice.stored_watt_hours, abs=1e-9)
    for f in fields(Flows):
        assert getattr(once.flows, f.name) == pytest.approx(getattr(twice.flows, f.name), abs=1e-9), f.name


@given(models().flatmap(lambda model: st.tuples(st.just(model), states(model))))
def test_a_node_without_power_is_asleep_and_draws_its_sleep_power(
    node: tuple[NodeModel, NodeState],
) -> None:
    model, state = node
    off = switch_off(state)
    assert off.power is Power.ASLEEP
    assert model.draw_watts(off.power, 1.0) == model.asleep_watts
