"""The Modbus feed in front of pymodbus' simulator, which holds registers as the devices have them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from support.meters.feeds import Shown, feed, until
from support.ports import free_port

POWER, HARVEST, BATTERY = "sunward_feed_power_watts", "sunward_feed_harvest_watts", "sunward_feed_battery_ratio"
COMMON_MODEL = [1, 66, *[0] * 66]
INVERTER, SILENT, CHARGER, STRANGER = 1, 2, 3, 4


def inverter(watts: int, scale: int, model: int = 103) -> list[int]:
    """A SunSpec device: mark, common model, inverter model, end."""
    points = [0] * 50
    points[12], points[13] = watts & 0xFFFF, scale & 0xFFFF
    return [0x5375, 0x6E53, *COMMON_MODEL, model, 50, *points, 0xFFFF, 0]


def device(unit: int, holding: Mapping[int, list[int]], inputs: Mapping[int, list[int]]) -> SimDevice:
    """A simulated unit; every block has at least one register."""

    def block(registers: Mapping[int, list[int]]) -> list[SimData]:
        filled = registers or {60000: [0]}
        return [SimData(first, values=values, datatype=DataType.REGISTERS) for first, values in filled.items()]

    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    return SimDevice(unit, (bits, bits, block(holding), block(inputs)))


DEVICES = [
    device(INVERTER, {40000: inverter(612, -1)}, {}),
    device(SILENT, {0: inverter(-0x8000, 0, model=101)}, {}),
    device(CHARGER, {}, {0x3102: [3750, 0], 0x310E: [0x86A0, 0x0001], 0x311A: [83]}),
    device(STRANGER, {40000: [1, 2]}, {}),
]


@contextlib.asynccontextmanager
async def simulator(port: int) -> AsyncIterator[None]:
    server = ModbusTcpServer(DEVICES, address=("127.0.0.1", port))
    task = asyncio.create_task(server.serve_forever())
    try:
        yield
    finally:
        await server.shutdown()
        task.cancel()


def is_whole(shown: Shown) -> bool:
    return {(HARVEST, "roof"), (HARVEST, "tracer"), (BATTERY, "tracer")} <= set(shown) and all(
        ("sunward_feed_errors_total", name, "DataMissing") in shown for name in ("dark", "other")
    )


async def test_inverters_and_chargers_show_their_registers_in_watts() -> None:
    port = free_port()
    meters = (
        f"roof=sunspec:{INVERTER}",
        f"dark=sunspec:{SILENT}",
        f"tracer=epever:{CHARGER}",
        f"other=sunspec:{STRANGER}",
    )
    flags = [f"--server=127.0.0.1:{port}", "--poll-seconds=0.2", *(f"--meter={one}" for one in meters)]
    async with simulator(port):
        with contextlib.ExitStack() as stack:
            show = await asyncio.to_thread(stack.enter_context, feed("modbus", *flags))
            shown = await asyncio.to_thread(partial(until, show, is_whole))
    assert isinstance(shown, dict)
    assert shown[HARVEST, "roof"] == pytest.approx(61.2)
    assert shown[HARVEST, "tracer"] == pytest.approx(37.5)
    assert shown[POWER, "tracer"] == pytest.approx(1000.0)
    assert shown[BATTERY, "tracer"] == pytest.approx(0.83)
    assert not {(HARVEST, "dark"), (HARVEST, "other")} & set(shown)


async def test_a_device_that_goes_away_leaves_no_value() -> None:
    port = free_port()
    flags = [
        f"--server=127.0.0.1:{port}",
        "--poll-seconds=0.2",
        "--fresh-seconds=1",
        f"--meter=roof=sunspec:{INVERTER}",
    ]
    with contextlib.ExitStack() as stack:
        async with simulator(port):
            show = await asyncio.to_thread(stack.enter_context, feed("modbus", *flags))
            await asyncio.to_thread(until, show, lambda shown: (HARVEST, "roof") in shown)
        await asyncio.to_thread(until, show, lambda shown: (HARVEST, "roof") not in shown)
