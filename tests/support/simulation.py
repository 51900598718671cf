"""Builders of worlds for tests: a node like a small board, and hypothesis strategies over all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import solve_exact
from sunward.simulation.world import Battery, Inputs, NodeModel, NodeState, Power


def board(**changes: Any) -> NodeModel:
    """A node like a Raspberry Pi 4 behind a switched supply."""
    defaults: dict[str, Any] = {
        "idle_watts": 2.7,
        "busy_watts": 6.4,
        "asleep_watts": 0.1,
        "boot_watts": 4.5,
        "boot_seconds": 20.0,
    }
    return NodeModel(**(defaults | changes))


def watts(maximum: float = 50.0) -> st.SearchStrategy[float]:
    """Any power a small node might see, zero included."""
    return st.floats(0.0, maximum, allow_subnormal=False)


@st.composite
def batteries(draw: st.DrawFn) -> Battery:
    """Batteries with every efficiency and limit, the limits sometimes binding."""
    capacity = draw(st.floats(0.0, 40.0, allow_subnormal=False))
    return Battery(
        capacity_watt_hours=capacity,
        reserve_watt_hours=capacity * draw(st.floats(0.0, 1.0)),
        charge_efficiency=draw(st.floats(0.3, 1.0)),
        discharge_efficiency=draw(st.floats(0.3, 1.0)),
        maximum_charge_watts=draw(watts()),
        maximum_discharge_watts=draw(watts()),
    )


@st.composite
def models(draw: st.DrawFn) -> NodeModel:
    """Nodes with and without a battery."""
    idle = draw(watts(10.0))
    return NodeModel(
        idle_watts=idle,
        busy_watts=idle + draw(watts(10.0)),
        asleep_watts=draw(watts(2.0)),
        boot_watts=draw(watts(10.0)),
        boot_seconds=draw(st.floats(0.0, 120.0, allow_subnormal=False)),
        battery=draw(st.none() | batteries()),
    )


@st.composite
def states(draw: st.DrawFn, model: NodeModel) -> NodeState:
    """Any state the model can be in."""
    power = draw(st.sampled_from(Power))
    battery = model.battery
    return NodeState(
        power=power,
        boot_seconds_left=draw(st.floats(0.0, model.boot_seconds)) if power is Power.BOOTING else 0.0,
        stored_watt_hours=0.0 if battery is None else battery.capacity_watt_hours * draw(st.floats(0.0, 1.0)),
    )


@st.composite
def inputs(draw: st.DrawFn) -> Inputs:
    """Any inputs: sun or none, trade in both directions, the battery by itself or by a set point."""
    harvest = draw(watts())
    return Inputs(
        busy_ratio=draw(st.floats(0.0, 1.0)),
        harvest_watts=harvest,
        sent_watts=harvest * draw(st.floats(0.0, 1.0)),
        received_watts=draw(watts()),
        battery_watts=draw(st.none() | st.floats(-50.0, 50.0, allow_subnormal=False)),
    )


MINIMAL_SCENARIO = """
schema: sunward.dev/scenario/v1alpha1
name: tiny
start: 2021-06-08T00:00:00Z
period_seconds: 3600
periods: 4
zones: {Z: {mean_grams_per_kilowatt_hour: 300}}
profiles: {p: {idle_watts: 1, busy_watts: 2, asleep_watts: 0, boot_watts: 1, boot_seconds: 0}}
nodes: {a: {zone: Z, site: s, profile: p}}
jobs: {j: {batches: {a: 10}, seconds_per_batch: 60, deadline_hours: 4}}
"""


def no_solver(problem: Problem) -> Solution:
    """For runs that never plan and never trade."""
    raise AssertionError(f"nothing was to be solved, but {len(problem.nodes)} nodes were")


def solve(problem: Problem, start: OnPattern | None = None) -> Solution:
    """The exact solver on a checked problem, near enough to the optimum for a simulation."""
    check_problem(problem)
    return solve_exact(problem, relative_gap=1e-4, time_limit_seconds=10.0, start=start)
