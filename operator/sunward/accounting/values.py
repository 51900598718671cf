"""What the accounts are made from: metered energy, cleared transfers and grid signals of one period.

These are inputs only. They refuse what can never be true (NaN, infinities, negative energy) where they are made, so
that the ledger may compute without asking again. They must not know where a number was read or which plan caused it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sunward.domain.amounts import require_amount
from sunward.domain.errors import InvalidInput
from sunward.domain.intensity import DEFAULT_BASIS, Basis
from sunward.domain.units import SECONDS_PER_HOUR


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
        return (self.end - self.start).total_seconds() / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFactor:
    """Mean intensity of one grid zone over one period.

    `market_grams_per_kilowatt_hour` is the residual mix of the zone; None where none is published, and then the
    market-based account uses the location-based factor, as the GHG Protocol's scope 2 guidance has it.
    """

    grid_zone: str
    grams_per_kilowatt_hour: float
    market_grams_per_kilowatt_hour: float | None = None
    basis: Basis = DEFAULT_BASIS

    def __post_init__(self) -> None:
        require_amount("grams_per_kilowatt_hour", self.grams_per_kilowatt_hour)
        if self.market_grams_per_kilowatt_hour is not None:
            require_amount("market_grams_per_kilowatt_hour", self.market_grams_per_kilowatt_hour)

    @property
    def residual_mix(self) -> float:
        """Grams per kilowatt-hour of the market-based account."""
        market = self.market_grams_per_kilowatt_hour
        return self.grams_per_kilowatt_hour if market is None else market
