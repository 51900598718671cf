"""The chart as Helm renders it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.crds import documents

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "sunward"
NAMESPACE = "sunward-system"
RIGHTS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")

Manifest = dict[str, Any]


def helm() -> str:
    """The lab's helm. Skips the test where it was not installed."""
    cache = Path(os.environ.get("SUNWARD_CACHE") or Path.home() / ".cache" / "sunward")
    binary = cache / "bin" / "helm"
    if not binary.exists():
        pytest.skip(f"needs {binary}: run `make tools`")
    return str(binary)


def run_helm(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Helm with its own caches below a folder."""
    homes = {f"HELM_{name}_HOME": str(folder / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    environment = {"PATH": os.environ["PATH"], **homes}
    command = [helm(), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)


def render(folder: Path, *, values: object = None, files: Iterable[Path] = ()) -> list[Manifest]:
    """Every object of the chart. Raises AssertionError with Helm's words when it refuses."""
    done = template(folder, values=values, files=files)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def template(folder: Path, *, values: object = None, files: Iterable[Path] = ()) -> subprocess.CompletedProcess[str]:
    """`helm template` with values, as Helm answered."""
    given = [*files]
    if values is not None:
        given.append(folder / "values.yaml")
        given[-1].write_text(yaml.safe_dump(values), encoding="utf-8")
    flags = [flag for path in given for flag in ("--values", str(path))]
    return run_helm(["template", "sunward", str(CHART), "--namespace", NAMESPACE, *flags], folder)


def of_kind(manifests: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """The objects of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def one(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """The object of that kind and name."""
    (found,) = [m for m in of_kind(manifests, kind) if m["metadata"]["name"] == name]
    return found


def pod_spec(manifest: Manifest) -> Manifest:
    """The pod that a workload runs."""
    spec: Manifest = manifest["spec"] if manifest["kind"] == "Pod" else manifest["spec"]["template"]["spec"]
    return spec
