"""Which board this is, by its device tree or its DMI tables, and what such a board can draw at most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sunward_exporter.sysfs import read_text

LONGEST_MODEL: Final = 128
LARGEST_WATTS: Final = (("Raspberry Pi", 90.0),)
"""Beginnings of models. A Raspberry Pi with all that hangs on it is fed by USB-C or by a PoE hat; IEEE 802.3bt, the
strongest of both, gives a port 90 W."""


SUPPLY_WATTS: Final = (
    ("Raspberry Pi 5", 27.0),
    ("Raspberry Pi 500", 27.0),
    ("Raspberry Pi Compute Module 5", 27.0),
    ("Raspberry Pi Zero", 12.75),
    ("Raspberry Pi 3", 12.75),
    ("Raspberry Pi", 15.3),
)
"""What the vendor's own supply for the board gives: more is possible with other supplies, but not usual."""


def model(root: Path) -> str:
    """What the device tree calls the board, else vendor and product as the firmware (DMI) gives them; else empty."""
    named = read_text(root / "firmware" / "devicetree" / "base" / "model")
    if named is not None:
        return named
    firmware = (read_text(root / "class" / "dmi" / "id" / name) for name in ("sys_vendor", "product_name"))
    return " ".join(text for text in firmware if text is not None)


def shown_model(root: Path) -> str | None:
    """The model as a label may have it: at most 128 printable characters, None for an empty one.

    It is a string of the machine's firmware.
    """
    text = "".join(letter for letter in model(root) if letter.isprintable())
    return " ".join(text.split())[:LONGEST_MODEL] or None


def largest_watts(root: Path) -> float | None:
    """Watts; None for a board that is not known."""
    return _of_board(root, LARGEST_WATTS)


def supply_watts(root: Path) -> float | None:
    """Watts; None for a board that is not known."""
    return _of_board(root, SUPPLY_WATTS)


def _of_board(root: Path, table: Sequence[tuple[str, float]]) -> float | None:
    name = model(root)
    return next((watts for beginning, watts in table if name.startswith(beginning)), None)
