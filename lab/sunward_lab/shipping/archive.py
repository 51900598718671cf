"""OCI archives: blobs under their digests, one image or several, for one architecture or several."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sunward_lab.shipping.layers import Layer

_OCI: Final = "application/vnd.oci.image"
_LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An image for one architecture: texts of its manifest and configuration, and its layers."""

    architecture: str
    manifest: bytes
    configuration: bytes
    layers: tuple[Layer, ...]

    @property
    def descriptor(self) -> dict[str, Any]:
        """How an index names it."""
        platform = {"architecture": self.architecture, "os": "linux"}
        return {**_descriptor("manifest.v1+json", self.manifest), "platform": platform}

    @property
    def size_bytes(self) -> int:
        """What a node downloads, in bytes."""
        return len(self.configuration) + sum(layer.size_bytes for layer in self.layers)


def image(architecture: str, settings: Mapping[str, object], layers: Sequence[Layer], created: str) -> Built:
    """Put layers together; `created` is a time in RFC 3339, the same for the same source."""
    about = {
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": dict(settings),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }
    configuration = _text(about)
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _descriptor("config.v1+json", configuration),
        "layers": [
            {"mediaType": f"{_OCI}.layer.v1.tar+gzip", "digest": layer.digest, "size": layer.size_bytes}
            for layer in layers
        ],
    }
    return Built(architecture=architecture, manifest=_text(manifest), configuration=configuration, layers=tuple(layers))


def write(images: Mapping[str, Sequence[Built]], target: Path) -> dict[str, str]:
    """Write an archive of images by full name; returns the digest that each name stands for.

    A name with one architecture stands for its manifest, one with several for an index of them.
    """
    texts: dict[str, bytes] = {}
    files: dict[str, Path] = {}
    entries = []
    for name, kinds in images.items():
        for built in kinds:
            texts |= {_digest(text): text for text in (built.manifest, built.configuration)}
            files |= {layer.digest: layer.path for layer in built.layers}
        entry = kinds[0].descriptor if len(kinds) == 1 else _several(kinds, texts)
        entries.append({**entry, "annotations": _names(name)})
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, "oci-layout", _LAYOUT)
        _add(tar, "index.json", _text({"schemaVersion": 2, "manifests": entries}))
        for digest, text in sorted(texts.items()):
            _add(tar, _blob(digest), text)
        for digest, path in sorted(files.items()):
            _add_file(tar, _blob(digest), path)
    return {name: str(entry["digest"]) for name, entry in zip(images, entries, strict=True)}


def _several(kinds: Sequence[Built], texts: dict[str, bytes]) -> dict[str, Any]:
    index = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.index.v1+json",
        "manifests": [built.descriptor for built in kinds],
    }
    text = _text(index)
    texts[_digest(text)] = text
    return _descriptor("index.v1+json", text)


def _names(name: str) -> dict[str, str]:
    """containerd takes the full name from its own annotation, other tools from OCI's."""
    return {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}


def _descriptor(kind: str, text: bytes) -> dict[str, Any]:
    return {"mediaType": f"{_OCI}.{kind}", "digest": _digest(text), "size": len(text)}


def _digest(text: bytes) -> str:
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def _text(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _add(tar: tarfile.TarFile, name: str, text: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(text)
    tar.addfile(about, io.BytesIO(text))


def _add_file(tar: tarfile.TarFile, name: str, path: Path) -> None:
    about = tarfile.TarInfo(name)
    about.size = path.stat().st_size
    with path.open("rb") as file:
        tar.addfile(about, file)
