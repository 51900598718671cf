"""Layers of an image as compressed archives whose bytes depend on names, modes and contents alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

# Levels above save about one percent and take three times as long.
_LEVEL: Final = 6
Member = tuple[tarfile.TarInfo, Callable[[], IO[bytes]] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer: its file, and digests of it compressed (`digest`) and not (`diff_id`)."""

    path: Path
    digest: str
    diff_id: str
    size_bytes: int


class _Hashing(io.RawIOBase):
    """Hands bytes on and hashes them."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self.hash = hashlib.sha256()
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # only bytes are written
        self.hash.update(data)
        self.size_bytes += len(data)
        return self._sink.write(data)


def write(members: Iterable[Member], target: Path) -> Layer:
    """Write a layer of members sorted by name, with no time, owner or user name of this machine in it."""
    with target.open("wb") as file:
        packed = _Hashing(file)
        with gzip.GzipFile("", "wb", _LEVEL, packed, mtime=0) as squeezed:
            plain = _Hashing(squeezed)  # type: ignore[arg-type]  # a file as far as tarfile is concerned
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.GNU_FORMAT) as tar:
                for about, content in sorted(members, key=lambda member: member[0].name):
                    _add(tar, about, content)
    return Layer(
        path=target,
        digest=f"sha256:{packed.hash.hexdigest()}",
        diff_id=f"sha256:{plain.hash.hexdigest()}",
        size_bytes=packed.size_bytes,
    )


def of_folder(folder: Path, below: str) -> Iterator[Member]:
    """Everything in a folder as members below a path of the image, with the folders that lead there."""
    parts = [part for part in below.split("/") if part]
    for depth in range(1, len(parts) + 1):
        yield _folder("/".join(parts[:depth])), None
    for path in folder.rglob("*"):
        yield _of_path(path, "/".join((*parts, *path.relative_to(folder).parts)))


def of_text(name: str, text: str, mode: int = 0o644) -> Member:
    """A file with this text."""
    data = text.encode()
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(data), mode
    return about, lambda: io.BytesIO(data)


def link(name: str, target: str) -> Member:
    """A symbolic link."""
    about = tarfile.TarInfo(name)
    about.type, about.linkname, about.mode = tarfile.SYMTYPE, target, 0o777
    return about, None


def _add(tar: tarfile.TarFile, about: tarfile.TarInfo, content: Callable[[], IO[bytes]] | None) -> None:
    about.mtime, about.uid, about.gid, about.uname, about.gname = 0, 0, 0, "", ""
    about.pax_headers = {}
    if content is None:
        tar.addfile(about)
        return
    with content() as data:
        tar.addfile(about, data)


def _folder(name: str) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.mode = tarfile.DIRTYPE, 0o755
    return about


def _of_path(path: Path, name: str) -> Member:
    """Modes are reduced to what matters, so that the umask of this machine does not."""
    if path.is_symlink():
        return link(name, str(path.readlink()))
    if path.is_dir():
        return _folder(name), None
    about, status = tarfile.TarInfo(name), path.stat()
    about.size, about.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
    return about, lambda: path.open("rb")
