"""The rows of the product's registries, as the settings file names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from sunward.power.registry import RelaySettings
from sunward.sources.intensity.registry import IntensitySourceSettings
from sunward.sources.sun.registry import HarvestForecastSettings

SECRET_FILE = Path(__file__).with_name("webhook-key.txt")
"""What signs the bodies of webhooks in tests."""

DRIVERS: TypeAdapter[RelaySettings] = TypeAdapter(RelaySettings)
PROVIDERS: TypeAdapter[IntensitySourceSettings] = TypeAdapter(IntensitySourceSettings)
SUNS: TypeAdapter[HarvestForecastSettings] = TypeAdapter(HarvestForecastSettings)


def sections(rows: TypeAdapter[Any]) -> dict[str, dict[str, Any]]:
    """The JSON schema of every row's section, by the name that chooses it."""
    schema = rows.json_schema(by_alias=True)
    chosen = cast(dict[str, str], schema["discriminator"]["mapping"])
    return {name: schema["$defs"][where.rsplit("/", 1)[-1]] for name, where in chosen.items()}


def relay(driver: str, url: str, **more: object) -> RelaySettings:
    """A relay of the settings; a webhook has a secret in any case, and Redfish the address of a system."""
    if driver == "Redfish" and "/redfish/" not in url:
        url = f"{url}/redfish/v1/Systems/1"
    if driver == "Webhook":
        more.setdefault("token_file", SECRET_FILE)
    return DRIVERS.validate_python({"driver": driver, "url": url, **more})
