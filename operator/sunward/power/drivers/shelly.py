"""Shelly Gen2+ relays over their HTTP RPC (Switch.GetStatus, Switch.Set); a password is used by HTTP digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sunward.power.digest import Digest
from sunward.power.relay import Line, RelayDriver, RelaySection, Said

USER = "admin"
"""The only user that the firmware has."""


class ShellySettings(RelaySection):
    """A Shelly of the second generation or later."""

    driver: Literal["Shelly"]

    def build(self, line: Line) -> RelayDriver:
        """The driver at the end of a line to this relay."""
        return ShellyDriver(line)


class ShellyDriver(RelayDriver):
    """One switch of a Shelly."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._digest = Digest(USER, line.password)

    async def state(self) -> Said:
        """`output`, `apower` and `errors` of the switch. Raises SourceUnavailable when the answer is about another."""
        answer = await self._call("Switch.GetStatus", {})
        switch_id = self._line.relay.switch_id
        if answer.get("id", switch_id) != switch_id:
            raise self._line.unavailable("Switch.GetStatus: the response is for another switch")
        return Said(output=answer.get("output"), watts=answer.get("apower"), faults=answer.get("errors"))

    async def order(self, on: bool, operation: str, fencing_token: int) -> None:
        """Send the order, once. Raises SourceUnavailable unless the answer tells the state before it, as it must."""
        answer = await self._call("Switch.Set", {"on": on}, f"{operation}/{fencing_token}")
        if not isinstance(answer.get("was_on"), bool):
            raise self._line.unavailable(f"Switch.Set was not confirmed{self._line.quoted(answer)}")

    async def _call(self, method: str, params: Mapping[str, Any], tag: str = "read") -> Mapping[str, Any]:
        params = {"id": self._line.relay.switch_id, **params}
        frame = {"id": 1, "src": f"sunward/{tag}", "method": method, "params": params}
        answer = await self._line.ask("POST", "/rpc", method, json=frame, middlewares=self._digest.middlewares())
        if "error" in answer or not isinstance(answer.get("result"), dict):
            raise self._line.unavailable(f"{method} was rejected{self._line.quoted(answer)}")
        return dict(answer["result"])
