"""Tasmota plugs over their HTTP command interface (Power, Status 8); a password goes into the query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from sunward.domain.errors import SourceUnavailable
from sunward.power.relay import USER, Line, RelayDriver, Said, UserSection

STATES: Final = {"ON": True, "OFF": False}
REFUSALS: Final = frozenset({"warning", "command", "error"})
"""Keys of answers that refuse, with HTTP 200: `WARNING` where older firmware wants a password, `Command` where the
command is unknown or invalid."""


class TasmotaSettings(UserSection):
    """A plug with Tasmota."""

    driver: Literal["Tasmota"]

    def build(self, line: Line) -> RelayDriver:
        """The driver at the end of a line to this plug."""
        return TasmotaDriver(line, self.username)


class TasmotaDriver(RelayDriver):
    """One channel of a plug."""

    def __init__(self, line: Line, user: str = USER) -> None:
        super().__init__(line)
        self._user = user

    async def state(self) -> Said:
        """The channel's output and power; the output is None unless it is ON or OFF. It tells no faults."""
        state = await self._command(self._power)
        sensors = (await self._command("Status 8")).get("StatusSNS")
        energy = sensors.get("ENERGY") if isinstance(sensors, dict) else None
        watts = energy.get("Power") if isinstance(energy, dict) else None
        channel = self._line.relay.switch_id
        if isinstance(watts, list):
            watts = watts[channel] if channel < len(watts) else None
        return Said(output=await self._output(state), watts=watts)

    async def order(self, on: bool, operation: str, fencing_token: int) -> None:
        """Send the order, once. Raises SourceUnavailable unless the plug answers with the state that was asked for."""
        del operation, fencing_token  # the plug has no field to carry them; the record does
        command = f"{self._power} {'On' if on else 'Off'}"
        answer = await self._command(command, "POST")
        if await self._output(answer) is not on:
            raise self._line.unavailable(f"{command} was not confirmed{self._line.quoted(answer)}")

    @property
    def _power(self) -> str:
        return f"Power{self._line.relay.switch_id + 1}"

    async def _output(self, answer: Mapping[str, Any]) -> bool | None:
        """The channel's state. A plug with one channel calls it POWER, and answers so whichever channel it is asked.

        Another word than ON or OFF may be the owner's own (StateText1 for off, StateText2 for on): the plug is asked.
        """
        key = self._power.upper()
        said = answer.get(key, answer.get("POWER") if key == "POWER1" else None)
        if not isinstance(said, str) or not said:
            return None
        if said in STATES:
            return STATES[said]
        try:
            off, on = [(await self._command(name)).get(name) for name in ("StateText1", "StateText2")]
        except SourceUnavailable:
            return None
        return {off: False, on: True}.get(said) if off != on else None

    async def _command(self, command: str, method: str = "GET") -> dict[str, Any]:
        """An order is a POST, which the plug takes as well: clients send a GET again when the line breaks."""
        password = self._line.password()
        login = {} if password is None else {"user": self._user, "password": password}
        answer = await self._line.ask(method, "/cm", command, params={**login, "cmnd": command})
        if any(key.lower() in REFUSALS for key in answer):
            raise self._line.unavailable(f"{command} was rejected{self._line.quoted(answer)}")
        return answer
