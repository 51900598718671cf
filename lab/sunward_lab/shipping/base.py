"""The base of every image: Python and what it needs, taken from the distribution's packages and never run to be made.

mmdebstrap resolves, fetches, verifies and unpacks packages of any architecture. What a container of ours has no use
for is left out, and the two things that a package's scripts would have made are made here.
"""

from __future__ import annotations

import shutil
import tarfile
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from sunward_lab.building import sites
from sunward_lab.errors import LabError
from sunward_lab.heartbeat import run_with_heartbeat
from sunward_lab.shipping import layers

SUITE: Final = "bookworm"
PYTHON: Final = "3.11"
_PACKAGES: Final = (
    f"python{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    "ca-certificates",
    "libstdc++6",
    "coreutils",
)
_TRIPLETS: Final = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_FILTER: Final[dict[str, Any]] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
"""Python before 3.11.4 has no filters; the archive is our own."""
_LOADERS: Final = {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
ARCHITECTURES: Final = tuple(_TRIPLETS)
_LIST: Final = "sunward-packages"
_CERTIFICATES: Final = "usr/share/ca-certificates/mozilla/"
_PROGRAMS: Final = ("usr/bin/env", f"usr/bin/python{PYTHON}")
_LEFT_OUT: Final = (
    *(
        f"usr/share/{name}/"
        for name in ("bash-completion", "debconf", "doc", "info", "lintian", "locale", "man", "perl5")
    ),
    *(f"usr/lib/{triplet}/{name}" for triplet in _TRIPLETS.values() for name in ("gconv/", "perl", "coreutils/")),
    *("usr/share/perl", f"usr/lib/python{PYTHON}/pydoc_data/", "var/cache/", "var/lib/apt/", "var/lib/dpkg/", "dev/"),
    f"{_LIST}/",
)
_FOLDERS_OF_PROGRAMS: Final = ("bin", "sbin", "usr/bin", "usr/sbin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package of the distribution, and the digest of the file that it came in."""

    name: str
    version: str
    architecture: str
    sha256: str


def fetched(work: Path, architecture: str, say: Callable[[str], None]) -> Path:
    """Fetch the base's packages and unpack them into one archive; raises LabError when a program is missing."""
    target = work / f"base-{architecture}.tar"
    if target.exists():
        return target
    if shutil.which("mmdebstrap") is None:
        raise LabError("no mmdebstrap: install the package mmdebstrap (Debian, Ubuntu), or build with docker buildx")
    new = target.with_suffix(".new.tar")
    names = f'cd "$1/var/cache/apt/archives" && sha256sum *.deb > "$1/{_LIST}"'
    options = ["--quiet", "--mode=unshare", f"--architectures={architecture}", "--variant=extract"]
    argv = ["mmdebstrap", *options, f"--include={','.join(_PACKAGES)}", f"--extract-hook={names}", SUITE, str(new)]
    run_with_heartbeat(f"fetch the base for {architecture}", argv, say)
    new.rename(target)
    return target


def packages(archive: Path) -> tuple[Package, ...]:
    """What the base is made of."""
    with tarfile.open(archive) as tar:
        found = tar.extractfile(f"./{_LIST}")
        assert found is not None
        lines = found.read().decode().splitlines()
    return tuple(sorted((_package(line) for line in lines), key=lambda package: package.name))


def members(archive: Path) -> Iterator[layers.Member]:
    """What of the base goes into an image. The archive has to stay until the members have been written."""
    bundle = []
    with tarfile.open(archive) as tar:
        for about in tar:
            about.name = about.name.removeprefix("./").rstrip("/")
            if about.islnk():
                about.linkname = about.linkname.removeprefix("./")
            if about.isfile() and about.name.startswith(_CERTIFICATES):
                with _content(archive, about) as file:
                    bundle.append((about.name, file.read(about.size)))
            elif _is_wanted(about):
                yield about, partial(_content, archive, about) if about.isreg() else None
    yield layers.link("usr/bin/python3", f"python{PYTHON}")
    authorities = b"".join(data for _, data in sorted(bundle)).decode()
    yield layers.of_text("etc/ssl/certs/ca-certificates.crt", authorities)


def python(work: Path, say: Callable[[str], None]) -> tuple[list[str], dict[str, str]]:
    """Command and environment of the base's own Python on this machine: byte code has to fit that one, not ours."""
    root = work / "root"
    if not root.exists():
        new = root.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        with tarfile.open(fetched(work, sites.host(), say)) as tar:
            members = [about for about in tar if not about.isdev()]  # which only root may make, and Python needs none
            tar.extractall(new, members, **_FILTER)  # noqa: S202  # our own archive
        new.rename(root)
    triplet = _TRIPLETS[sites.host()]
    libraries = f"{root}/lib/{triplet}:{root}/usr/lib/{triplet}"
    loader = root / "lib" / triplet / _LOADERS[sites.host()]
    argv = [str(loader), "--library-path", libraries, str(root / "usr/bin" / f"python{PYTHON}")]
    # Sets in constants are written in the order of their hashes.
    return argv, {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def _content(archive: Path, about: tarfile.TarInfo) -> IO[bytes]:
    """A file of the archive, read where it lies: opening the archive again for each would read it a thousand times."""
    file = archive.open("rb")
    file.seek(about.offset_data)
    return file


def _is_wanted(about: tarfile.TarInfo) -> bool:
    """Of programs only those that an image starts: what is not there cannot be misused, nor need an update."""
    if not about.name or not (about.isreg() or about.isdir() or about.issym() or about.islnk()):
        return False
    if not about.isdir() and about.name.rpartition("/")[0] in _FOLDERS_OF_PROGRAMS:
        return about.name in _PROGRAMS
    return not f"{about.name}/".startswith(_LEFT_OUT)


def _package(line: str) -> Package:
    digest, file = line.split()
    name, version, architecture = Path(file).stem.rsplit("_", 2)
    return Package(name=name, version=urllib.parse.unquote(version), architecture=architecture, sha256=digest)
