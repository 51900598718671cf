"""Reading attributes of sysfs, where a file may vanish, answer late or be rewritten while it is read.

The folder is a parameter, so that tests and the lab can lay out one of their own.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from sunward_exporter.readings import Refusal

ATTEMPTS = 3
LONGEST_ATTRIBUTE = 4096
"""The kernel gives an attribute one page; no number is longer."""
LONGEST_NUMBER = 20
"""Digits and sign of a signed 64-bit number."""
_TRANSIENT = frozenset({errno.EAGAIN, errno.EINTR, errno.ENODATA, errno.EBUSY, errno.ETIMEDOUT})


def read_number(path: Path) -> float | Refusal:
    """The integer in an attribute. A torn or momentarily unavailable one is asked again at once, three times in all.

    Numbers that Python accepts and sysfs never writes (`nan`, `1e3`, `1_000`) are refused as NOT_A_NUMBER.
    """
    answer: float | Refusal = Refusal.UNREADABLE
    for _ in range(ATTEMPTS):
        text = _read(path)
        if text is None:
            continue
        if isinstance(text, Refusal):
            return text
        answer = _number(text)
        if not isinstance(answer, Refusal):
            return answer
    return answer


def read_text(path: Path) -> str | None:
    """A short text attribute such as `name`, without its newline; None where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_ATTRIBUTE).decode(errors="replace").strip() or None
    except OSError:
        return None


def _read(path: Path) -> bytes | Refusal | None:
    """What the file holds; None where it is worth asking again. Plain system calls, because this runs at 1 kHz."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Refusal.DATA_MISSING
    except OSError as error:
        return None if error.errno in _TRANSIENT else Refusal.UNREADABLE
    try:
        text = os.read(descriptor, LONGEST_ATTRIBUTE)
    except OSError as error:
        return None if error.errno in _TRANSIENT else Refusal.UNREADABLE
    finally:
        os.close(descriptor)
    return text if text.endswith(b"\n") else None


def _number(text: bytes) -> float | Refusal:
    digits = text.strip()
    if len(digits) > LONGEST_NUMBER or not digits.removeprefix(b"-").isdigit():
        return Refusal.NOT_A_NUMBER
    return float(int(digits))
