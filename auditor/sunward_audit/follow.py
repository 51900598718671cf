"""Follows files that others write, line by line, through rotation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.1
CHUNK = 1 << 20


@dataclass(slots=True)
class _Place:
    """Where in which file reading goes on."""

    inode: int = 0
    offset: int = 0
    rest: bytes = b""


async def lines(path: Path) -> AsyncGenerator[str, None]:
    """Every complete line from the beginning of the file, for ever. A file that is missing is waited for, one that was
    replaced or cut off is read from its new beginning."""
    place = _Place()
    while True:
        chunk = _read(path, place)
        if not chunk:
            await asyncio.sleep(POLL_SECONDS)
            continue
        *complete, place.rest = (place.rest + chunk).split(b"\n")
        for line in filter(None, complete):
            yield line.decode("utf-8", errors="replace")


def _read(path: Path, place: _Place) -> bytes:
    """What was added since the last time; nothing while the file is missing."""
    try:
        with path.open("rb") as file:
            there = os.fstat(file.fileno())
            if there.st_ino != place.inode or there.st_size < place.offset:
                place.inode, place.offset, place.rest = there.st_ino, 0, b""
            file.seek(place.offset)
            chunk = file.read(CHUNK)
            place.offset += len(chunk)
            return chunk
    except FileNotFoundError:
        return b""
