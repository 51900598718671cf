"""Build the images that run on the nodes, without a container engine and without pulling anything.

The base image is the distribution itself, made by debootstrap. An image's libraries are unpacked on the host
from hashed requirement files and copied in as one layer that changes only with those files; the code is the
last and thin layer. The same Dockerfiles build with any engine on any image that has Python.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunward_lab.building import datasets, sites
from sunward_lab.building.layout import Layout
from sunward_lab.building.tools import sources
from sunward_lab.errors import LabError
from sunward_lab.heartbeat import run_with_heartbeat
from sunward_lab.locks import locked

Say = Callable[[str], None]
VERSION: Final = "0.1.0"
BASE: Final = "sunward-base"
_SUITE: Final = "bookworm"
_BASE_PACKAGES: Final = ("python3", "ca-certificates")
_NOT_NEEDED: Final = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image: its Dockerfile and all that goes into it, relative to the repository.

    `program` is the name of a program of the host that the Dockerfile copies from its context, None when the
    context is the repository. An image with data gets the data set that this machine has.
    """

    name: str
    dockerfile: str
    version: str = VERSION
    code: tuple[str, ...] = ()
    requirements: str | None = None
    has_data: bool = False
    program: str | None = None


IMAGES: Final = (
    Image(name="sunward-pause", dockerfile="tools/pause/Dockerfile", program="sunward-pause"),
    Image(
        name="sunward-prometheus",
        dockerfile="tools/prometheus/Dockerfile",
        version="2.42.0",
        program="prometheus",
    ),
    Image(
        name="sunward-exporter",
        dockerfile="node_exporter/Dockerfile",
        code=("node_exporter",),
        requirements="requirements/exporter.txt",
    ),
    Image(
        name="sunward-agent",
        dockerfile="node_exporter/agent.Dockerfile",
        code=("node_exporter",),
        requirements="requirements/agent.txt",
    ),
    Image(
        name="sunward-operator",
        dockerfile="operator/Dockerfile",
        code=("operator",),
        requirements="requirements/operator.txt",
    ),
    Image(
        name="sunward-trainer",
        dockerfile="trainer/Dockerfile",
        code=("trainer",),
        requirements="requirements/trainer.txt",
        has_data=True,
    ),
)


def build(cache: Path, wanted: Sequence[str], say: Say) -> tuple[str, ...]:
    """Build the wanted images (all when empty) into the layout `<cache>/images`; no change costs nothing.

    Returns their full names. Raises LabError that says what is missing or what failed.
    """
    chosen = [image for image in IMAGES if not wanted or image.name in wanted]
    for name in wanted:
        reference(name)
    if os.geteuid() != 0:
        raise LabError("not root: images are built in namespaces of their own; run again with sudo")
    layout = Layout(cache / "images")
    layout.path.mkdir(parents=True, exist_ok=True)
    with locked(cache / "images.lock"):
        for image in chosen:
            _build(cache, layout, image, say)
    return tuple(reference(image.name) for image in chosen)


def reference(name: str) -> str:
    """An image's full name, as a kubelet completes the short one; raises LabError when it is not ours."""
    for image in IMAGES:
        if image.name == name:
            return f"docker.io/library/{name}:{image.version}"
    raise LabError(f"no image {name}; there is {', '.join(image.name for image in IMAGES)}")


def _build(cache: Path, layout: Layout, image: Image, say: Say) -> None:
    repository = sources().parent
    data = datasets.prepared(cache, say) if image.has_data else None
    stamp = layout.path / f"{image.name}.inputs"
    digest = f"{_inputs(cache, repository, image)} {data.name if data is not None else ''}"
    is_there = reference(image.name) in layout.names() and stamp.exists()
    if is_there and stamp.read_text(encoding="ascii") == digest:
        return
    base = "scratch" if image.name == "sunward-pause" else _base(cache, say)
    arguments = ["--build-arg", f"BASE={base}"]
    if image.requirements is not None:
        site = sites.unpacked(cache, repository / image.requirements, sites.host(), say)
        arguments += ["--build-context", f"site={site}"]
    if data is not None:
        arguments += ["--build-context", f"data={data}"]
    context = repository if image.program is None else (cache / "bin" / image.program).resolve().parent
    _buildah_build(cache, image.name, repository / image.dockerfile, context, arguments, say)
    _save(cache, image.name, layout, say)
    stamp.write_text(digest, encoding="ascii")


def _base(cache: Path, say: Say) -> str:
    """Make the base image unless it was made from the same packages; returns its name for a Dockerfile."""
    digest = hashlib.sha256(" ".join((_SUITE, *_BASE_PACKAGES, *_NOT_NEEDED)).encode()).hexdigest()[:12]
    stamp = cache / "buildah" / f"{BASE}.inputs"
    local = f"localhost/{BASE}:{VERSION}"
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return local
    root = cache / "base.new"
    shutil.rmtree(root, ignore_errors=True)
    options = ["--variant=minbase", f"--include={','.join(_BASE_PACKAGES)}", _SUITE, str(root)]
    run_with_heartbeat("make the base image's files", ["debootstrap", *options], say)
    for path in _NOT_NEEDED:
        shutil.rmtree(root / path, ignore_errors=True)
    dockerfile = sources() / "base" / "Dockerfile"
    _buildah_build(cache, BASE, dockerfile, root, [], say)
    shutil.rmtree(root)
    stamp.write_text(digest, encoding="ascii")
    return local


def _buildah_build(cache: Path, name: str, dockerfile: Path, context: Path, arguments: Sequence[str], say: Say) -> None:
    options = ["--quiet", "--layers", "--pull-never", "--tag", f"{name}:{VERSION}", "--file", str(dockerfile)]
    argv = [*_buildah(cache), "build", *options, *arguments, str(context)]
    run_with_heartbeat(f"build image {name}", argv, say, environment={"BUILDAH_ISOLATION": "chroot"})


def _save(cache: Path, name: str, layout: Layout, say: Say) -> None:
    folder = cache / "images.new"
    shutil.rmtree(folder, ignore_errors=True)
    # Nothing is compressed: the layers never leave the machine.
    argv = [*_buildah(cache), "push", "--quiet", "--disable-compression", f"localhost/{name}:{VERSION}"]
    run_with_heartbeat(f"save image {name}", [*argv, f"dir:{folder}"], say)
    layout.add(reference(name), folder)
    shutil.rmtree(folder)


def _buildah(cache: Path) -> list[str]:
    """buildah with a store of our own, in a mount namespace that takes its mounts with it."""
    store = ["--root", str(cache / "buildah"), "--runroot", str(cache / "buildah-run")]
    return ["unshare", "--mount", "buildah", *store, "--storage-driver", "overlay"]


def _inputs(cache: Path, repository: Path, image: Image) -> str:
    files = [repository / image.dockerfile]
    if image.requirements is not None:
        files.append(repository / image.requirements)
    if image.program is not None:
        files.append((cache / "bin" / image.program).resolve())
    for folder in image.code:
        found = (repository / folder).rglob("*")
        files += [path for path in found if path.is_file() and "__pycache__" not in path.parts]
    if absent := [path for path in files if not path.exists()]:
        raise LabError(f"image {image.name} needs {absent[0]}, which is missing; run `sunward-lab tools`")
    return _digest(files, repository)


def _digest(files: Iterable[Path], root: Path) -> str:
    """Of names below `root` and contents, so that another checkout of the same code changes nothing."""
    found = hashlib.sha256()
    for path in sorted(files):
        name = path.relative_to(root) if path.is_relative_to(root) else path.name
        found.update(str(name).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]
