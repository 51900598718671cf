"""Every provider of grid intensity that there is: one row each.

The settings are read as this union, told apart by `provider`, and each kind builds its own provider, so no name is
accepted that has no provider. A contract test holds the chart's schema to this list.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sunward.sources.intensity.providers.carbon_aware_sdk import CarbonAwareSdkSettings
from sunward.sources.intensity.providers.chain import ChainSettings
from sunward.sources.intensity.providers.eia import EiaSettings
from sunward.sources.intensity.providers.electricity_maps import ElectricityMapsSettings
from sunward.sources.intensity.providers.energy_charts import EnergyChartsSettings
from sunward.sources.intensity.providers.file import FileSettings
from sunward.sources.intensity.providers.neso import NesoSettings
from sunward.sources.intensity.providers.prometheus_series import PrometheusSeriesSettings
from sunward.sources.intensity.providers.static import StaticSettings
from sunward.sources.intensity.providers.watttime import WattTimeSettings

IntensitySourceSettings = Annotated[
    ElectricityMapsSettings
    | StaticSettings
    | FileSettings
    | NesoSettings
    | WattTimeSettings
    | EnergyChartsSettings
    | EiaSettings
    | CarbonAwareSdkSettings
    | PrometheusSeriesSettings
    | ChainSettings,
    Field(discriminator="provider"),
]
