"""The intensity of a generation mix: megawatts by fuel, times published emission factors.

Imports and exports are not counted, so the result describes what a grid generates, not what is consumed there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sunward.domain.intensity import FactorScope

LARGEST_UNKNOWN_RATIO = 0.1
"""With more generation from fuels without a factor, the intensity is not known."""


class Fuel(StrEnum):
    """What electricity is generated from."""

    COAL = "coal"
    GAS = "gas"
    OIL = "oil"
    BIOMASS = "biomass"
    NUCLEAR = "nuclear"
    HYDRO = "hydro"
    WIND_ONSHORE = "wind onshore"
    WIND_OFFSHORE = "wind offshore"
    SOLAR = "solar"
    GEOTHERMAL = "geothermal"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """Grams of CO2e per kilowatt-hour: over the life cycle, and at the plant."""

    lifecycle_grams: float
    direct_grams: float

    def grams(self, scope: FactorScope) -> float:
        """The factor of one scope."""
        return self.direct_grams if scope is FactorScope.DIRECT else self.lifecycle_grams


FACTORS: Mapping[Fuel, Factor] = {
    Fuel.COAL: Factor(lifecycle_grams=820.0, direct_grams=760.0),
    Fuel.GAS: Factor(lifecycle_grams=490.0, direct_grams=370.0),
    Fuel.OIL: Factor(lifecycle_grams=840.0, direct_grams=733.0),
    Fuel.BIOMASS: Factor(lifecycle_grams=230.0, direct_grams=0.0),
    Fuel.NUCLEAR: Factor(lifecycle_grams=12.0, direct_grams=0.0),
    Fuel.HYDRO: Factor(lifecycle_grams=24.0, direct_grams=0.0),
    Fuel.WIND_ONSHORE: Factor(lifecycle_grams=11.0, direct_grams=0.0),
    Fuel.WIND_OFFSHORE: Factor(lifecycle_grams=12.0, direct_grams=0.0),
    Fuel.SOLAR: Factor(lifecycle_grams=48.0, direct_grams=0.0),
    Fuel.GEOTHERMAL: Factor(lifecycle_grams=38.0, direct_grams=0.0),
}
"""Medians of IPCC AR5 WG3 (2014), annex III, table A.III.2; gas is combined cycle, biomass a plant of its own, solar of
utility scale. Oil, which is not in that table: IPCC SRREN (2011), annex II, table A.II.4 over the life cycle; direct,
77.4 kg/GJ of residual fuel oil (IPCC Guidelines 2006, volume 2, table 1.4) at an efficiency of 38 %."""


def mix_intensity(megawatts: Mapping[Fuel, float], scope: FactorScope) -> float | None:
    """g/kWh of a mix; None when nothing is generated or more than a tenth of it has no factor.

    Negative generation, such as the own use of a plant that stands still, is left out.
    """
    generated = {fuel: amount for fuel, amount in megawatts.items() if amount > 0.0}
    total = sum(generated.values())
    known = {fuel: amount for fuel, amount in generated.items() if fuel in FACTORS}
    covered = sum(known.values())
    if covered <= 0.0 or total - covered > LARGEST_UNKNOWN_RATIO * total:
        return None
    return sum(amount * FACTORS[fuel].grams(scope) for fuel, amount in known.items()) / covered
