"""What a board can draw at most, by its model in the device tree: a limit where no nameplate was given."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sunward_exporter.sysfs import read_text

LARGEST_WATTS: Final = (("Raspberry Pi", 90.0),)
"""Beginnings of models. A Raspberry Pi with all that hangs on it is fed by USB-C or by a PoE hat; IEEE 802.3bt, the
strongest of both, gives a port 90 W."""


def model(root: Path) -> str:
    """What the device tree calls the board, else vendor and product as the firmware (DMI) gives them; else empty."""
    named = read_text(root / "firmware" / "devicetree" / "base" / "model")
    if named is not None:
        return named
    firmware = (read_text(root / "class" / "dmi" / "id" / name) for name in ("sys_vendor", "product_name"))
    return " ".join(text for text in firmware if text is not None)


def largest_watts(root: Path) -> float | None:
    """Watts; None for a board that is not known."""
    name = model(root)
    return next((watts for beginning, watts in LARGEST_WATTS if name.startswith(beginning)), None)
