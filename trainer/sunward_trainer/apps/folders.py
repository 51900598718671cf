"""Shards of other people's apps: folders with any files. A copy travels as one archive, checked by its SHA-256."""

import hashlib
import io
import logging
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.shards import ShardFile
from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.fetching import fetch
from sunward_trainer.protocol.identity import worker_name
from sunward_trainer.protocol.members import Source

_log = logging.getLogger(__name__)
_MODE: Final = 0o644


class Fetching(Protocol):
    """How the bytes at a path of another node's server are had; raises OSError."""

    def __call__(self, address: str, path: str, credentials: Credentials | None, /, *, server_name: str) -> bytes:
        """The bytes."""


class FolderStore:
    """Folders by shard. `data` are those of the job's shards that have any; `homes` tells where each lives.

    Own folders are used where they are, and packed for others only if `serves`. Used by one training thread; the names
    may be read from any thread.
    """

    def __init__(
        self,
        data: Mapping[str, Path],
        *,
        own: frozenset[str],
        serves: bool,
        archives: Path,
        cache: Path,
        credentials: Credentials | None,
        fetching: Fetching = fetch,
    ) -> None:
        self._data, self._own, self._cache, self._credentials = data, own, cache, credentials
        self._fetching = fetching
        packed = sorted(set(data) & own) if serves else []
        self.own: dict[str, ShardFile] = {name: pack(name, data[name], archives) for name in packed}
        self._copies = {path.stem: path.read_text() for path in sorted(cache.glob("*.sha256"))}

    @property
    def cached(self) -> tuple[str, ...]:
        """Names of the copies, sorted."""
        return tuple(sorted(self._copies))

    def get(self, name: str, source: Source | None, *, home: str) -> Path | None:
        """The shard's folder, fetched from `source` where it is not here; None for a shard without data of its own.

        Raises DataError when it can be had nowhere, or when what arrives has another hash.
        """
        if name not in self._data:
            return None
        if name in self._own:
            return self._data[name]
        known = self._copies.get(name)
        if known is None and source is None:
            raise DataError(f"shard {name!r}: is not cached here, and its home node does not serve it now")
        if source is not None and known != source.sha256:
            self._fetch(name, source, home)
        return self._cache / name

    def _fetch(self, name: str, source: Source, home: str) -> None:
        try:
            content = self._fetching(
                source.address, f"/shards/{name}", self._credentials, server_name=worker_name(home)
            )
        except OSError as error:
            raise DataError(f"shard {name!r} from {source.address}: {error}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != source.sha256:
            raise DataError(f"shard {name!r} from {source.address}: SHA-256 is {found}, not {source.sha256}")
        unpack(content, self._cache / name)
        (self._cache / f"{name}.sha256").write_text(found)
        self._copies[name] = found
        _log.info("fetched shard %s from %s: %d bytes", name, source.address, len(content))


def pack(name: str, folder: Path, archives: Path) -> ShardFile:
    """The folder as an archive, the same bytes for the same files. Raises DataError when it cannot be read."""
    archives.mkdir(parents=True, exist_ok=True)
    path = archives / f"{name}.tar"
    try:
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for file in sorted(file for file in folder.rglob("*") if file.is_file()):
                entry = tarfile.TarInfo(file.relative_to(folder).as_posix())
                entry.size, entry.mode = file.stat().st_size, _MODE
                with file.open("rb") as content:
                    archive.addfile(entry, content)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error})") from error
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
    return ShardFile(name=name, path=path, sha256=digest.hexdigest(), size_bytes=path.stat().st_size, samples=0)


def unpack(content: bytes, folder: Path) -> None:
    """Files of an archive, at once or not at all. Raises DataError for one that would write elsewhere."""
    unfinished = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for about in archive:
                _write(archive, about, unfinished)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{folder.name}: its archive cannot be unpacked ({error})") from error
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _write(archive: tarfile.TarFile, about: tarfile.TarInfo, folder: Path) -> None:
    """One file or folder of an archive. Raises TarError for a link, a device, or a path that leads out of the folder.

    By hand, because the images' Python (3.11.2 of Debian 12) has no filters of extraction (PEP 706) yet.
    """
    path = PurePosixPath(about.name)
    if path.is_absolute() or ".." in path.parts or not (about.isreg() or about.isdir()):
        raise tarfile.TarError(f"{about.name[:200]!r} is no file or folder below it")
    target = folder / path
    (target if about.isdir() else target.parent).mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(about)
    if content is not None:
        with target.open("xb") as file:
            shutil.copyfileobj(content, file)
