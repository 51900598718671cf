"""Where an image came from: an in-toto statement with SLSA's provenance, version 1."""

from __future__ import annotations

import datetime
import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sunward_lab.shipping import base

_OWN = "https://sunward.dev/images/v1"


def created(repository: Path) -> str:
    """The source's time, not the build's: SOURCE_DATE_EPOCH, else the commit's, else the beginning of 1970."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or _git(repository, "log", "-1", "--format=%ct") or "0"
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def statement(
    repository: Path,
    digests: Mapping[str, str],
    sources: Sequence[str],
    packages: Mapping[str, tuple[base.Package, ...]],
) -> dict[str, Any]:
    """The provenance of images by name and digest: from files of the repository and packages by architecture."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest.split(":")[1]}} for name, digest in digests.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": _OWN,
                "externalParameters": {"architectures": sorted(packages), "suite": base.SUITE},
                "resolvedDependencies": _dependencies(repository, sources, packages),
            },
            "runDetails": {"builder": {"id": _OWN}},
        },
    }


def _dependencies(
    repository: Path, sources: Sequence[str], packages: Mapping[str, tuple[base.Package, ...]]
) -> list[dict[str, Any]]:
    commit = _git(repository, "rev-parse", "HEAD")
    changed = bool(_git(repository, "status", "--porcelain"))
    source = {"name": "repository", "digest": {"gitCommit": commit}, "annotations": {"changed": changed}}
    files = [{"name": name, "digest": {"sha256": _sha256(repository / name)}} for name in sources]
    fetched = [
        {"name": f"{item.name}_{item.version}_{item.architecture}", "digest": {"sha256": item.sha256}}
        for architecture in sorted(packages)
        for item in packages[architecture]
    ]
    return [*([source] if commit else []), *files, *fetched]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git(repository: Path, *arguments: str) -> str:
    """What git answers, nothing where there is no checkout or no git."""
    try:
        found = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
