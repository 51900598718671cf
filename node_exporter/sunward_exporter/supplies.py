"""power_supply devices that measure what the machine draws: the PoE hats of Raspberry Pis, on kernels that do not show
them as hwmon devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sunward_exporter.candidates import Candidate, Device
from sunward_exporter.hwmon import NOMINAL_VOLTS, folders
from sunward_exporter.meters import MICRO, Constant, PowerMeter, Scaled, VoltageTimesCurrent
from sunward_exporter.roles import Role
from sunward_exporter.sysfs import Attribute, Folder


def candidates(root: Path, others: Sequence[Candidate]) -> list[Candidate]:
    """Supplies of a known voltage that show their current and that no other candidate is."""
    known = {candidate.device.driver for candidate in others}
    return [
        _candidate(folder, volts)
        for folder in folders(root / "class" / "power_supply")
        for driver, volts in NOMINAL_VOLTS.items()
        if folder.name == driver.replace("_", "-") and driver not in known and (folder / "current_now").exists()
    ]


def _candidate(folder: Path, volts: float) -> Candidate:
    device = Device(driver=folder.name.replace("-", "_"))
    meter = partial(_meter, folder, volts)
    return Candidate(device=device, channel="1", label=None, is_first=True, role=Role.UNNAMED, meter=meter)


def _meter(folder: Path, volts: float) -> PowerMeter:
    current = Scaled(attribute=Attribute(Folder(folder), "current_now"), unit=MICRO)
    return VoltageTimesCurrent(voltage=Constant(value=volts), current=current)
