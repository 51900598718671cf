"""Shelly relays of the first generation over HTTP (/shelly, /status, /relay/N); a password is sent by HTTP basic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import aiohttp
from pydantic import Field

from sunward.power.relay import USER, Line, RelayDriver, Said, UserSection


class ShellyGen1Settings(UserSection):
    """A Shelly of the first generation: Shelly 1, 1PM, Plug S, 2.5, 4Pro. HTTP basic knows no colon in a name."""

    driver: Literal["ShellyGen1"]
    username: str = Field(default=USER, min_length=1, max_length=64, pattern=r"^[!-9;-~]+$")

    def build(self, line: Line) -> RelayDriver:
        """The driver at the end of a line to this relay."""
        return ShellyGen1Driver(line, self.username)


class ShellyGen1Driver(RelayDriver):
    """One output of a Shelly of the first generation."""

    def __init__(self, line: Line, user: str = USER) -> None:
        super().__init__(line)
        self._user = user

    async def state(self) -> Said:
        """`ison` of the output, its meter, and overpower and overtemperature as faults.

        A device that counts no meters shows a figure that its owner typed in; two outputs with one meter have no draw
        of their own. Neither is a measurement.
        """
        device, status = await self._ask("GET", "/shelly"), await self._ask("GET", "/status")
        switch_id = self._line.relay.switch_id
        output, meter = _row(status, "relays", switch_id), _row(status, "meters", switch_id)
        meters = device.get("num_meters")
        is_metered = isinstance(meters, int) and meters > switch_id and meter.get("is_valid") is not False
        tripped = [name for name, is_true in _faults(output, status).items() if is_true is True]
        return Said(
            output=output.get("ison"),
            watts=meter.get("power") if is_metered else None,
            faults=tripped,
        )

    async def order(self, on: bool, operation: str, fencing_token: int) -> None:
        """Send the order, once. Raises SourceUnavailable unless the answer shows the state that was asked for."""
        del operation, fencing_token  # the device has no field to carry them; the record does
        path = f"/relay/{self._line.relay.switch_id}"
        answer = await self._ask("POST", path, data={"turn": "on" if on else "off"})
        if answer.get("ison") is not on:
            raise self._line.unavailable(f"{path} was not confirmed{self._line.quoted(answer)}")

    async def _ask(self, method: str, path: str, **request: Any) -> Mapping[str, Any]:
        password = self._line.password()
        if password is not None:
            request["headers"] = {"Authorization": aiohttp.encode_basic_auth(self._user, password)}
        return await self._line.ask(method, path, path, **request)


def _row(status: Mapping[str, Any], name: str, index: int) -> Mapping[str, Any]:
    """A row of a list in a status; empty where there is none."""
    rows = status.get(name)
    row = rows[index] if isinstance(rows, list) and index < len(rows) else None
    return row if isinstance(row, Mapping) else {}


def _faults(output: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, object]:
    return {"overpower": output.get("overpower"), "overtemp": status.get("overtemperature")}
