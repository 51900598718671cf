"""Grid intensity from numbers in the settings. It must not know what happens when a zone is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import aiohttp
from pydantic import Field

from sunward.domain.intensity import Basis
from sunward.domain.measurement import Measurement, Quality, Reading, Series
from sunward.sources.intensity.provider import Datum, IntensityProvider, unknown_zone
from sunward.sources.intensity.section import GramsPerKilowattHour, IntensitySection, Zone


class StaticSettings(IntensitySection):
    """One number per zone."""

    provider: Literal["static"]
    grams_per_kilowatt_hour: dict[Zone, GramsPerKilowattHour] = Field(min_length=1, max_length=500)

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,  # noqa: ARG002  needs no connection
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider of these numbers."""
        return StaticIntensity(name=name, grams_per_kilowatt_hour=self.grams_per_kilowatt_hour, basis=self.basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticIntensity:
    """One number per zone that the admin vouches for. It holds at any time, as an expectation and not a measurement."""

    name: str
    grams_per_kilowatt_hour: Mapping[str, float]
    basis: Basis

    async def now(self, zone: str, at: datetime) -> Reading:
        """The zone's number, of quality `Forecast`."""
        value = self.grams_per_kilowatt_hour.get(zone)
        if value is None:
            return unknown_zone(zone, self.name)
        return Measurement(value=value, time=at, quality=Quality.FORECAST, source=self.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:  # noqa: ARG002  the same everywhere
        """None: a constant needs no forecast, persistence says the same."""
        return None

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:  # noqa: ARG002  the same everywhere
        """Nothing: a constant has no past."""
        return ()
