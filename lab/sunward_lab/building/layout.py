"""The images we built, as one OCI layout on disk: layers that images share are there once.

A node is sent only the blobs that it lacks, so that a change of code costs its thin layer on every node and
not half a gigabyte.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from sunward_lab.errors import LabError

_REFERENCE: Final = "org.opencontainers.image.ref.name"
_LAYOUT: Final = '{"imageLayoutVersion": "1.0.0"}'


@dataclass(frozen=True, slots=True)
class Layout:
    """An OCI layout folder; every method takes full image names (registry/path:tag)."""

    path: Path

    def add(self, name: str, folder: Path) -> None:
        """Take over an image that buildah wrote as a plain folder; an image of the same name is replaced."""
        text = (folder / "manifest.json").read_bytes()
        manifest = json.loads(text)
        for blob in _blobs_of(manifest):
            self._keep(blob, folder / blob.removeprefix("sha256:"))
        digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
        target = self.blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text)
        entry = {
            "mediaType": manifest["mediaType"],
            "digest": digest,
            "size": len(text),
            "annotations": {_REFERENCE: name},
        }
        self._write_index([*(item for item in self._entries() if _name(item) != name), entry])
        self._forget_unused()

    def names(self) -> tuple[str, ...]:
        """All images in the layout."""
        return tuple(_name(item) for item in self._entries())

    def digest(self, name: str) -> str:
        """Digest of an image's manifest; raises LabError when it is not in the layout."""
        return str(self._entry(name)["digest"])

    def blobs(self, name: str) -> tuple[str, ...]:
        """Digests of all that an image is made of, the manifest first."""
        digest = self.digest(name)
        return (digest, *_blobs_of(json.loads(self.blob(digest).read_bytes())))

    def blob(self, digest: str) -> Path:
        """File of a blob."""
        return self.path / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def write(self, names: Iterable[str], present: set[str], output: IO[bytes]) -> None:
        """Write an OCI archive of some images without the blobs that the receiver has."""
        wanted = list(names)
        entries = [self._entry(name) for name in wanted]
        digests = dict.fromkeys(digest for name in wanted for digest in self.blobs(name))
        with tarfile.open(fileobj=output, mode="w|") as tar:
            _add_text(tar, "oci-layout", _LAYOUT)
            _add_text(tar, "index.json", _index(entries))
            for digest in digests:
                if digest not in present:
                    tar.add(self.blob(digest), f"blobs/sha256/{digest.removeprefix('sha256:')}")

    def _keep(self, digest: str, source: Path) -> None:
        target = self.blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.link(source, target)

    def _entry(self, name: str) -> dict[str, Any]:
        for item in self._entries():
            if _name(item) == name:
                return item
        raise LabError(f"no image {name} in {self.path}; build it with `sunward-lab images`")

    def _entries(self) -> list[dict[str, Any]]:
        try:
            entries: list[dict[str, Any]] = json.loads((self.path / "index.json").read_text())["manifests"]
        except FileNotFoundError:
            return []
        return entries

    def _write_index(self, entries: list[dict[str, Any]]) -> None:
        (self.path / "oci-layout").write_text(_LAYOUT, encoding="ascii")
        new = self.path / "index.json.new"
        new.write_text(_index(entries), encoding="utf-8")
        new.replace(self.path / "index.json")

    def _forget_unused(self) -> None:
        used = {self.blob(digest) for name in self.names() for digest in self.blobs(name)}
        for path in (self.path / "blobs" / "sha256").iterdir():
            if path not in used:
                path.unlink()


def _blobs_of(manifest: dict[str, Any]) -> Iterator[str]:
    yield manifest["config"]["digest"]
    yield from (layer["digest"] for layer in manifest["layers"])


def _name(entry: dict[str, Any]) -> str:
    return str(entry["annotations"][_REFERENCE])


def _index(entries: list[dict[str, Any]]) -> str:
    return json.dumps({"schemaVersion": 2, "manifests": entries}, indent=2)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(text.encode())
    tar.addfile(about, io.BytesIO(text.encode()))
