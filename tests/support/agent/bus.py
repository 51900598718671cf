"""A system bus of its own: the real dbus-daemon, and a logind on it that answers as it is told."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from sunward_power_agent.host import INTERFACE, LOGIND, PATH

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="signal"/>
    <allow send_type="method_call"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    {rules}
  </policy>
</busconfig>
"""


@contextmanager
def running_bus(folder: Path, rules: str = "") -> Iterator[str]:
    """The address of a dbus-daemon, while it runs; *rules* are further ones of its policy."""
    socket, config = folder / "bus", folder / "bus.conf"
    config.write_text(CONFIG.format(socket=socket, rules=rules))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            assert daemon.stdout.readline().startswith("unix:"), "dbus-daemon did not start"
            yield f"unix:path={socket}"
        finally:
            daemon.terminate()


class Logind:
    """What stands behind org.freedesktop.login1: it counts what it is asked and does not shut anything down."""

    def __init__(self) -> None:
        self.can = "yes"
        self.refuses = ""
        self.hangs = False
        self.asked: list[tuple[str, list[object]]] = []

    def answer(self, message: Message) -> Message | bool | None:
        """The reply to a call of the manager; True to leave it without one."""
        if message.message_type is not MessageType.METHOD_CALL or message.interface != INTERFACE:
            return None
        if message.path != PATH:
            return None
        self.asked.append((message.member, list(message.body)))
        if self.hangs:
            return True
        if self.refuses:
            return Message.new_error(message, "org.freedesktop.DBus.Error.AccessDenied", self.refuses)
        if message.member == "CanPowerOff":
            return Message.new_method_return(message, "s", [self.can])
        if message.member == "PowerOff" and message.signature == "b":
            return Message.new_method_return(message)
        return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "no such method")


@asynccontextmanager
async def logind_on(address: str) -> AsyncIterator[Logind]:
    """A logind that owns its name on a bus."""
    bus = await MessageBus(bus_address=address).connect()
    logind = Logind()
    bus.add_message_handler(logind.answer)
    await bus.request_name(LOGIND)
    try:
        yield logind
    finally:
        bus.disconnect()
        await asyncio.wait_for(bus.wait_for_disconnect(), 5.0)
