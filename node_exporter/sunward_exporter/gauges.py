"""The state of charge of the machine's batteries, from power_supply devices of type Battery or UPS.

A battery of scope Device is a mouse's or a headset's and says nothing of the machine. Several are one store: what they
hold over what they can hold. power_supply gives microwatt-hours, microampere-hours, microvolts and percent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunward_exporter.hwmon import folders
from sunward_exporter.readings import Refusal
from sunward_exporter.sysfs import read_number, read_text

_STORES: Final = frozenset({"Battery", "UPS"})
_ACCESSORIES: Final = re.compile(r"hid.*|wacom.*|.*controller.*|sony_.*|nintendo_.*|apple_mfi.*|gip.*")
"""Names of what is connected to the machine, for kernels that give it no scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Charge:
    """What one battery tells: stored and capacity in the same unit (None where unknown), and the ratio."""

    ratio: float
    stored: float | None = None
    capacity: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """One or several power_supply devices; an empty bay is left out."""

    devices: Sequence[Path]
    source: str = "battery"

    def read(self) -> float | Refusal:
        """State of charge as a ratio; DATA_MISSING where no battery is present."""
        present = [device for device in self.devices if read_text(device / "present") != "0"]
        charges = [_charge(device) for device in present]
        refused = [charge for charge in charges if isinstance(charge, Refusal)]
        if refused or not charges:
            return refused[0] if refused else Refusal.DATA_MISSING
        return _together([charge for charge in charges if isinstance(charge, _Charge)])


def find(root: Path, chosen: str | None) -> Battery | Refusal:
    """The machine's batteries, or the one that a person chose by name."""
    found = folders(root / "class" / "power_supply")
    if chosen is not None:
        named = [folder for folder in found if folder.name == chosen]
        return Battery(devices=named) if named else Refusal.DEVICE_NOT_FOUND
    types = {folder: read_text(folder / "type") for folder in found}
    stores = [folder for folder, kind in types.items() if kind in _STORES]
    own = [folder for folder in stores if not _is_accessory(folder)]
    if own:
        return Battery(devices=own)
    if None in types.values():
        return Refusal.UNREADABLE
    return Refusal.NOT_OF_THE_MACHINE if stores else Refusal.DATA_MISSING


def _is_accessory(folder: Path) -> bool:
    scope = read_text(folder / "scope")
    return scope == "Device" or (scope is None and _ACCESSORIES.fullmatch(folder.name) is not None)


def _charge(device: Path) -> _Charge | Refusal:
    """By energy where it tells, else by charge, else by percent."""
    for kind in ("energy", "charge"):
        stored, full = read_number(device / f"{kind}_now"), read_number(device / f"{kind}_full")
        if isinstance(stored, float) and isinstance(full, float) and full > 0.0:
            return _Charge(ratio=stored / full, stored=stored, capacity=full, unit=kind)
    percent = read_number(device / "capacity")
    if isinstance(percent, Refusal):
        return percent
    return Refusal.DATA_MISSING if percent == 0.0 and _is_uninitialised(device) else _Charge(ratio=percent / 100.0)


def _is_uninitialised(device: Path) -> bool:
    """A gauge that was never calibrated shows zero everywhere, also as what the battery can hold."""
    return any(read_number(device / f"{kind}_full") == 0.0 for kind in ("energy", "charge"))


def _together(charges: Sequence[_Charge]) -> float | Refusal:
    """One ratio. Batteries whose sizes cannot be compared cannot be added."""
    if len(charges) == 1:
        return charges[0].ratio
    if len({charge.unit for charge in charges}) > 1 or charges[0].unit == "":
        return Refusal.AMBIGUOUS_METER
    stored = sum(charge.stored or 0.0 for charge in charges)
    return stored / sum(charge.capacity or 0.0 for charge in charges)
