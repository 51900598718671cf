"""`python -m sunward_exporter.feeds.nut`: power and charge of uninterruptible supplies, from Network UPS Tools.

The protocol is lines of text over TCP (NUT's developer guide, "Network protocol"). Only variables are read; nothing is
set and no command is sent to a supply.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from sunward_exporter.feeds.page import Board, Kind
from sunward_exporter.feeds.process import flags, password, run
from sunward_exporter.readings import Refusal

TIMEOUT_SECONDS = 10.0
LONGEST_LINE_BYTES = 4096
MOST_LINES = 512
_VARIABLE: Final = re.compile(r'VAR (\S+) (\S+) "(.*)"')
_SUPPLY: Final = re.compile(r'UPS (\S+) ".*"')
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_WORD: Final = re.compile(r"[!#-\[\]-~]{1,128}")
_GONE: Final = frozenset({"DATA-STALE", "DRIVER-NOT-CONNECTED", "UNKNOWN-UPS"})


class Refused(Exception):
    """The server's answer is an error; the message is its word for it."""


class Server:
    """A connection to upsd. Its methods raise OSError, TimeoutError and Refused."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, question: str) -> str:
        """One line of answer."""
        self._writer.write(f"{question}\n".encode())
        await self._writer.drain()
        return await self._line()

    async def list(self, what: str) -> Sequence[str]:
        """The lines between BEGIN and END."""
        first = await self.ask(f"LIST {what}")
        if first != f"BEGIN LIST {what}":
            raise Refused(first[:80])
        lines: list[str] = []
        while (line := await self._line()) != f"END LIST {what}":
            lines.append(line)
            if len(lines) > MOST_LINES:
                raise Refused("a list without end")
        return lines

    async def log_in(self, username: str | None, secret: str | None) -> None:
        """Name and password, where they are given."""
        for word, value in (("USERNAME", username), ("PASSWORD", secret)):
            if value is not None and (answer := await self.ask(f"{word} {_quoted(value)}")) != "OK":
                raise Refused(answer[:80])

    async def _line(self) -> str:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the server closed the connection")
        text = line.decode(errors="replace").strip()
        if text.startswith("ERR "):
            raise Refused(text.removeprefix("ERR ")[:80])
        return text


async def read(given: argparse.Namespace, board: Board) -> None:
    """Read all supplies again and again. Raises OSError, TimeoutError and Refused when the server goes away."""
    host, _, port = given.server.rpartition(":")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=LONGEST_LINE_BYTES)
    try:
        server = Server(reader, writer)
        await server.log_in(given.username, password(given.password_file))
        while True:
            for name in await _names(server):
                await _supply(server, name, board)
            await asyncio.sleep(given.poll_seconds)
    except ValueError as error:  # a line longer than the limit
        raise Refused(str(error)) from None
    finally:
        writer.close()


async def _names(server: Server) -> Sequence[str]:
    lines = [_SUPPLY.fullmatch(line) for line in await server.list("UPS")]
    return [match[1] for match in lines if match is not None and _WORD.fullmatch(match[1])]


async def _supply(server: Server, name: str, board: Board) -> None:
    """One supply; what is wrong with it costs no other one its reading."""
    try:
        lines = await server.list(f"VAR {name}")
    except Refused as refused:
        if str(refused).split(" ")[0] not in _GONE:
            raise
        board.refuse(name, Refusal.DATA_MISSING)
        return
    variables = {match[2]: match[3] for match in map(_VARIABLE.fullmatch, lines) if match is not None}
    show(name, variables, board)


def show(name: str, variables: Mapping[str, str], board: Board) -> None:
    """Power by the supply's own meter, else by its load; charge in percent. What it does not tell is not shown."""
    watts = watts_of(variables)
    if watts is not None:
        board.show(name, Kind.POWER, watts)
    charge = _number(variables, "battery.charge")
    if charge is not None:
        board.show(name, Kind.BATTERY, charge if isinstance(charge, Refusal) else charge / 100.0)


def watts_of(variables: Mapping[str, str]) -> float | Refusal | None:
    """`ups.realpower`, else `ups.load` percent of `ups.realpower.nominal`; None where the supply tells neither."""
    measured = _number(variables, "ups.realpower")
    load, nominal = _number(variables, "ups.load"), _number(variables, "ups.realpower.nominal")
    if measured is not None or load is None or nominal is None:
        return measured
    if isinstance(load, Refusal) or isinstance(nominal, Refusal):
        return Refusal.NOT_A_NUMBER
    return load / 100.0 * nominal


def _number(variables: Mapping[str, str], name: str) -> float | Refusal | None:
    text = variables.get(name)
    if text is None:
        return None
    value = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    return value if math.isfinite(value) else Refusal.NOT_A_NUMBER


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; 2 for wrong flags."""
    parser = flags("nut", __doc__)
    parser.add_argument("--server", default="127.0.0.1:3493", metavar="HOST:PORT", help="upsd (default 127.0.0.1:3493)")
    parser.add_argument("--poll-seconds", type=float, default=10.0, metavar="S", help="between readings (default 10)")
    given = parser.parse_args(arguments)
    if not re.fullmatch(r".+:[0-9]{1,5}", given.server):
        parser.error(f"--server: {given.server!r} is not HOST:PORT")
    return run(given, partial(read, given), (Refused,))


if __name__ == "__main__":
    sys.exit(main())
