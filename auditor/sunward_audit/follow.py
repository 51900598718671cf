"""Follows files that others write, line by line, through rotation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.1


async def lines(path: Path) -> AsyncIterator[str]:
    """Every complete line from the beginning of the file, for ever. A file that is missing is waited for, one that was
    replaced or cut off is read from its new beginning."""
    file: IO[bytes] | None = None
    rest = b""
    while True:
        if file is None or _is_replaced(file, path):
            file, rest = _opened(path), b""
        chunk = file.read(1 << 20) if file is not None else b""
        if not chunk:
            await asyncio.sleep(POLL_SECONDS)
            continue
        *complete, rest = (rest + chunk).split(b"\n")
        for line in filter(None, complete):
            yield line.decode("utf-8", errors="replace")


def _opened(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _is_replaced(file: IO[bytes], path: Path) -> bool:
    """Whether the open file was read to its end and is no longer the one of that name."""
    here = os.fstat(file.fileno())
    if file.tell() < here.st_size:
        return False
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    replaced = (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino) or there.st_size < file.tell()
    if replaced:
        file.close()
    return replaced
