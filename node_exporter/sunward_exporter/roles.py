"""What a device or one of its channels measures, by the names that drivers, device trees and boards give them.

Names are facts of the kernel's drivers (Documentation/hwmon) and of boards' device trees. A name that is not known here
says nothing, and then a person chooses.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What is measured."""

    NODE = "node"
    """The machine, by the word that this exporter gives it."""
    HARVEST = "harvest"
    TOTAL = "total"
    """The input of the whole board, by the word that a vendor gives it."""
    SUPPLY = "supply"
    """The input of one of the machine's power supplies; several are added."""
    OUTPUT = "output"
    """What a charger or a hat gives to the machine."""
    PART = "part"
    """One rail behind others, by its label."""
    UNNAMED = "unnamed"
    FOREIGN = "foreign"
    """Not the machine's consumption: a battery, a graphics card, a port that feeds others."""


_HARVEST: Final = frozenset({"harvest", "solar", "panel", "pv", "mppt"})
_STORAGE: Final = frozenset({"battery", "batt", "bat", "vbat", "lipo", "accu", "cell"})
_OUTPUT: Final = frozenset({"output", "load"})
_TOTAL: Final = frozenset({"vdd_in", "pom_5v_in", "system power"})
_SUPPLY: Final = frozenset({"pin", "pin1"})
_BUS: Final = frozenset({"vbus", "ibus", "vin", "iin", "power", "power1", "bus"})
"""Labels that name the quantity and not what is measured."""
_FOREIGN_DRIVERS: Final = re.compile(
    r"(ac|adp|bat|cmb)\d*"  # ACPI adapters and batteries, bridged from power_supply
    r"|.*[-_]battery(_\d+)?|hidpp.*|max17\d+.*|bq\d+.*|cw20\d+.*|sbs.*|axp\d+_(battery|usb|ac).*"
    r"|ucsi_source_psy.*|tcpm_source_psy.*"  # what a USB-C port has negotiated, not what flows
    r"|amdgpu|radeon|nouveau|nvidia.*|xe|i915"
    r"|k10temp|zenpower|fam15h_power|amd_energy|coretemp"  # processors' own rails
    r"|sfp.*|mlx\w*|pd692x0|tps23861.*",  # light, switch ASICs, PoE ports that feed others
    re.IGNORECASE,
)


def of_label(label: str | None) -> Role:
    """What a device-tree or channel label names."""
    if label is None:
        return Role.UNNAMED
    text = " ".join(label.casefold().split())
    words = frozenset(re.split(r"[^a-z0-9]+", text))
    if text == Role.NODE:
        return Role.NODE
    if words & _HARVEST:
        return Role.HARVEST
    for names, role in ((_TOTAL, Role.TOTAL), (_SUPPLY, Role.SUPPLY), (_BUS, Role.UNNAMED)):
        if text in names:
            return role
    if "total" in words:
        return Role.TOTAL
    if words & _STORAGE:
        return Role.FOREIGN
    return Role.OUTPUT if words & _OUTPUT else Role.PART


def of_driver(name: str) -> Role:
    """What a driver's devices measure; UNNAMED for all-purpose chips."""
    if _FOREIGN_DRIVERS.fullmatch(name):
        return Role.FOREIGN
    known = of_label(name)
    return known if known in (Role.NODE, Role.HARVEST) else Role.UNNAMED
