"""The physics of one node in any time: watts in, watts out, nothing lost.

The lab's mocked sensors integrate it in real time and the simulator in virtual time, so what the
product is shown in a demo and what the experiments compute follow from the same lines. It knows no
clock, no file and no policy: whoever calls it says how many seconds pass and under which inputs.

Within one step all inputs are constant, and every piecewise change (the end of a boot, a battery that
is full or at its reserve) is followed exactly. A step of ten seconds therefore ends in the same state
as ten steps of one second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from sunward.domain.units import SECONDS_PER_HOUR


class Power(StrEnum):
    """What the node's supply and firmware are doing."""

    AWAKE = "awake"
    BOOTING = "booting"
    ASLEEP = "asleep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """A battery behind the node's own bus; energies at the cells, powers at the terminals."""

    capacity_watt_hours: float
    reserve_watt_hours: float = 0.0
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0
    maximum_charge_watts: float = math.inf
    maximum_discharge_watts: float = math.inf

    def __post_init__(self) -> None:
        """Refuse values that no battery has."""
        _require_finite("capacity_watt_hours", self.capacity_watt_hours)
        if not 0.0 <= self.reserve_watt_hours <= self.capacity_watt_hours:
            raise ValueError("reserve_watt_hours must lie between 0 and capacity_watt_hours")
        for name in ("charge_efficiency", "discharge_efficiency"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie in (0, 1]")
        for name in ("maximum_charge_watts", "maximum_discharge_watts"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must be zero or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeModel:
    """The constants of one node: what it draws in each state and what it can store."""

    idle_watts: float
    busy_watts: float
    asleep_watts: float
    boot_watts: float
    boot_seconds: float
    battery: Battery | None = None

    def __post_init__(self) -> None:
        """Refuse negative or infinite draws, and a busy node that draws less than an idle one."""
        for name in ("idle_watts", "busy_watts", "asleep_watts", "boot_watts", "boot_seconds"):
            _require_finite(name, getattr(self, name))
        if self.busy_watts < self.idle_watts:
            raise ValueError("busy_watts must be at least idle_watts")

    def draw_watts(self, power: Power, busy_ratio: float) -> float:
        """The node's own draw in a state; the busy ratio counts only while it is awake."""
        if power is Power.ASLEEP:
            return self.asleep_watts
        if power is Power.BOOTING:
            return self.boot_watts
        return self.idle_watts + (self.busy_watts - self.idle_watts) * busy_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What acts on a node during one step; all constant within the step.

    `sent_watts` of harvest leave the node and `received_watts` arrive (after losses on the way).
    `battery_watts` is a set point at the terminals, positive to charge; None lets the battery cover
    what harvest does not and store what is left over, which is what a charge controller does by itself.
    """

    busy_ratio: float = 0.0
    harvest_watts: float = 0.0
    sent_watts: float = 0.0
    received_watts: float = 0.0
    battery_watts: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be: a ratio outside [0, 1], negative flows, more sent than harvested."""
        if not 0.0 <= self.busy_ratio <= 1.0:
            raise ValueError(f"busy_ratio must lie in [0, 1], not {self.busy_ratio}")
        for name in ("harvest_watts", "sent_watts", "received_watts"):
            _require_finite(name, getattr(self, name))
        if self.sent_watts > self.harvest_watts:
            raise ValueError("sent_watts cannot exceed harvest_watts")
        if self.battery_watts is not None and not math.isfinite(self.battery_watts):
            raise ValueError("battery_watts must be finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Watt-hours that crossed each edge of the node; every field is zero or more.

    grid + harvest - curtailed + discharged + received = load + charged + sent, to rounding.
    """

    load: float = 0.0
    harvest: float = 0.0
    curtailed: float = 0.0
    sent: float = 0.0
    received: float = 0.0
    charged: float = 0.0
    discharged: float = 0.0
    grid: float = 0.0

    def __add__(self, other: Flows) -> Flows:
        """The flows of two consecutive steps."""
        return Flows(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One node at one instant: its power state, what it stores and all that has flowed so far."""

    power: Power = Power.AWAKE
    boot_seconds_left: float = 0.0
    stored_watt_hours: float = 0.0
    draw_watts: float = 0.0
    battery_watts: float = 0.0
    flows: Flows = field(default_factory=Flows)


def switch_on(model: NodeModel, state: NodeState) -> NodeState:
    """Power applied: a sleeping node starts to boot; any other state stays as it is."""
    if state.power is not Power.ASLEEP:
        return state
    return replace(state, power=Power.BOOTING, boot_seconds_left=model.boot_seconds)


def switch_off(state: NodeState) -> NodeState:
    """Power cut, at once and from any state."""
    return replace(state, power=Power.ASLEEP, boot_seconds_left=0.0)


def step(model: NodeModel, state: NodeState, inputs: Inputs, seconds: float) -> NodeState:
    """The state after `seconds` under constant inputs.

    A boot that ends within the step is split there, so that the rest runs awake.
    Raises ValueError when `seconds` is negative or not finite.
    """
    _require_finite("seconds", seconds)
    if state.power is Power.BOOTING and state.boot_seconds_left <= seconds:
        part = state.boot_seconds_left
        state = replace(_advance(model, state, inputs, part), power=Power.AWAKE, boot_seconds_left=0.0)
        seconds -= part
    return _advance(model, state, inputs, seconds)


def _advance(model: NodeModel, state: NodeState, inputs: Inputs, seconds: float) -> NodeState:
    """One stretch of time within a single power state, split where the battery becomes full or reaches its reserve.

    Before and after that moment other amounts can be taken from harvest and from outside, so the two are not one.
    """
    wanted = _wanted_watts(model, state, inputs)
    until = _seconds_to_limit(model.battery, state.stored_watt_hours, wanted)
    if model.battery is None or not 0.0 < until < seconds:
        return _stretch(model, state, inputs, wanted, seconds)
    limit = model.battery.capacity_watt_hours if wanted > 0.0 else model.battery.reserve_watt_hours
    state = replace(_stretch(model, state, inputs, wanted, until), stored_watt_hours=limit)
    return _stretch(model, state, inputs, wanted, seconds - until)


def _wanted_watts(model: NodeModel, state: NodeState, inputs: Inputs) -> float:
    """What the battery is asked to take (positive) or to give."""
    own = model.draw_watts(state.power, inputs.busy_ratio) + inputs.sent_watts - inputs.received_watts
    if inputs.battery_watts is None:
        return inputs.harvest_watts - own
    return max(inputs.battery_watts, -max(0.0, own))  # a discharge that nothing here could take is not made


def _seconds_to_limit(battery: Battery | None, stored: float, wanted_watts: float) -> float:
    """When the battery is full or at its reserve; infinite where it does not get there."""
    if battery is None or wanted_watts == 0.0:
        return math.inf
    if wanted_watts > 0.0:
        room = (battery.capacity_watt_hours - stored) / battery.charge_efficiency
        watts = min(wanted_watts, battery.maximum_charge_watts)
    else:
        room = (stored - battery.reserve_watt_hours) * battery.discharge_efficiency
        watts = min(-wanted_watts, battery.maximum_discharge_watts)
    return room / watts * SECONDS_PER_HOUR if watts > 0.0 else math.inf


def _stretch(model: NodeModel, state: NodeState, inputs: Inputs, wanted_watts: float, seconds: float) -> NodeState:
    """A stretch in which nothing changes."""
    draw_watts = model.draw_watts(state.power, inputs.busy_ratio)
    charged, discharged, stored = _exchange(model.battery, state.stored_watt_hours, wanted_watts, seconds)
    hours = seconds / SECONDS_PER_HOUR
    flows = _close(draw_watts * hours, inputs, hours, charged, discharged)
    return replace(
        state,
        boot_seconds_left=max(0.0, state.boot_seconds_left - seconds),
        stored_watt_hours=stored,
        draw_watts=draw_watts,
        battery_watts=(charged - discharged) / hours if hours > 0.0 else state.battery_watts,
        flows=state.flows + flows,
    )


def _exchange(
    battery: Battery | None, stored: float, wanted_watts: float, seconds: float
) -> tuple[float, float, float]:
    """Watt-hours charged and discharged at the terminals, and the store afterwards."""
    if battery is None:
        return 0.0, 0.0, stored
    hours = seconds / SECONDS_PER_HOUR
    if wanted_watts >= 0.0:
        room = max(0.0, battery.capacity_watt_hours - stored) / battery.charge_efficiency
        charged = min(min(wanted_watts, battery.maximum_charge_watts) * hours, room)
        return charged, 0.0, stored + battery.charge_efficiency * charged
    available = max(0.0, stored - battery.reserve_watt_hours) * battery.discharge_efficiency
    discharged = min(min(-wanted_watts, battery.maximum_discharge_watts) * hours, available)
    return 0.0, discharged, stored - discharged / battery.discharge_efficiency


def _close(load: float, inputs: Inputs, hours: float, charged: float, discharged: float) -> Flows:
    """The grid gives what is missing; harvest that is not taken is curtailed.

    Received energy displaces own harvest; what exceeds every sink is refused, and only what was taken
    is counted as received.
    """
    harvest, sent = inputs.harvest_watts * hours, inputs.sent_watts * hours
    sinks = load + charged + sent
    received = min(inputs.received_watts * hours, sinks)
    used = min(harvest, max(0.0, sinks - received - discharged))
    return Flows(
        load=load,
        harvest=harvest,
        curtailed=harvest - used,
        sent=sent,
        received=received,
        charged=charged,
        discharged=discharged,
        grid=max(0.0, sinks - received - discharged - used),
    )


def harvest_watts(normalised: float, nameplate_watts: float) -> float:
    """Harvest of a panel from a trace that is a fraction of rated output, in watts.

    Raises ValueError when a value is negative, infinite or not a number.
    """
    _require_finite("normalised", normalised)
    _require_finite("nameplate_watts", nameplate_watts)
    return normalised * nameplate_watts


def _require_finite(name: str, value: float) -> None:
    """Zero or more and finite: NaN never enters the physics."""
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name} must be finite and zero or more, not {value}")
