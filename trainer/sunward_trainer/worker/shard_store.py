"""A worker's shards: its own, and copies of others' that were fetched once."""

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.shards import Shard, ShardFile, load, store_bytes
from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.fetching import fetch
from sunward_trainer.protocol.identity import worker_name
from sunward_trainer.protocol.members import Source

_log = logging.getLogger(__name__)


class ShardStore:
    """Shards by name. Own ones are served to others; copies are not.

    Used by one training thread; the names may be read from any thread.
    """

    def __init__(self, own: Iterable[ShardFile], cache_folder: Path, credentials: Credentials | None) -> None:
        """`credentials` are what other nodes' servers are asked with, None with --insecure only."""
        self.own = {file.name: file for file in own}
        self._cache_folder = cache_folder
        self._credentials = credentials
        self._loaded: dict[str, Shard] = {}
        self._copies = {path.stem: _hash(path) for path in sorted(cache_folder.glob("*.npz"))}

    @property
    def cached(self) -> tuple[str, ...]:
        """Names of the copies, sorted."""
        return tuple(sorted(self._copies))

    def get(self, name: str, source: Source | None, *, home: str) -> Shard:
        """The shard, fetched from `source` when it is neither own nor cached with the source's hash.

        `home` is the node that the server there has to prove to be. Raises DataError when it can be had nowhere, or
        when what arrives has another hash.
        """
        if name in self.own:
            return self._load(name, self.own[name].path)
        known = self._copies.get(name)
        if known is None and source is None:
            raise DataError(f"shard {name!r}: is not cached here, and its home node does not serve it now")
        if source is not None and known != source.sha256:
            self._fetch(name, source, home)
        return self._load(name, self._cache_folder / f"{name}.npz")

    def _load(self, name: str, path: Path) -> Shard:
        if name not in self._loaded:
            self._loaded[name] = load(name, path)
        return self._loaded[name]

    def _fetch(self, name: str, source: Source, home: str) -> None:
        try:
            content = fetch(source.address, f"/shards/{name}", self._credentials, server_name=worker_name(home))
        except OSError as error:
            raise DataError(f"shard {name!r} from {source.address}: {error}") from error
        file = store_bytes(name, content, self._cache_folder, samples=0)
        if file.sha256 != source.sha256:
            file.path.unlink()
            raise DataError(f"shard {name!r} from {source.address}: SHA-256 is {file.sha256}, not {source.sha256}")
        self._loaded.pop(name, None)
        self._copies[name] = file.sha256
        _log.info("fetched shard %s from %s: %d bytes", name, source.address, file.size_bytes)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
