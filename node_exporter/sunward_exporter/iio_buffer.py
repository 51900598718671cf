"""The buffer of an IIO device: the kernel samples at the device's own rate, and its samples are fetched in batches.

A person enables the buffer and its channels (`buffer/enable`, `scan_elements/*_en`); this module only reads. While a
buffer runs, the kernel refuses to read the channels one by one. Formats: Documentation/ABI/testing/sysfs-bus-iio.
"""

from __future__ import annotations

import errno
import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sunward_exporter.readings import Reading, Refusal
from sunward_exporter.sysfs import read_number, read_text

SILENT_SECONDS = 2.0
"""A buffer that delivers nothing for so long has stopped."""
LARGEST_READ_BYTES = 1 << 16
MOST_READS = 64
_TYPE: Final = re.compile(r"(be|le):([su])(\d{1,2})/(8|16|32|64)>>(\d{1,2})")
_CODES: Final = {"8": "b", "16": "h", "32": "i", "64": "q"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """How one channel's numbers lie in the buffer: a record's structure, and what of a number counts."""

    structure: struct.Struct
    shift: int
    bits: int
    signed: bool

    def mean(self, content: bytes) -> float:
        """The mean of whole records, as raw number. Raises ValueError without any."""
        numbers = [number for (number,) in self.structure.iter_unpack(content)]
        if not numbers:
            raise ValueError("no record")
        return sum(map(self._number, numbers)) / len(numbers)

    def _number(self, stored: int) -> int:
        number = (stored >> self.shift) & ((1 << self.bits) - 1)
        return number - (1 << self.bits) if self.signed and number >> (self.bits - 1) else number


def records(folder: Path, channel: str) -> Records | None:
    """The records of a device whose buffer runs with the channel in it; None otherwise, and for unknown formats."""
    if read_number(folder / "buffer" / "enable") != 1.0:
        return None
    types = _enabled(folder / "scan_elements")
    if channel not in types or None in types.values():
        return None
    offset, found, largest = 0, None, 1
    for name, parts in types.items():
        if parts is None:
            return None
        size = int(parts[4]) // 8
        offset += -offset % size
        found = (offset, parts) if name == channel else found
        offset, largest = offset + size, max(largest, size)
    return None if found is None else _records(*found, offset + -offset % largest)


def _enabled(elements: Path) -> dict[str, re.Match[str] | None]:
    """The types of the channels in a record, in their order."""
    try:
        names = [path.name.removesuffix("_en") for path in elements.iterdir() if path.name.endswith("_en")]
    except OSError:
        return {}
    enabled = [name for name in names if read_number(elements / f"{name}_en") == 1.0]
    places = {name: read_number(elements / f"{name}_index") for name in enabled}
    ordered = sorted(enabled, key=lambda name: place if isinstance(place := places[name], float) else 0.0)
    return {name: _TYPE.fullmatch(read_text(elements / f"{name}_type") or "") for name in ordered}


def _records(offset: int, parts: re.Match[str], length: int) -> Records:
    order, sign, bits, storage, shift = parts.groups()
    rest = length - offset - int(storage) // 8
    code = _CODES[storage] if sign == "s" and shift == "0" else _CODES[storage].upper()
    structure = struct.Struct(f"{'>' if order == 'be' else '<'}{offset}x{code}{rest}x")
    return Records(structure=structure, shift=int(shift), bits=int(bits), signed=sign == "s")


@dataclass(slots=True, kw_only=True)
class BufferMeter:
    """A power channel read through its buffer; `unit` turns its raw numbers into watts."""

    device: Path
    records: Records
    unit: float
    is_point: bool = field(default=False, init=False)
    _descriptor: int | None = field(default=None, init=False)
    _rest: bytes = field(default=b"", init=False)
    _fetched_at: float | None = field(default=None, init=False)

    def read(self, now: float) -> Reading | Refusal | None:
        """Mean watts and joules since the last call; None at the first one, and while nothing new is there."""
        try:
            content = self._rest + self._fetch()
        except OSError as error:
            self._close()
            return _REFUSALS.get(error.errno or 0, Refusal.UNREADABLE)
        whole = len(content) // self.records.structure.size * self.records.structure.size
        self._rest = content[whole:]
        return self._reading(content[:whole], now)

    def _reading(self, content: bytes, now: float) -> Reading | Refusal | None:
        before = self._fetched_at
        if not content:
            is_silent = before is not None and now - before > SILENT_SECONDS
            return Refusal.DATA_MISSING if is_silent else None
        self._fetched_at = now
        if before is None:
            return None  # what was in it from before says nothing of a time that is known
        watts = self.unit * self.records.mean(content)
        return Reading(watts=watts, joules=watts * (now - before))

    def _fetch(self) -> bytes:
        """All that is there. Raises OSError."""
        if self._descriptor is None:
            self._descriptor = os.open(self.device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        parts = []
        for _ in range(MOST_READS):
            try:
                part = os.read(self._descriptor, LARGEST_READ_BYTES)
            except BlockingIOError:
                break
            if not part:
                break
            parts.append(part)
        return b"".join(parts)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        """Close what is held."""
        self._close()


_REFUSALS: Final = {
    errno.EACCES: Refusal.PERMISSION_DENIED,
    errno.EPERM: Refusal.PERMISSION_DENIED,
    errno.ENOENT: Refusal.DATA_MISSING,
    errno.ENODEV: Refusal.DATA_MISSING,
}
