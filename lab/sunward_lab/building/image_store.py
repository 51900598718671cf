"""Images on the nodes: unpacked once into a store that all nodes share.

Layers are never written to after they are unpacked, so a new node's disk holds links to the store's layers and
blobs, and copies of the daemon's two small databases only. Its first boot costs no import.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from sunward_lab import processes
from sunward_lab.building.layout import Layout
from sunward_lab.errors import LabError
from sunward_lab.locks import locked
from sunward_lab.run import run
from sunward_lab.settings import NodeFolder, RunFolder

_KEPT_STORES: Final = 2
_IMPORTS_AT_ONCE: Final = 2
_TRIES: Final = 3
_USERS: Final = "users"
_DATABASES: Final = (
    "io.containerd.metadata.v1.bolt/meta.db",
    "io.containerd.snapshotter.v1.overlayfs/metadata.db",
)
_SHARED: Final = (
    "io.containerd.content.v1.content/blobs/sha256",
    "io.containerd.snapshotter.v1.overlayfs/snapshots",
)
_CONFIGURATION: Final = """\
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"
"""


def prepared(cache: Path) -> Path:
    """A containerd root that holds every image we built; made again when they have changed."""
    layout = Layout(cache / "images")
    stores = cache / "stores"
    stores.mkdir(parents=True, exist_ok=True)
    with locked(stores / "lock"):
        store = stores / _key(layout)
        if not store.is_dir():
            _make(layout, store, newest=next(iter(_by_age(stores)), None))
        os.utime(store)
        for old in _by_age(stores)[_KEPT_STORES:]:
            if not _is_used(old):
                shutil.rmtree(old, ignore_errors=True)
    return store


def link_into(store: Path, folder: NodeFolder) -> None:
    """Give a new node's disk all images; a disk that has a containerd root keeps it."""
    root = folder.disk / "containerd"
    if root.exists():
        return
    new = root.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    for database in _DATABASES:
        (new / database).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(store / database, new / database)
    for shared in _SHARED:
        (new / shared).mkdir(parents=True, exist_ok=True)
        for path in (store / shared).iterdir():
            (new / shared / path.name).symlink_to(path)
    new.rename(root)


def keep_for(store: Path, run_folder: RunFolder) -> None:
    """Note that a cluster uses the store: it is not forgotten while that cluster's run folder is there."""
    users = store / _USERS
    users.mkdir(exist_ok=True)
    name = hashlib.sha256(str(run_folder.path).encode()).hexdigest()[:12]
    (users / name).write_text(str(run_folder.settings_file), encoding="utf-8")


def send(layout: Layout, names: Sequence[str], sockets: Iterable[Path]) -> None:
    """Bring images of ours onto running nodes, each getting only what it lacks."""
    with ThreadPoolExecutor(_IMPORTS_AT_ONCE) as pool:
        list(pool.map(lambda socket: _send(layout, names, socket), sockets))


def load(archive: Path, sockets: Iterable[Path]) -> str:
    """Import any archive, OCI or Docker, into running nodes; returns the image's name."""
    name = image_name(archive)
    with ThreadPoolExecutor(_IMPORTS_AT_ONCE) as pool:
        list(pool.map(lambda socket: run([*_images(socket), "import", str(archive)]), sockets))
    return name


def image_name(archive: Path) -> str:
    """The full name of the image in an archive, OCI or Docker; raises LabError when there is none."""
    try:
        with tarfile.open(archive) as tar:
            name = _name_in(tar)
    except (OSError, LookupError, TypeError, ValueError, tarfile.TarError) as error:
        raise LabError(f"{archive} is not an archive of a named image: {error}") from error
    if "/" not in name:
        raise LabError(f"{archive}: image name {name!r} lacks its registry; save it as docker.io/library/NAME:TAG")
    return name


def _name_in(tar: tarfile.TarFile) -> str:
    if "manifest.json" in (names := tar.getnames()):
        return str(_json_in(tar, "manifest.json")[0]["RepoTags"][0])
    if "index.json" not in names:
        raise LookupError("neither index.json nor manifest.json in it")
    annotations = _json_in(tar, "index.json")["manifests"][0]["annotations"]
    return str(annotations["org.opencontainers.image.ref.name"])


def _json_in(tar: tarfile.TarFile, name: str) -> Any:
    member = tar.extractfile(name)
    assert member is not None
    return json.load(member)


def _make(layout: Layout, store: Path, *, newest: Path | None) -> None:
    """Unpack into a copy of the newest store, so that only what has changed is unpacked."""
    work = store.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if newest is not None:
        _copy(newest, work / "root")
    records, socket = work / "processes", work / "s"
    text = _CONFIGURATION.format(root=work / "root", state=work / "state", socket=socket)
    (work / "config.toml").write_text(text, encoding="utf-8")
    argv = ["unshare", "--mount", "containerd", "--config", str(work / "config.toml")]
    daemon = processes.start("containerd", argv, records=records, logs=work / "logs")
    try:
        processes.wait_ready(daemon, socket.exists, 60.0, work / "logs" / "containerd.log")
        _send(layout, layout.names(), socket)
    finally:
        processes.stop([daemon])
    (work / "root").rename(store)
    shutil.rmtree(work)


def _send(layout: Layout, names: Sequence[str], socket: Path) -> None:
    """Import what is lacking. containerd may collect an older image's layers while it unpacks the newer one on them
    (its issue 10835); what is imported again finds its layers or brings them."""
    for tries_left in reversed(range(_TRIES)):
        try:
            _send_once(layout, names, socket)
            return
        except LabError:
            if not tries_left:
                raise


def _send_once(layout: Layout, names: Sequence[str], socket: Path) -> None:
    known = dict(line.split()[0:3:2] for line in run([*_images(socket), "list"]).splitlines()[1:])
    stale = [name for name in names if known.get(name) != layout.digest(name)]
    if not stale:
        return
    present = set(run([*_ctr(socket), "content", "list", "--quiet"]).split())
    process = subprocess.Popen(
        [*_images(socket), "import", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdin is not None
    with process:
        try:
            layout.write(stale, present, process.stdin)
            process.stdin.close()
        except BrokenPipeError:
            pass  # the importer has ended early and says why itself
        words = process.stdout.read() if process.stdout is not None else b""
    if process.returncode != 0:
        raise LabError(f"import of {', '.join(stale)} failed: {words.decode(errors='replace').strip()[-400:]}")


def _images(socket: Path) -> list[str]:
    return [*_ctr(socket), "images"]


def _ctr(socket: Path) -> list[str]:
    return ["ctr", "--address", str(socket), "--namespace", "k8s.io"]


def _copy(store: Path, target: Path) -> None:
    """Copy a store beside itself: layers as hard links, databases for real, its users not at all."""
    run(["cp", "--archive", "--link", str(store), str(target)])
    shutil.rmtree(target / _USERS, ignore_errors=True)
    for database in _DATABASES:
        (target / database).unlink()
        shutil.copy2(store / database, target / database)


def _is_used(store: Path) -> bool:
    users = store / _USERS
    return users.is_dir() and any(Path(path.read_text(encoding="utf-8")).exists() for path in users.iterdir())


def _key(layout: Layout) -> str:
    parts = sorted(f"{name} {layout.digest(name)}" for name in layout.names())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _by_age(stores: Path) -> list[Path]:
    """Whole stores, the newest first; nodes that still use an older one hold its files by their own links."""
    whole = (path for path in stores.iterdir() if path.is_dir() and not path.suffix)
    return sorted(whole, key=lambda path: path.stat().st_mtime, reverse=True)
