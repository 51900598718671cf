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

from sunward_exporter.candidates import Candidate, Device
from sunward_exporter.hwmon import folders
from sunward_exporter.meters import MILLI, Followed, PowerFile, PowerMeter, Scaled, VoltageTimesCurrent
from sunward_exporter.roles import Role, of_driver, of_label
from sunward_exporter.sysfs import Attribute, Folder, read_text

_QUANTITY: Final = re.compile(r"in_(?P<kind>power|voltage|current)(?P<number>[0-9]*)_(?:raw|input)")


def candidates(root: Path) -> list[Candidate]:
    """Every channel of every IIO device below a sysfs root that tells a power, or a voltage and a current."""
    return [candidate for folder in folders(root / "bus" / "iio" / "devices") for candidate in _channels(folder)]


def _channels(folder: Path) -> Iterator[Candidate]:
    driver = read_text(folder / "name")
    if driver is None:
        return
    device = Device(driver=driver, address=_address(folder), label=read_text(folder / "label"))
    numbers = _numbers(folder)
    channels = numbers["power"] or [""]
    if not numbers["power"] and not (numbers["voltage"] and numbers["current"]):
        return
    for number in channels:
        label = read_text(folder / f"rail_name_{number}") or read_text(folder / f"in_power{number}_label")
        yield Candidate(
            device=device,
            channel=number or "0",
            label=label,
            is_first=number == channels[0],
            role=_role(device, label, alone=len(channels) == 1),
            meter=partial(_meter, folder, device, number),
        )


def _address(folder: Path) -> str | None:
    """The device's name on its bus: the IIO folder lies directly below it, where it is a link."""
    resolved = folder.resolve()
    return resolved.parent.name if resolved.parent != folder.parent.resolve() else None


def _numbers(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"power": [], "voltage": [], "current": []}
    for path in folders(folder):
        match = _QUANTITY.fullmatch(path.name)
        if match:
            found[match["kind"]].append(match["number"])
    return found


def _role(device: Device, label: str | None, *, alone: bool) -> Role:
    for role in (of_label(device.label), of_driver(device.driver)):
        if role in (Role.NODE, Role.HARVEST, Role.TOTAL, Role.FOREIGN):
            return role
    found = of_label(label)
    return Role.UNNAMED if alone and found is Role.PART else found


def _meter(folder: Path, device: Device, number: str) -> PowerMeter:
    held, numbers = Folder(folder), _numbers(folder)
    if numbers["power"]:
        meter: PowerMeter = PowerFile(power=_scaled(folder, held, f"in_power{number}"))
    else:
        voltage = _scaled(folder, held, f"in_voltage{numbers['voltage'][-1]}")
        current = _scaled(folder, held, f"in_current{numbers['current'][0]}")
        meter = VoltageTimesCurrent(voltage=voltage, current=current)
    return Followed(meter=meter, name=Attribute(held, "name"), expected=device.driver)


def _scaled(folder: Path, held: Folder, stem: str) -> Scaled:
    """One quantity in base units: a raw number has its scale, which is a decimal fraction, beside it."""
    if (folder / f"{stem}_input").exists():
        return Scaled(attribute=Attribute(held, f"{stem}_input"), unit=MILLI)
    return Scaled(attribute=Attribute(held, f"{stem}_raw"), unit=MILLI * _scale(folder / f"{stem}_scale"))


def _scale(path: Path) -> float:
    text = read_text(path)
    return float(text) if text is not None and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,12})?", text) else 1.0
