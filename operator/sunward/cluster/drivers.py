"""Power drivers: how a machine is switched, and how its power state is proven.

The proof is always the relay's own output and meter, never a Node that went NotReady. Addresses and switches come from
the administrator's settings; custom resources carry only a relay's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from sunward.cluster.ports import PowerDriver
from sunward.domain.errors import SourceUnavailable
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.steps import PowerReading

TIMEOUT = aiohttp.ClientTimeout(total=5)
BODY_LIMIT_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """One relay of the administrator's settings."""

    name: str
    driver: str
    url: str
    switch_id: int = 0


class ShellyDriver:
    """Shelly Gen2+ relay over its HTTP RPC (Switch.GetStatus, Switch.Set)."""

    def __init__(self, session: aiohttp.ClientSession, relay: Relay) -> None:
        self._session = session
        self._relay = relay

    async def read(self) -> PowerReading | None:
        """Output state and active power; None when the relay is silent or answers nonsense."""
        try:
            answer = await self._call("Switch.GetStatus", {"id": self._relay.switch_id})
        except SourceUnavailable:
            return None
        output, watts = answer.get("output"), answer.get("apower")
        if not isinstance(output, bool):
            return None
        usable = isinstance(watts, (int, float)) and not isinstance(watts, bool)
        return PowerReading(is_on=output, watts=float(watts) if usable else None, time=datetime.now(UTC))  # type: ignore[arg-type]  # usable means a number

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Ask the relay for a state. Raises SourceUnavailable when it did not take it."""
        await self._call("Switch.Set", {"id": self._relay.switch_id, "on": on}, f"{operation}/{fencing_token}")

    async def _call(self, method: str, params: Mapping[str, Any], tag: str = "read") -> Mapping[str, Any]:
        frame = {"id": 1, "src": f"sunward/{tag}", "method": method, "params": dict(params)}
        try:
            async with self._session.post(
                f"{self._relay.url}/rpc", json=frame, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                response.raise_for_status()
                if (response.content_length or 0) > BODY_LIMIT_BYTES:
                    raise SourceUnavailable(self._relay.name, "its answer is too long")
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise SourceUnavailable(self._relay.name, f"{method}: {str(error) or type(error).__name__}") from error
        if not isinstance(answer, dict) or "error" in answer or not isinstance(answer.get("result"), dict):
            raise SourceUnavailable(self._relay.name, f"{method} was refused: {str(answer)[:200]}")
        return dict(answer["result"])


class TasmotaDriver:
    """Tasmota plug over its HTTP command interface (Power, Status 8)."""

    def __init__(self, session: aiohttp.ClientSession, relay: Relay) -> None:
        self._session = session
        self._relay = relay

    async def read(self) -> PowerReading | None:
        """Output state and power; None when the plug is silent."""
        try:
            state = (await self._command(f"Power{self._relay.switch_id + 1}")).values()
            energy = (await self._command("Status 8")).get("StatusSNS", {}).get("ENERGY", {})
        except SourceUnavailable:
            return None
        if not any(value in ("ON", "OFF") for value in state):
            return None
        watts = energy.get("Power")
        return PowerReading(is_on="ON" in state, watts=None if watts is None else float(watts), time=datetime.now(UTC))

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Ask the plug for a state. Raises SourceUnavailable when it did not take it."""
        del operation, fencing_token  # the plug has no field to carry them; the record does
        await self._command(f"Power{self._relay.switch_id + 1} {'On' if on else 'Off'}")

    async def _command(self, command: str) -> dict[str, Any]:
        try:
            async with self._session.get(
                f"{self._relay.url}/cm", params={"cmnd": command}, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                response.raise_for_status()
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise SourceUnavailable(self._relay.name, f"{command}: {str(error) or type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise SourceUnavailable(self._relay.name, f"{command}: unexpected answer {str(answer)[:200]}")
        return answer


class CordonOnlyDriver:
    """No switch at all: a node is drained and stays powered, so its state is what the record says."""

    def __init__(self, node: NodeView) -> None:
        self._node = node

    async def read(self) -> PowerReading | None:
        """Mirror the record."""
        off = self._node.record.power_state in (PowerState.POWER_OFF_REQUESTED, PowerState.ASLEEP)
        return PowerReading(is_on=not off, watts=None, time=datetime.now(UTC))

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Nothing to switch."""


class Drivers:
    """Finds the driver of a node among the administrator's relays."""

    def __init__(self, session: aiohttp.ClientSession, relays: Mapping[str, Relay]) -> None:
        self._session = session
        self._relays = relays

    def of(self, node: NodeView) -> PowerDriver | None:
        """The node's driver; None when it has none or its relay is not in the settings."""
        sleep = node.spec.sleep
        if sleep.driver == "CordonOnly":
            return CordonOnlyDriver(node)
        relay = self._relays.get(sleep.driver_ref or "")
        if relay is None or relay.driver.lower() != sleep.driver.lower():
            return None
        match relay.driver.lower():
            case "shelly":
                return ShellyDriver(self._session, relay)
            case "tasmota":
                return TasmotaDriver(self._session, relay)
            case _:
                return None
