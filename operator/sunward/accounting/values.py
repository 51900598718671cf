"""What the accounts are made from: metered energy, cleared transfers and grid signals of one period.

These are inputs only. They refuse what can never be true (NaN, infinities, negative energy) where they are made, so
that the ledger may compute without asking again. They must not know where a number was read or which plan caused it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sunward.domain.errors import InvalidInput
from sunward.domain.policy import PoolKind


class Signal(StrEnum):
    """What a grid intensity answers: the mix as it is, or the plant that reacts to one more watt-hour."""

    AVERAGE = "average"
    MARGINAL = "marginal"


class FactorScope(StrEnum):
    """Which emissions a factor holds: those of the chimney, or those of the whole life of the plant."""

    DIRECT = "direct"
    LIFECYCLE = "lifecycle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What an intensity means. Numbers of different bases are never added."""

    signal: Signal = Signal.AVERAGE
    scope: FactorScope = FactorScope.LIFECYCLE

    def __str__(self) -> str:
        return f"{self.signal}-{self.scope}"

    @classmethod
    def parse(cls, text: str) -> Basis:
        """Read "average-lifecycle" and the like; raises InvalidInput for any other word."""
        signal, _, scope = text.partition("-")
        try:
            return cls(signal=Signal(signal), scope=FactorScope(scope))
        except ValueError:
            raise InvalidInput("basis", f"{text!r} is not one of {', '.join(BASES)}") from None


BASES = tuple(f"{signal}-{scope}" for signal in Signal for scope in FactorScope)
"""Every basis that can be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A half-open interval [start, end) of aware times."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment.utcoffset() is None:
                raise InvalidInput(name, f"{moment} has no time zone; give an aware time")
        if self.end <= self.start:
            raise InvalidInput("end", f"{self.end} is not after start {self.start}")

    @property
    def hours(self) -> float:
        """Length in hours, always positive."""
        return (self.end - self.start).total_seconds() / 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFactor:
    """Mean intensity of one grid zone over one period.

    `market_grams_per_kilowatt_hour` is the residual mix of the zone; None where nobody publishes one, and then the
    market-based account uses the location-based factor, as the GHG Protocol's scope 2 guidance has it.
    """

    grid_zone: str
    grams_per_kilowatt_hour: float
    market_grams_per_kilowatt_hour: float | None = None
    basis: Basis = Basis()

    def __post_init__(self) -> None:
        require_amount("grams_per_kilowatt_hour", self.grams_per_kilowatt_hour)
        if self.market_grams_per_kilowatt_hour is not None:
            require_amount("market_grams_per_kilowatt_hour", self.market_grams_per_kilowatt_hour)

    @property
    def residual_mix(self) -> float:
        """Grams per kilowatt-hour of the market-based account."""
        market = self.market_grams_per_kilowatt_hour
        return self.grams_per_kilowatt_hour if market is None else market


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFlow:
    """What one node gave to and took from one pool in one period.

    `drawn_watt_hours` is counted before the loss of the way: the node receives `efficiency` times as much.
    """

    pool: str
    kind: PoolKind
    node: str
    sent_watt_hours: float = 0.0
    drawn_watt_hours: float = 0.0
    efficiency: float = 1.0

    def __post_init__(self) -> None:
        require_amount("sent_watt_hours", self.sent_watt_hours)
        require_amount("drawn_watt_hours", self.drawn_watt_hours)
        require_efficiency("efficiency", self.efficiency)

    @property
    def received_watt_hours(self) -> float:
        """What arrived at the node."""
        return self.efficiency * self.drawn_watt_hours

    @property
    def lost_watt_hours(self) -> float:
        """What was drawn and did not arrive; booked on the node that drew it."""
        return (1.0 - self.efficiency) * self.drawn_watt_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePeriod:
    """Energy of one node in one period, as metered and settled.

    `load_watt_hours` is all that the node consumed: idle, asleep, work, waking, moving data. `harvest_watt_hours`
    is what its source offered; `harvest_drawn_watt_hours` the part that was consumed, stored or sent. Charge and
    discharge are counted at the battery's terminals, `stored_change_watt_hours` inside it (signed).
    `grid_watt_hours` is the settlement's grid energy, in which contractual transfers count; a meter at the grid's
    side, where there is one, sees the wires only, and belongs in `metered_grid_watt_hours`.
    """

    node: str
    grid_zone: str
    load_watt_hours: float
    harvest_watt_hours: float
    harvest_drawn_watt_hours: float
    grid_watt_hours: float
    charge_watt_hours: float = 0.0
    discharge_watt_hours: float = 0.0
    stored_change_watt_hours: float = 0.0
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0
    metered_grid_watt_hours: float | None = None
    reserved_hours: float = 0.0
    embodied_grams_per_hour: float = 0.0

    def __post_init__(self) -> None:
        for name in _AMOUNTS:
            require_amount(f"{self.node}.{name}", getattr(self, name))
        if self.metered_grid_watt_hours is not None:
            require_amount(f"{self.node}.metered_grid_watt_hours", self.metered_grid_watt_hours)
        require_finite(f"{self.node}.stored_change_watt_hours", self.stored_change_watt_hours)
        require_efficiency(f"{self.node}.charge_efficiency", self.charge_efficiency)
        require_efficiency(f"{self.node}.discharge_efficiency", self.discharge_efficiency)


_AMOUNTS = (
    "load_watt_hours",
    "harvest_watt_hours",
    "harvest_drawn_watt_hours",
    "grid_watt_hours",
    "charge_watt_hours",
    "discharge_watt_hours",
    "reserved_hours",
    "embodied_grams_per_hour",
)


def require_finite(name: str, value: float) -> None:
    """Raise InvalidInput unless `value` is a finite number."""
    if not math.isfinite(value):
        raise InvalidInput(name, f"{value} is not a finite number")


def require_amount(name: str, value: float) -> None:
    """Raise InvalidInput unless `value` is finite and not negative."""
    require_finite(name, value)
    if value < 0.0:
        raise InvalidInput(name, f"{value} is negative; an amount is zero or more")


def require_efficiency(name: str, value: float) -> None:
    """Raise InvalidInput unless `value` lies in (0, 1]."""
    if not 0.0 < value <= 1.0:
        raise InvalidInput(name, f"{value} is outside (0, 1]")


def battery_flows(
    stored_change_watt_hours: float, *, charge_efficiency: float, discharge_efficiency: float
) -> tuple[float, float]:
    """Charge and discharge at the terminals (Wh) that explain a measured change of stored energy.

    The smallest pair: energy that went in and out again within the period leaves no trace in the state of charge.
    """
    require_finite("stored_change_watt_hours", stored_change_watt_hours)
    if stored_change_watt_hours >= 0.0:
        return stored_change_watt_hours / charge_efficiency, 0.0
    return 0.0, -stored_change_watt_hours * discharge_efficiency
