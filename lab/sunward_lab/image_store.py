"""Images on the nodes: unpacked once, shared by all nodes as hard links.

Layers are never written to after they are unpacked, so that nodes can share them; only the daemon's own small
databases are copied. A node's first boot thus costs no import, however many nodes there are.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sunward_lab import processes
from sunward_lab.errors import LabError
from sunward_lab.run import run
from sunward_lab.settings import NodeFolder

_KEPT_STORES: Final = 2
_REFERENCE: Final = "org.opencontainers.image.ref.name"
_CONFIGURATION: Final = """\
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"
"""


def prepared(cache: Path) -> Path:
    """A containerd root that holds every image of `<cache>/images`, made when the images have changed."""
    archives = sorted((cache / "images").glob("*.tar"))
    stores = cache / "stores"
    stores.mkdir(parents=True, exist_ok=True)
    store = stores / _key(archives)
    with _locked(stores / "lock"):
        if not store.is_dir():
            _unpack(archives, store)
        os.utime(store)
        _forget_old(stores)
    return store


def link_into(store: Path, folder: NodeFolder) -> None:
    """Give a new node's disk all images; a disk that has a containerd root keeps it."""
    root = folder.disk / "containerd"
    if root.exists():
        return
    new = folder.disk / "containerd.new"
    shutil.rmtree(new, ignore_errors=True)
    try:
        run(["cp", "--archive", "--link", str(store), str(new)])
    except LabError:  # the cache is on another file system
        shutil.rmtree(new, ignore_errors=True)
        run(["cp", "--archive", str(store), str(new)])
    for database in new.rglob("*.db"):
        _unshare(database)
    new.rename(root)


def load(archive: Path, sockets: Sequence[Path]) -> str:
    """Import one archive into running nodes; returns the image's name."""
    name = image_name(archive)
    for socket in sockets:
        _import(archive, socket)
    return name


def image_name(archive: Path) -> str:
    """The name inside an OCI archive; raises LabError when it is not one or has no full name."""
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile("index.json")
            index = json.load(member) if member is not None else {}
        name = index["manifests"][0]["annotations"][_REFERENCE]
    except (OSError, KeyError, IndexError, tarfile.TarError) as error:
        raise LabError(f"{archive} is not an OCI archive with a named image: {error}") from error
    if "/" not in name:
        raise LabError(f"{archive}: image name {name!r} lacks its registry; save it as docker.io/library/NAME:TAG")
    return str(name)


def _unpack(archives: Sequence[Path], store: Path) -> None:
    work = store.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    records, socket = work / "processes", work / "s"
    text = _CONFIGURATION.format(root=work / "root", state=work / "state", socket=socket)
    (work / "config.toml").write_text(text, encoding="utf-8")
    argv = ["unshare", "--mount", "containerd", "--config", str(work / "config.toml")]
    daemon = processes.start("containerd", argv, records=records, logs=work / "logs")
    try:
        processes.wait_for(socket.exists, 20.0, f"containerd did not start; see {work}/logs")
        for archive in archives:
            _import(archive, socket)
    finally:
        processes.stop([daemon])
    (work / "root").rename(store)
    shutil.rmtree(work)


def _import(archive: Path, socket: Path) -> None:
    run(["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import", str(archive)])


def _unshare(path: Path) -> None:
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def _key(archives: Sequence[Path]) -> str:
    """Changes when an archive is written again; reading gigabytes to hash them would cost more than it saves."""
    parts = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in archives]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _forget_old(stores: Path) -> None:
    """Keep the newest few; nodes that still use an older one hold its files by their own links."""
    folders = sorted((path for path in stores.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for folder in folders[:-_KEPT_STORES]:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
