"""Tasmota plugs over their HTTP command interface (Power, Status 8); a password goes into the query."""

from __future__ import annotations

from typing import Any, Literal

from sunward.power.relay import Line, RelayDriver, RelaySection

USER = "admin"
"""The user that the firmware is compiled with."""


class TasmotaSettings(RelaySection):
    """A plug with Tasmota."""

    driver: Literal["Tasmota"]

    def build(self, line: Line) -> RelayDriver:
        """The driver at the end of a line to this plug."""
        return TasmotaDriver(line)


class TasmotaDriver(RelayDriver):
    """One channel of a plug."""

    async def state(self) -> tuple[object, object]:
        """The channel's output and power; the output is None unless it is ON or OFF."""
        state = await self._command(self._power)
        sensors = (await self._command("Status 8")).get("StatusSNS")
        output = {"ON": True, "OFF": False}.get(str(state.get(self._power.upper(), state.get("POWER"))))
        energy = sensors.get("ENERGY") if isinstance(sensors, dict) else None
        watts = energy.get("Power") if isinstance(energy, dict) else None
        channel = self._line.relay.switch_id
        if isinstance(watts, list):
            watts = watts[channel] if channel < len(watts) else None
        return output, watts

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Ask the plug for a state, once. Raises SourceUnavailable when it did not accept it."""
        del operation, fencing_token  # the plug has no field to carry them; the record does
        await self._command(f"{self._power} {'On' if on else 'Off'}", "POST")

    @property
    def _power(self) -> str:
        return f"Power{self._line.relay.switch_id + 1}"

    async def _command(self, command: str, method: str = "GET") -> dict[str, Any]:
        """An order is a POST, which the plug takes as well: clients send a GET again when the line breaks."""
        password = self._line.password()
        login = {} if password is None else {"user": USER, "password": password}
        answer = await self._line.ask(method, "/cm", command, params={**login, "cmnd": command})
        if "WARNING" in answer:  # older firmware refuses with 200, and says here that it wants a password
            raise self._line.unavailable(f"{command} was rejected{self._line.quoted(answer)}")
        return answer
