"""One node through one period: boot, work, wait, sleep; then its sun and its battery.

The planner and the ledger net energy over a period, as meters read once per period do, so load is integrated
first, segment by segment, and then balanced against the period's harvest in one step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.simulation.scenario import Scenario
from sunward.simulation.tasks import Work
from sunward.simulation.world import (
    Flows,
    Inputs,
    NodeModel,
    NodeState,
    Power,
    step,
    switch_off,
    switch_on,
)
from sunward.simulation.world.descriptions import node_model

_LEAST_SECONDS = 1e-6
_WHOLE_PERIOD = 1.0 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What a node does in a period: hours of work, at which busy ratio, and hours awake in all but the boot."""

    work_hours: float
    busy_ratio: float
    awake_hours: float
    extra_watt_hours: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A cluster after a period: every node, the work, what moving data took on the way, and how it was decided.

    `fallback` tells that no plan was made by the forecast; `plans` is None where the policy uses no solver. `slept`
    and `evicted` are who was switched off and which of other people's pods was moved, and when.
    """

    ran: Mapping[str, Ran]
    work: Sequence[Work]
    transit_watt_hours: float
    share_energy: bool
    fallback: bool
    plans: int | None = None
    slept: tuple[tuple[datetime, str], ...] = ()
    evicted: tuple[tuple[datetime, str], ...] = ()
    lost_batches: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A node after a period: its state, what flowed, how long it was awake, how often it was woken."""

    state: NodeState
    flows: Flows
    awake_hours: float
    wakes: int


def model_of(scenario: Scenario, name: str) -> NodeModel:
    """The physics of one node."""
    node = scenario.nodes[name]
    return node_model(scenario.profiles[node.profile], node.battery)


def first_state(scenario: Scenario, name: str) -> NodeState:
    """A node at the start: awake, its battery as the scenario says."""
    battery = scenario.nodes[name].battery
    stored = 0.0 if battery is None else battery.initial_watt_hours
    return NodeState(stored_watt_hours=stored)


def run_period(model: NodeModel, state: NodeState, doing: Doing, harvest_watt_hours: float, hours: float) -> Ran:
    """Run one period and balance it; the state's own counters start again at zero.

    A node asleep at the start that has anything to do boots first, and goes on booting in the next period where this
    one is too short. Work beyond the period is cut off, so callers place no more than fits.
    """
    start = replace(state, flows=Flows())
    woken = start.power is Power.ASLEEP and doing.awake_hours > 0.0
    loaded, awake = _load(model, start, doing, hours)
    load = loaded.flows.load + doing.extra_watt_hours
    closed = balanced(model, start, load, harvest_watt_hours, hours)
    left = max(0.0, boot_seconds(model, start) - awake * SECONDS_PER_HOUR)
    runs_on = Power.BOOTING if left > _LEAST_SECONDS else Power.AWAKE
    power = runs_on if awake >= _WHOLE_PERIOD * hours else Power.ASLEEP
    state = replace(closed, power=power, boot_seconds_left=left if power is Power.BOOTING else 0.0)
    return Ran(state=state, flows=closed.flows, awake_hours=awake, wakes=int(woken))


def _load(model: NodeModel, state: NodeState, doing: Doing, hours: float) -> tuple[NodeState, float]:
    """Integrate the draw over boot, work, idling and sleep; harvest and battery come later."""
    bare = replace(model, battery=None)
    if doing.awake_hours <= 0.0:
        return step(bare, switch_off(state), Inputs(), hours * SECONDS_PER_HOUR), 0.0
    boot = boot_seconds(bare, state) / SECONDS_PER_HOUR
    state = switch_on(bare, state)
    awake = min(hours, doing.awake_hours + boot)
    state = step(bare, state, Inputs(), min(boot, hours) * SECONDS_PER_HOUR)
    work = min(doing.work_hours, max(0.0, awake - boot))
    state = step(bare, state, Inputs(busy_ratio=doing.busy_ratio), work * SECONDS_PER_HOUR)
    state = step(bare, state, Inputs(), max(0.0, awake - boot - work) * SECONDS_PER_HOUR)
    return step(bare, switch_off(state), Inputs(), (hours - awake) * SECONDS_PER_HOUR), awake


def boot_seconds(model: NodeModel, state: NodeState) -> float:
    """Seconds until the node runs if it has power from now on."""
    return model.boot_seconds if state.power is Power.ASLEEP else state.boot_seconds_left


def balanced(model: NodeModel, start: NodeState, load: float, harvest: float, hours: float) -> NodeState:
    """The same physics at a period's mean draw (all in watt-hours): harvest first, then the battery, then the grid."""
    watts = load / hours
    mean = replace(model, idle_watts=watts, busy_watts=watts)
    state = replace(start, power=Power.AWAKE, boot_seconds_left=0.0)
    return step(mean, state, Inputs(harvest_watts=harvest / hours), hours * SECONDS_PER_HOUR)
