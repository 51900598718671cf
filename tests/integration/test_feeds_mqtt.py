"""The MQTT feed in front of a real mosquitto, with payloads as devices publish them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from support.meters.feeds import feed, program, running, until
from support.ports import free_port

MOSQUITTO = program("mosquitto", "/usr/sbin")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto: apt-get install mosquitto")

POWER, HARVEST, BATTERY = "sunward_feed_power_watts", "sunward_feed_harvest_watts", "sunward_feed_battery_ratio"
METERS = (
    "plug=tasmota:tele/plug/SENSOR",
    "zigbee=zigbee2mqtt:zigbee2mqtt/Kitchen plug",
    "sun=victron-pv:N/c0619ab1/solarcharger/288/Yield/Power",
    "store=victron-soc:N/c0619ab1/system/0/Dc/Battery/Soc",
    "bare=watts:pi/power",
)
SENSOR = {"Time": "2026-11-21T12:00:00", "ENERGY": {"TotalStartTime": "2026-01-01T00:00:00", "Total": 3.1, "Power": 6}}
MESSAGES = {
    "tele/plug/SENSOR": json.dumps(SENSOR),
    "zigbee2mqtt/Kitchen plug": '{"linkquality":120,"power":4.5,"state":"ON","voltage":230}',
    "N/c0619ab1/solarcharger/288/Yield/Power": '{"value": 37.5}',
    "N/c0619ab1/system/0/Dc/Battery/Soc": '{"value": 71.5}',
    "pi/power": "3.25",
}


@contextlib.asynccontextmanager
async def client(port: int) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(hostname="127.0.0.1", port=port, username="reader", password="secret") as found:
        yield found


def broker(folder: Path, port: int) -> list[str]:
    """A broker that asks for a password."""
    passwords, configuration = folder / "passwords", folder / "mosquitto.conf"
    passwords.write_text("reader:secret\n")
    converter = program("mosquitto_passwd", "/usr/bin")
    assert converter is not None
    with running([converter, "-U", str(passwords)]) as process:
        process.wait()
    configuration.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n"
    )
    assert MOSQUITTO is not None
    return [MOSQUITTO, "-c", str(configuration)]


async def test_devices_show_what_they_publish_and_what_is_no_number_is_counted(tmp_path: Path) -> None:
    port, secret = free_port(), tmp_path / "password"
    secret.write_text("secret\n")
    flags = [f"--broker=127.0.0.1:{port}", "--username=reader", f"--password-file={secret}", "--fresh-seconds=8"]
    with running(broker(tmp_path, port), port), feed("mqtt", *flags, *(f"--meter={one}" for one in METERS)) as show:
        async with client(port) as publisher:
            await publisher.publish("pi/power", "9.5", retain=True)
            await publisher.subscribe("R/c0619ab1/keepalive")

            async def publish() -> None:
                for topic, payload in MESSAGES.items():
                    await publisher.publish(topic, payload)

            async with asyncio.timeout(60.0):
                asked = await anext(aiter(publisher.messages))
                assert asked.topic.value == "R/c0619ab1/keepalive"
                while len(shown := show()) < 2 * len(METERS):
                    await publish()
                    await asyncio.sleep(0.1)
            assert shown[POWER, "plug"] == 6.0
            assert shown[POWER, "zigbee"] == 4.5
            assert shown[POWER, "bare"] == 3.25
            assert shown[HARVEST, "sun"] == 37.5
            assert shown[BATTERY, "store"] == pytest.approx(0.715)
            for payload in ("null", "[1]", "NaN", "1e400", "{" * 50_000, '"4"', "-40"):
                await publisher.publish("pi/power", payload)
            await publisher.publish("tele/plug/SENSOR", '{"ENERGY": null}')

            def counted() -> bool:
                errors = {key[1:]: value for key, value in show().items() if key[0] == "sunward_feed_errors_total"}
                return (
                    errors.get(("bare", "NotANumber")) == 5.0
                    and errors.get(("bare", "Unreadable")) == 1.0
                    and errors.get(("bare", "NegativeValue")) == 1.0
                    and errors.get(("plug", "DataMissing")) == 1.0
                )

            await asyncio.to_thread(until, counted, bool)
            await asyncio.to_thread(until, show, lambda shown: (POWER, "bare") not in shown)


async def test_what_the_broker_kept_from_before_is_no_reading(tmp_path: Path) -> None:
    port, secret = free_port(), tmp_path / "password"
    secret.write_text("secret\n")
    with running(broker(tmp_path, port), port):
        async with client(port) as publisher:
            await publisher.publish("pi/power", "9.5", retain=True)
        flags = [f"--broker=127.0.0.1:{port}", "--username=reader", f"--password-file={secret}"]
        with feed("mqtt", *flags, "--meter=bare=watts:pi/power", "--meter=other=watts:pi/other") as show:
            async with client(port) as publisher, asyncio.timeout(60.0):
                while (POWER, "other") not in show():
                    await publisher.publish("pi/other", "1")
                    await asyncio.sleep(0.1)
            assert (POWER, "bare") not in show()
