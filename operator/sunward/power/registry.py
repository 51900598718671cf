"""Every kind of relay that there is: one row each.

The settings are read as this union, told apart by `driver`, and each kind builds its own driver, so no name is
accepted that has no driver. Contract tests hold the EnergyNode's enum, the chart's schema and the auditor to this list.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sunward.power.drivers.redfish import RedfishSettings
from sunward.power.drivers.shelly import ShellySettings
from sunward.power.drivers.shelly_gen1 import ShellyGen1Settings
from sunward.power.drivers.tasmota import TasmotaSettings
from sunward.power.drivers.webhook import WebhookSettings

RelaySettings = Annotated[
    ShellySettings | TasmotaSettings | ShellyGen1Settings | WebhookSettings | RedfishSettings,
    Field(discriminator="driver"),
]
