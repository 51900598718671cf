"""The drivers of the administrator's relays, found by node or by name."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from sunward.domain.nodes import NodeView
from sunward.power.cordon_only import CordonOnlyDriver
from sunward.power.registry import RelaySettings
from sunward.power.relay import TIMEOUT, Clock, Line, RelayDriver, utc_now


def twins(relays: Mapping[str, RelaySettings]) -> dict[str, tuple[str, ...]]:
    """By relay, the other names of the same switch; the settings and the chart refuse them."""
    names: dict[str, list[str]] = {}
    for name, relay in relays.items():
        names.setdefault(relay.switch, []).append(name)
    return {name: tuple(other for other in names[relay.switch] if other != name) for name, relay in relays.items()}


class Drivers:
    """One driver per relay, for as long as the process lives: a driver remembers its relay's last challenge."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        relays: Mapping[str, RelaySettings],
        *,
        clock: Clock = utc_now,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self._clock = clock
        self._relays = relays
        self._drivers = {
            name: relay.build(
                Line(session=session, name=name, relay=relay, clock=clock, timeout=timeout, shared_with=others)
            )
            for (name, relay), others in zip(relays.items(), twins(relays).values(), strict=True)
        }

    def of(self, node: NodeView) -> RelayDriver | CordonOnlyDriver | None:
        """The node's driver; None when it has none or no relay of this name and kind is in the settings."""
        sleep = node.spec.sleep
        if sleep.driver == "CordonOnly":
            return CordonOnlyDriver(node, self._clock)
        relay = self._relays.get(sleep.driver_ref or "")
        if relay is None or relay.driver != sleep.driver:
            return None
        return self.at(sleep.driver_ref or "")

    def at(self, name: str) -> RelayDriver | None:
        """The driver of a relay, whatever node it belongs to; None for a name that is not in the settings."""
        return self._drivers.get(name)
