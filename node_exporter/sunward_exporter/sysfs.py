"""Reading attributes of sysfs, where a file may vanish, answer late or be rewritten while it is read.

The folder is a parameter, so that tests and the lab can lay out one of their own.
"""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

from sunward_exporter.readings import Refusal

ATTEMPTS = 3
LONGEST_ATTRIBUTE = 4096
"""The kernel gives an attribute one page; no number is longer."""
LONGEST_NUMBER = 20
"""Digits and sign of a signed 64-bit number."""
_TRANSIENT = frozenset({errno.EAGAIN, errno.EINTR, errno.ENODATA, errno.EBUSY, errno.ETIMEDOUT})
_GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})


def read_number(path: Path) -> float | Refusal:
    """The integer in an attribute that is opened for this once. See `Attribute.number` for what counts as one."""
    return Attribute(path.parent, path.name).number()


def read_text(path: Path) -> str | None:
    """A short text attribute such as `name`, without its newline; None where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_ATTRIBUTE).decode(errors="replace").replace("\0", "").strip() or None
    except OSError:
        return None


@dataclass(slots=True)
class Folder:
    """The folder of one device, held open: a device that takes over the number of another has another folder.

    hwmon devices are numbered in the order in which they appear, so a path may lead to another device from one
    reading to the next. What is opened below a held folder cannot.
    """

    path: Path
    _descriptor: int | None = field(default=None, init=False)

    def open(self, name: str) -> int:
        """A descriptor of one attribute; the caller closes it. Raises OSError."""
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._descriptor)

    def __del__(self) -> None:
        """Close what is held."""
        _close(self._descriptor)


class Attribute:
    """One attribute of a device, held open between readings; plain system calls, because this runs at 1 kHz."""

    __slots__ = ("_descriptor", "_folder", "name")

    def __init__(self, folder: Folder | Path, name: str) -> None:
        self._folder = Folder(folder) if isinstance(folder, Path) else folder
        self.name = name
        self._descriptor: int | None = None

    def number(self) -> float | Refusal:
        """The integer in it. A torn or momentarily unavailable one is asked again at once, three times in all.

        Numbers that Python accepts and sysfs never writes (`nan`, `1e3`, `1_000`) are refused as NOT_A_NUMBER.
        """
        answer: float | Refusal = Refusal.UNREADABLE
        for _ in range(ATTEMPTS):
            text = self._read()
            if text is None:
                continue
            if isinstance(text, Refusal):
                return text
            answer = _number(text)
            if not isinstance(answer, Refusal):
                return answer
        return answer

    def text(self) -> str | None:
        """The text in it without its newline; None where there is none."""
        content = self._read()
        return content.decode(errors="replace").strip() or None if isinstance(content, bytes) else None

    def _read(self) -> bytes | Refusal | None:
        """What the file holds; None where it is worth asking again."""
        try:
            content = self._content()
        except OSError as error:
            self._let_go()
            return _refusal(error.errno)
        return content if content.endswith(b"\n") else None

    def _content(self) -> bytes:
        """The whole of it. A file that another has taken the place of is opened anew. Raises OSError."""
        if self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0:
            self._let_go()
        if self._descriptor is None:
            self._descriptor = self._folder.open(self.name)
        return os.pread(self._descriptor, LONGEST_ATTRIBUTE, 0)

    def _let_go(self) -> None:
        _close(self._descriptor)
        self._descriptor = None

    def __del__(self) -> None:
        """Close what is held."""
        self._let_go()


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _refusal(number: int | None) -> Refusal | None:
    """What an error of the system means; None for those that pass by themselves."""
    if number in _TRANSIENT:
        return None
    if number in _FORBIDDEN:
        return Refusal.PERMISSION_DENIED
    return Refusal.DATA_MISSING if number in _GONE else Refusal.UNREADABLE


def _number(text: bytes) -> float | Refusal:
    digits = text.strip()
    if len(digits) > LONGEST_NUMBER or not digits.removeprefix(b"-").isdigit():
        return Refusal.NOT_A_NUMBER
    return float(int(digits))
