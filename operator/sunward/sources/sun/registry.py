"""Every service of the sun that there is: one row each, told apart by `provider`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sunward.sources.sun.forecast_solar import ForecastSolarSettings
from sunward.sources.sun.open_meteo import OpenMeteoSettings

HarvestForecastSettings = Annotated[OpenMeteoSettings | ForecastSolarSettings, Field(discriminator="provider")]
"""The section of the settings file that says who forecasts harvest."""
