"""Every provider of grid intensity that there is: one row each.

The settings are read as this union, told apart by `provider`, and each kind builds its own provider, so no name is
accepted that has no provider. A contract test holds the chart's schema to this list.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sunward.sources.intensity.providers.electricity_maps import ElectricityMapsSettings
from sunward.sources.intensity.providers.file import FileSettings
from sunward.sources.intensity.providers.static import StaticSettings

IntensitySourceSettings = Annotated[
    ElectricityMapsSettings | StaticSettings | FileSettings,
    Field(discriminator="provider"),
]
