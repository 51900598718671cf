"""IIO devices -> channels that can tell a power: INA2xx bound to the ADC driver, and the INA3221 of older Jetsons.

IIO gives milliwatts, millivolts and milliamperes, `*_input` as such and `*_raw` to be multiplied by `*_scale`
(Documentation/ABI/testing/sysfs-bus-iio of the kernel).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from sunward_exporter import iio_buffer
from sunward_exporter.candidates import Candidate, Device
from sunward_exporter.hwmon import folders
from sunward_exporter.meters import MILLI, Followed, PowerFile, PowerMeter, Scaled, VoltageTimesCurrent
from sunward_exporter.roles import Role, of_driver, of_label
from sunward_exporter.sysfs import Attribute, Folder, read_text

_MONITORS: Final = re.compile(r"(ina|pac19|ltc29|max9611|max344)\w*")
"""Chips whose voltage and current belong together; those of other converters are of different things."""
_QUANTITY: Final = re.compile(r"in_(?P<kind>power|voltage|current)(?P<number>[0-9]*)_(?:raw|input)")


def candidates(root: Path, devices: Path) -> list[Candidate]:
    """Every channel of every IIO device below a sysfs root that tells a power, or a voltage and a current.

    `devices` is the folder of the device files, through which buffers are read.
    """
    return [
        candidate for folder in folders(root / "bus" / "iio" / "devices") for candidate in _channels(folder, devices)
    ]


def _channels(folder: Path, devices: Path) -> Iterator[Candidate]:
    driver = read_text(folder / "name")
    if driver is None:
        return
    device = Device(driver=driver, address=_address(folder), label=read_text(folder / "label"))
    numbers = _numbers(folder)
    is_pair = bool(numbers["voltage"] and numbers["current"]) and _MONITORS.fullmatch(driver) is not None
    channels = numbers["power"] or ([""] if is_pair else [])
    for number in channels:
        label = read_text(folder / f"rail_name_{number}") or read_text(folder / f"in_power{number}_label")
        yield Candidate(
            device=device,
            channel=number or "0",
            label=label,
            is_first=number == channels[0],
            role=_role(device, label),
            meter=partial(_meter, folder, device, number, devices / folder.name),
        )


def _address(folder: Path) -> str | None:
    """The device's name on its bus: the IIO folder lies directly below it, where it is a link."""
    resolved = folder.resolve()
    return resolved.parent.name if resolved.parent != folder.parent.resolve() else None


def _numbers(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"power": [], "voltage": [], "current": []}
    for path in folders(folder):
        match = _QUANTITY.fullmatch(path.name)
        if match and _unit(folder, f"in_{match['kind']}", match["number"]) is not None:
            found[match["kind"]].append(match["number"])
    return found


def _role(device: Device, label: str | None) -> Role:
    for role in (of_label(device.label), of_driver(device.driver)):
        if role in (Role.NODE, Role.HARVEST, Role.TOTAL, Role.FOREIGN, Role.CORE):
            return role
    return of_label(label)


def _meter(folder: Path, device: Device, number: str, file: Path) -> PowerMeter:
    held, numbers = Folder(folder), _numbers(folder)
    buffered = iio_buffer.records(folder, f"in_power{number}")
    if buffered is not None:
        unit = _unit(folder, "in_power", number) or MILLI
        meter: PowerMeter = iio_buffer.BufferMeter(device=file, records=buffered, unit=unit)
    elif numbers["power"]:
        meter = PowerFile(power=_scaled(folder, held, "in_power", number))
    else:
        voltage = _scaled(folder, held, "in_voltage", numbers["voltage"][-1])
        current = _scaled(folder, held, "in_current", numbers["current"][0])
        meter = VoltageTimesCurrent(voltage=voltage, current=current)
    return Followed(meter=meter, name=Attribute(held, "name"), expected=device.driver)


def _scaled(folder: Path, held: Folder, kind: str, number: str) -> Scaled:
    """One quantity in base units."""
    stem = f"{kind}{number}"
    name = f"{stem}_input" if (folder / f"{stem}_input").exists() else f"{stem}_raw"
    return Scaled(attribute=Attribute(held, name), unit=_unit(folder, kind, number) or MILLI)


def _unit(folder: Path, kind: str, number: str) -> float | None:
    """What one of the channel's numbers is in base units; None for a raw number whose scale is not known.

    The scale is a decimal fraction beside the number, or one for all channels of its kind.
    """
    if (folder / f"{kind}{number}_input").exists():
        return MILLI
    texts = (read_text(folder / f"{stem}_scale") for stem in (f"{kind}{number}", kind))
    text = next((text for text in texts if text is not None), "")
    return MILLI * float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,12})?", text) else None
