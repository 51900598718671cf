"""hwmon devices -> channels that can tell a power.

Every channel N of a device may have `energyN_input`, `powerN_average` or `powerN_input`, and `currN_*` with a voltage
(Documentation/hwmon/sysfs-interface of the kernel). Averages come first: the chip has sampled more often than anyone
can ask it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sunward_exporter.candidates import Candidate, Device
from sunward_exporter.meters import (
    MICRO,
    MILLI,
    Constant,
    Counted,
    Counter,
    Followed,
    PowerFile,
    PowerMeter,
    Scaled,
    VoltageTimesCurrent,
)
from sunward_exporter.roles import Role, of_driver, of_label
from sunward_exporter.sysfs import Attribute, Folder, read_number, read_text

_CHANNEL: Final = re.compile(r"(?:energy|power|curr)(?P<number>[0-9]{1,2})_(?:input|average)")
NOMINAL_VOLTS: Final = {"rpi_poe": 5.0}
"""Supplies that show their current only, with the voltage that they regulate to."""
CELL_VOLTS: Final = ((2.5, 4.35), (5.6, 8.5))
"""The bus of a shunt in the lead of one or two lithium cells; no usual supply of a board lies in between."""
OWN_SUPPLIES: Final = frozenset({("ltc2990", "0")})
"""Voltages that a chip measures of itself."""
CHANNELS: Final = {"ina3221": 3}
"""Chips that show sums of their channels as further ones."""
DEFAULT_SHUNT: Final = {"ina219": 10_000.0, "ina220": 10_000.0}
"""Micro-ohms that the kernel's driver takes where nothing tells it; nearly every board has another shunt (100 mOhm)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hwmon:
    """One device: its folder, where the class links to, and the names of its attributes."""

    folder: Path
    device: Device
    files: frozenset[str]
    role: Role

    def has(self, name: str) -> bool:
        return name in self.files

    def label(self, kind: str, number: str) -> str | None:
        """The label of one channel; None without one."""
        name = f"{kind}{number}_label"
        return read_text(self.folder / name) if self.has(name) else None


def candidates(root: Path) -> list[Candidate]:
    """Every channel of every hwmon device below a sysfs root; devices that vanish meanwhile are left out."""
    return [
        candidate for device in sorted(_devices(root), key=lambda d: d.folder.name) for candidate in _channels(device)
    ]


def _devices(root: Path) -> Iterator[_Hwmon]:
    for folder in folders(root / "class" / "hwmon"):
        if not (folder / "name").exists():
            folder = folder / "device"  # where kernels before 3.13 have the attributes
        driver = read_text(folder / "name")
        if driver is not None:
            files = frozenset(path.name for path in folders(folder))
            device = Device(driver=driver, address=_address(folder), label=read_text(folder / "label"))
            yield _Hwmon(folder=folder, device=device, files=files, role=_device_role(folder, device))


def folders(parent: Path) -> list[Path]:
    """What is in a folder, by name; nothing where it is not there."""
    try:
        return sorted(parent.iterdir())
    except OSError:
        return []


def _address(folder: Path) -> str | None:
    """The name of the device on its bus: what the class folder links to lies two folders below it."""
    try:
        parts = folder.resolve().parts
    except (OSError, RuntimeError):
        return None
    return parts[-3] if len(parts) > 3 and parts[-2] == "hwmon" and parts[-3] != "class" else None


def _device_role(folder: Path, device: Device) -> Role:
    """A device tree's label is the word of whoever built the machine; it comes before what the driver says."""
    labelled = of_label(device.label)
    if labelled in (Role.NODE, Role.HARVEST, Role.TOTAL, Role.OUTPUT):
        return labelled
    if device.driver in NOMINAL_VOLTS:
        return Role.UNNAMED
    known = of_driver(device.driver)
    if "power_supply" in folder.resolve().parts or Role.FOREIGN in (labelled, known):
        return Role.FOREIGN
    return Role.CORE if labelled is Role.CORE else known


def _channels(at: _Hwmon) -> Iterator[Candidate]:
    numbers = sorted({match["number"] for name in at.files if (match := _CHANNEL.fullmatch(name))}, key=int)
    usable = [number for number in numbers if _is_on(at, number) and _build(at, number) is not None]
    for number in usable:
        label = next(filter(None, (at.label(kind, number) for kind in ("power", "curr", "in", "energy"))), None)
        yield Candidate(
            device=at.device,
            channel=number,
            label=label,
            is_first=number == usable[0],
            role=_role(at, number, label),
            meter=partial(_meter, at, number),
            default_shunt=_has_default_shunt(at),
        )


