"""A computer system behind a management controller that speaks Redfish (DSP0266); a password is sent by HTTP basic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

import aiohttp
from pydantic import Field, model_validator

from sunward.power.relay import USER, Line, RelayDriver, Said, UserSection

STATES: Final = {"On": True, "Off": False}
"""PoweringOn, PoweringOff and Paused are neither."""
RESET: Final = "/Actions/ComputerSystem.Reset"
_SYSTEM = re.compile(r"/redfish/v1/Systems/[A-Za-z0-9._-]{1,64}")
_CHASSIS = re.compile(r"/redfish/v1/Chassis/[A-Za-z0-9._-]{1,64}")


class RedfishSettings(UserSection):
    """One ComputerSystem: `url` is that of the system itself."""

    driver: Literal["Redfish"]
    username: str = Field(default=USER, min_length=1, max_length=64, pattern=r"^[!-9;-~]+$")
    switch_id: Literal[0] = 0

    @model_validator(mode="after")
    def _names_a_system(self) -> Self:
        if not _SYSTEM.fullmatch(urlsplit(self.url).path.rstrip("/")):
            raise ValueError("url must be that of the system, such as https://bmc-07.lan/redfish/v1/Systems/1")
        return self

    def build(self, line: Line) -> RelayDriver:
        """The driver at the end of a line to this controller."""
        return RedfishDriver(line, self.username)


class RedfishDriver(RelayDriver):
    """The power of one system, and the draw of the chassis that it names as its own."""

    def __init__(self, line: Line, user: str = USER) -> None:
        super().__init__(line)
        self._user = user
        self._root, self._path = _split(line.relay.url)

    async def state(self) -> Said:
        """`PowerState`, and `PowerConsumedWatts` of its chassis. Raises SourceUnavailable for another's answer."""
        system = await self._ask(self._path)
        told = system.get("@odata.id", self._path)
        if not isinstance(told, str) or told.rstrip("/") != self._path:
            raise self._line.unavailable(f"{self._path}: the response is for another system")
        state = system.get("PowerState")
        return Said(output=STATES.get(state) if isinstance(state, str) else None, watts=await self._draw(system))

    async def order(self, on: bool, operation: str, fencing_token: int) -> None:
        """Send the order, once. Raises SourceUnavailable unless the controller accepted it.

        ForceOff is what a relay does; a system that is to be shut down first has a power agent.
        """
        del operation, fencing_token  # the action has no field to carry them; the record does
        reset = "On" if on else "ForceOff"
        address = f"{self._path}{RESET}"
        answer = await self._line.tell(
            "POST", address, f"Reset {reset}", base=self._root, json={"ResetType": reset}, headers=self._login()
        )
        if "error" in answer:
            raise self._line.unavailable(f"Reset {reset} was rejected")

    async def _draw(self, system: Mapping[str, Any]) -> object:
        """What the chassis draws; None where the system names no chassis of its own, or the chassis has no meter."""
        links = system.get("Links")
        rows = links.get("Chassis") if isinstance(links, Mapping) else None
        row = rows[0] if isinstance(rows, list) and len(rows) == 1 else None
        chassis = row.get("@odata.id") if isinstance(row, Mapping) else None
        if not isinstance(chassis, str) or not _CHASSIS.fullmatch(chassis.rstrip("/")):
            return None
        controls = (await self._ask(f"{chassis.rstrip('/')}/Power")).get("PowerControl")
        first = controls[0] if isinstance(controls, list) and controls else None
        return first.get("PowerConsumedWatts") if isinstance(first, Mapping) else None

    async def _ask(self, path: str) -> Mapping[str, Any]:
        return await self._line.ask("GET", path, path, base=self._root, headers=self._login())

    def _login(self) -> dict[str, str]:
        password = self._line.password()
        return {} if password is None else {"Authorization": aiohttp.encode_basic_auth(self._user, password)}


def _split(url: str) -> tuple[str, str]:
    """The address of the controller, and the path of the system."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
