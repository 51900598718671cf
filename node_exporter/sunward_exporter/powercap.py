"""RAPL zones -> channels: the platform (psys) where the processor counts it, else its packages together.

`psys` contains the packages, and a package its cores: only zones of the same kind are added. RAPL covers the processor
and, without psys, nothing else of the machine.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from sunward_exporter.candidates import Candidate, Device
from sunward_exporter.hwmon import folders
from sunward_exporter.meters import MICRO, Counter, PowerMeter, Scaled, Sum
from sunward_exporter.roles import Role
from sunward_exporter.sysfs import Attribute, Folder, read_text

_DEVICE = Device(driver="rapl")


def candidates(root: Path) -> list[Candidate]:
    """`rapl`, or nothing; its channels are `psys` and `packages`."""
    zones = [zone for zone in folders(root / "class" / "powercap") if re.fullmatch(r"intel-rapl:[0-9]+", zone.name)]
    counting = [zone for zone in zones if (zone / "energy_uj").exists()]
    platform = [zone for zone in counting if read_text(zone / "name") == "psys"]
    packages = [zone for zone in counting if zone not in platform]
    groups = [(name, group) for name, group in (("psys", platform), ("packages", packages)) if group]
    return [
        Candidate(
            device=_DEVICE,
            channel=name,
            label=None,
            is_first=name == groups[0][0],
            role=Role.UNNAMED if name == groups[0][0] else Role.PART,
            meter=partial(_meter, group),
        )
        for name, group in groups
    ]


def _meter(zones: list[Path]) -> PowerMeter:
    counters = [_counter(Folder(zone)) for zone in zones]
    return counters[0] if len(counters) == 1 else Sum(meters=counters)


def _counter(zone: Folder) -> Counter:
    energy, span = (Scaled(attribute=Attribute(zone, n), unit=MICRO) for n in ("energy_uj", "max_energy_range_uj"))
    return Counter(energy, span)
