"""What a board can draw at most, by its model in the device tree: a limit where no nameplate was given."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sunward_exporter.sysfs import read_text

LARGEST_WATTS: Final = (("Raspberry Pi", 90.0),)
"""Beginnings of models. A Raspberry Pi with all that hangs on it is fed by USB-C or by a PoE hat; IEEE 802.3bt, the
strongest of both, gives a port 90 W."""


def largest_watts(root: Path) -> float | None:
    """Watts; None for a board that is not known, and for a machine without a device tree."""
    model = read_text(root / "firmware" / "devicetree" / "base" / "model") or ""
    return next((watts for beginning, watts in LARGEST_WATTS if model.startswith(beginning)), None)
