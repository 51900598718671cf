"""A relay behind a webhook of the administrator, such as an automation of Home Assistant: signed JSON over POST."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from sunward.power.relay import Line, RelayDriver, RelaySection, Said
from sunward.settings.token import TokenFile

SCHEMA: Final = "sunward.dev/webhook/v1alpha1"
SIGNATURE: Final = "X-Sunward-Signature"
"""Header with `sha256=` and the HMAC-SHA256 of the body in hexadecimal, under the secret of the relay."""


class WebhookSettings(RelaySection):
    """A webhook that reads and switches one machine's power. Its secret signs every body."""

    driver: Literal["Webhook"]
    token_file: TokenFile

    def build(self, line: Line) -> RelayDriver:
        """The driver at the end of a line to this webhook."""
        return WebhookDriver(line)


class WebhookDriver(RelayDriver):
    """One machine behind a webhook.

    The body names the relay, the action (Read, PowerOn, PowerOff), the operation with its fencing token, and the time,
    so that the receiver can refuse what is old or was there before.
    """

    async def state(self) -> Said:
        """`output`, `watts` and `faults` of the answer."""
        answer = await self._post("Read")
        return Said(output=answer.get("output"), watts=answer.get("watts"), faults=answer.get("faults"))

    async def order(self, on: bool, operation: str, fencing_token: int) -> None:
        """Send the order, once. Raises SourceUnavailable unless the answer says that it was accepted."""
        action = "PowerOn" if on else "PowerOff"
        answer = await self._post(action, operation=operation, fencingToken=fencing_token)
        if answer.get("accepted") is not True:
            raise self._line.unavailable(f"{action} was not accepted")

    async def _post(self, action: str, **more: object) -> Mapping[str, Any]:
        line = self._line
        time = line.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = {"schema": SCHEMA, "relay": line.name, "switchId": line.relay.switch_id, "action": action, "time": time}
        data = json.dumps({**body, **more}).encode()
        headers = {"Content-Type": "application/json", SIGNATURE: signature(line.password() or "", data)}
        return await line.ask("POST", "", action, data=data, headers=headers)


def signature(secret: str, body: bytes) -> str:
    """What stands in the header of a body that is signed with a secret."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
