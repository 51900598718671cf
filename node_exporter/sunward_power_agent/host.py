"""The host, through systemd-logind over D-Bus: whether it may be shut down, and the request to do it. No shell."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

LOGIND = "org.freedesktop.login1"
PATH = "/org/freedesktop/login1"
INTERFACE = "org.freedesktop.login1.Manager"
TIMEOUT_SECONDS = 10.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TEXT_LIMIT = 200


class HostError(Exception):
    """The host cannot be asked, or refused."""


class Host(Protocol):
    """What the agent needs of the host."""

    async def can_power_off(self) -> str | None:
        """Why the host cannot be shut down; None when it can."""

    async def power_off(self) -> None:
        """Ask the host to shut down. Raises HostError when it did not accept."""


class Logind:
    """systemd-logind on the system bus, or on the bus at *address*."""

    def __init__(self, address: str | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds

    async def can_power_off(self) -> str | None:
        """Why the host cannot be shut down; None when it can."""
        try:
            said = await self._call("CanPowerOff", "", [])
        except HostError as error:
            return str(error)
        return None if said == ["yes"] else f"logind answers {str(said)[:TEXT_LIMIT]} to CanPowerOff"

    async def power_off(self) -> None:
        """Ask for PowerOff without interaction: services are stopped and file systems unmounted first.

        Raises HostError when logind did not accept it, or did not answer in time.
        """
        await self._call("PowerOff", "b", [False])

    async def _call(self, member: str, signature: str, body: list[object]) -> list[object]:
        message = Message(
            destination=LOGIND, path=PATH, interface=INTERFACE, member=member, signature=signature, body=body
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply = await self._exchange(message)
        except TimeoutError:
            raise HostError(f"{member}: logind did not answer in time") from None
        except (OSError, DBusError, EOFError, ValueError) as error:
            raise HostError(f"{member}: {type(error).__name__}: {str(error)[:TEXT_LIMIT]}") from None
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            raise HostError(f"{member}: {_error(reply)}")
        return list(reply.body)

    async def _exchange(self, message: Message) -> Message | None:
        bus = MessageBus(bus_address=self._address, bus_type=BusType.SYSTEM)
        try:
            await bus.connect()
            return await bus.call(message)
        finally:
            bus.disconnect()


def _error(reply: Message | None) -> str:
    if reply is None:
        return "no answer"
    told = reply.body[0] if reply.body and isinstance(reply.body[0], str) else ""
    return f"{reply.error_name}: {told}"[:TEXT_LIMIT]


def boot_id(file: Path = BOOT_ID) -> str:
    """The identity of the running boot, which every container shares. Raises OSError."""
    return file.read_text(encoding="ascii").strip()
