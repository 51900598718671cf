"""RAPL zones -> channels: the platform (psys) where the processor counts it, else its packages together.

`psys` contains the packages, and a package its cores: only zones of the same kind are added. RAPL covers the processor
and, without psys, nothing else of the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sunward_exporter.candidates import Candidate, Device
from sunward_exporter.hwmon import folders
from sunward_exporter.meters import MICRO, Counter, PowerMeter, Scaled, Sum
from sunward_exporter.opener import NAME, ask
from sunward_exporter.roles import Role
from sunward_exporter.sysfs import Attribute, Folder, read_text

_DEVICE = Device(driver="rapl")


@dataclass(slots=True)
class _Zone(Folder):
    """A zone's folder. What only root may open is asked of the opener, where there is one."""

    opener: Path | None = None

    def open(self, name: str) -> int:
        """A descriptor of one attribute; the caller closes it. Raises OSError."""
        try:
            return Folder.open(self, name)
        except PermissionError:
            if self.opener is None or name != NAME:
                raise
            return ask(self.opener, self.path.name)


def candidates(root: Path, opener: Path | None = None) -> list[Candidate]:
    """`rapl`, or nothing; its channels are `psys` and `packages`. `opener` is the socket of the opener."""
    zones = [zone for zone in folders(root / "class" / "powercap") if re.fullmatch(r"intel-rapl:[0-9]+", zone.name)]
    counting = [_Zone(zone, opener=opener) for zone in zones if (zone / NAME).exists()]
    named = [zone for zone in counting if read_text(zone.path / "name") == "psys"]
    platform = [zone for zone in named if Attribute(zone, NAME).number() != 0.0]  # zero: the board does not feed it
    packages = [zone for zone in counting if zone not in named]
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


def _meter(zones: list[_Zone]) -> PowerMeter:
    counters = [_counter(zone) for zone in zones]
    return counters[0] if len(counters) == 1 else Sum(meters=counters)


def _counter(zone: Folder) -> Counter:
    energy, span = (Scaled(attribute=Attribute(zone, n), unit=MICRO) for n in (NAME, "max_energy_range_uj"))
    return Counter(energy, span)
