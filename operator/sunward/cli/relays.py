"""Relays of the administrator's settings as the drivers want them: two rooms that must not know each other."""

from __future__ import annotations

from sunward.power.drivers import Relay
from sunward.sources.settings import Settings


def relays_of(settings: Settings) -> dict[str, Relay]:
    """By name."""
    return {
        name: Relay(name=name, driver=relay.driver, url=str(relay.url or "").rstrip("/"), switch_id=relay.switch_id)
        for name, relay in settings.relays.items()
    }