def _is_on(at: _Hwmon, number: str) -> bool:
    """Whether the channel is one of the chip's, and not switched off."""
    if int(number) > CHANNELS.get(at.device.driver, 99):
        return False
    switches = (f"{kind}{number}_enable" for kind in ("in", "curr", "power"))
    return not any(at.has(name) and read_number(at.folder / name) == 0.0 for name in switches)


def _has_default_shunt(at: _Hwmon) -> bool:
    default = DEFAULT_SHUNT.get(at.device.driver)
    return default is not None and read_number(at.folder / "shunt_resistor") == default


def _role(at: _Hwmon, number: str, label: str | None) -> Role:
    labels = [of_label(at.label(kind, number)) for kind in ("power", "curr", "in")]
    if at.role is Role.FOREIGN or _is_battery(at, number):
        return Role.FOREIGN
    named = (Role.HARVEST, Role.NODE, Role.TOTAL)
    for role in named if at.role is Role.CORE else (*named, Role.SUPPLY, Role.FOREIGN):
        if role in labels:
            return role
    if at.role is not Role.UNNAMED:
        return at.role
    if label is None and is_battery_lead(at.folder, number):
        return Role.FOREIGN
    return of_label(label)


def _is_battery(at: _Hwmon, number: str) -> bool:
    name = f"power{number}_is_battery"
    return at.has(name) and read_number(at.folder / name) == 1.0


def is_battery_lead(folder: Path, number: str) -> bool:
    """Whether the channel's bus has the voltage of lithium cells, so that its shunt lies in the battery's lead."""
    millivolts = read_number(folder / f"in{number}_input")
    return isinstance(millivolts, float) and any(low <= millivolts * MILLI <= high for low, high in CELL_VOLTS)


def _meter(at: _Hwmon, number: str) -> PowerMeter:
    meter = _build(at, number)
    if meter is None:
        raise LookupError(f"{at.device.driver} has no channel {number} that can tell a power")
    return Followed(meter=meter, name=Attribute(at.folder, "name"), expected=at.device.driver)


def _build(at: _Hwmon, number: str) -> PowerMeter | None:
    folder = Folder(at.folder)
    energy = f"energy{number}_input"
    counter = Counter(Scaled(attribute=Attribute(folder, energy), unit=MICRO), None) if at.has(energy) else None
    power = _power(at, folder, number)
    if counter is None:
        return power
    return counter if power is None else Counted(power, counter)


def _power(at: _Hwmon, folder: Folder, number: str) -> PowerMeter | None:
    current = _best(at, folder, f"curr{number}", MILLI)
    power = _best(at, folder, f"power{number}", MICRO)
    if power is not None:
        return PowerFile(power=power, current=_sign(at, number, current), is_point=not _is_average(power))
    voltage = _voltage(at, folder, number)
    if current is None or voltage is None:
        return None
    return VoltageTimesCurrent(voltage=voltage, current=current, is_point=not _is_average(current))


def _sign(at: _Hwmon, number: str, current: Scaled | None) -> Scaled | None:
    """The current that shows the direction of the channel's power: not that of something else with a label."""
    return current if at.label("curr", number) in (None, at.label("power", number)) else None


def _best(at: _Hwmon, folder: Folder, stem: str, unit: float) -> Scaled | None:
    for name in (f"{stem}_average", f"{stem}_input"):
        if at.has(name):
            return Scaled(attribute=Attribute(folder, name), unit=unit)
    return None


def _is_average(quantity: Scaled) -> bool:
    return quantity.attribute.name.endswith("_average")


def _voltage(at: _Hwmon, folder: Folder, number: str) -> Scaled | Constant | None:
    """The voltage that belongs to a current: by the labels, else by the number, else by the one before it.

    The INA2xx family has its shunt at in0 and the bus at in1; POWER-Z has the bus at in0, and says so.
    """
    if at.device.driver in NOMINAL_VOLTS:
        return Constant(value=NOMINAL_VOLTS[at.device.driver])
    named = _partner(at, number)
    for other in (named, number, str(int(number) - 1)):
        is_own = (at.device.driver, other) in OWN_SUPPLIES
        found = None if other is None or is_own else _best(at, folder, f"in{other}", MILLI)
        if found is not None:
            return found
    return None


def _partner(at: _Hwmon, number: str) -> str | None:
    """The voltage channel whose label fits that of the current: `vin` to `iin`, `VBUS` to `IBUS` or to no label."""
    current = (at.label("curr", number) or "").casefold()
    wanted = f"v{current[1:]}" if current.startswith("i") else "vbus"
    for name in sorted(at.files):
        match = re.fullmatch(r"in([0-9]{1,2})_label", name)
        if match and (read_text(at.folder / name) or "").casefold() == wanted:
            return match[1]
    return None
