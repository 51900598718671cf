"""The libraries of an image, unpacked on this machine for the image's Python and architecture."""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sunward_lab.errors import LabError
from sunward_lab.heartbeat import run_with_heartbeat
from sunward_lab.locks import locked

_BASE_PYTHON: Final = "3.11"
_PLATFORMS: Final = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def host() -> str:
    """The architecture of this machine; raises LabError when images cannot be made on it."""
    try:
        return _MACHINES[platform.machine()]
    except KeyError:
        raise LabError(f"images cannot be made on {platform.machine()}: use a machine with x86-64 or arm64") from None


def unpacked(cache: Path, requirements: Path, architecture: str, say: Callable[[str], None]) -> Path:
    """A folder whose `site/` has the locked libraries, made once per content and architecture.

    Raises LabError for an architecture that images are not made for, and when a library cannot be had.
    """
    if architecture not in _PLATFORMS:
        raise LabError(f"architecture {architecture}: give {' or '.join(_PLATFORMS)}")
    content = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    target = cache / f"site-{requirements.stem}-{architecture}-{content}"
    with locked(cache / "sites.lock"):
        if not target.is_dir():
            new = cache / f"site-{requirements.stem}.new"
            shutil.rmtree(new, ignore_errors=True)
            _unpack(requirements, architecture, new / "site", say)
            new.rename(target)
    return target


def _unpack(requirements: Path, architecture: str, site: Path, say: Callable[[str], None]) -> None:
    where = ["--target", str(site), "--python-version", _BASE_PYTHON]
    kind = ["--python-platform", _PLATFORMS[architecture], "--only-binary", ":all:", "--link-mode", "copy"]
    argv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", *where, *kind, "--require-hashes"]
    run_with_heartbeat(f"unpack {requirements.name} for {architecture}", [*argv, "-r", str(requirements)], say)
    for path in [site / "bin", *site.rglob("tests")]:
        shutil.rmtree(path, ignore_errors=True)
