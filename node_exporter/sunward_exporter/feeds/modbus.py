"""`python -m sunward_exporter.feeds.modbus`: inverters and solar chargers over Modbus TCP (SunSpec, EPEver Tracer).

Registers are only read. SunSpec devices describe themselves: the models are walked from their beginning, and the
inverter model's power is used. EPEver chargers have fixed input registers, each a hundredth of its unit.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from sunward_exporter.feeds.page import Board, Kind
from sunward_exporter.feeds.process import flags, run
from sunward_exporter.readings import Refusal

SUNSPEC_BASES: Final = (40000, 0, 50000)
"""Where a SunSpec device may begin, in the order of the specification's advice."""
SUNSPEC_MARK: Final = [0x5375, 0x6E53]
INVERTERS: Final = frozenset({101, 102, 103})
MOST_MODELS = 64
END_OF_MODELS = 0xFFFF
WATTS_OFFSET = 14
"""Place of W in models 101 to 103, from the model's first register; its scale W_SF follows."""
NOT_IMPLEMENTED = -0x8000
EPEVER_PV, EPEVER_LOAD, EPEVER_CHARGE = 0x3102, 0x310E, 0x311A
_METER: Final = re.compile(r"([A-Za-z0-9._-]{1,128})=(sunspec|epever):([0-9]{1,3})")


class Unknown(Exception):
    """The device is not what it was said to be."""


def meter(text: str) -> tuple[str, str, int]:
    """`NAME=FORMAT:UNIT`; raises ArgumentTypeError that says what is expected."""
    match = _METER.fullmatch(text)
    if match is None or int(match[3]) > 247:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=sunspec:UNIT or NAME=epever:UNIT, with UNIT 0 to 247")
    return match[1], match[2], int(match[3])


class Device:
    """One unit behind a connection. Its methods raise ModbusException for no answer, and Unknown for a refusal."""

    def __init__(self, client: AsyncModbusTcpClient, unit: int) -> None:
        self._client = client
        self._unit = unit

    async def holding(self, address: int, count: int) -> list[int]:
        """Holding registers."""
        answer = await self._client.read_holding_registers(address, count=count, device_id=self._unit)
        if answer.isError() or len(answer.registers) != count:
            raise Unknown(f"no holding registers at {address}")
        return list(answer.registers)

    async def inputs(self, address: int, count: int) -> list[int]:
        """Input registers."""
        answer = await self._client.read_input_registers(address, count=count, device_id=self._unit)
        if answer.isError() or len(answer.registers) != count:
            raise Unknown(f"no input registers at {address}")
        return list(answer.registers)


async def sunspec_watts(device: Device) -> float | Refusal:
    """The inverter's power."""
    model = await _inverter(device)
    watts, scale = (_signed(one) for one in await device.holding(model + WATTS_OFFSET, 2))
    if NOT_IMPLEMENTED in (watts, scale):
        return Refusal.DATA_MISSING
    return watts * 10.0**scale if -10 <= scale <= 10 else Refusal.NOT_A_NUMBER


async def _inverter(device: Device) -> int:
    """The first register of the inverter's model."""
    address = await _beginning(device)
    for _ in range(MOST_MODELS):
        model, length = await device.holding(address, 2)
        if model in INVERTERS:
            return address
        if model == END_OF_MODELS:
            break
        address += 2 + length
    raise Unknown("no SunSpec model 101 to 103")


async def _beginning(device: Device) -> int:
    for base in SUNSPEC_BASES:
        try:
            if await device.holding(base, 2) == SUNSPEC_MARK:
                return base + 2
        except Unknown:
            continue
    raise Unknown("not a SunSpec device: no SunS at 40000, 0 or 50000")


async def show(name: str, form: str, device: Device, board: Board) -> None:
    """Read one device onto the board."""
    if form == "sunspec":
        board.show(name, Kind.HARVEST, await sunspec_watts(device))
        return
    board.show(name, Kind.HARVEST, _hundredths(await device.inputs(EPEVER_PV, 2)))
    board.show(name, Kind.POWER, _hundredths(await device.inputs(EPEVER_LOAD, 2)))
    board.show(name, Kind.BATTERY, (await device.inputs(EPEVER_CHARGE, 1))[0] / 100.0)


async def read(given: argparse.Namespace, board: Board) -> None:
    """Read all devices again and again. Raises ModbusException when the server goes away."""
    host, _, port = given.server.rpartition(":")
    client = AsyncModbusTcpClient(host.strip("[]"), port=int(port), timeout=3, retries=1, reconnect_delay=0)
    if not await client.connect():
        raise ConnectionError(f"no connection to {given.server}")
    try:
        while True:
            for name, form, unit in given.meter:
                try:
                    await show(name, form, Device(client, unit), board)
                except Unknown:
                    board.refuse(name, Refusal.DATA_MISSING)
            await asyncio.sleep(given.poll_seconds)
    finally:
        client.close()


def _signed(register: int) -> int:
    return register - 0x10000 if register & 0x8000 else register


def _hundredths(registers: Sequence[int]) -> float:
    """A 32-bit number, low word first."""
    return (registers[0] | registers[1] << 16) / 100.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; 2 for wrong flags."""
    parser = flags("modbus", __doc__)
    add = parser.add_argument
    add("--server", default="127.0.0.1:502", metavar="HOST:PORT", help="Modbus TCP device or gateway")
    add("--meter", type=meter, action="append", required=True, metavar="NAME=FORMAT:UNIT", help="a device; repeat")
    add("--poll-seconds", type=float, default=10.0, metavar="S", help="between readings (default 10)")
    given = parser.parse_args(arguments)
    if not re.fullmatch(r".+:[0-9]{1,5}", given.server):
        parser.error(f"--server: {given.server!r} is not HOST:PORT")
    return run(given, partial(read, given), (ModbusException,))


if __name__ == "__main__":
    sys.exit(main())
