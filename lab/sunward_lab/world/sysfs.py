"""A node's sensors as files: hwmon and power_supply, in the kernel's units, rewritten in place.

Files are opened once and overwritten by a single short write of fixed width, padded with blanks as readers
of sysfs ignore them: a reader never meets half a value, and ten writes a second cost almost nothing even
where the run folder is on a disk.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_WIDTH = 15
_BUS_MILLIVOLTS = 5100


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryReading:
    """What a fuel gauge shows; `watts` is positive while charging."""

    stored_watt_hours: float
    capacity_watt_hours: float
    watts: float

    @property
    def status(self) -> str:
        """The kernel's word for the direction of flow."""
        if self.watts > 0.0:
            return "Charging"
        if self.watts < 0.0:
            return "Discharging"
        return "Full" if self.stored_watt_hours >= self.capacity_watt_hours else "Not charging"


class SensorTree:
    """The sysfs tree of one node; `harvest` and `battery` say which devices exist at all."""

    def __init__(self, root: Path, *, harvest: bool, battery: bool) -> None:
        """Create the folders and constant files, and remove what an earlier scenario left."""
        self._root = root
        self._files: dict[str, int] = {}
        self._shown: dict[str, str] = {}
        self._node = self._device("class/hwmon/hwmon0", {"name": "sunward_node", "power1_label": "node"})
        self._harvest = (
            self._device("class/hwmon/hwmon1", {"name": "sunward_harvest", "power1_label": "harvest"})
            if harvest
            else None
        )
        self._battery = (
            self._device("class/power_supply/battery", {"type": "Battery", "present": "1"}) if battery else None
        )
        self._write(f"{self._node}/in1_input", str(_BUS_MILLIVOLTS))

    def show_power(self, watts: float) -> None:
        """Publish the node's draw: microwatts, and milliamperes at the bus voltage."""
        self._write(f"{self._node}/power1_input", str(round(watts * 1e6)))
        self._write(f"{self._node}/curr1_input", str(round(watts * 1e6 / _BUS_MILLIVOLTS)))

    def show_harvest(self, watts: float) -> None:
        """Publish the panel's output, in microwatts; a node without a panel has no such file."""
        if self._harvest is not None:
            self._write(f"{self._harvest}/power1_input", str(round(watts * 1e6)))

    def show_battery(self, reading: BatteryReading) -> None:
        """Publish the fuel gauge: microwatt-hours, microwatts, whole percent."""
        if self._battery is None:
            return
        values = {
            "energy_now": str(round(reading.stored_watt_hours * 1e6)),
            "energy_full": str(round(reading.capacity_watt_hours * 1e6)),
            "power_now": str(abs(round(reading.watts * 1e6))),
            "capacity": str(round(100 * reading.stored_watt_hours / reading.capacity_watt_hours)),
            "status": reading.status,
        }
        for name, value in values.items():
            self._write(f"{self._battery}/{name}", value)

    def show_text(self, text: str) -> None:
        """Put raw text in the node's power sensor, as a broken driver would."""
        self._write(f"{self._node}/power1_input", text)

    def hide_power(self) -> None:
        """Take the node's power sensor away until the next reading."""
        path = f"{self._node}/power1_input"
        descriptor = self._files.pop(path, None)
        self._shown.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)
            (self._root / path).unlink(missing_ok=True)

    def close(self) -> None:
        """Close every file; the tree stays as it was last shown."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def _device(self, folder: str, constants: dict[str, str]) -> str:
        (self._root / folder).mkdir(parents=True, exist_ok=True)
        for name, value in constants.items():
            (self._root / folder / name).write_text(f"{value}\n", encoding="ascii")
        return folder

    def _write(self, path: str, value: str) -> None:
        if self._shown.get(path) == value:
            return
        descriptor = self._files.get(path)
        if descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            descriptor = self._files[path] = os.open(self._root / path, flags, 0o644)
        os.pwrite(descriptor, f"{value:<{_WIDTH}}\n".encode("ascii"), 0)
        self._shown[path] = value
