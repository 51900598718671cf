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
    CORE = "core"
    """A processor's or memory's own rail, or a regulator that feeds one: never the whole machine."""
    UNNAMED = "unnamed"
    FOREIGN = "foreign"
    """Not the machine's consumption: a battery, a graphics card, a port that feeds others."""


_HARVEST: Final = frozenset({"harvest", "solar", "panel", "pv", "mppt"})
_STORAGE: Final = frozenset({"battery", "batt", "bat", "vbat", "lipo", "accu", "ups", "charge", "charger"})
_CELL: Final = "cell"
"""Of a battery, unless it is a solar cell."""
_OUTPUT: Final = frozenset({"output", "load"})
_TOTAL: Final = frozenset({"vdd_in", "pom_5v_in", "system power", "system"})
_SUPPLY: Final = re.compile(r"pin[0-9]?")
_BUS: Final = frozenset({"vbus", "ibus", "vin", "iin", "power", "power1", "bus"})
"""Labels that name the quantity and not what is measured."""
_OTHERS: Final = re.compile(r"(fan|port|usb)[0-9]*|pump|tx|rx|bias")
"""Words of fans, of ports that feed others and of a transceiver's light."""
_CORES: Final = re.compile(
    r"[cgnv]pu[0-9]*|v?core[0-9]*|cores|soc|v?ddr[0-9]*|dram|memory|vccint|vddcr|e?socket[0-9]*|chip|package[0-9]*|pkg"
)
_FOREIGN_DRIVERS: Final = re.compile(
    r"(ac|acad|adp|bat[a-z]?|cmb)\d*"  # ACPI adapters and batteries, bridged from power_supply
    r"|.*[-_]battery(_\d+)?|.*[-_](bat|ac|usb|mains|wls)\d*|.*charger.*|.*fuel[-_]gauge.*|cros_usbpd.*"
    r"|hidpp.*|max17\d+.*|bq\d+.*|cw20\d+.*|sbs.*|axp\w+_(battery|usb|ac).*"
    r"|ucsi_source_psy.*|tcpm_source_psy.*"  # what a USB-C port has negotiated, not what flows
    r"|amdgpu|radeon|nouveau|nvidia.*|xe|i915|habanalabs|hl\d+|[dn]\d{4}bmc.*"
    r"|k10temp|zenpower|fam15h_power|amd_energy|coretemp"  # processors' own rails
    r"|nzxt.*|kraken.*|corsaircpro|d5next|quadro|octo|aquaero|aquastream.*|highflow.*|leakshield"  # fans and pumps
    r"|q?sfp.*|mlx\w*|pd692x0|tps238\d+.*",  # light, switch ASICs, PoE ports that feed others
    re.IGNORECASE,
)
_CORE_DRIVERS: Final = re.compile(
    r"scmi_sensors|scpi_sensors|vexpress.*|apm_xgene|asus.*"  # what firmware measures of the processor
    r"|mp[29]\d+.*|mp[qm]\d+.*|isl\d+.*|raa\d+.*|ir3\d+.*|irps\d+.*|xdpe\d+.*"  # regulators
    r"|px[em]\d+|tps[45]\d+.*|tda\d+.*|max(15|16|20)\d{3}.*|zl\d+.*"
    r"|lt7182s|ltc(297|388|788)\d|ltc2980|ltc7132|ltm\d+.*|bmr\d+.*|pim4328|pli1209bc|adp1050",
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
    if words & _HARVEST and not words & (_STORAGE - {"charge", "charger"}):
        return Role.HARVEST
    return _of_text(text) or _of_words(words)


def _of_text(text: str) -> Role | None:
    if text in _TOTAL:
        return Role.TOTAL
    if _SUPPLY.fullmatch(text):
        return Role.SUPPLY
    return Role.UNNAMED if text in _BUS else None


def _of_words(words: frozenset[str]) -> Role:
    if words & _STORAGE or _CELL in words or any(_OTHERS.fullmatch(word) for word in words):
        return Role.FOREIGN
    if any(_CORES.fullmatch(word) for word in words):
        return Role.CORE
    if "total" in words:
        return Role.TOTAL
    return Role.OUTPUT if words & _OUTPUT else Role.PART


def of_driver(name: str) -> Role:
    """What a driver's devices measure; UNNAMED for all-purpose chips."""
    known = of_label(name)
    if known in (Role.NODE, Role.HARVEST):
        return known
    if _FOREIGN_DRIVERS.fullmatch(name):
        return Role.FOREIGN
    return Role.CORE if _CORE_DRIVERS.fullmatch(name) else Role.UNNAMED
