"""The power of a Raspberry Pi 5 by its power chip: what `vcgencmd pmic_read_adc` shows, asked of the firmware directly.

The chip measures its outputs and not its input, so that its losses and what hangs on the 5 V pins and USB ports are not
seen. A published fit against a meter at the input (jfikar/RPi5-power: 1.1451 times the sum, plus 0.5879 W) takes in the
losses; what the ports feed stays unseen.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sunward_exporter.candidates import Candidate, Device
from sunward_exporter.meters import PowerMeter
from sunward_exporter.readings import Reading, Refusal
from sunward_exporter.roles import Role

FIT_FACTOR = 1.1451
FIT_WATTS = 0.5879
DRIVER = "pmic"
MAILBOX_REQUEST = 0xC0086400
"""The property channel of the firmware's mailbox: `_IOWR(100, 0, char *)` of the kernel's vcio driver, 64 bit."""
COMMAND_TAG = 0x00030080
"""Run a command of the firmware and give back its text."""
LONGEST_TEXT = 1024
_LINE: Final = re.compile(r"\s*(\w+)_([AV])\s+(?:current|volt)\(\d+\)=(\d+\.\d+)[AV]\s*")


def candidates(device: Path | None) -> list[Candidate]:
    """`pmic`, where the firmware's device was given."""
    if device is None or not device.exists():
        return []
    meter = partial(_meter, device)
    return [
        Candidate(device=Device(driver=DRIVER), channel="1", label=None, is_first=True, role=Role.UNNAMED, meter=meter)
    ]


def _meter(device: Path) -> PowerMeter:
    return Pmic(text=partial(ask_firmware, device))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pmic:
    """The board's power by the fit; `text` gives what the firmware says, and raises OSError."""

    text: Callable[[], str]
    is_point: bool = True

    def read(self, now: float) -> Reading | Refusal:
        """Watts now."""
        del now  # it shows this moment
        try:
            text = self.text()
        except PermissionError:
            return Refusal.PERMISSION_DENIED
        except OSError:
            return Refusal.UNREADABLE
        watts = outputs_watts(text)
        return watts if isinstance(watts, Refusal) else Reading(watts=FIT_FACTOR * watts + FIT_WATTS)


def outputs_watts(text: str) -> float | Refusal:
    """What all outputs deliver; NOT_A_NUMBER for a text of another form, DATA_MISSING for an output in part."""
    lines = [_LINE.fullmatch(line) for line in text.splitlines() if line.strip()]
    if not lines or None in lines:
        return Refusal.NOT_A_NUMBER
    found = {(line[1], line[2]): float(line[3]) for line in lines if line is not None}
    rails = [rail for rail, kind in found if kind == "A"]
    if not rails or any((rail, "V") not in found for rail in rails):
        return Refusal.DATA_MISSING
    return sum(found[rail, "A"] * found[rail, "V"] for rail in rails)


def ask_firmware(device: Path) -> str:
    """The text of `pmic_read_adc`. Raises OSError, also where the firmware does not know the command."""
    command = b"pmic_read_adc".ljust(LONGEST_TEXT, b"\0")
    words = struct.pack("<6I", 0, 0, COMMAND_TAG, LONGEST_TEXT, 0, 0)
    size = len(words) + LONGEST_TEXT + 4
    message = bytearray(struct.pack("<I", size) + words[4:] + command + struct.pack("<I", 0))
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, MAILBOX_REQUEST, message)
    finally:
        os.close(descriptor)
    if struct.unpack_from("<I", message, 20)[0] != 0:
        raise OSError("the firmware refused pmic_read_adc")
    return bytes(message[24 : 24 + LONGEST_TEXT]).split(b"\0", 1)[0].decode("ascii", errors="replace")
