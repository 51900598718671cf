"""`python -m sunward_exporter.feeds.mqtt`: meters that publish over MQTT: Tasmota, Zigbee2MQTT, Victron, or any number.

Each `--meter NAME=FORMAT:TOPIC` names one topic without wildcards and how its payload is read. Nothing is published but
the keep-alive that Victron's broker asks for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import re
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiomqtt

from sunward_exporter.feeds.page import Board, Kind
from sunward_exporter.feeds.process import flags, password, run
from sunward_exporter.readings import Refusal

LONGEST_PAYLOAD_BYTES = 16 << 10
KEEP_ALIVE_SECONDS = 30.0
MOST_WAITING = 1000
_METER: Final = re.compile(r"([A-Za-z0-9._-]{1,128})=([a-z0-9-]+):([^\x00-\x1f#+]{1,512})")
_VICTRON: Final = re.compile(r"N/([A-Za-z0-9]{1,64})/.+")
_BIGGEST = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What a payload holds: the kind, the keys that lead to the number, and one of its units in watts or as a ratio."""

    kind: Kind
    keys: Sequence[str]
    unit: float = 1.0


FORMATS: Final = {
    "tasmota": Format(kind=Kind.POWER, keys=("ENERGY", "Power")),
    "zigbee2mqtt": Format(kind=Kind.POWER, keys=("power",)),
    "victron-pv": Format(kind=Kind.HARVEST, keys=("value",)),
    "victron-soc": Format(kind=Kind.BATTERY, keys=("value",), unit=0.01),
    "victron-load": Format(kind=Kind.POWER, keys=("value",)),
    "watts": Format(kind=Kind.POWER, keys=()),
    "harvest-watts": Format(kind=Kind.HARVEST, keys=()),
    "percent": Format(kind=Kind.BATTERY, keys=(), unit=0.01),
}
"""Payloads as the devices publish them: Tasmota's `tele/+/SENSOR`, Zigbee2MQTT's device topic, Venus OS' `N/...`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A name for people, and the topic that it is read from."""

    name: str
    topic: str
    format: Format


def meter(text: str) -> Meter:
    """`NAME=FORMAT:TOPIC`; raises ArgumentTypeError that says what is expected."""
    match = _METER.fullmatch(text)
    if match is None or match[2] not in FORMATS:
        known = ", ".join(FORMATS)
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FORMAT:TOPIC without # and +; FORMAT is one of {known}")
    return Meter(name=match[1], topic=match[3], format=FORMATS[match[2]])


def value_of(payload: bytes, form: Format) -> float | Refusal:
    """The number in a payload, in watts or as a ratio; a device that sends null has none."""
    if len(payload) > LONGEST_PAYLOAD_BYTES:
        return Refusal.UNREADABLE
    try:
        found: Any = json.loads(payload)
    except (ValueError, RecursionError):
        return Refusal.NOT_A_NUMBER
    for key in form.keys:
        if not isinstance(found, Mapping) or found.get(key) is None:
            return Refusal.DATA_MISSING
        found = found[key]
    if isinstance(found, bool) or not isinstance(found, int | float):
        return Refusal.NOT_A_NUMBER
    if not (math.isfinite(found) and abs(found) <= _BIGGEST):
        return Refusal.NOT_A_NUMBER
    return found * form.unit


async def read(given: argparse.Namespace, board: Board, client: Callable[..., aiomqtt.Client] = aiomqtt.Client) -> None:
    """Subscribe and take what comes. Raises aiomqtt.MqttError when the broker goes away."""
    host, _, port = given.broker.rpartition(":")
    trust = ssl.create_default_context(cafile=given.ca_file) if given.ca_file or given.tls else None
    async with client(
        hostname=host.strip("[]"),
        port=int(port),
        username=given.username,
        password=password(given.password_file),
        tls_context=trust,
        max_queued_incoming_messages=MOST_WAITING,
    ) as broker:
        for topic in sorted({one.topic for one in given.meter}):
            await broker.subscribe(topic)
        async with _kept_alive(broker, given.meter):
            async for message in broker.messages:
                _take(message, given.meter, board)


def _take(message: aiomqtt.Message, meters: Sequence[Meter], board: Board) -> None:
    """One message. What the broker kept from before has no time of its own, and is left out."""
    if message.retain:
        return
    for one in meters:
        if message.topic.value == one.topic:
            board.show(one.name, one.format.kind, value_of(message.payload, one.format))


@contextlib.asynccontextmanager
async def _kept_alive(broker: aiomqtt.Client, meters: Sequence[Meter]) -> Any:
    """Venus OS publishes only while it is asked to."""
    portals = {match[1] for one in meters if (match := _VICTRON.fullmatch(one.topic))}
    task = asyncio.create_task(_keep_alive(broker, portals))
    try:
        yield
    finally:
        task.cancel()


async def _keep_alive(broker: aiomqtt.Client, portals: set[str]) -> None:
    while portals:
        for portal in sorted(portals):
            await broker.publish(f"R/{portal}/keepalive", "")
        await asyncio.sleep(KEEP_ALIVE_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; 2 for wrong flags."""
    parser = flags("mqtt", __doc__)
    add = parser.add_argument
    add("--broker", default="127.0.0.1:1883", metavar="HOST:PORT", help="MQTT broker (default 127.0.0.1:1883)")
    add("--meter", type=meter, action="append", required=True, metavar="NAME=FORMAT:TOPIC", help="a meter; repeat")
    add("--tls", action="store_true", help="speak TLS and trust the system's authorities")
    add("--ca-file", type=Path, metavar="FILE", help="speak TLS and trust this authority")
    given = parser.parse_args(arguments)
    if not re.fullmatch(r".+:[0-9]{1,5}", given.broker):
        parser.error(f"--broker: {given.broker!r} is not HOST:PORT")
    return run(given, partial(read, given), (aiomqtt.MqttError,))


if __name__ == "__main__":
    sys.exit(main())
