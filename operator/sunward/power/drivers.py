"""Power drivers: how a machine is switched, and how its power state is proven.

The proof is always the relay's own output and meter, never a Node that went NotReady. Addresses and switches come from
the administrator's settings; custom resources carry only a relay's name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from sunward.domain.errors import SourceUnavailable
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.steps import PowerReading

TIMEOUT = aiohttp.ClientTimeout(total=5)
BODY_LIMIT_BYTES = 65536

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of this machine, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """One relay of the administrator's settings."""

    name: str
    driver: str
    url: str
    switch_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The way to one relay, and the clock by which its answers are dated."""

    session: aiohttp.ClientSession
    relay: Relay
    clock: Clock = utc_now
    timeout: aiohttp.ClientTimeout = TIMEOUT

    async def ask(self, method: str, path: str, what: str, **request: Any) -> dict[str, Any]:
        """The JSON object that the relay answers with. Raises SourceUnavailable for anything else."""
        try:
            async with self.session.request(
                method, f"{self.relay.url}{path}", timeout=self.timeout, allow_redirects=False, **request
            ) as response:
                if response.status != 200:
                    raise SourceUnavailable(self.relay.name, f"{what}: HTTP {response.status}")
                answer = json.loads(await _short_body(response, self.relay.name))
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise SourceUnavailable(self.relay.name, f"{what}: {str(error) or type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise SourceUnavailable(self.relay.name, f"{what}: unexpected answer {str(answer)[:200]}")
        return answer


async def _short_body(response: aiohttp.ClientResponse, name: str) -> bytes:
    """The whole body, unless it is longer than any relay's answer, whatever length it announces."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(4096):
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise SourceUnavailable(name, "its answer is too long")
    return bytes(body)


class ShellyDriver:
    """Shelly Gen2+ relay over its HTTP RPC (Switch.GetStatus, Switch.Set)."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def read(self) -> PowerReading | None:
        """Output state and active power, dated before the question; None when the relay is silent or talks nonsense."""
        asked_at = self._line.clock()
        try:
            answer = await self._call("Switch.GetStatus", {})
        except SourceUnavailable:
            return None
        if answer.get("id", self._line.relay.switch_id) != self._line.relay.switch_id:
            return None
        return reading(answer.get("output"), answer.get("apower"), asked_at)

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Ask the relay for a state. Raises SourceUnavailable when it did not take it."""
        await self._call("Switch.Set", {"on": on}, f"{operation}/{fencing_token}")

    async def _call(self, method: str, params: Mapping[str, Any], tag: str = "read") -> Mapping[str, Any]:
        params = {"id": self._line.relay.switch_id, **params}
        frame = {"id": 1, "src": f"sunward/{tag}", "method": method, "params": params}
        answer = await self._line.ask("POST", "/rpc", method, json=frame)
        if "error" in answer or not isinstance(answer.get("result"), dict):
            raise SourceUnavailable(self._line.relay.name, f"{method} was refused: {str(answer)[:200]}")
        return dict(answer["result"])


class TasmotaDriver:
    """Tasmota plug over its HTTP command interface (Power, Status 8)."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def read(self) -> PowerReading | None:
        """Output state and power, dated before the question; None when the plug is silent or talks nonsense."""
        asked_at = self._line.clock()
        try:
            state = await self._command(self._power)
            sensors = (await self._command("Status 8")).get("StatusSNS")
        except SourceUnavailable:
            return None
        output = {"ON": True, "OFF": False}.get(str(state.get(self._power.upper(), state.get("POWER"))))
        energy = sensors.get("ENERGY") if isinstance(sensors, dict) else None
        watts = energy.get("Power") if isinstance(energy, dict) else None
        channel = self._line.relay.switch_id
        if isinstance(watts, list):
            watts = watts[channel] if channel < len(watts) else None
        return reading(output, watts, asked_at)

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Ask the plug for a state. Raises SourceUnavailable when it did not take it."""
        del operation, fencing_token  # the plug has no field to carry them; the record does
        await self._command(f"{self._power} {'On' if on else 'Off'}", "POST")

    @property
    def _power(self) -> str:
        return f"Power{self._line.relay.switch_id + 1}"

    async def _command(self, command: str, method: str = "GET") -> dict[str, Any]:
        """An order is a POST, which the plug takes as well: clients send a GET again when the line breaks."""
        return await self._line.ask(method, "/cm", command, params={"cmnd": command})


def reading(output: object, watts: object, asked_at: datetime) -> PowerReading | None:
    """What a relay's words prove: nothing without a plain on or off; no number without a finite one.

    A meter that counts backwards is mounted the wrong way round; the machine draws power all the same.
    """
    if not isinstance(output, bool):
        return None
    usable = isinstance(watts, int | float) and not isinstance(watts, bool) and math.isfinite(watts)
    return PowerReading(is_on=output, watts=abs(float(watts)) if usable else None, time=asked_at)  # type: ignore[arg-type]  # usable means a number


class CordonOnlyDriver:
    """No switch at all: a node is drained and stays powered, so its state is what the record says."""

    def __init__(self, node: NodeView, clock: Clock = utc_now) -> None:
        self._node = node
        self._clock = clock

    async def read(self) -> PowerReading | None:
        """Mirror the record."""
        off = self._node.record.power_state in (PowerState.POWER_OFF_REQUESTED, PowerState.ASLEEP)
        return PowerReading(is_on=not off, watts=None, time=self._clock())

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Nothing to switch."""


class Drivers:
    """Finds the driver of a node among the administrator's relays."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        relays: Mapping[str, Relay],
        *,
        clock: Clock = utc_now,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self._session = session
        self._relays = relays
        self._clock = clock
        self._timeout = timeout

    def of(self, node: NodeView) -> ShellyDriver | TasmotaDriver | CordonOnlyDriver | None:
        """The node's driver; None when it has none or its relay is not in the settings."""
        sleep = node.spec.sleep
        if sleep.driver == "CordonOnly":
            return CordonOnlyDriver(node, self._clock)
        relay = self._relays.get(sleep.driver_ref or "")
        if relay is None or relay.driver.lower() != sleep.driver.lower():
            return None
        return self.at(relay.name)

    def at(self, name: str) -> ShellyDriver | TasmotaDriver | None:
        """The driver of a relay of the settings, whatever node it belongs to; None for a name or kind unknown."""
        relay = self._relays.get(name)
        if relay is None:
            return None
        line = Line(session=self._session, relay=relay, clock=self._clock, timeout=self._timeout)
        match relay.driver.lower():
            case "shelly":
                return ShellyDriver(line)
            case "tasmota":
                return TasmotaDriver(line)
            case _:
                return None
